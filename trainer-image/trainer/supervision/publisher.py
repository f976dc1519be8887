"""Stores checkpoints and artifacts in a thread of its own, in the order in which the engine finished them, while training goes on.

A checkpoint is committed in three acts: its folder moves to a name that is free, every file is fsynced and hashed, and last its record
is written create-if-absent. A record of an earlier attempt at the same step is replaced: this attempt trained that step again, and only one
attempt trains at a time. Of the same attempt: the step was saved twice, the first stays.

A storage that fails is tried again, 1 to 30 s apart, for as long as the attempt goes on and an hour beyond; a full disk is told at once.
"""

import json
import queue
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainer.supervision.attempt import Attempt, AttemptFailed
from trainer.supervision.clock import Clock
from trainer.supervision.logs import LogBook
from trainer.supervision.schema_check import check
from trainer.supervision.storage import Storage, StoredFile, is_no_space, tree_bytes
from trainer.supervision.strict_json import finite_numbers, strict_json

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
PATIENCE_SECONDS = 3_600.0


class Abandoned(Exception):
    """Nothing more is to be written."""


@dataclass
class Job:
    """`key` once the target is chosen, so that a second try goes on where the first stopped."""

    line: dict[str, Any]
    folder: Path
    key: str | None = None


@dataclass
class Published:
    """What was stored so far; read by other threads, written by this one."""

    checkpoints: int = 0
    last_checkpoint: str | None = None
    longest_commit_seconds: float = 0.0
    artifacts: dict[str, list[StoredFile]] = field(default_factory=dict)
    bytes_done: int = 0
    bytes_to_do: int = 0


class Publisher(threading.Thread):
    """`tell(event, detail)`: "checkpoint" (its name), "published" (a kind), "idle", "failed" (an AttemptFailed)."""

    def __init__(self, attempt: Attempt, storage: Storage, log: LogBook, clock: Clock, tell: Callable[[str, Any], None]) -> None:
        super().__init__(name="publisher", daemon=True)
        self.published = Published()
        self.kinds: set[str] = set()
        """of artifacts that were submitted"""
        self._attempt = attempt
        self._storage = storage
        self._log = log
        self._clock = clock
        self._tell = tell
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._abandoned = threading.Event()
        self._give_up_at: float | None = None

    def submit(self, line: dict[str, Any]) -> None:
        """A `checkpoint` or `artifacts` line of the engine; raises ValueError when its folder is not a folder below work."""
        folder = Path(line["folder"])
        if not folder.resolve().is_relative_to(self._attempt.work.resolve()) or not folder.is_dir():
            raise ValueError(f"{folder} is not a folder below {self._attempt.work}")
        self.published.bytes_to_do += tree_bytes(folder)
        if line["type"] == "artifacts":
            self.kinds.add(line["kind"])
        self._jobs.put(Job(line, folder))

    def finish(self) -> None:
        """Nothing more comes: "idle" is told when all is stored."""
        self._give_up_at = time.monotonic() + PATIENCE_SECONDS
        self._jobs.put(None)

    def abandon(self) -> None:
        self._abandoned.set()
        self._jobs.put(None)

    def run(self) -> None:
        try:
            while job := self._jobs.get():
                self._run(job)
        except Abandoned:
            return
        except AttemptFailed as failure:
            self._tell("failed", failure)
        except Exception as error:
            self._tell("failed", AttemptFailed("trainer_error", f"storing failed: {type(error).__name__}: {error}"))
        self._tell("idle", None)

    def _run(self, job: Job) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            done_before = self.published.bytes_done
            try:
                self._commit(job) if job.line["type"] == "checkpoint" else self._store(job)
                return
            except OSError as error:
                if is_no_space(error):
                    raise AttemptFailed("disk_full", f"no space to store the {job.line['type']} {job.folder.name}: {error}") from error
                if self._give_up_at and time.monotonic() > self._give_up_at:
                    raise AttemptFailed("trainer_error", f"{job.folder.name} could not be stored: {error}") from error
                self.published.bytes_done = done_before
                self._log.add("WARNING", f"{job.folder.name} is not stored yet, trying again in {pause:.0f} s: {error}")
            if self._abandoned.wait(pause):
                raise Abandoned
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _commit(self, job: Job) -> None:
        started = time.monotonic()
        name = f"step-{job.line['step']:06d}"
        record_key = f"checkpoints/{name}.json"
        found = self._storage.get(record_key)
        if found is not None and job.key is None and self._is_of_this_attempt(found):
            self._log.add("INFO", f"checkpoint {name} is stored already")
            shutil.rmtree(job.folder, ignore_errors=True)
            return
        files = self._move(job, lambda: self._free_folder(name))
        line, about = job.line, job.line["about"]
        record = {
            "schema": 1,
            "name": name,
            "folder": job.key.removeprefix("checkpoints/") if job.key else name,
            "runId": self._attempt.run_id,
            "attempt": self._attempt.number,
            "step": line["step"],
            "epoch": line.get("epoch"),
            "reason": line["reason"],
            "createdAt": self._clock.stamp(),
            "files": files,
            "metrics": finite_numbers(line["metrics"])[0],
            **about,
        }
        data = strict_json(check(record, "checkpoint-record"))
        if self._abandoned.is_set():
            raise Abandoned
        if not self._storage.put_if_absent(record_key, data):
            self._storage.put(record_key, data)
        seconds = time.monotonic() - started
        self.published.checkpoints += 1
        self.published.last_checkpoint = name
        self.published.longest_commit_seconds = max(seconds, self.published.longest_commit_seconds)
        size = sum(file["sizeBytes"] for file in files)
        self._log.add("INFO", f"checkpoint {name} stored ({line['reason']}): {len(files)} files, {size:,} bytes, {seconds:.2f} s")
        self._tell("checkpoint", name)

    def _store(self, job: Job) -> None:
        kind = job.line["kind"]
        files = self._move(job, lambda: self._attempt.artifact_key(kind))
        self.published.artifacts[kind] = files
        self._log.add("INFO", f"{kind} stored: {len(files)} files, {sum(file['sizeBytes'] for file in files):,} bytes")
        self._tell("published", kind)

    def _move(self, job: Job, choose_key: Callable[[], str]) -> list[StoredFile]:
        if self._abandoned.is_set():
            raise Abandoned
        job.key = job.key or choose_key()
        files = self._storage.store_tree(job.folder, job.key, self._count)
        if not files:
            raise AttemptFailed("trainer_error", f"the engine named a folder without files: {job.folder}")
        return files

    def _count(self, size: int) -> None:
        if self._abandoned.is_set():
            raise Abandoned
        self.published.bytes_done += size

    def _free_folder(self, name: str) -> str:
        """step-000100; where that exists (torn, or of another attempt) step-000100.0002; where that exists too step-000100.0002.2 ..."""
        own = f"checkpoints/{name}.{self._attempt.number:04d}"
        for key in (f"checkpoints/{name}", own, *(f"{own}.{number}" for number in range(2, 1_000))):
            if not self._storage.exists(key):
                return key
        raise AttemptFailed("trainer_error", f"no free folder for checkpoint {name}")

    def _is_of_this_attempt(self, record: bytes) -> bool:
        try:
            found = json.loads(record)
            return (found["runId"], found["attempt"]) == (self._attempt.run_id, self._attempt.number)
        except (ValueError, KeyError, TypeError):
            return False
