"""How long an engine that is asked to end may take, and what is told of an end that came otherwise.

max(TUNEPLANE_STOP_SECONDS, 3 x the longest checkpoint so far), at most 30 min      the plane gives up at 35 min
a spot machine that will be taken away: earlier, so that what is saved by then is stored, and the manifest written
"""

import time

LONGEST_STOP_SECONDS = 1_800.0
LAST_WORDS_SECONDS = 5.0
"""For the last report and the manifest, before a spot machine is gone."""


class StopLimit:
    def __init__(self, least_seconds: float) -> None:
        self.asked_at: float | None = None
        self._least_seconds = least_seconds
        self._taken_at: float | None = None
        self._sentences: list[str] = []

    def ask(self, is_asked: bool) -> bool:
        """True when that is news."""
        if is_asked == (self.asked_at is not None):
            return False
        self.asked_at = time.monotonic() if is_asked else None
        return True

    def notice(self, action: str, seconds: float) -> str:
        """A spot notice: the machine goes in so many seconds."""
        self._taken_at = time.monotonic() + seconds
        return self.remember(f"EC2 takes the spot machine away ({action}), told {seconds:.0f} s before")

    def remember(self, sentence: str) -> str:
        self._sentences.append(sentence)
        return sentence

    def seconds(self, longest_save: float, longest_commit: float) -> float:
        """From `asked_at`. `longest_save`: a checkpoint in the engine; `longest_commit`: its way into the storage."""
        seconds = min(LONGEST_STOP_SECONDS, max(self._least_seconds, 3 * (longest_save + longest_commit)))
        if self._taken_at is None or self.asked_at is None:
            return seconds
        return min(seconds, max(0.0, self._taken_at - LAST_WORDS_SECONDS - 2 * longest_commit - self.asked_at))

    def detail(self, last_checkpoint: str | None) -> str | None:
        """Which checkpoint counts, where the end came otherwise than the engine would have ended."""
        if not self._sentences:
            return None
        return "; ".join([*self._sentences, f"{last_checkpoint} counts" if last_checkpoint else "there is no checkpoint"])
