"""The checkpoint that a run goes on from: pinned by the plane in the spec, verified here before the engine may read it."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainer.supervision.attempt import AttemptFailed
from trainer.supervision.schema_check import check
from trainer.supervision.storage import FolderStorage, StoredFile, hash_file


def verified_checkpoint(storage: FolderStorage, pinned: dict[str, Any], on_fraction: Callable[[float], object]) -> Path:
    """The pinned checkpoint's folder, size and SHA-256 of every file as its record says; raises AttemptFailed (checkpoint_invalid).

    `pinned.folder` is relative to checkpoints/, or absolute (a checkpoint of another run); the record lies beside the folder.
    """
    name = pinned["checkpoint"]
    folder = Path(os.path.join(storage.local_tree("checkpoints"), pinned["folder"]))
    try:
        record = check(json.loads((folder.parent / f"{name}.json").read_bytes()), "checkpoint-record")
    except FileNotFoundError:
        raise AttemptFailed("checkpoint_invalid", f"checkpoint {name} has no record in {folder.parent}") from None
    except ValueError as error:
        raise AttemptFailed("checkpoint_invalid", f"the record of checkpoint {name}: {error}") from error
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
