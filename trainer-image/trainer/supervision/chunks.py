"""Rows in chunks: chunk n holds exactly the rows 1,000(n-1)+1 .. 1,000n; only the newest is put again as it grows.

Rows stay in memory until a put that holds them has succeeded, so a storage that fails for an hour costs memory and nothing else.
"""

import threading
from collections.abc import Callable

from trainer.supervision.storage import FolderStorage
from trainer.supervision.strict_json import strict_json

CHUNK_ROWS = 1_000


class ChunkedRows:
    def __init__(self, key_of: Callable[[int], str]) -> None:
        self._key_of = key_of
        self._chunks: dict[int, list[bytes]] = {}
        self._lock = threading.Lock()
        self.count = 0
        self.shipped = 0
        self.waiting_bytes = 0

    def append(self, row: dict[str, object]) -> None:
        data = strict_json(row) + b"\n"
        with self._lock:
            self.count += 1
            self.waiting_bytes += len(data)
            self._chunks.setdefault((self.count - 1) // CHUNK_ROWS + 1, []).append(data)

    def ship(self, storage: FolderStorage) -> None:
        """Puts every chunk with rows that are not stored yet, oldest first; raises OSError, with what was stored before it counted."""
        with self._lock:
            numbers = sorted(self._chunks)
        for number in numbers:
            with self._lock:
                rows = list(self._chunks[number])
            first = (number - 1) * CHUNK_ROWS
            if first + len(rows) > self.shipped:
                storage.put(self._key_of(number), b"".join(rows))
                with self._lock:
                    self.waiting_bytes -= sum(len(row) for row in rows[self.shipped - first :])
                    self.shipped = first + len(rows)
            if len(rows) == CHUNK_ROWS:
                with self._lock:
                    del self._chunks[number]
