"""The one callback of the hf engine: it decides when to log, evaluate and save, obeys commands, and tells the supervisor everything.

A window of steps closes at every log, and every checkpoint logs first: so a resume begins with an empty window, and the mean loss
over all attempts is sum(loss x window) / steps of the history that transformers keeps in the checkpoint.
"""

import json
import resource
import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from trainer import resume
from trainer.engine_link import EngineLink
from trainer.sampling import Sampler

SPEED_STEPS = 50
NOT_SHOWN = ("window_steps", "memory_mb", "tokens")


@dataclass(frozen=True)
class Plan:
    steps: int
    logging_steps: int
    eval_steps: int | None
    save_steps: int


class TrainingCallback(TrainerCallback):
    """`ended` afterwards: completed, stopped or paused. `began`: the checkpoint, if any, was loaded."""

    def __init__(
        self, link: EngineLink, plan: Plan, reached: Any, sampler: Sampler, about: dict[str, Any], description: dict[str, Any]
    ) -> None:
        """`reached` is kept at the newest step; `about` and `description` go with every checkpoint."""
        self.link, self.plan, self.reached, self.sampler = link, plan, reached, sampler
        self.about, self.description = about, description
        self.ended, self.began = "completed", False
        self.writer: Any = None
        self.warm_start: dict[str, Any] | None = None
        self._newest: dict[str, float] = {}
        self._recent: deque[tuple[int, float]] = deque(maxlen=SPEED_STEPS)
        self._reason = "interval"
        self._logged_step = self._tokens = self._predicted = 0
        self._step_began = self._saving_began = self._told = 0.0

    def on_train_begin(self, args, state, control, optimizer=None, lr_scheduler=None, **_):
        self.began = True
        self._logged_step, self._tokens = state.global_step, state.num_input_tokens_seen
        if self.warm_start:
            resume.take_new_settings(optimizer, lr_scheduler, self.warm_start)
        self._random_state = torch.random.get_rng_state()
        self.link.phase("evaluating" if args.eval_on_start else "training")

    def on_step_begin(self, args, state, control, **_):
        self._step_began = time.monotonic()

    def on_step_end(self, args, state, control, **_):
        step, plan = state.global_step, self.plan
        self.reached.step = step
        self._recent.append((state.num_input_tokens_seen - self._tokens, time.monotonic() - self._step_began))
        self._tokens = state.num_input_tokens_seen
        self.link.progress(step, plan.steps, state.epoch)
        want, last, requested = self.link.command().want, step >= plan.steps, self.link.checkpoint_due()
        ending = want != "run" and not last
        if ending:
            self.ended = "stopped" if want == "stop" else "paused"
            control.should_training_stop = True
        control.should_save = last or ending or requested or step % plan.save_steps == 0
        self._reason = "final" if last or ending else "requested" if requested else "interval"
        control.should_log = control.should_save or step == 1 or step % plan.logging_steps == 0
        control.should_evaluate = plan.eval_steps is not None and not ending and (last or step % plan.eval_steps == 0)
        if control.should_evaluate:
            self._random_state = torch.random.get_rng_state()
            self.link.phase("evaluating", f"at step {step}")
        elif control.should_save:
            self._say_saving(step)

    def on_log(self, args, state, control, logs=None, **_):
        logs = logs or {}
        if "loss" in logs:
            seconds = sum(took for _, took in self._recent)
            values = {
                "loss": logs["loss"],
                "learning_rate": logs["learning_rate"],
                "grad_norm": logs.get("grad_norm"),
                "token_accuracy": logs.get("mean_token_accuracy"),
                "tokens_per_second": sum(tokens for tokens, _ in self._recent) / seconds if seconds else None,
                "tokens": state.num_input_tokens_seen,
                "window_steps": state.global_step - self._logged_step,
                "memory_mb": peak_memory_mb(),
            }
            self._logged_step = state.global_step
            self._send(state, values)
        if "eval_loss" in logs:
            self._send(state, {"eval_loss": logs["eval_loss"], "eval_token_accuracy": logs.get("eval_mean_token_accuracy")})

    def on_prediction_step(self, args, state, control, eval_dataloader=None, **_):
        self._predicted += 1
        if time.monotonic() - self._told > 1 and eval_dataloader is not None:
            self._told = time.monotonic()
            self.link.phase("evaluating", f"at step {state.global_step}", min(1.0, self._predicted / max(1, len(eval_dataloader))))

    def on_evaluate(self, args, state, control, model=None, **_):
        # A data loader draws a number when it starts: put back, so that an evaluation more or less changes no weight.
        torch.random.set_rng_state(self._random_state)
        self._predicted = 0
        if state.global_step > 0:
            self.sampler.ask_tuned(model, state.global_step)
        if control.should_save:
            self._say_saving(state.global_step)
        else:
            self.link.phase("training")

    def on_save(self, args, state, control, **_):
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        (folder / "training_args.bin").unlink(missing_ok=True)  # a pickle that nothing here reads, and that others trip over
        (folder / resume.NAME).write_text(json.dumps(self.description, indent=1))
        for file in folder.iterdir():
            file.chmod(0o644)
        told = {"epoch": state.epoch, "metrics": self._newest, "seconds": time.monotonic() - self._saving_began}
        self.link.checkpoint(folder, state.global_step, self._reason, self.about, **told)
        if not control.should_training_stop:
            self.link.phase("training")

    def _say_saving(self, step: int) -> None:
        self._saving_began = time.monotonic()
        self.link.phase("saving", f"checkpoint at step {step}")

    def _send(self, state, values: dict[str, float | None]) -> None:
        known = {name: value for name, value in values.items() if value is not None}
        self._newest.update(known)
        self.link.metrics(state.global_step, values, state.epoch)
        shown = "  ".join(f"{name} {value:.4g}" for name, value in known.items() if name not in NOT_SHOWN)
        print(f"step {state.global_step}/{self.plan.steps}  {shown}", flush=True)
        if self.writer:
            for name, value in known.items():
                self.writer.add_scalar(name, value, state.global_step)


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
    newest = tuned[-1].get("eval_mean_token_accuracy") if tuned else losses[-1].get("mean_token_accuracy") if losses else None
    return metrics | ({"token_accuracy": newest} if newest is not None else {})
