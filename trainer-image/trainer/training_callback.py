"""The one callback of the hf engine: it decides when to log, evaluate and save, obeys commands, and tells the supervisor everything.

A window of steps closes at every log, and every checkpoint logs first: so a resume begins with an empty window, and the mean loss
over all attempts is sum(loss x window) / steps of the history that transformers keeps in the checkpoint.

Of several ranks all run it. What ends or saves a step is decided by all together (agreement.py); rank 0 alone is heard.
"""

import json
import resource
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from trainer import agreement, disk_room, resume
from trainer.best_weights import BestWeights
from trainer.engine_link import EngineLink
from trainer.gpu_meter import GpuMeter
from trainer.sampling import Sampler
from trainer.save_interval import SaveInterval

SPEED_STEPS = 50
NOT_SHOWN = ("window_steps", "memory_mb", "tokens", "gpu_utilization")
WANTS = ("run", "pause", "stop")
"""In the order in which they win where ranks have read different ones."""
RENAMED = {
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
    "mean_token_accuracy": "token_accuracy",
    "rewards/accuracies": "reward_accuracy",
    "rewards/margins": "reward_margin",
}
"""Of what transformers and TRL log, what is told, and as what."""


@dataclass(frozen=True)
class Plan:
    steps: int
    logging_steps: int
    eval_steps: int | None
    save_steps: int | None
    """None: as the time of a step allows"""


@dataclass
class Save:
    """What saving needs: `about` for the record, `description` for a later resume, the best weights where they are the result."""

    about: dict[str, Any]
    description: dict[str, Any]
    interval: SaveInterval
    best: BestWeights | None
    trained_bytes: int
    is_sharded: bool
    last_bytes: int | None = None
    reason: str = "interval"
    began: float = field(default=0.0)

    @property
    def expected_bytes(self) -> int:
        """The last one's size; before the first: what is trained, Adam's two moments of it, and once more where the best goes along or the
        model is sharded, whose weights transformers keeps in two forms."""
        return self.last_bytes or self.trained_bytes * (3 + (self.best is not None) + self.is_sharded)


class TrainingCallback(TrainerCallback):
    """`ended` afterwards: completed, stopped or paused. `began`: the checkpoint, if any, was loaded."""

    def __init__(self, link: EngineLink, plan: Plan, reached: Any, sampler: Sampler, save: Save) -> None:
        """`reached` is kept at the newest step."""
        self.link, self.plan, self.reached, self.sampler, self.save = link, plan, reached, sampler, save
        self.ended, self.began = "completed", False
        self.writer: Any = None
        self.warm_start: dict[str, Any] | None = None
        self._newest: dict[str, float] = {}
        self._recent: deque[tuple[int, float]] = deque(maxlen=SPEED_STEPS)
        self._gpus = GpuMeter()
        self._places = disk_room.places_of(link)
        self._logged_step = self._tokens = self._predicted = 0
        self._step_began = self._told = 0.0
        self._told_interval = False

    def on_train_begin(self, args, state, control, optimizer=None, lr_scheduler=None, **_):
        self.began = True
        self._logged_step, self._tokens = state.global_step, state.num_input_tokens_seen
        self.save.interval.saved(state.global_step)
        if self.warm_start:
            resume.take_new_settings(optimizer, lr_scheduler, self.warm_start)
        self._random_state = torch.random.get_rng_state()
        self.link.phase("evaluating" if args.eval_on_start else "training")

    def on_step_begin(self, args, state, control, **_):
        self._step_began = time.monotonic()

    def on_step_end(self, args, state, control, **_):
        step, plan, seconds = state.global_step, self.plan, time.monotonic() - self._step_began
        self.reached.step = step
        self._recent.append((state.num_input_tokens_seen - self._tokens, seconds))
        self._tokens = state.num_input_tokens_seen
        self.link.progress(step, plan.steps, state.epoch)
        want, requested, due = agreement.highest(
            args.device, WANTS.index(self.link.command().want), self.link.checkpoint_due(), self.save.interval.step(step, seconds)
        )
        self._tell_interval()
        last = step >= plan.steps
        ending = want > 0 and not last
        if ending:
            self.ended = "paused" if WANTS[want] == "pause" else "stopped"
            control.should_training_stop = True
        control.should_save = bool(last or ending or requested or due)
        self.save.reason = "final" if last or ending else "requested" if requested else "interval"
        control.should_log = control.should_save or step == 1 or step % plan.logging_steps == 0
        control.should_evaluate = plan.eval_steps is not None and not ending and (last or step % plan.eval_steps == 0)
        if control.should_evaluate:
            self._random_state = torch.random.get_rng_state()
            self.link.phase("evaluating", f"at step {step}")
        elif control.should_save:
            self._begin_save(step)

    def on_log(self, args, state, control, logs=None, **_):
        logs = logs or {}
        if "loss" in logs:
            seconds = sum(took for _, took in self._recent)
            values = {
                "loss": logs["loss"],
                **_renamed(logs),
                "tokens_per_second": sum(tokens for tokens, _ in self._recent) / seconds if seconds else None,
                "tokens": state.num_input_tokens_seen,
                "window_steps": state.global_step - self._logged_step,
                "memory_mb": peak_memory_mb(),
                **self._gpus.read(),
            }
            self._logged_step = state.global_step
            self._send(state, values)
        if "eval_loss" in logs:
            evaluated = _renamed({name.removeprefix("eval_"): value for name, value in logs.items() if name.startswith("eval_")})
            self._send(state, {"eval_loss": logs["eval_loss"], **{f"eval_{name}": value for name, value in evaluated.items()}})

    def on_prediction_step(self, args, state, control, eval_dataloader=None, **_):
        self._predicted += 1
        if time.monotonic() - self._told > 1 and eval_dataloader is not None:
            self._told = time.monotonic()
            self.link.phase("evaluating", f"at step {state.global_step}", min(1.0, self._predicted / max(1, len(eval_dataloader))))

    def on_evaluate(self, args, state, control, model=None, metrics=None, **_):
        # A data loader draws a number when it starts: put back, so that an evaluation more or less changes no weight.
        torch.random.set_rng_state(self._random_state)
        self._predicted = 0
        if self.save.best and args.should_save:
            self.save.best.look(model, state.global_step, (metrics or {}).get("eval_loss", float("inf")))
        if state.global_step > 0:
            self.sampler.ask_tuned(model, state.global_step)
        if control.should_save:
            self._begin_save(state.global_step)
        else:
            self.link.phase("training")

    def on_save(self, args, state, control, **_):
        agreement.wait_for_all()  # each rank leaves its random state in the folder
        self.save.interval.saved(state.global_step)
        if args.should_save:
            self._hand_over(Path(args.output_dir) / f"checkpoint-{state.global_step}", state)
        if not control.should_training_stop:
            self.link.phase("training")

    def _hand_over(self, folder: Path, state) -> None:
        (folder / "training_args.bin").unlink(missing_ok=True)  # a pickle that nothing here reads, and that others trip over
        best = self.save.best.copy_to(folder) if self.save.best else None
        (folder / resume.NAME).write_text(json.dumps({**self.save.description, **({"best": best} if best else {})}, indent=1))
        for file in folder.iterdir():
            file.chmod(0o644)
        self.save.last_bytes = sum(file.stat().st_size for file in folder.iterdir())
        told = {"epoch": state.epoch, "metrics": self._newest, "seconds": time.monotonic() - self.save.began}
        self.link.checkpoint(folder, state.global_step, self.save.reason, self.save.about, **told)

    def _begin_save(self, step: int) -> None:
        self.link.phase("saving", f"checkpoint at step {step}")
        what = f"the checkpoint at step {step}"
        disk_room.require_room(self.save.expected_bytes, what, self.link, self._places, lambda: self.link.command().want != "run")
        self.save.began = time.monotonic()

    def _tell_interval(self) -> None:
        if not self._told_interval and self.save.interval.interval is not None:
            self._told_interval = True
            self.link.choice("save-steps", self.save.interval.interval, self.save.interval.reason())

    def _send(self, state, values: dict[str, float | None]) -> None:
        known = {name: value for name, value in values.items() if value is not None}
        self._newest.update(known)
        self.link.metrics(state.global_step, values, state.epoch)
        if self.link.rank:
            return
        shown = "  ".join(f"{name} {value:.4g}" for name, value in known.items() if name not in NOT_SHOWN)
        print(f"step {state.global_step}/{self.plan.steps}  {shown}", flush=True)
        if self.writer:
            for name, value in known.items():
                self.writer.add_scalar(name, value, state.global_step)


def _renamed(logs: dict[str, Any]) -> dict[str, float]:
    return {ours: logs[theirs] for theirs, ours in RENAMED.items() if logs.get(theirs) is not None}


def peak_memory_mb() -> float:
    """The most this process held: GPU memory where there is one, else resident memory (kilobytes on Linux, bytes on macOS)."""
    if torch.cuda.is_available():
        return round(torch.cuda.max_memory_allocated() / 1e6, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3), 1)


def final_metrics(log_history: list[dict[str, Any]], tokens: int) -> dict[str, float]:
    """Of the whole run, over all attempts: the history travels in the checkpoint. Never from `train()`, which forgets earlier attempts."""
    losses = [row for row in log_history if "loss" in row]
    evals = [row for row in log_history if "eval_loss" in row]
    metrics: dict[str, float] = {"tokens": tokens}
    if losses:
        before = [0, *(row["step"] for row in losses)]
        total = sum(row["loss"] * (row["step"] - earlier) for row, earlier in zip(losses, before, strict=False))
        metrics |= {"train_loss": total / losses[-1]["step"], "final_loss": losses[-1]["loss"]}
    # The base's own loss, at step 0, is not this run's best.
    tuned = [row for row in evals if row["step"] > 0]
    if tuned:
        metrics |= {"eval_loss": tuned[-1]["eval_loss"], "best_eval_loss": min(row["eval_loss"] for row in tuned)}
    newest = {
        name: tuned[-1].get(f"eval_{logged}") if tuned else losses[-1].get(logged) if losses else None
        for name, logged in (("token_accuracy", "mean_token_accuracy"), ("reward_accuracy", "rewards/accuracies"))
    }
    return metrics | {name: value for name, value in newest.items() if value is not None}
