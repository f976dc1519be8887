"""`python -m trainer.supervisor`: one attempt of a run, from claim to manifest. Standard library only, never imports torch (README.md).

Exit code 0 whatever the outcome, and when another has the attempt; 2 when the environment is not usable, 1 when the run folder is not.
"""

import contextlib
import dataclasses
import os
import shutil
import socket
import sys
import time
import traceback
import uuid
from typing import Any

from trainer.supervision.admission import Door, Refused, Renewal, enter, find_door, settle
from trainer.supervision.attempt import Attempt, AttemptFailed, read_attempt
from trainer.supervision.clock import Clock
from trainer.supervision.doorbell import Doorbell
from trainer.supervision.guardian import Guardian
from trainer.supervision.liveness import Liveness, visible_gpus
from trainer.supervision.open_storage import open_storage
from trainer.supervision.outcome import Ending, manifest
from trainer.supervision.processes import become_subreaper, kill_all
from trainer.supervision.schema_check import check
from trainer.supervision.storage import Storage
from trainer.supervision.strict_json import strict_json
from trainer.supervision.watch import Watch

CLAIM_PATIENCE_SECONDS = 60.0
MANIFEST_PATIENCE_SECONDS = 3_600.0
JOIN_SECONDS = 5.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0


def main() -> int:
    try:
        attempt = read_attempt(os.environ)
        door = find_door(os.environ)
    except (ValueError, OSError) as error:
        print(f"supervisor: {error}", file=sys.stderr)
        return 2
    doorbell = Doorbell()
    claim_id = f"claim_{uuid.uuid4().hex}"
    started_at = Clock().stamp()
    try:
        if door:
            attempt, storage = claim_at_plane(door, attempt, claim_id, doorbell)
            is_ours = True
        else:
            storage = open_storage(attempt.run_folder, attempt.work / "stored")
            is_ours = claim(storage, attempt, claim_id, started_at)
    except Refused as refusal:
        print(f"supervisor: nothing to do: {refusal}", file=sys.stderr)
        return 0
    except OSError as error:
        print(f"supervisor: the run folder {attempt.run_folder or 'of the plane'} cannot be used: {error}", file=sys.stderr)
        return 1
    if not is_ours:
        print(f"supervisor: attempt {attempt.name} is claimed by another, nothing to do", file=sys.stderr)
        return 0
    supervise(attempt, claim_id, storage, doorbell, started_at)
    return 0


def claim_at_plane(door: Door, attempt: Attempt, claim_id: str, doorbell: Doorbell) -> tuple[Attempt, Storage]:
    """The attempt as the plane tells it, and its storage. Raises Refused or OSError."""
    admission = enter(door, claim_id, lambda: doorbell.interruptions > 0)
    settle(admission)
    attempt = dataclasses.replace(attempt, run_folder=admission.folder, environment=admission.environment)
    over = {"want": "superseded", "checkpointRequest": 0}
    renewal = Renewal(door, admission.storage, lambda: doorbell.tell("control", over)) if admission.storage else None
    return attempt, open_storage(attempt.run_folder, attempt.work / "stored", renewal)


def claim(storage: Storage, attempt: Attempt, claim_id: str, claimed_at: str) -> bool:
    """False when another has the attempt. Raises OSError when the run folder takes nothing for a minute."""
    document = {
        "schema": 1,
        "runId": attempt.run_id,
        "attempt": attempt.number,
        "claimId": claim_id,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "claimedAt": claimed_at,
    }
    data = strict_json(check(document, "claim"))
    key = attempt.key("claim.json")
    give_up_at = time.monotonic() + CLAIM_PATIENCE_SECONDS
    while True:
        try:
            return storage.put_if_absent(key, data) or storage.get(key) == data
        except OSError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(FIRST_PAUSE_SECONDS)


def supervise(attempt: Attempt, claim_id: str, storage: Storage, doorbell: Doorbell, started_at: str) -> None:
    become_subreaper()
    guardian = Guardian(claim_id)
    watch = Watch(attempt, claim_id, storage, doorbell, guardian)
    liveness = open_liveness(watch)
    try:
        attempt.work.mkdir(parents=True, exist_ok=True)
        attempt.cache.mkdir(parents=True, exist_ok=True)
        ending = watch.run()
    except Exception as error:
        ending = end_after_own_fault(watch, error)
    join_threads(watch)
    write_manifest(watch, ending, started_at)
    if ending.outcome != "failed":
        empty_folder(attempt)
    if liveness:
        liveness.close()
    guardian.dismiss()


def open_liveness(watch: Watch) -> Liveness | None:
    attempt = watch.attempt
    if not attempt.socket:
        return None
    answer = {"runId": attempt.run_id, "attempt": attempt.number, "claimId": watch.claim_id, "pid": os.getpid(), "gpus": visible_gpus()}
    try:
        liveness = Liveness(attempt.socket, strict_json(answer) + b"\n")
    except OSError as error:
        watch.books.log.add("WARNING", f"no liveness socket at {attempt.socket}: {error}")
        return None
    liveness.start()
    return liveness


def join_threads(watch: Watch) -> None:
    """So that nothing is written after the manifest; a thread that hangs in the storage is not waited for without end."""
    for thread in (watch.reporter, watch.publisher):
        if thread.is_alive():
            thread.join(JOIN_SECONDS)


def end_after_own_fault(watch: Watch, error: Exception) -> Ending:
    """A fault of ours, or a work folder that cannot be made: the engine goes, the manifest tells."""
    for line in traceback.format_exc().splitlines():
        watch.books.log.add("ERROR", line)
    watch.reporter.silence()
    watch.publisher.abandon()
    join_threads(watch)
    if watch.engine:
        kill_all(watch.claim_id, watch.engine.pid, watch.reap, {watch.guardian.pid})
    evidence = tuple(watch.books.log.evidence())
    with contextlib.suppress(OSError):
        watch.books.log.ship(watch.storage)
    return Ending("failed", AttemptFailed("trainer_error", f"{type(error).__name__}: {error}"), evidence)


def write_manifest(watch: Watch, ending: Ending, started_at: str) -> None:
    """Last of all. A storage that fails is tried for an hour; after that the plane has to find out by itself.

    That an attempt is superseded the plane knows already, and its storage may be closed to us by now: one try.
    """
    pinned = watch.prepared.spec["resumeFrom"] if watch.prepared else None
    times: dict[str, Any] = {
        "lastLogAt": watch.books.log.last_at,
        "startedAt": started_at,
        "endedAt": watch.books.clock.stamp(),
        "computeSeconds": round(watch.engine.seconds, 3) if watch.engine else 0.0,
    }
    document = manifest(
        watch.attempt,
        watch.claim_id,
        ending,
        watch.books,
        watch.publisher.published,
        watch.reporter.counts(),
        pinned["checkpoint"] if pinned else None,
        times,
    )
    data = strict_json(check(document, "manifest"))
    pause = FIRST_PAUSE_SECONDS
    give_up_at = time.monotonic() + (0 if ending.outcome == "superseded" else MANIFEST_PATIENCE_SECONDS)
    while True:
        try:
            watch.storage.put(watch.attempt.key("manifest.json"), data)
            return
        except OSError as error:
            if time.monotonic() > give_up_at:
                print(f"supervisor: {watch.attempt.name} ended {ending.outcome}, its manifest cannot be put: {error}", file=sys.stderr)
                return
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def empty_folder(attempt: Attempt) -> None:
    for path in attempt.work.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
