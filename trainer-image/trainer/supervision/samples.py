"""artifacts/<run>/samples.jsonl: what the model answered, before and while it learned. One small file, put again as it grows."""

import json
import threading
from collections.abc import Mapping, Sequence

from trainer.supervision.clock import Clock
from trainer.supervision.redaction import Redactor
from trainer.supervision.schema_check import load_schema, problem
from trainer.supervision.storage import Storage
from trainer.supervision.strict_json import strict_json

TEXT_CHARACTERS = 400


class SampleBook:
    def __init__(self, clock: Clock, key: str, redactor: Redactor | None = None) -> None:
        self._redactor = redactor or Redactor()
        self.key = key
        self.shipped = 0
        self._clock = clock
        self._rows: list[bytes] = []
        self._lock = threading.Lock()

    def earlier(self, stored: bytes | None, through_step: int) -> None:
        """Rows of earlier attempts up to the step that this one resumes at; what does not parse is left out."""
        lines = (stored or b"").splitlines()
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if problem(row, load_schema("samples-row")) is None and row["step"] <= through_step:
                self._rows.append(line + b"\n")
                self._clock.not_before(row["timestamp"])
        self.shipped = len(self._rows) if len(self._rows) == len(lines) else 0

    def add(self, step: int, items: Sequence[Mapping[str, str | None]]) -> None:
        cut = [{name: text and self._redactor.text(text)[:TEXT_CHARACTERS] for name, text in item.items()} for item in items]
        row = strict_json({"step": step, "timestamp": self._clock.stamp(), "items": cut}) + b"\n"
        with self._lock:
            self._rows.append(row)

    def ship(self, storage: Storage) -> None:
        with self._lock:
            rows = list(self._rows)
        if len(rows) > self.shipped:
            storage.put(self.key, b"".join(rows))
            self.shipped = len(rows)

    def stored(self) -> bytes:
        """What the file holds."""
        with self._lock:
            return b"".join(self._rows[: self.shipped])
