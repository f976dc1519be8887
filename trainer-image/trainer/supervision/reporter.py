"""Ships rows and progress.json, and reads control.json, in a thread of its own, so that a slow storage never holds up the engine.

progress.json goes last and counts only what is stored. A put that fails is told once and tried again at the next report; rows wait.
"""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from trainer.supervision.attempt import Attempt, AttemptFailed
from trainer.supervision.books import Books
from trainer.supervision.publisher import Published
from trainer.supervision.schema_check import check
from trainer.supervision.storage import Storage
from trainer.supervision.strict_json import strict_json

CONTROL_SECONDS = 1.0
FIRST_REPORT_SECONDS = 1.0
LEAST_GAP_SECONDS = 0.05
RETRY_SECONDS = 1.0
PATIENCE_SECONDS = 3_600.0

PAID_LOOKS_A_REPORT = 6
"""Where requests are paid for, control.json is read so often between two reports, at 2 to 10 s: some 9,000 times a day for $0.004, and not
86,400 times for $0.035."""
SLOW_SECONDS = 30.0
SLOW_CURVES = 5
"""At this pace nobody looks at the curves as they grow: metric rows and overview are two of the four puts of a report, and go with each
fifth, and with each checkpoint, so that a resume finds every row up to it."""


class Reporter(threading.Thread):
    """`tell(event, detail)`: "control" (a newer control.json), "reported" (the last report is stored, or given up after an hour)."""

    def __init__(
        self, attempt: Attempt, claim_id: str, storage: Storage, books: Books, published: Published, tell: Callable[[str, Any], None]
    ) -> None:
        super().__init__(name="reporter", daemon=True)
        self._attempt = attempt
        self._claim_id = claim_id
        self._storage = storage
        self._books = books
        self._published = published
        self._tell = tell
        self._sequence = 0
        self._control_version = -1
        self._report_seconds = FIRST_REPORT_SECONDS
        self._control_fault: str | None = None
        self._own_fault: str | None = None
        self._is_failing = False
        self._last_log_at: str | None = None
        self._wanted = threading.Event()
        self._silent = False
        self._finish_by: float | None = None
        self._curve_checkpoints = 0

    def report_now(self) -> None:
        self._wanted.set()

    def finish(self) -> None:
        self._finish_by = time.monotonic() + PATIENCE_SECONDS
        self._wanted.set()

    def silence(self) -> None:
        """Nothing more is written."""
        self._silent = True
        self._wanted.set()

    def counts(self) -> dict[str, int]:
        return {
            "logLines": self._books.log.rows.shipped,
            "metricRows": self._books.metrics.rows.shipped,
            "checkpoints": self._published.checkpoints,
            "samples": self._books.samples.shipped,
        }

    def run(self) -> None:
        try:
            self._report_until_finished()
        except Exception as error:
            self._tell("failed", AttemptFailed("trainer_error", f"reporting failed: {type(error).__name__}: {error}"))
            self._tell("reported", False)

    def _report_until_finished(self) -> None:
        next_control = next_report = time.monotonic()
        while not self._silent:
            if time.monotonic() >= next_control:
                self._read_control()
                next_control = time.monotonic() + control_seconds(self._report_seconds, metered=self._storage.metered)
            if self._wanted.is_set() or time.monotonic() >= next_report:
                self._wanted.clear()
                finish_by = self._finish_by
                is_stored = self.report(last=finish_by is not None) and self._books.log.rows.waiting_bytes == 0
                if finish_by is not None and (is_stored or time.monotonic() > finish_by):
                    self._tell("reported", is_stored)
                    return
                next_report = time.monotonic() + (self._report_seconds if finish_by is None else RETRY_SECONDS)
                time.sleep(LEAST_GAP_SECONDS)
            self._wanted.wait(max(0.0, min(next_control, next_report) - time.monotonic()))

    def report(self, *, last: bool) -> bool:
        """True when everything was stored."""
        log_at = self._books.log.last_at
        faults = [
            fault for ship in (self._books.log.ship, self._ship_metrics(last), self._books.samples.ship) if (fault := self._try(ship))
        ]
        if not faults:
            self._last_log_at = log_at
        self._sequence += 1
        progress = {
            "schema": 1,
            "runId": self._attempt.run_id,
            "attempt": self._attempt.number,
            "claimId": self._claim_id,
            "sequence": self._sequence,
            "controlVersion": max(0, self._control_version),
            **self._books.state.snapshot(),
            "counts": self.counts(),
            "lastLogAt": self._last_log_at,
            "reportedAt": self._books.clock.stamp(),
        }
        if self._silent:
            return False
        key = self._attempt.key("progress.json")
        fault = self._try(lambda storage: storage.put(key, strict_json(check(progress, "progress"))))
        faults += [fault] if fault else []
        if faults and not self._is_failing:
            self._books.log.add("WARNING", f"the storage does not take everything, rows are kept and put again: {faults[0]}")
        if self._is_failing and not faults:
            self._books.log.add("INFO", "the storage takes everything again")
        self._is_failing = bool(faults)
        return not faults

    def _ship_metrics(self, last: bool) -> Callable[[Storage], None]:
        is_slow = self._storage.metered and self._report_seconds >= SLOW_SECONDS
        checkpoints = self._published.checkpoints
        if is_slow and not last and self._sequence % SLOW_CURVES != 0 and checkpoints == self._curve_checkpoints:
            return lambda storage: None

        def ship(storage: Storage) -> None:
            self._books.metrics.ship(storage, last=last)
            self._curve_checkpoints = checkpoints

        return ship

    def _try(self, put: Callable[[Storage], None]) -> str | None:
        if self._silent:
            return None
        try:
            put(self._storage)
        except OSError as error:
            return str(error)
        except Exception as error:  # a fault of ours, which no retry mends: the reports go on without it
            fault = f"not reported: {type(error).__name__}: {error}"
            if fault != self._own_fault:
                self._own_fault = fault
                self._books.log.add("ERROR", fault)
        return None

    def _read_control(self) -> None:
        try:
            data = self._storage.get(self._attempt.key("control.json"))
            if data is None:
                return
            control = check(json.loads(data), "control")
        except (OSError, ValueError) as error:
            what = "cannot be read" if isinstance(error, OSError) else "is not understood and not obeyed"
            if str(error) != self._control_fault:
                self._control_fault = str(error)
                self._books.log.add("WARNING", f"control.json {what}: {error}")
            return
        self._control_fault = None
        if control["version"] >= self._control_version:  # how often reports come may change without an order
            self._report_seconds = control["reportSeconds"]
        if control["version"] > self._control_version:
            self._control_version = control["version"]
            self._silent |= control["want"] == "superseded"
            self._tell("control", control)
            self._wanted.set()


def control_seconds(report_seconds: float, *, metered: bool) -> float:
    """How long until control.json is read again."""
    return min(max(report_seconds / PAID_LOOKS_A_REPORT, 2.0), 10.0) if metered else min(CONTROL_SECONDS, report_seconds)
