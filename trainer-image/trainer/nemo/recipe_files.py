"""What the recipe writes while it trains: rows of metrics, and checkpoints. Read again and again, each thing told once."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKPOINT = re.compile(r"epoch_(\d+)_step_(\d+)")
# The recipe keeps this file in a checkpoint's folder for as long as it writes there.
INCOMPLETE = ".incomplete"


class RowFile:
    """A JSON Lines file that grows; half a line is left for the next look."""

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0

    def fresh(self) -> Iterator[dict[str, Any]]:
        if not self._path.is_file():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._read += len(whole) + len(newline)
        for line in whole.split(b"\n"):
            if line.strip():
                yield json.loads(line)


@dataclass(frozen=True)
class FinishedCheckpoint:
    folder: Path
    step: int
    """as people count: the recipe's step 9 is the tenth"""


class CheckpointFolder:
    def __init__(self, path: Path) -> None:
        self._path, self._seen = path, set[str]()

    def fresh(self) -> list[FinishedCheckpoint]:
        """Checkpoints that were finished since the last look, the oldest first."""
        if not self._path.is_dir():
            return []
        found = []
        for folder in self._path.iterdir():
            name = CHECKPOINT.fullmatch(folder.name)
            if name and not folder.is_symlink() and folder.name not in self._seen and not (folder / INCOMPLETE).exists():
                self._seen.add(folder.name)
                found.append(FinishedCheckpoint(folder, int(name[2]) + 1))
        return sorted(found, key=lambda checkpoint: checkpoint.step)
