"""Metric rows in chunks, and the overview of every series. Non-finite numbers are null in the row, named in it, and not in the overview.

The overview has two series that are no metrics: `epoch` and `timestamp` (seconds since 1970) say when a step was trained.
"""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from trainer.supervision.chunks import ChunkedRows
from trainer.supervision.clock import Clock
from trainer.supervision.overview import Overview
from trainer.supervision.storage import Storage
from trainer.supervision.strict_json import finite_numbers, strict_json

ROW_FIELDS = ("step", "epoch", "timestamp", "nonFinite")
OVERVIEW_SHARE = 0.05
"""The overview is put again at most as often as costs 5 % of the time: 8 long series take some 50 ms, so once a second."""


class MetricBook:
    def __init__(self, clock: Clock, key_of: Callable[[int], str], overview_key: str, spool: Path | None = None) -> None:
        self.rows = ChunkedRows(key_of, spool)
        self._overview = Overview()
        self._overview_key = overview_key
        self._clock = clock
        self._lock = threading.Lock()
        self._evaluations: dict[int, dict[str, float | None]] = {}
        self._changed = False
        self._next_overview = 0.0

    def earlier(self, points: list[tuple[int, str, float]]) -> None:
        """What earlier attempts measured, by step: the overview is of the run, the rows are of the attempt."""
        with self._lock:
            for step, name, value in points:
                self._overview.add(step, {name: value})
                self._note_evaluation(step, {name: value})
            self._changed = bool(points)

    def add(self, step: int, epoch: float | None, values: Mapping[str, float | None]) -> None:
        numbers, non_finite = finite_numbers({name: value for name, value in values.items() if name not in ROW_FIELDS})
        stamp = self._clock.stamp()
        row: dict[str, object] = {"step": step, "epoch": epoch, "timestamp": stamp, **numbers}
        with self._lock:
            self.rows.append({**row, "nonFinite": non_finite} if non_finite else row)
            self._overview.add(step, {**numbers, "epoch": epoch, "timestamp": self._clock.seconds(stamp)})
            self._note_evaluation(step, numbers)
            self._changed = True

    def evaluations(self) -> dict[int, dict[str, float | None]]:
        """{step: {eval_loss ...}} of the run, over all attempts."""
        with self._lock:
            return {step: dict(values) for step, values in sorted(self._evaluations.items())}

    def _note_evaluation(self, step: int, values: Mapping[str, float | None]) -> None:
        evaluated = {name: value for name, value in values.items() if name.startswith("eval_")}
        if evaluated:
            self._evaluations.setdefault(step, {}).update(evaluated)

    def ship(self, storage: Storage, *, last: bool) -> None:
        self.rows.ship(storage)
        started = time.monotonic()
        if not self._changed or (started < self._next_overview and not last):
            return
        with self._lock:
            data = strict_json(self._overview.document())
            self._changed = False
        try:
            storage.put(self._overview_key, data)
        except OSError:
            self._changed = True
            raise
        self._next_overview = started + (time.monotonic() - started) / OVERVIEW_SHARE
