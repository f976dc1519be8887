"""What earlier attempts of the run left, for one that goes on from a checkpoint: nothing trained after that checkpoint counts."""

import json
from typing import TypeGuard

from trainer.supervision.attempt import Attempt
from trainer.supervision.clock import Clock
from trainer.supervision.storage import Storage


def earlier_points(storage: Storage, attempt: Attempt, through_step: int) -> list[tuple[int, str, float]]:
    """(step, name, value) of earlier attempts up to `through_step`, by step. Where attempts trained a step twice the highest counts."""
    found: dict[tuple[int, str], float] = {}
    for number in range(1, attempt.number):
        for key in storage.keys(f"metrics/{attempt.run_id}-{number:04d}-"):
            for line in (storage.get(key) or b"").splitlines():
                row = _parse(line)
                step = row.get("step")
                if isinstance(step, int) and step <= through_step:
                    found |= {(step, name): value for name, value in _series(row).items() if name != "step" and _is_number(value)}
    return [(step, name, value) for (step, name), value in sorted(found.items())]


def _series(row: dict[str, object]) -> dict[str, object]:
    """The row's fields with its time as a number; a time that does not parse is left out, as a line is."""
    try:
        return {**row, "timestamp": Clock.seconds(str(row.get("timestamp")))}
    except ValueError:
        return row


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _parse(line: bytes) -> dict[str, object]:
    try:
        row = json.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}
