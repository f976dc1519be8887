"""What is known of the engine: where it is, how far, what it measured. Written by the main loop, read by the reporter as one snapshot."""

import math
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from trainer.supervision.strict_json import finite_numbers

RATE_STEPS = 50
DIVERGED_REPORTS = 10


@dataclass
class EngineState:
    phase: str = "starting"
    detail: str | None = None
    fraction: float | None = None
    step: int = 0
    steps: int | None = None
    epoch: float | None = None
    work_sequence: int = 0
    reached_training: bool = False
    has_trained: bool = False
    longest_save_seconds: float = 0.0
    choices: list[dict[str, str]] = field(default_factory=list)
    base: dict[str, Any] | None = None
    versions: dict[str, str] = field(default_factory=dict)
    outcome: dict[str, Any] | None = None
    peer_lost: str | None = None
    _metrics: dict[str, float | None] = field(default_factory=dict)
    _lost_losses: int = 0
    _first_lost_step: int = 0
    _saving_since: float | None = None
    _told_eta: tuple[float, float] | None = None
    _recent: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=RATE_STEPS + 1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, phase: str, detail: str | None = None, fraction: float | None = None) -> bool:
        """True when phase or detail changed; a changed fraction counts as work too."""
        with self._lock:
            is_new = (phase, detail) != (self.phase, self.detail)
            if phase != self.phase:
                self._saving_since = time.monotonic() if phase == "saving" else None
            self.work_sequence += is_new or fraction != self.fraction
            self.phase, self.detail, self.fraction = phase, detail, fraction
            self.reached_training |= phase == "training"
            return is_new

    def advance(self, step: int, steps: int | None, epoch: float | None) -> None:
        with self._lock:
            self.work_sequence += 1
            self.reached_training = self.has_trained = True
            if step > self.step:
                self._recent.append((time.monotonic(), step))
            self.step = max(step, self.step)
            self.steps = steps if steps is not None else self.steps
            self.epoch = epoch if epoch is not None else self.epoch

    def measure(self, step: int, epoch: float | None, values: dict[str, float | None]) -> str | None:
        """Takes a metric row; gives the sentence of divergence when the loss was lost for too long."""
        with self._lock:
            self.work_sequence += 1
            self.step = max(step, self.step)
            self.epoch = epoch if epoch is not None else self.epoch
            self._metrics |= values
            loss = values.get("loss")
            if loss is None:
                return None
            if math.isfinite(loss):
                self._lost_losses = 0
                return None
            if self._lost_losses == 0:
                self._first_lost_step = step
            self._lost_losses += 1
            if self._lost_losses == DIVERGED_REPORTS:
                return f"the loss was not finite for {DIVERGED_REPORTS} reports in a row, from step {self._first_lost_step} to {step}"
            return None

    def worked(self) -> None:
        with self._lock:
            self.work_sequence += 1

    def saved(self, seconds: float | None) -> None:
        """A checkpoint is saved: `seconds` as the engine measured, else since the phase `saving` began."""
        with self._lock:
            self.work_sequence += 1
            took = seconds if seconds is not None else time.monotonic() - self._saving_since if self._saving_since else 0.0
            self.longest_save_seconds = max(took, self.longest_save_seconds)

    def tell_eta(self, seconds: float) -> None:
        """What the program itself expects, from now on; it knows better than our rate over its rare reports."""
        with self._lock:
            self._told_eta = (time.monotonic(), seconds)

    def newest_metrics(self) -> dict[str, float | None]:
        with self._lock:
            return dict(self._metrics)

    def snapshot(self) -> dict[str, Any]:
        """The part of progress.json that tells of the engine."""
        with self._lock:
            metrics, non_finite = finite_numbers(self._metrics)
            return {
                "workSequence": self.work_sequence,
                "phase": self.phase,
                "phaseDetail": self.detail,
                "phaseFraction": self.fraction,
                "step": self.step,
                "steps": self.steps,
                "epoch": self.epoch,
                "metrics": metrics,
                "nonFinite": non_finite,
                "etaSeconds": self._eta_seconds(),
            }

    def _eta_seconds(self) -> float | None:
        if self.outcome or self.phase in ("publishing", "done"):
            return None
        if self._told_eta:
            told_at, seconds = self._told_eta
            return round(max(0.0, seconds - (time.monotonic() - told_at)), 1)
        if self.steps is None or len(self._recent) < 2:
            return None
        (first_at, first), (last_at, last) = self._recent[0], self._recent[-1]
        return round((self.steps - last) * (last_at - first_at) / (last - first), 1) if self.steps >= last else None
