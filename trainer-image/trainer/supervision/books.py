"""What an attempt has to tell, in one place: kept by the main loop, shipped by the reporter, summed up by the manifest."""

from dataclasses import dataclass

from trainer.supervision.attempt import Attempt
from trainer.supervision.clock import Clock
from trainer.supervision.engine_state import EngineState
from trainer.supervision.logs import LogBook
from trainer.supervision.metrics import MetricBook
from trainer.supervision.samples import SampleBook


@dataclass(frozen=True)
class Books:
    clock: Clock
    log: LogBook
    metrics: MetricBook
    samples: SampleBook
    state: EngineState


def open_books(attempt: Attempt) -> Books:
    clock = Clock()
    return Books(
        clock=clock,
        log=LogBook(clock, attempt.log_key, attempt.work / "spool" / "logs"),
        metrics=MetricBook(clock, attempt.metric_key, attempt.overview_key, attempt.work / "spool" / "metrics"),
        samples=SampleBook(clock, attempt.artifact_key("samples.jsonl")),
        state=EngineState(),
    )
