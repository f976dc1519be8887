"""What is built once on a machine and kept in the cache: whole or not there, by one process at a time, under a name that says from what."""

import fcntl
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

Report = Callable[[str, float | None], None]
PAUSE_SECONDS = 0.5


def build_once(folder: Path, what: str, build: Callable[[Path], None], report: Report) -> Path:
    """`folder`, made by `build` where it is missing; an exception of `build` leaves nothing behind.

    Two runs at once build it once: the second waits on a lock of the kernel.
    """
    if folder.is_dir():
        return folder
    cache = folder.parent
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / f"{folder.name}.lock", "w") as lock:
        began = time.monotonic()
        while not _take(lock):
            report(f"waiting for another run that builds {what} ({time.monotonic() - began:.0f} s)", None)
            time.sleep(PAUSE_SECONDS)
        if not folder.is_dir():
            for left_behind in cache.glob(f"{folder.name}.building-*"):
                shutil.rmtree(left_behind)
            building = cache / f"{folder.name}.building-{os.getpid()}"
            building.mkdir()
            try:
                build(building)
            except BaseException:
                shutil.rmtree(building)
                raise
            for file in building.rglob("*"):
                if file.is_file():
                    file.chmod(0o644)  # safetensors leaves 0600; other users of this machine read the cache too
                _sync(file)
            _sync(building)
            building.rename(folder)
            _sync(cache)
    return folder


def _take(lock) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
