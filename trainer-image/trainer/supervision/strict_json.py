"""Run files are strict JSON: a number that is not finite becomes null, and its name is told beside it."""

import json
import math
from collections.abc import Mapping


def strict_json(value: object) -> bytes:
    """One line of UTF-8 JSON; raises ValueError where a number that is not finite was left in. Lone surrogates become `?`."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def finite_numbers(values: Mapping[str, float | None]) -> tuple[dict[str, float | None], list[str]]:
    """The values with null for what is not finite, and the names of those."""
    non_finite = [name for name, value in values.items() if value is not None and not math.isfinite(value)]
    return {name: None if name in non_finite else value for name, value in values.items()}, non_finite
