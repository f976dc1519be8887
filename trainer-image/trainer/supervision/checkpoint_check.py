"""The checkpoint that a run goes on from: pinned by the plane in the spec, verified here before the engine may read it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainer.supervision.attempt import Attempt, AttemptFailed
from trainer.supervision.open_storage import open_storage
from trainer.supervision.schema_check import check
from trainer.supervision.storage import Storage, StoredFile, hash_file


def verified_checkpoint(attempt: Attempt, storage: Storage, pinned: dict[str, Any], on_fraction: Callable[[float], object]) -> Path:
    """The pinned checkpoint's folder, size and SHA-256 of every file as its record says; raises AttemptFailed (checkpoint_invalid).

    `pinned.folder` is relative to checkpoints/, or, of another run, an absolute path or s3://; the record lies beside the folder.
    """
    name = pinned["checkpoint"]
    place, _, folder_name = pinned["folder"].rpartition("/")
    is_elsewhere = pinned["folder"].startswith(("/", "s3://"))
    home = open_storage(place, attempt.work / "stored" / "elsewhere") if is_elsewhere else storage
    below = "" if is_elsewhere else "checkpoints/"
    where = place if is_elsewhere else f"{attempt.run_folder}/checkpoints"
    data = home.get(f"{below}{name}.json")
    if data is None:
        raise AttemptFailed("checkpoint_invalid", f"checkpoint {name} has no record in {where}")
    try:
        record = check(json.loads(data), "checkpoint-record")
    except ValueError as error:
        raise AttemptFailed("checkpoint_invalid", f"the record of checkpoint {name}: {error}") from error
    folder = home.local_tree(f"{below}{folder_name}")
    _verify(folder, name, record["files"], on_fraction)
    return folder


def _verify(folder: Path, name: str, files: list[StoredFile], on_fraction: Callable[[float], object]) -> None:
    for file in files:
        path = folder / file["path"]
        size = path.stat().st_size if path.is_file() else None
        if size != file["sizeBytes"]:
            found = "is missing" if size is None else f"has {size:,} bytes, its record says {file['sizeBytes']:,}"
            raise AttemptFailed("checkpoint_invalid", f"{file['path']} of checkpoint {name} {found}")
    total = sum(file["sizeBytes"] for file in files) or 1
    done = 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        on_fraction(done / total)

    for file in files:
        digest = hash_file(folder / file["path"], count, sync=False)["sha256"]
        if digest != file["sha256"]:
            raise AttemptFailed(
                "checkpoint_invalid", f"{file['path']} of checkpoint {name} has SHA-256 {digest}, its record says {file['sha256']}"
            )
