"""A program of the user's own in place of our engines: `train.py` of an image, called with `--key value`.

It needs no code of ours. What it prints is logged and counts as work. Progress and metrics come from transformers' own callback for
Kubeflow (status_server.py), from the engine protocol if it speaks that, or not at all. Results and checkpoints are what it leaves below
TUNEPLANE_OUTPUT, as a stock Trainer with that output_dir does by itself:

    checkpoint-100/              transformers': taken once its trainer_state.json is there, which is written last
    checkpoints/step-000100/     anybody's: taken when it appears, so it must be renamed into place
    adapter/, model/             the result; else the files that lie in TUNEPLANE_OUTPUT itself

A stop is SIGTERM. Exit code 0 is an end as asked, anything else a failure. TUNEPLANE_RESUME_FOLDER is the verified checkpoint to go on
from.
"""

import hashlib
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from trainer.supervision.attempt import Attempt, AttemptFailed

FINISHED = {"checkpoint": re.compile(r"^checkpoint-(\d+)$"), "step": re.compile(r"^step-(\d+)$")}


def program_command(program: dict[str, Any]) -> list[str]:
    """TUNEPLANE_PROGRAM, else train.py of the folder that the supervisor was started in. Raises AttemptFailed (program_missing)."""
    path = Path(os.environ.get("TUNEPLANE_PROGRAM", "train.py")).absolute()
    if not path.is_file():
        raise AttemptFailed("program_missing", f"the image holds no train.py in {path.parent}")
    return [sys.executable, str(path), *program["argv"]]


class ProgramOutput:
    """What the program leaves, as lines of the engine protocol."""

    def __init__(self, attempt: Attempt, spec: dict[str, Any], ranks: int) -> None:
        self.folder = attempt.work / "output"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._taken_folder = attempt.work / "taken"
        self._taken: set[int] = set()
        base = spec["training"]["baseModel"]
        argv = spec["program"]["argv"]
        self._about = {
            "worldSize": max(1, ranks),
            "globalBatch": 1,
            "precision": "unknown",
            "versions": {},
            "base": {"id": base.get("id") or base.get("path") or base["kind"], "commit": base.get("commit")},
            "dataFingerprint": "unknown",
            "configHash": hashlib.sha256(json.dumps(argv).encode()).hexdigest(),
        }

    def new_checkpoints(self, reason: str = "interval") -> list[dict[str, Any]]:
        """A `checkpoint` line for each that was not told yet. Its files are linked, not moved: the program may go on to use them."""
        found = [*self._found(self.folder, "checkpoint", "trainer_state.json"), *self._found(self.folder / "checkpoints", "step", None)]
        lines = []
        for step, folder in sorted(found):
            copy = self._taken_folder / f"step-{step:06d}"
            shutil.copytree(folder, copy, copy_function=_link)
            self._taken.add(step)
            lines.append({"type": "checkpoint", "step": step, "reason": reason, "folder": str(copy), "metrics": {}, "about": self._about})
        return lines

    def results(self) -> list[dict[str, Any]]:
        """`artifacts` lines, once the program is over."""
        named = [(kind, self.folder / kind) for kind in ("adapter", "model") if (self.folder / kind).is_dir()]
        loose = [path for path in self.folder.iterdir() if path.is_file()]
        if not named and loose:
            kind = "adapter" if (self.folder / "adapter_config.json").is_file() else "model"
            gathered = self._taken_folder / kind
            gathered.mkdir(parents=True)
            for path in loose:
                _link(str(path), str(gathered / path.name))
            named = [(kind, gathered)]
        return [{"type": "artifacts", "folder": str(folder), "kind": kind} for kind, folder in named if any(folder.iterdir())]

    def _found(self, home: Path, kind: str, last_file: str | None) -> list[tuple[int, Path]]:
        if not home.is_dir():
            return []
        named = [(int(match[1]), path) for path in home.iterdir() if (match := FINISHED[kind].match(path.name)) and path.is_dir()]
        return [(step, path) for step, path in named if step not in self._taken and (last_file is None or _is_whole(path / last_file))]


def _is_whole(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
        return True
    except (OSError, ValueError):
        return False


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)
