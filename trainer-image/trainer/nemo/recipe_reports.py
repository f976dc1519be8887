"""The recipe's rows in the words of every run: windows, metrics, history. Names and meanings are those of training_callback.py."""

from dataclasses import dataclass
from typing import Any

from trainer.engine_link import EngineLink


@dataclass(frozen=True)
class Pace:
    steps: int
    logging_steps: int
    save_steps: int
    rows_per_step: int
    rows: int


class RecipeReports:
    """A window closes at every log, and at every step that is saved: so a resume begins with an empty one."""

    def __init__(self, link: EngineLink, pace: Pace, reached: Any, state: dict[str, Any] | None) -> None:
        """`reached` is kept at the newest step; `state`: trainer_state.json of the checkpoint that the run goes on from."""
        self._link, self._pace, self._reached = link, pace, reached
        self.history: list[dict[str, Any]] = list(state["log_history"]) if state else []
        self._tokens = {0: 0, reached.step: state["num_input_tokens_seen"] if state else 0}
        self._window: list[float] = []
        self._newest_row: dict[str, Any] | None = None

    def trained(self, row: dict[str, Any]) -> None:
        """A row of training.jsonl; the recipe counts steps from 0."""
        step = row["step"] + 1
        if self._newest_row is None:
            self._link.phase("training")  # from its first row on: loading a large model takes its time
        self._tokens[step] = self._tokens[max(self._tokens)] + row["num_tokens_per_step"]
        self._window.append(row["loss"])
        self._newest_row = row
        self._reached.step = step
        self._link.progress(step, self._pace.steps, self.epoch(step))
        pace = self._pace
        if step == 1 or step % pace.logging_steps == 0 or step % pace.save_steps == 0 or step == pace.steps:
            self.close_window()

    def close_window(self) -> None:
        """Reports what was trained since the last report; nothing, where that is nothing."""
        row = self._newest_row
        if row is None or not self._window:
            return
        step, loss = row["step"] + 1, sum(self._window) / len(self._window)
        values = {
            "loss": loss,
            "learning_rate": row["lr"],
            "grad_norm": row["grad_norm"],
            "tokens_per_second": row["tps"],
            "tokens": self._tokens[step],
            "window_steps": len(self._window),
            "memory_mb": round(row["mem"] * 1024, 1) or None,
        }
        self._window = []
        self.history.append({"step": step, "loss": loss, "learning_rate": row["lr"], "grad_norm": row["grad_norm"]})
        self._link.metrics(step, values, self.epoch(step))

    def evaluated(self, row: dict[str, Any]) -> None:
        """A row of validation.jsonl."""
        step = row["step"] + 1
        self.history.append({"step": step, "eval_loss": row["val_loss"]})
        self._link.metrics(step, {"eval_loss": row["val_loss"]}, self.epoch(step))

    def epoch(self, step: int) -> float:
        return step * self._pace.rows_per_step / self._pace.rows

    def state(self, step: int) -> dict[str, Any]:
        """trainer_state.json as of `step`, though later steps may have been read already."""
        history = [row for row in self.history if row["step"] <= step]
        return {"global_step": step, "epoch": self.epoch(step), "num_input_tokens_seen": self._tokens[step], "log_history": history}

    def newest(self, step: int) -> dict[str, float]:
        """Losses at their newest values as of `step`, for a checkpoint's record."""
        rows = [row for row in self.history if row["step"] <= step]
        return {name: row[name] for row in rows for name in ("loss", "eval_loss", "learning_rate", "grad_norm") if name in row}
