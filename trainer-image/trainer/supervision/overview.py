"""Every series of a run in at most 1,024 buckets, so that a curve of any length is one small file.

A bucket takes `width` points. When a series is full its neighbours merge and the width doubles, so buckets stay even and
sums stay true: count, min, max and last exactly, mean to rounding.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

MOST_BUCKETS = 1_024


@dataclass
class Bucket:
    fromStep: int
    toStep: int
    count: int
    min: float
    max: float
    mean: float
    last: float

    def merge(self, later: "Bucket") -> None:
        count = self.count + later.count
        self.mean = self.mean * (self.count / count) + later.mean * (later.count / count)
        self.min, self.max = min(self.min, later.min), max(self.max, later.max)
        self.toStep, self.count, self.last = later.toStep, count, later.last


@dataclass
class Series:
    width: int = 1
    buckets: list[Bucket] = field(default_factory=list)

    def add(self, step: int, value: float) -> None:
        point = Bucket(step, step, 1, value, value, value, value)
        if self.buckets and self.buckets[-1].count < self.width:
            self.buckets[-1].merge(point)
            return
        self.buckets.append(point)
        if len(self.buckets) > MOST_BUCKETS:
            for earlier, later in zip(self.buckets[::2], self.buckets[1::2], strict=False):
                earlier.merge(later)
            del self.buckets[1::2]
            self.width *= 2


class Overview:
    def __init__(self) -> None:
        self._series: dict[str, Series] = {}

    def add(self, step: int, values: Mapping[str, float | None]) -> None:
        for name, value in values.items():
            if value is not None:
                self._series.setdefault(name, Series()).add(step, value)

    def document(self) -> dict[str, object]:
        return {"schema": 1, "series": {name: [vars(bucket) for bucket in series.buckets] for name, series in self._series.items()}}
