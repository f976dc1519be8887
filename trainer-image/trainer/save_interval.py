"""When a checkpoint is due. `saveSteps` of the spec wins; else the time of a step is measured, so that a lost machine costs at most
`checkpointMinutes` of training, and a short run still has three checkpoints.

The interval is fixed in steps once it is measured, and watched in time: steps that become slower are saved more often.
"""

import math
import statistics
from dataclasses import dataclass, field

MEASURED_STEPS = 10
"""The first step is left out: it compiles, allocates and warms up."""
SHORT_RUN_PARTS = 3


@dataclass
class SaveInterval:
    steps: int
    """of the run"""
    given: int | None
    minutes: float
    saved_step: int = 0
    interval: int | None = None
    _seconds: list[float] = field(default_factory=list)
    _since_saved: float = 0.0

    def __post_init__(self) -> None:
        self.interval = self.given

    @property
    def longest(self) -> int:
        return max(1, math.ceil(self.steps / SHORT_RUN_PARTS))

    def step(self, step: int, seconds: float) -> bool:
        """True when the step, which took so long, is to be saved."""
        if self.given:
            return step % self.given == 0
        self._since_saved += seconds
        if len(self._seconds) <= MEASURED_STEPS:
            self._seconds.append(seconds)
        if self.interval is None and len(self._seconds) > MEASURED_STEPS:
            self.interval = min(self.longest, max(1, int(self.minutes * 60 / max(self.step_seconds, 1e-9))))
        by_time = self._since_saved + seconds > self.minutes * 60
        return by_time or step - self.saved_step >= (self.interval or self.longest)

    def saved(self, step: int) -> None:
        self.saved_step, self._since_saved = step, 0.0

    @property
    def step_seconds(self) -> float:
        """The median of the first steps but one."""
        return statistics.median(self._seconds[1 : MEASURED_STEPS + 1]) if len(self._seconds) > 1 else 0.0

    def reason(self) -> str:
        if self.given:
            return "given"
        part = f"a third of {self.steps} steps"
        by_time = f"at most {self.minutes:g} min are lost at {self.step_seconds:.3g} s a step"
        return f"{part}; {by_time}" if self.interval == self.longest else f"{by_time}; less than {part}"
