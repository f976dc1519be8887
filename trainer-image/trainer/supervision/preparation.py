"""Before the engine: the spec is checked, the checkpoint to resume from verified, and what earlier attempts measured taken up."""

import json
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from trainer.machine_cache import MachineCache
from trainer.supervision.attempt import Attempt, AttemptFailed
from trainer.supervision.books import Books
from trainer.supervision.checkpoint_check import verified_checkpoint
from trainer.supervision.history import earlier_points
from trainer.supervision.inputs import fetch_hypernetwork, fetch_inputs
from trainer.supervision.s3_storage import S3Storage
from trainer.supervision.schema_check import SchemaError, check
from trainer.supervision.storage import Storage

PATIENCE_SECONDS = 600.0
PAUSE_SECONDS = 5.0


@dataclass(frozen=True)
class Prepared:
    spec: dict[str, Any]
    resume_folder: Path | None
    engine_spec: dict[str, Any]
    """the spec as the engine gets it: what lay in S3 is on this machine"""
    cache: MachineCache
    """holds what was fetched against removal, for as long as the attempt lasts"""


def prepare_patiently(attempt: Attempt, storage: Storage, books: Books) -> Prepared:
    """A storage behind a network that fails is asked again for 10 minutes; what a file system refuses it refuses for good."""
    give_up_at = time.monotonic() + (PATIENCE_SECONDS if attempt.run_folder.startswith("s3://") else 0)
    while True:
        try:
            return prepare(attempt, storage, books)
        except OSError as error:
            if time.monotonic() > give_up_at:
                raise
            books.log.add("WARNING", f"the storage cannot be read, trying again: {error}")
        time.sleep(PAUSE_SECONDS)


def prepare(attempt: Attempt, storage: Storage, books: Books) -> Prepared:
    """Raises AttemptFailed. May take as long as hashing the checkpoint takes; its phase is `starting`, with a fraction."""
    spec = read_spec(attempt, storage)
    if spec["logsAfter"]:
        books.clock.not_before(spec["logsAfter"])
    books.log.add("INFO", f"attempt {attempt.number} of {attempt.run_id}")
    cache = MachineCache(attempt.cache)
    report = partial(books.state.enter, "starting")
    client = storage.client if isinstance(storage, S3Storage) else None
    engine_spec = {
        **spec,
        "training": fetch_inputs(spec["training"], cache, report, books.choose, client),
        "hypernetwork": fetch_hypernetwork(spec.get("hypernetwork"), cache, report, books.choose, client),
    }
    pinned = spec["resumeFrom"]
    if not pinned:
        return Prepared(spec, None, engine_spec, cache)
    name, step = pinned["checkpoint"], pinned["step"]
    books.state.step = step
    folder = verified_checkpoint(attempt, storage, pinned, lambda done: books.state.enter("starting", f"verifying {name}", round(done, 3)))
    books.samples.earlier(storage.get(books.samples.key), step)
    books.metrics.earlier(earlier_points(storage, attempt, step))
    books.log.add("INFO", f"going on from {name} at step {step}: its files are as its record says")
    return Prepared(spec, folder, engine_spec, cache)


def read_spec(attempt: Attempt, storage: Storage) -> dict[str, Any]:
    key = attempt.key("spec.json")
    data = storage.get(key)
    if data is None:
        raise AttemptFailed("spec_invalid", f"{key} is not there")
    try:
        spec = check(json.loads(data), "attempt-spec")
    except SchemaError as error:
        raise AttemptFailed("spec_invalid", str(error)) from error
    except ValueError as error:
        raise AttemptFailed("spec_invalid", f"{key} is not JSON: {error}") from error
    if (spec["runId"], spec["attempt"]) != (attempt.run_id, attempt.number):
        raise AttemptFailed("spec_invalid", f"{key} speaks of attempt {spec['attempt']} of {spec['runId']}")
    return spec
