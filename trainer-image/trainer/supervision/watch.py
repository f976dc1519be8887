"""The main loop of an attempt: starts the engine, listens to it, obeys, and ends it. Only this thread starts and waits for processes.

    prepare   verify the pinned checkpoint, read what earlier attempts measured   (a thread; the loop already obeys)
    engine    until it is gone and all its descendants are killed
    publish   until every checkpoint and artifact is stored
    report    until the last rows and the last progress are stored; the manifest is the caller's

What ends the engine early: a stop or pause before its first step, one not followed within `_stop_seconds`, a second signal, a stall,
a lost loss, a full disk, `superseded`.
"""

import contextlib
import json
import os
import selectors
import threading
import time
from collections.abc import Callable
from typing import Any

from trainer.supervision.attempt import Attempt, AttemptFailed
from trainer.supervision.books import open_books
from trainer.supervision.doorbell import Doorbell
from trainer.supervision.engine_process import Engine, choose_threads, engine_command, engine_environment
from trainer.supervision.engine_reader import EngineReader
from trainer.supervision.guardian import Guardian
from trainer.supervision.orders import Orders
from trainer.supervision.outcome import Ending, EngineEnd, decide, signal_name
from trainer.supervision.preparation import Prepared, prepare
from trainer.supervision.processes import kill_all
from trainer.supervision.publisher import Publisher
from trainer.supervision.reporter import Reporter
from trainer.supervision.stall_watch import StallWatch
from trainer.supervision.storage import FolderStorage

TURN_SECONDS = 1.0
STACKS_SECONDS = 2.0
EXIT_GRACE_SECONDS = 30.0
LONGEST_STOP_SECONDS = 1_800.0


class Watch:
    def __init__(self, attempt: Attempt, claim_id: str, storage: FolderStorage, doorbell: Doorbell, guardian: Guardian) -> None:
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
        self._stall: StallWatch | None = None
        self._doorbell = doorbell
        self._happened: set[str] = set()
        self._orders = Orders()
        self._superseded = False
        self._fault: AttemptFailed | None = None
        self._asked_at: float | None = None
        self._was_ended = False
        self._command_waits = False
        self._kill_at: float | None = None
        self._selector = selectors.DefaultSelector()
        self._selector.register(doorbell.descriptor, selectors.EVENT_READ)

    def run(self) -> Ending:
        self.reporter.start()
        self.publisher.start()
        threading.Thread(target=self._prepare, name="prepare", daemon=True).start()
        self._until(lambda: self.prepared is not None or self._is_ending())
        if self.prepared and not self._is_ending():
            self._start_engine(self.prepared)
        if self.engine:
            self._until(self._engine_is_gone, self._watch_engine)
            self._clear_away(self.engine)
        ending = self._end_of_engine()
        self._publish()
        if self._fault and ending.outcome != "failed":
            ending = Ending("failed", self._fault, tuple(self.books.log.evidence()))
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
            self._doorbell.tell("prepared", prepare(self.attempt, self.storage, self.books))
        except AttemptFailed as failure:
            self._doorbell.tell("failed", failure)
        except Exception as error:
            self._doorbell.tell("failed", AttemptFailed("trainer_error", f"preparing failed: {type(error).__name__}: {error}"))

    def _start_engine(self, prepared: Prepared) -> None:
        training = prepared.spec["training"]
        defaults, value, reason = choose_threads(training["baseModel"])
        environment = engine_environment(self.attempt, self.claim_id, prepared.resume_folder, defaults)
        try:
            command = engine_command(self.attempt, training)
            (self.attempt.work / "spec.json").write_text(json.dumps(prepared.spec))
            self._orders.write_command(self.attempt.work)
            self.engine = Engine(command, environment, self.attempt.work)
        except AttemptFailed as failure:
            self._fail(failure)
            return
        except OSError as error:
            self._fail(AttemptFailed("trainer_error", f"the work folder cannot be used: {error}"))
            return
        self.guardian.watch(self.engine.pid)
        self._reader = EngineReader(self.engine, self.books, self.publisher, self._selector, self.reporter.report_now, self._fail)
        self._stall = StallWatch(self.books.state, prepared.spec["stallSeconds"])
        self._reader.choose("threads", value, reason)

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
        if asked and self._asked_at is None:
            self._asked_at = time.monotonic()
            self.books.log.add("INFO", f"asked to end: {asked}")
        elif asked is None and self._asked_at is not None:
            self._asked_at = None
            self.books.log.add("INFO", "asked to go on")
        if self.engine is None or self.engine.exit_code is not None:
            return
        is_over = self.books.state.outcome is not None or self._was_ended
        if asked and not self.books.state.has_trained and not is_over:
            self._end_engine("no step was trained yet, so there is nothing to save: the engine is killed")
        elif self._orders.interruptions > 1 and not is_over:
            self._end_engine("interrupted again: the engine is killed, the last checkpoint counts")
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
        self.books.log.add("WARNING", sentence)
        self._was_ended = True
        if self.engine:
            self.engine.kill()

    def _fail(self, failure: AttemptFailed) -> None:
        self._fault = self._fault or failure
        if self.engine:
            self.engine.kill()

    def _stop_seconds(self) -> float:
        longest = self.books.state.longest_save_seconds + self.publisher.published.longest_commit_seconds
        return min(LONGEST_STOP_SECONDS, max(self.attempt.least_stop_seconds, 3 * longest))

    def _engine_is_gone(self) -> bool:
        return self.engine is None or self.engine.exit_code is not None

    def _watch_engine(self) -> None:
        if self.engine is None or self._reader is None or self._stall is None:
            return
        now = time.monotonic()
        if self._command_waits:
            self._write_command()
        stalled = None
        if self._asked_at or self._reader.outcome_at:
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
        elif self._asked_at:
            waited = now - self._asked_at
            if waited > self._stop_seconds() and not self._was_ended:
                self._end_engine(f"the engine did not follow within {waited:.0f} s: it is killed, the last checkpoint counts")
        elif stalled and self._fault is None:
            self._fault = AttemptFailed("stalled", stalled)
            self.books.log.add("ERROR", f"{stalled}; its stacks follow, then it is killed")
            self.engine.dump_stacks()
            self._kill_at = now + STACKS_SECONDS

    # After the engine

    def _clear_away(self, engine: Engine) -> None:
        left = kill_all(self.claim_id, engine.pid, self.reap, {self.guardian.pid})
        if self._reader:
            self._reader.drain()
        engine.close()
        if left:
            self.books.log.add("WARNING", f"the engine left {left} processes behind: they are killed")
        if self.books.state.outcome and engine.exit_code:
            how = signal_name(-engine.exit_code) if engine.exit_code < 0 else f"exit code {engine.exit_code}"
            self.books.log.add("WARNING", f"after its outcome the engine ended with {how}")

    def _end_of_engine(self) -> Ending:
        end = EngineEnd(
            asked=self._orders.asked,
            was_ended=self._was_ended,
            fault=self._fault,
            line=self.books.state.outcome,
            exit_code=self.engine.exit_code if self.engine else None,
            killed_for_memory=self.engine.killed_for_memory() if self.engine else False,
            last_exception=self._reader.last_exception if self._reader else None,
        )
        outcome, failure = ("superseded", None) if self._superseded else decide(end)
        return Ending(outcome, failure, tuple(self.books.log.evidence()) if failure else ())

    def _publish(self) -> None:
        if self._superseded:
            return
        self.books.state.enter("publishing")
        self.reporter.report_now()
        self.publisher.finish()
        self._until(lambda: "idle" in self._happened or self._superseded, self._tell_published)

    def _tell_published(self) -> None:
        published = self.publisher.published
        if published.bytes_to_do:
            self.books.state.enter("publishing", None, min(1.0, round(published.bytes_done / published.bytes_to_do, 3)))

    def _say_end(self, ending: Ending) -> None:
        failure = ending.failure
        if failure:
            self.books.log.add("ERROR", f"failed: {failure.code}: {failure.message}")
        else:
            self.books.log.add("INFO", f"{ending.outcome} at step {self.books.state.step}")
