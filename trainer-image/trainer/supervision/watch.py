"""The main loop of an attempt: starts the engine, listens to it, obeys, and ends it. Only this thread starts and waits for processes.

    prepare   verify the pinned checkpoint, read what earlier attempts measured   (a thread; the loop already obeys)
    engine    until it is gone and all its descendants are killed
    publish   until every checkpoint and artifact is stored
    report    until the last rows and the last progress are stored; the manifest is the caller's

What ends the engine early: a stop or pause before its first step, one not followed within `_stop_seconds`, a second signal, a stall,
a lost loss, a full disk, `superseded`.
"""

import contextlib
import os
import selectors
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from trainer.supervision.attempt import Attempt, AttemptFailed
from trainer.supervision.books import open_books
from trainer.supervision.doorbell import Doorbell
from trainer.supervision.engine_process import Engine
from trainer.supervision.engine_reader import EngineReader
from trainer.supervision.engine_start import start_engine
from trainer.supervision.guardian import Guardian
from trainer.supervision.orders import Orders
from trainer.supervision.outcome import Ending, EngineEnd, decide, signal_name
from trainer.supervision.preparation import Prepared, prepare_patiently
from trainer.supervision.processes import kill_all
from trainer.supervision.program_run import ProgramRun
from trainer.supervision.publisher import Publisher
from trainer.supervision.reporter import Reporter
from trainer.supervision.result_documents import DOCUMENTS, STORED_OUTCOMES, write_documents
from trainer.supervision.spot_notice import SpotNotice, watches_spot
from trainer.supervision.stall_watch import StallWatch
from trainer.supervision.stop_limit import StopLimit
from trainer.supervision.storage import Storage

TURN_SECONDS = 1.0
STACKS_SECONDS = 2.0
EXIT_GRACE_SECONDS = 30.0


class Watch:
    def __init__(self, attempt: Attempt, claim_id: str, storage: Storage, doorbell: Doorbell, guardian: Guardian) -> None:
        self.attempt = attempt
        self.claim_id = claim_id
        self.storage = storage
        self.guardian = guardian
        self.books = open_books(attempt)
        self.publisher = Publisher(attempt, storage, self.books.log, self.books.clock, doorbell.tell)
        self.reporter = Reporter(attempt, claim_id, storage, self.books, self.publisher.published, doorbell.tell)
        self.prepared: Prepared | None = None
        self.engine: Engine | None = None
        self._reader: EngineReader | None = None
        self._program: ProgramRun | None = None
        self._stall: StallWatch | None = None
        self._doorbell = doorbell
        self._happened: set[str] = set()
        self._orders = Orders()
        self._superseded = False
        self._fault: AttemptFailed | None = None
        self._limit = StopLimit(attempt.least_stop_seconds)
        self._was_ended = False
        self._command_waits = False
        self._kill_at: float | None = None
        self._selector = selectors.DefaultSelector()
        self._selector.register(doorbell.descriptor, selectors.EVENT_READ)

    def run(self) -> Ending:
        self.reporter.start()
        self.publisher.start()
        threading.Thread(target=self._prepare, name="prepare", daemon=True).start()
        if watches_spot(os.environ):
            SpotNotice(os.environ, self._doorbell.tell).start()
        self._until(lambda: self.prepared is not None or self._is_ending())
        if self.prepared and not self._is_ending():
            self._start_engine(self.prepared)
        if self.engine:
            self._until(self._engine_is_gone, self._watch_engine)
            self._clear_away(self.engine)
        ending = self._end_of_engine()
        self._publish(ending)
        fault = self._fault or self._lack_of(ending)
        if fault and ending.outcome != "failed":
            ending = Ending("failed", fault, tuple(self.books.log.evidence()))
        ending = replace(ending, detail=self._limit.detail(self._last_checkpoint()))
        if not self._superseded:
            self._say_end(ending)
            self.books.state.enter("done")
            self.reporter.finish()
            self._until(lambda: "reported" in self._happened or self._superseded)
        return Ending("superseded") if self._superseded else ending

    # The loop

    def _until(self, is_done: Callable[[], bool], every_turn: Callable[[], None] | None = None) -> None:
        while not is_done():
            for key, _ in self._selector.select(self._turn_seconds()):
                if key.data:
                    key.data()
            self.reap()
            for event, detail in self._doorbell.messages():
                self._take(event, detail)
            if self._doorbell.interruptions > self._orders.interruptions:
                self._orders.interruptions = self._doorbell.interruptions
                self._obey()
            if every_turn:
                every_turn()

    def _turn_seconds(self) -> float:
        soonest = TURN_SECONDS
        if self._kill_at:
            soonest = min(soonest, self._kill_at - time.monotonic())
        if self._stall:
            soonest = min(soonest, self._stall.limit_seconds / 4)
        return max(0.01, soonest)

    def _take(self, event: str, detail: Any) -> None:
        self._happened.add(event)
        if event == "prepared":
            self.prepared = detail
        elif event == "control":
            self._orders.want, self._orders.checkpoint_request = detail["want"], detail["checkpointRequest"]
            self._obey()
        elif event == "failed":
            self._fail(detail)
        elif event == "spot":
            self._orders.is_noticed = True
            self.books.log.add("WARNING", self._limit.notice(detail["action"], detail["seconds"]))
            self._obey()
        elif event == "status" and self._reader and not self._engine_is_gone():
            self._reader.hear(detail)
        elif event == "spot-silent":
            self.books.log.add("WARNING", f"the machine's metadata service does not tell of spot notices: {detail}")
        elif event in ("checkpoint", "published"):
            self.reporter.report_now()

    def reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if self.engine and pid == self.engine.pid:
                    self.engine.ended(os.waitstatus_to_exitcode(status))

    # Before the engine

    def _prepare(self) -> None:
        try:
            self._doorbell.tell("prepared", prepare_patiently(self.attempt, self.storage, self.books))
        except AttemptFailed as failure:
            self._doorbell.tell("failed", failure)
        except Exception as error:
            self._doorbell.tell("failed", AttemptFailed("trainer_error", f"preparing failed: {type(error).__name__}: {error}"))

    def _start_engine(self, prepared: Prepared) -> None:
        try:
            self._orders.write_command(self.attempt.work)
            started = start_engine(self.attempt, self.claim_id, prepared, self._doorbell.tell)
        except AttemptFailed as failure:
            self._fail(failure)
            return
        except OSError as error:
            self._fail(AttemptFailed("trainer_error", f"the work folder cannot be used: {error}"))
            return
        self.engine, self._program = started.engine, started.program
        self.guardian.watch(self.engine.pid)
        self._reader = EngineReader(self.engine, self.books, self.publisher, self._selector, self.reporter.report_now, self._fail)
        self._stall = StallWatch(self.books.state, prepared.spec["stallSeconds"])
        self._reader.output_is_work = started.program is not None
        for choice in started.choices:
            self.books.choose(*choice)

    # Obeying and ending

    def _is_ending(self) -> bool:
        return self._superseded or self._fault is not None or self._orders.asked is not None

    def _obey(self) -> None:
        if self._orders.is_superseded:
            self._superseded = True
            self.reporter.silence()
            self.publisher.abandon()
            if self.engine:
                self.engine.kill()
            return
        asked = self._orders.asked
        if self._limit.ask(asked is not None):
            self.books.log.add("INFO", f"asked to end: {asked}" if asked else "asked to go on")
        if self.engine is None or self.engine.exit_code is not None:
            return
        is_over = self.books.state.outcome is not None or self._was_ended
        if asked and self._program and not is_over and self._orders.interruptions < 2:
            self._program.ask_to_end(self.engine)
        elif asked and not self.books.state.has_trained and not is_over:
            self._end_engine("no step was trained yet, so there is nothing to save: the engine is ended")
        elif self._orders.interruptions > 1 and not is_over:
            self._end_engine("interrupted again: the engine is killed")
        else:
            self._write_command()

    def _write_command(self) -> None:
        try:
            self._orders.write_command(self.attempt.work)
            self._command_waits = False
        except OSError as error:
            if not self._command_waits:
                self.books.log.add("WARNING", f"the engine cannot be told, trying again: {error}")
            self._command_waits = True

    def _end_engine(self, sentence: str) -> None:
        self.books.log.add("WARNING", self._limit.remember(sentence))
        self._was_ended = True
        if self.engine:
            self.engine.kill()

    def _fail(self, failure: AttemptFailed) -> None:
        self._fault = self._fault or failure
        if self.engine:
            self.engine.kill()

    def _stop_seconds(self) -> float:
        return self._limit.seconds(self.books.state.longest_save_seconds, self.publisher.published.longest_commit_seconds)

    def _engine_is_gone(self) -> bool:
        return self.engine is None or self.engine.exit_code is not None

    def _watch_engine(self) -> None:
        if self.engine is None or self._reader is None or self._stall is None:
            return
        now = time.monotonic()
        if self._command_waits:
            self._write_command()
        if self._program:
            self._program.turn(self._reader)
        stalled = None
        if self._limit.asked_at or self._reader.outcome_at:
            self._stall.rest(now)
        else:
            stalled = self._stall.look(now)
        if self._kill_at:
            if now >= self._kill_at:
                self.engine.kill()
        elif self._reader.outcome_at:
            if now - self._reader.outcome_at > EXIT_GRACE_SECONDS:
                self._kill_at = now
                self.books.log.add(
                    "WARNING", f"the engine told its outcome and did not end within {EXIT_GRACE_SECONDS:.0f} s: it is killed"
                )
        elif self._limit.asked_at:
            waited = now - self._limit.asked_at
            if waited > self._stop_seconds() and not self._was_ended:
                self._end_engine(f"the engine did not follow within {waited:.0f} s and is killed")
        elif stalled and self._fault is None:
            self._fault = AttemptFailed("stalled", stalled)
            self.books.log.add("ERROR", f"{stalled}; its stacks follow, then it is killed")
            self.engine.dump_stacks(self.claim_id)
            self._kill_at = now + STACKS_SECONDS

    # After the engine

    def _clear_away(self, engine: Engine) -> None:
        left = kill_all(self.claim_id, engine.pid, self.reap, {self.guardian.pid})
        if self._reader:
            self._reader.drain()
            if self._program:
                self._program.end(self._reader, engine, self._orders.asked)
        engine.close()
        if left and not (engine.ranks > 1 and engine.exit_code):  # ranks of a torchrun that was killed are expected
            self.books.log.add("WARNING", f"the engine left {left} processes behind: they are killed")
        if self.books.state.outcome and engine.exit_code:
            how = signal_name(-engine.exit_code) if engine.exit_code < 0 else f"exit code {engine.exit_code}"
            self.books.log.add("WARNING", f"after its outcome the engine ended with {how}")

    def _end_of_engine(self) -> Ending:
        rank, rank_exit = self._reader.first_failed if self._reader else (None, None)
        end = EngineEnd(
            asked=self._orders.asked,
            was_ended=self._was_ended,
            fault=self._fault,
            line=self.books.state.outcome,
            exit_code=self.engine.exit_code if self.engine else None,
            killed_for_memory=self.engine.killed_for_memory(rank_exit) if self.engine else False,
            last_exception=self._reader.last_exception if self._reader else None,
            rank=rank,
            rank_exit=rank_exit,
            peer_lost=self.books.state.peer_lost,
        )
        outcome, failure = ("superseded", None) if self._superseded else decide(end)
        return Ending(outcome, failure, tuple(self.books.log.evidence()) if failure else ())

    def _publish(self, ending: Ending) -> None:
        if self._superseded:
            return
        self.books.state.enter("publishing")
        self.reporter.report_now()
        if self.prepared and ending.outcome in STORED_OUTCOMES and self.publisher.kinds:
            for line in write_documents(self.attempt, self.prepared.spec, self.books):
                if line["kind"] not in self.publisher.kinds:
                    self.publisher.submit(line)
        self.publisher.finish()
        self._until(lambda: "idle" in self._happened or self._superseded, self._tell_published)

    def _lack_of(self, ending: Ending) -> AttemptFailed | None:
        """Done means that there is something: whatever an engine says, without a result it did not complete."""
        if ending.outcome != "completed" or self._superseded or self.publisher.published.artifacts.keys() - DOCUMENTS:
            return None
        left = "train.py left nothing in TUNEPLANE_OUTPUT" if self._program else "the engine says that it completed and stored nothing"
        return AttemptFailed("artifact_unusable", left)

    def _tell_published(self) -> None:
        published = self.publisher.published
        if published.bytes_to_do:
            self.books.state.enter("publishing", None, min(1.0, round(published.bytes_done / published.bytes_to_do, 3)))

    def _last_checkpoint(self) -> str | None:
        pinned = self.prepared.spec["resumeFrom"] if self.prepared else None
        return self.publisher.published.last_checkpoint or (pinned["checkpoint"] if pinned else None)

    def _say_end(self, ending: Ending) -> None:
        failure = ending.failure
        if failure:
            self.books.log.add("ERROR", f"failed: {failure.code}: {failure.message}")
        else:
            self.books.log.add("INFO", f"{ending.outcome} at step {self.books.state.step}")
