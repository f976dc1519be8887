"""Times of the run folder: ISO 8601, UTC, milliseconds. They never go back, also not behind `after`, the last time of earlier attempts."""

import threading
import time
from datetime import UTC, datetime


class Clock:
    """Where the machine's clock is behind `after`, times stand still until it has caught up: order is kept and no lie is added on top."""

    def __init__(self, after: str | None = None) -> None:
        self._last = _milliseconds(after) if after else 0
        self._lock = threading.Lock()

    def stamp(self) -> str:
        with self._lock:
            self._last = max(self._last, time.time_ns() // 1_000_000)
            seconds, milliseconds = divmod(self._last, 1_000)
        return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{milliseconds:03d}Z"

    @staticmethod
    def seconds(stamp: str) -> float:
        """Seconds since 1970."""
        return _milliseconds(stamp) / 1_000

    def not_before(self, after: str) -> None:
        with self._lock:
            self._last = max(self._last, _milliseconds(after))


def _milliseconds(stamp: str) -> int:
    return round(datetime.fromisoformat(stamp).astimezone(UTC).timestamp() * 1_000)
