"""Is there room for what is about to be saved? Asked before the first byte is written: a checkpoint that fails half-way leaves a torn
folder, and a library in the middle of an exception.

Where there is none the training waits, with all it knows in memory, for somebody to free some; after 10 minutes it ends as `disk_full`.
The checkpoints before are whole either way.
"""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from trainer.engine_link import EngineLink
from trainer.failure import Failure

PATIENCE_SECONDS = 600.0
LOOK_SECONDS = 1.0
MARGIN_BYTES = 16 << 20
"""For what others write meanwhile, logs above all."""


def require_room(needed_bytes: int, what: str, link: EngineLink, places: list[Path], is_asked_to_end: Callable[[], bool]) -> None:
    """Returns when every place has room. Raises Failure (disk_full): after 10 minutes, or at once where the training is asked to end."""
    began = time.monotonic()
    while lacking := _lacking(needed_bytes + MARGIN_BYTES, places):
        place, free = lacking
        said = f"{what} needs {needed_bytes / 1e6:,.0f} MB, and the disk that holds {place} has {free / 1e6:,.0f} MB free"
        waited = time.monotonic() - began
        if waited >= PATIENCE_SECONDS or is_asked_to_end():
            raise Failure("disk_full", f"{said}: nothing was written, the checkpoints before are whole")
        link.phase("saving", f"{said}: waiting for room since {waited:.0f} s")
        time.sleep(LOOK_SECONDS)


def places_of(link: EngineLink) -> list[Path]:
    """The work folder, and the run folder where that lies on another file system of this machine."""
    folder = os.environ.get("TUNEPLANE_RUN_FOLDER", "")
    run_folder = Path(folder)
    elsewhere = folder.startswith("/") and run_folder.is_dir() and run_folder.stat().st_dev != link.work.stat().st_dev
    return [link.work, run_folder] if elsewhere else [link.work]


def _lacking(needed: int, places: list[Path]) -> tuple[Path, int] | None:
    for place in places:
        free = shutil.disk_usage(place).free
        if free < needed:
            return place, free
    return None
