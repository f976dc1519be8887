"""The log of one attempt: lines numbered from 1, stamped, cut at 8 KiB, with a level read from the text."""

import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from trainer.supervision.chunks import ChunkedRows
from trainer.supervision.clock import Clock
from trainer.supervision.redaction import Redactor
from trainer.supervision.storage import Storage

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]

MESSAGE_BYTES = 8_192
EVIDENCE_LINES = 30
WAITING_BYTES = 64 << 20
"""Kept in memory when the spool's disk is full as well: 64 MiB are some 500,000 lines of 130 bytes."""

CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
ROOT_CAUSE = re.compile(r"^\s+(rank|exitcode)\s+: (-?\d+)")
RANK = re.compile(r"^\[(?:default|rank)(\d+)\]:")
LEVEL = re.compile(
    r"^\W{0,3}(?:[\d:.,TZ/+ -]{6,40}\W{1,5})?(?:[\w.]+(?: - |:))?\W{0,3}(DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL|FATAL)\b(?=[\]:| \t-]|$)"
)
PYTHON_WARNING = re.compile(r"\b[A-Z]\w*Warning: ")
TRACEBACK = "Traceback (most recent call last):"
FATAL = "Fatal Python error: "
LEVELS: dict[str, Level] = {"DEBUG": "DEBUG", "INFO": "INFO", "WARN": "WARNING", "WARNING": "WARNING", "ERROR": "ERROR"}


class LogBook:
    def __init__(self, clock: Clock, key_of: Callable[[int], str], spool: Path | None = None, redactor: Redactor | None = None) -> None:
        self._redactor = redactor or Redactor()
        self.rows = ChunkedRows(key_of, spool)
        self._newest: deque[str] = deque(maxlen=EVIDENCE_LINES)
        self.last_at: str | None = None
        self._clock = clock
        self._dropped = 0
        self._lock = threading.Lock()

    def add(self, level: Level, message: str, rank: int = 0) -> None:
        with self._lock:
            if self.rows.held_bytes > WAITING_BYTES:
                self._dropped += 1
                return
            if self._dropped:
                self._append("WARNING", f"{self._dropped:,} lines dropped while the storage took nothing", 0)
                self._dropped = 0
            self._append(level, message, rank)

    def ship(self, storage: Storage) -> None:
        self.rows.ship(storage)

    def evidence(self) -> list[str]:
        with self._lock:
            return list(self._newest)

    def _append(self, level: Level, message: str, rank: int) -> None:
        self.last_at = self._clock.stamp()
        message = cut(self._redactor.text(message))
        self._newest.append(message)
        self.rows.append({"line": self.rows.count + 1, "timestamp": self.last_at, "level": level, "rank": rank, "message": message})


def cut(message: str, whole_bytes: int | None = None) -> str:
    """At most 8 KiB of UTF-8, whole characters, saying how long it was."""
    data = message.encode("utf-8", "replace")
    if len(data) <= MESSAGE_BYTES and whole_bytes is None:
        return message
    note = f" [cut, {whole_bytes or len(data):,} bytes]"
    return data[: MESSAGE_BYTES - len(note)].decode("utf-8", "ignore") + note


class LineReader:
    """One output stream of the engine: bytes in, (level, message, rank) out. Remembers the last line of the last traceback."""

    def __init__(self) -> None:
        self.last_exception: str | None = None
        self.first_failed_rank: int | None = None
        self.first_failed_exit: int | None = None
        """of torchrun's summary"""
        self._in_root_cause = False
        self._kept = bytearray()
        self._size = 0
        self._in_traceback = False

    def feed(self, data: bytes) -> Iterator[tuple[Level, str, int]]:
        *whole, rest = data.split(b"\n")
        for piece in whole:
            self._keep(piece)
            yield from self._line()
        self._keep(rest)

    def end(self) -> Iterator[tuple[Level, str, int]]:
        if self._size:
            yield from self._line()

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        self._kept += piece[: 4 * MESSAGE_BYTES - len(self._kept)]

    def _line(self) -> Iterator[tuple[Level, str, int]]:
        kept, size = bytes(self._kept), self._size
        self._kept.clear()
        self._size = 0
        shown = kept.removesuffix(b"\r").rpartition(b"\r")[2]  # a progress bar redraws itself: its last state counts, as on a terminal
        text = CONTROL_SEQUENCE.sub("", shown.decode("utf-8", "replace")).rstrip()
        if not text:
            return
        self._look_for_root_cause(text)
        named = RANK.match(text)
        message = cut(text, size) if size > len(kept) else text
        yield self._level(text[named.end() :].lstrip() if named else text), message, int(named[1]) if named else 0

    def _look_for_root_cause(self, text: str) -> None:
        self._in_root_cause |= text.startswith("Root Cause (first observed failure)")
        found = self._in_root_cause and ROOT_CAUSE.match(text)
        if found and found[1] == "rank":
            self.first_failed_rank = int(found[2])
        elif found:
            self.first_failed_exit, self._in_root_cause = int(found[2]), False

    def _level(self, text: str) -> Level:
        if text.startswith(TRACEBACK):
            self._in_traceback = True
            return "ERROR"
        if text.startswith(FATAL):
            self.last_exception = text
            return "CRITICAL"
        if self._in_traceback:
            if not text.startswith((" ", "\t")):
                self._in_traceback = False
                self.last_exception = text
            return "ERROR"
        return level_of(text)


def level_of(text: str) -> Level:
    """The level that a line names near its beginning, in the ways of logging, transformers, torchrun and warnings; else INFO."""
    found = LEVEL.match(text[:120])
    if found:
        return LEVELS.get(found[1], "CRITICAL")
    if PYTHON_WARNING.search(text[:400]):
        return "WARNING"
    return "INFO"
