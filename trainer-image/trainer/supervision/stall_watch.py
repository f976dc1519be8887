"""Says when the engine stood still for too long: its work sequence stood for `stallSeconds`, ten times that before training."""

import time

from trainer.supervision.engine_state import EngineState

FACTOR_BEFORE_TRAINING = 10
LONGEST_COUNTED_GAP_SECONDS = 5.0
"""Looks are a second apart. A longer gap means that this process was frozen too (a paused machine), which proves nothing."""


class StallWatch:
    def __init__(self, state: EngineState, limit_seconds: float) -> None:
        self.limit_seconds = limit_seconds
        self._state = state
        self._seen = state.work_sequence
        self._still_seconds = 0.0
        self._looked = time.monotonic()

    def rest(self, now: float) -> None:
        """While the engine is asked to end, its deadline watches over it instead."""
        self._looked, self._still_seconds = now, 0.0

    def look(self, now: float) -> str | None:
        """The sentence of a stall, or None. `now` is monotonic: a machine that slept did not stall."""
        gap, self._looked = now - self._looked, now
        if self._state.work_sequence != self._seen:
            self._seen, self._still_seconds = self._state.work_sequence, 0.0
            return None
        self._still_seconds += min(gap, LONGEST_COUNTED_GAP_SECONDS)
        limit = self.limit_seconds * (1 if self._state.reached_training else FACTOR_BEFORE_TRAINING)
        if self._still_seconds <= limit:
            return None
        return f"the engine stood still for {limit:g} s in phase {self._state.phase} at step {self._state.step}"
