"""Reads what the engine says: its protocol lines go into the books and to the publisher, its output goes into the log."""

import contextlib
import math
import os
import selectors
import time
from collections.abc import Callable
from typing import Any

from trainer.supervision.attempt import AttemptFailed
from trainer.supervision.books import Books
from trainer.supervision.engine_lines import parse_line
from trainer.supervision.engine_process import Engine
from trainer.supervision.logs import Level, LineReader
from trainer.supervision.publisher import Publisher

READ_BYTES = 1 << 16
LONGEST_LINE_BYTES = 8 << 20
PEER_LOST = "peer_lost"
"""What a rank says that only noticed another one's end: the reason is that other's."""


class EngineReader:
    """`report_now()` where somebody may wait for the news, `fail(failure)` where the attempt cannot go on."""

    def __init__(
        self,
        engine: Engine,
        books: Books,
        publisher: Publisher,
        selector: selectors.BaseSelector,
        report_now: Callable[[], None],
        fail: Callable[[AttemptFailed], None],
    ) -> None:
        self._books = books
        self._publisher = publisher
        self._selector = selector
        self._report_now = report_now
        self._fail = fail
        self._rest = b""
        self._outputs = {engine.stderr: LineReader(), engine.stdout: LineReader()}
        self._takers: dict[int, Callable[[], bool]] = {engine.lines: lambda: self._take_lines(engine.lines)}
        self._takers |= {descriptor: self._output_taker(descriptor) for descriptor in self._outputs}
        self.outcome_at: float | None = None
        self.output_is_work = False
        """Of a program that reports nothing, what it prints is all that shows that it moves."""
        for descriptor, take in self._takers.items():
            selector.register(descriptor, selectors.EVENT_READ, take)

    @property
    def first_failed(self) -> tuple[int | None, int | None]:
        """(rank, exit code) of the rank that failed first, where torchrun said so."""
        found = [reader for reader in self._outputs.values() if reader.first_failed_exit is not None]
        return (found[0].first_failed_rank, found[0].first_failed_exit) if found else (None, None)

    @property
    def last_exception(self) -> str | None:
        """The last line of the last traceback, stderr before stdout."""
        return next((reader.last_exception for reader in self._outputs.values() if reader.last_exception), None)

    def hear(self, lines: list[dict[str, Any]]) -> None:
        """Lines that come otherwise than through the pipe: of a program that reports by HTTP, or by what it leaves."""
        for line in lines:
            if line["type"] == "eta":
                self._books.state.tell_eta(line["seconds"])
            else:
                self._hear(line)

    def end_by_exit(self, outcome: str) -> None:
        """The outcome of a program that tells none, by how it ended."""
        state = self._books.state
        if state.outcome is None:
            metrics = state.newest_metrics()
            state.outcome = {
                "type": "outcome",
                "outcome": outcome,
                "failure": None,
                "step": state.step,
                "steps": state.steps,
                "metrics": metrics,
            }

    def drain(self) -> None:
        """Takes what is left in the pipes of an engine that is gone."""
        for descriptor, take in self._takers.items():
            while take():
                pass
            with contextlib.suppress(KeyError):
                self._selector.unregister(descriptor)
        for reader in self._outputs.values():
            for level, message, rank in reader.end():
                self._log(level, message, rank)

    def _read(self, descriptor: int) -> bytes:
        """b"" when nothing is there, and at the end of the pipe, which is then no longer looked at."""
        try:
            data = os.read(descriptor, READ_BYTES)
        except BlockingIOError:
            return b""
        if not data:
            with contextlib.suppress(KeyError):
                self._selector.unregister(descriptor)
        return data

    def _log(self, level: Level, message: str, rank: int) -> None:
        """Rank 0 is logged whole; what the others say again and again, from WARNING."""
        if rank == 0 or level not in ("DEBUG", "INFO"):
            self._books.log.add(level, message, rank)

    def _output_taker(self, descriptor: int) -> Callable[[], bool]:
        def take() -> bool:
            data = self._read(descriptor)
            if data and self.output_is_work:
                self._books.state.worked()
            for level, message, rank in self._outputs[descriptor].feed(data):
                self._log(level, message, rank)
            return bool(data)

        return take

    def _take_lines(self, descriptor: int) -> bool:
        data = self._read(descriptor)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            try:
                self._hear(parse_line(line))
            except ValueError as error:
                self._books.log.add("WARNING", str(error))
        if len(self._rest) > LONGEST_LINE_BYTES:
            self._books.log.add("WARNING", f"the engine said a line of more than {LONGEST_LINE_BYTES:,} bytes; it is not heard")
            self._rest = b""
        return bool(data)

    def _hear(self, line: dict[str, Any]) -> None:
        """One checked line; raises ValueError where it asks for what cannot be."""
        state = self._books.state
        match line["type"]:
            case "phase":
                self._enter(line["phase"], line.get("detail"), line.get("fraction"))
            case "progress":
                state.advance(line["step"], line["steps"], line.get("epoch"))
            case "metrics":
                self._measure(line["step"], line.get("epoch"), line["values"])
            case "checkpoint":
                state.saved(line.get("seconds"))
                self._publisher.submit(line)
            case "samples":
                state.worked()
                self._books.samples.add(line["step"], line["items"])
                self._books.log.add("INFO", f"samples taken at step {line['step']}: {len(line['items'])}")
                self._report_now()
            case "artifacts":
                state.worked()
                self._store(line)
            case "choice":
                self._books.choose(line["name"], line["value"], line["reason"])
            case "about":
                state.base = line.get("base") or state.base
                state.versions |= line.get("versions") or {}
            case "outcome":
                self.outcome_at = self.outcome_at or time.monotonic()
                failure = line.get("failure") or {}
                if failure.get("code") == PEER_LOST:
                    state.peer_lost = state.peer_lost or failure["message"]
                elif state.outcome is None or (line["outcome"] == "failed" and state.outcome["outcome"] != "failed"):
                    state.outcome = line  # of several ranks that failed the first one counts

    def _enter(self, phase: str, detail: str | None, fraction: float | None) -> None:
        detail = detail and self._books.redactor.text(detail)
        if self._books.state.enter(phase, detail, fraction):
            self._books.log.add("INFO", f"phase {phase}: {detail}" if detail else f"phase {phase}")
            self._report_now()

    def _measure(self, step: int, epoch: float | None, values: dict[str, float | None]) -> None:
        self._books.metrics.add(step, epoch, values)
        lost = [name for name, value in values.items() if value is not None and not math.isfinite(value)]
        if lost:
            self._books.log.add("WARNING", f"step {step}: {', '.join(lost)} not finite")
        diverged = self._books.state.measure(step, epoch, values)
        if diverged:
            self._fail(AttemptFailed("diverged", diverged))

    def _store(self, line: dict[str, Any]) -> None:
        """Unlike a lost checkpoint a lost artifact is the end: `completed` promises it."""
        try:
            self._publisher.submit(line)
        except ValueError as error:
            self._fail(AttemptFailed("trainer_error", f"the engine's artifacts: {error}"))
