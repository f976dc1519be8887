"""Rows in chunks: chunk n holds exactly the rows 1,000(n-1)+1 .. 1,000n; only the newest is put again as it grows.

Rows wait until a put that holds them has succeeded: the newest in memory, and, while a storage takes nothing, full chunks in the spool
folder, so that an outage of hours costs some megabytes of disk and nothing else.
"""

import threading
from collections.abc import Callable
from pathlib import Path

from trainer.supervision.storage import Storage
from trainer.supervision.strict_json import strict_json

CHUNK_ROWS = 1_000
WAITING_CHUNKS = 4
"""Full chunks kept in memory before they are spooled: 4,000 lines of 130 bytes are half a megabyte."""


class ChunkedRows:
    """`spool`: a folder of its own, made when it is needed; None: everything waits in memory."""

    def __init__(self, key_of: Callable[[int], str], spool: Path | None = None) -> None:
        self._key_of = key_of
        self._spool = spool
        self._chunks: dict[int, list[bytes]] = {}
        self._spooled: set[int] = set()
        self._lock = threading.Lock()
        self.count = 0
        self.shipped = 0
        self.waiting_bytes = 0
        self.held_bytes = 0
        """in memory"""

    def append(self, row: dict[str, object]) -> None:
        data = strict_json(row) + b"\n"
        with self._lock:
            self.count += 1
            self.waiting_bytes += len(data)
            self.held_bytes += len(data)
            self._chunks.setdefault((self.count - 1) // CHUNK_ROWS + 1, []).append(data)
            if self._spool and self.count % CHUNK_ROWS == 0 and len(self._chunks) > WAITING_CHUNKS:
                self._spool_oldest(self._spool)

    def ship(self, storage: Storage) -> None:
        """Puts every chunk with rows that are not stored yet, oldest first; raises OSError, with what was stored before it counted."""
        with self._lock:
            numbers = sorted({*self._chunks, *self._spooled})
        for number in numbers:
            rows = self._rows_of(number)
            first = (number - 1) * CHUNK_ROWS
            if first + len(rows) > self.shipped:
                storage.put(self._key_of(number), b"".join(rows))
                with self._lock:
                    self.waiting_bytes -= sum(len(row) for row in rows[self.shipped - first :])
                    self.shipped = first + len(rows)
            if len(rows) == CHUNK_ROWS:
                self._forget(number)

    def _rows_of(self, number: int) -> list[bytes]:
        with self._lock:
            if number in self._chunks:
                return list(self._chunks[number])
            return self._file(number).read_bytes().splitlines(keepends=True)

    def _spool_oldest(self, spool: Path) -> None:
        """A disk that takes nothing either leaves them in memory, where LogBook's limit holds."""
        number = min(self._chunks)
        try:
            spool.mkdir(parents=True, exist_ok=True)
            self._file(number).write_bytes(b"".join(self._chunks[number]))
        except OSError:
            return
        self._drop(number)
        self._spooled.add(number)

    def _forget(self, number: int) -> None:
        with self._lock:
            self._drop(number)
            if number in self._spooled:
                self._spooled.discard(number)
                self._file(number).unlink(missing_ok=True)

    def _file(self, number: int) -> Path:
        assert self._spool
        return self._spool / f"{number:08d}.jsonl"

    def _drop(self, number: int) -> None:
        self.held_bytes -= sum(map(len, self._chunks.pop(number, [])))
