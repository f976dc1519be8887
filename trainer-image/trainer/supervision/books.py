"""What an attempt has to tell, in one place: kept by the main loop, shipped by the reporter, summed up by the manifest."""

import os
from dataclasses import dataclass

from trainer.supervision.attempt import Attempt
from trainer.supervision.clock import Clock
from trainer.supervision.engine_state import EngineState
from trainer.supervision.logs import LogBook
from trainer.supervision.metrics import MetricBook
from trainer.supervision.redaction import Redactor, redactor_of
from trainer.supervision.samples import SampleBook


@dataclass(frozen=True)
class Books:
    clock: Clock
    log: LogBook
    metrics: MetricBook
    samples: SampleBook
    state: EngineState
    redactor: Redactor

    def choose(self, name: str, value: str, reason: str) -> None:
        """An automatic choice, for log and manifest."""
        value, reason = self.redactor.text(value), self.redactor.text(reason)
        self.state.choices.append({"name": name, "value": value, "reason": reason})
        self.log.add("INFO", f"{name}={value} ({reason})")


def open_books(attempt: Attempt) -> Books:
    clock, redactor = Clock(), redactor_of(attempt.environment, os.environ)
    return Books(
        clock=clock,
        log=LogBook(clock, attempt.log_key, attempt.work / "spool" / "logs", redactor),
        metrics=MetricBook(clock, attempt.metric_key, attempt.overview_key, attempt.work / "spool" / "metrics"),
        samples=SampleBook(clock, attempt.artifact_key("samples.jsonl"), redactor),
        state=EngineState(),
        redactor=redactor,
    )
