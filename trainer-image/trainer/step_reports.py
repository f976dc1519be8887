"""What a loop of our own reports while it trains, and what is due after a step: for engines whose loop is not transformers'.

    reports.begin_step()
    ...                                           one optimizer step
    reports.end_step(step, epoch, loss, tokens=..., correct=..., predicted=...)
    due = reports.due(step)
    if due.log: reports.log(step, epoch, rate, norm)
    if due.evaluate: tell = reports.begin_evaluation(step); ...; reports.evaluated(step, epoch, loss, accuracy)
    if due.save: reports.begin_save(step, bytes); ...; reports.saved(folder, ...)
    if due.end: break

Names and meanings are those of training_callback.py: a window of steps closes at every log, every checkpoint logs first, and the history
in the form of transformers' trainer_state.json travels in the checkpoint. So a resume begins with an empty window, and the means of the
whole run come from the history of all attempts.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from trainer import disk_room
from trainer.engine_link import CheckpointReason, EngineLink
from trainer.gpu_meter import GpuMeter
from trainer.save_interval import SaveInterval
from trainer.training_callback import NOT_SHOWN, SPEED_STEPS, Plan, final_metrics, peak_memory_mb

TELL_SECONDS = 1.0
"""Between two words on how far an evaluation is."""


@dataclass(frozen=True)
class Due:
    """What is to be done after a step."""

    log: bool
    evaluate: bool
    save: CheckpointReason | None
    end: Literal["stopped", "paused"] | None


class StepReports:
    def __init__(self, link: EngineLink, plan: Plan, reached: Any, state: dict[str, Any] | None, writer: Any = None) -> None:
        """`reached` is kept at the newest step; `state`: trainer_state.json of the checkpoint that the run goes on from."""
        self.link, self.plan, self.reached, self.writer = link, plan, reached, writer
        self.tokens: int = state["num_input_tokens_seen"] if state else 0
        self.history: list[dict[str, Any]] = list(state["log_history"]) if state else []
        minutes = link.spec["training"]["hyperparameters"].get("checkpointMinutes", 10)
        self._interval = SaveInterval(plan.steps, plan.save_steps, minutes, saved_step=state["global_step"] if state else 0)
        self._told_interval = False
        self._places, self._gpus = disk_room.places_of(link), GpuMeter()
        self._newest: dict[str, float] = {}
        self._recent: deque[tuple[int, float]] = deque(maxlen=SPEED_STEPS)
        # Tensors, so that a GPU is waited for only where a window closes.
        self._losses: list[torch.Tensor] = []
        self._correct: list[torch.Tensor] = []
        self._predicted = 0
        self._step_began = self._step_seconds = 0.0

    def begin_step(self) -> None:
        self._step_began = time.monotonic()

    def end_step(self, step: int, epoch: float, loss: torch.Tensor, *, tokens: int, correct: torch.Tensor, predicted: int) -> None:
        """`loss`: mean over the `predicted` tokens of the global batch; `tokens`: all of it that is no padding."""
        self._losses.append(loss)
        self._correct.append(correct)
        self._predicted += predicted
        self.tokens += tokens
        self.reached.step = step
        self._step_seconds = time.monotonic() - self._step_began
        self._recent.append((tokens, self._step_seconds))
        self.link.progress(step, self.plan.steps, epoch)

    def due(self, step: int) -> Due:
        plan = self.plan
        want, last, requested = self.link.command().want, step >= plan.steps, self.link.checkpoint_due()
        end = None if want == "run" or last else "stopped" if want == "stop" else "paused"
        interval = self._interval.step(step, self._step_seconds)
        save: CheckpointReason | None = "final" if last or end else "requested" if requested else "interval" if interval else None
        if save:
            self._interval.saved(step)
        if not self._told_interval and self._interval.interval is not None:
            self._told_interval = True
            self.link.choice("save-steps", self._interval.interval, self._interval.reason())
        evaluate = plan.eval_steps is not None and not end and (last or step % plan.eval_steps == 0)
        return Due(save is not None or step == 1 or step % plan.logging_steps == 0, evaluate, save, end)

    def log(self, step: int, epoch: float, learning_rate: float, grad_norm: float) -> None:
        seconds = sum(took for _, took in self._recent)
        loss = torch.stack(self._losses).double().mean().item()
        accuracy = torch.stack(self._correct).sum().item() / max(1, self._predicted)
        values = {
            "loss": loss,
            "learning_rate": learning_rate,
            "grad_norm": grad_norm,
            "token_accuracy": accuracy,
            "tokens_per_second": sum(tokens for tokens, _ in self._recent) / seconds if seconds else None,
            "tokens": self.tokens,
            "window_steps": len(self._losses),
            "memory_mb": peak_memory_mb(),
            **self._gpus.read(),
        }
        self._losses, self._correct, self._predicted = [], [], 0
        row = {"step": step, "epoch": epoch, "loss": loss, "learning_rate": learning_rate, "grad_norm": grad_norm}
        self.history.append(row | {"mean_token_accuracy": accuracy})
        self._send(step, epoch, values)

    def begin_evaluation(self, step: int) -> Callable[[float], None]:
        """Gives what is called with the share of the evaluation that is done: told as work, or a long one would be taken for a stall."""
        detail, told = f"at step {step}", time.monotonic()
        self.link.phase("evaluating", detail)

        def tell(fraction: float) -> None:
            nonlocal told
            if time.monotonic() - told >= TELL_SECONDS:
                told = time.monotonic()
                self.link.phase("evaluating", detail, fraction)

        return tell

    def evaluated(self, step: int, epoch: float, loss: float, accuracy: float) -> None:
        self.history.append({"step": step, "epoch": epoch, "eval_loss": loss, "eval_mean_token_accuracy": accuracy})
        self._send(step, epoch, {"eval_loss": loss, "eval_token_accuracy": accuracy})

    def state(self, step: int, epoch: float) -> dict[str, Any]:
        """trainer_state.json, as far as anything here reads it."""
        return {"global_step": step, "epoch": epoch, "num_input_tokens_seen": self.tokens, "log_history": list(self.history)}

    def begin_save(self, step: int, needed_bytes: int) -> None:
        """Waits for room on the disk, if need be. Raises Failure: disk_full."""
        self.link.phase("saving", f"checkpoint at step {step}")
        what = f"the checkpoint at step {step}"
        disk_room.require_room(needed_bytes, what, self.link, self._places, lambda: self.link.command().want != "run")

    def saved(
        self, folder: Path, step: int, epoch: float, reason: CheckpointReason, about: dict[str, Any], seconds: float, metrics: dict
    ) -> None:
        for file in folder.rglob("*"):
            file.chmod(0o755 if file.is_dir() else 0o644)  # safetensors leaves 0600
        self.link.checkpoint(folder, step, reason, about, epoch=epoch, metrics=metrics, seconds=seconds)

    def when_saved(self, step: int, epoch: float, reason: CheckpointReason, about: dict[str, Any]) -> Callable[[Path, float], None]:
        """`saved` for a checkpoint that is written while the training goes on: told (folder, seconds) when it is whole."""
        metrics = self.newest
        return lambda folder, seconds: self.saved(folder, step, epoch, reason, about, seconds, metrics)

    @property
    def newest(self) -> dict[str, float]:
        """Every metric at its newest value, for a checkpoint's record."""
        return dict(self._newest)

    def final_metrics(self) -> dict[str, float]:
        return final_metrics(self.history, self.tokens)

    def _send(self, step: int, epoch: float, values: dict[str, float | None]) -> None:
        known = {name: value for name, value in values.items() if value is not None}
        self._newest.update(known)
        self.link.metrics(step, values, epoch)
        shown = "  ".join(f"{name} {value:.4g}" for name, value in known.items() if name not in NOT_SHOWN)
        print(f"step {step}/{self.plan.steps}  {shown}", flush=True)
        if self.writer:
            for name, value in known.items():
                self.writer.add_scalar(name, value, step)
