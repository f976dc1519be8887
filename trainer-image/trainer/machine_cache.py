"""What every run of this machine may need again: bases and data that were fetched, rows that were tokenised. By content: an entry's key
says what is in it, so there is nothing to invalidate.

    <cache>/entries/<kind>/<key>/        made whole under another name (.<key>.making), then renamed
    <cache>/entries/locks/<kind>-<key>   held shared by who uses the entry, alone by who makes or removes it: by the kernel, so that a
                                         crash frees it
    <cache>/huggingface/hub/models--*    the hub's own cache, which knows its contents by hash as well: removed by the same rules

Two runs at once make an entry once: the second waits. When the whole is larger than the limit (TUNEPLANE_CACHE_BYTES, else half of the
disk), entries that nobody uses go, the longest unused first.
"""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

WAIT_SECONDS = 0.2
MAKING = ".making"
Report = Callable[[str, float | None], None]


@dataclass(frozen=True)
class Found:
    folder: Path
    hit: bool
    """it was there already, made by an earlier run or by another that is at it now"""


class MachineCache:
    """Entries stay locked against removal for as long as this object lives; the process's end frees them."""

    def __init__(self, cache: Path, limit_bytes: int | None = None) -> None:
        self._cache = cache
        self._entries = cache / "entries"
        self._locks = self._entries / "locks"
        told = os.environ.get("TUNEPLANE_CACHE_BYTES")
        self._limit = limit_bytes if limit_bytes is not None else int(told) if told else None
        self._held: dict[str, IO[str]] = {}

    def entry(
        self,
        kind: str,
        key: str,
        make: Callable[[Path], None],
        report: Report = lambda detail, fraction: None,
        *,
        goes_on: bool = False,
    ) -> Found:
        """The folder of `key`, made where it is missing by `make(empty folder)`, whose exceptions leave nothing behind.

        `goes_on`: `make` is given what an earlier one left, which broke off or was killed, and goes on from there.
        """
        folder = self._entries / kind / key
        lock = self._open(f"{kind}-{key}")
        _take(
            lock, fcntl.LOCK_SH, lambda seconds: report(f"waiting for another run that fetches {kind} {key[:12]} ({seconds:.0f} s)", None)
        )
        hit = folder.is_dir()
        if not hit:
            fcntl.flock(lock, fcntl.LOCK_UN)
            _take(
                lock,
                fcntl.LOCK_EX,
                lambda seconds: report(f"waiting for another run that fetches {kind} {key[:12]} ({seconds:.0f} s)", None),
            )
            hit = folder.is_dir()
            if not hit:
                self._make(folder, make, goes_on)
        os.utime(folder)
        fcntl.flock(lock, fcntl.LOCK_SH)
        if not hit:
            self.evict()
        return Found(folder, hit)

    def use(self, folder: Path) -> None:
        """Keeps a folder of the hub's cache (models--org--name) from being removed while this process lives."""
        lock = self._open(f"hub-{folder.name}")
        _take(lock, fcntl.LOCK_SH, lambda seconds: None)
        with contextlib.suppress(OSError):
            os.utime(folder)

    def evict(self) -> list[Path]:
        """Removes what is too much; gives what was removed. What is in use stays, whatever the limit says."""
        entries = sorted(self._all(), key=lambda found: found[2])
        total, limit = sum(size for _, size, _ in entries), self._limit_bytes()
        removed = []
        for folder, size, _ in entries:
            if total <= limit:
                break
            if self._remove(folder):
                removed.append(folder)
                total -= size
        return removed

    def _make(self, folder: Path, make: Callable[[Path], None], goes_on: bool) -> None:
        """With the lock held alone."""
        making = folder.with_name(f".{folder.name}{MAKING}")
        if not goes_on:
            shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True, exist_ok=True)
        try:
            make(making)
        except BaseException:
            if not goes_on:
                shutil.rmtree(making, ignore_errors=True)
            raise
        making.rename(folder)

    def _remove(self, folder: Path) -> bool:
        name = self._lock_name(folder)
        if name in self._held:
            return False
        with open(self._locks / name, "a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            gone = folder.with_name(f".{folder.name}.gone-{os.getpid()}")
            with contextlib.suppress(FileNotFoundError):
                folder.rename(gone)
                shutil.rmtree(gone, ignore_errors=True)
            return True

    def _all(self) -> Iterator[tuple[Path, int, float]]:
        """(folder, bytes, when it was last used)"""
        kinds = [path for path in self._entries.glob("*") if path.is_dir() and path != self._locks]
        hub = self._cache / "huggingface" / "hub"
        entries = [entry for kind in kinds for entry in (*kind.glob("[!.]*"), *kind.glob(f".*{MAKING}"))]
        for folder in [*entries, *hub.glob("models--*"), *hub.glob("datasets--*")]:
            with contextlib.suppress(OSError):
                yield folder, _bytes_below(folder), folder.stat().st_mtime

    def _lock_name(self, folder: Path) -> str:
        kind = "hub" if folder.parent.name == "hub" else folder.parent.name
        return f"{kind}-{folder.name.removeprefix('.').removesuffix(MAKING)}"

    def _limit_bytes(self) -> int:
        return self._limit if self._limit is not None else shutil.disk_usage(self._cache).total // 2

    def _open(self, name: str) -> IO[str]:
        self._locks.mkdir(parents=True, exist_ok=True)
        if name not in self._held:
            self._held[name] = open(self._locks / name, "a")  # noqa: SIM115 (held open for as long as the entry is used)
        return self._held[name]


def _take(lock: IO[str], kind: int, on_wait: Callable[[float], None]) -> None:
    began = time.monotonic()
    while True:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            on_wait(time.monotonic() - began)
            time.sleep(WAIT_SECONDS)


def _bytes_below(folder: Path) -> int:
    """What the folder takes on the disk; links of the hub's snapshots lead to blobs that are counted themselves."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
