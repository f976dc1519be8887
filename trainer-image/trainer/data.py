"""Training data: read, check every row before anything is trained, split. Needs no torch, so a bad row is told within a second.

A row is named by its place, "examples/bad.jsonl line 17" (lines and rows count from 1), never by its text.

    python -m trainer.data check FILE [--base BASE]      the same, for a person, before a run is made (data_check.py)
"""

import hashlib
import io
import json
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.failure import Failure
from trainer.row_formats import SHAPES, Row, detect_format, fault_of, unlike

# The eval split does not follow the run's seed: two runs with other seeds stay comparable.
SPLIT_SEED = 0


@dataclass(frozen=True)
class Data:
    format: str
    train: list[Row]
    eval: list[Row]
    text_field: str
    fingerprint: str


def load(training: dict[str, Any], hub_rows: Iterator[tuple[str, str, Row]] | None = None) -> Data:
    """Rows of `training.dataset`, all of them checked.

    `hub_rows` gives (split, place, row) where the data set is one of the hub's.
    Raises Failure: data_row_invalid, dataset_format_unknown, data_unreachable, data_changed.
    """
    dataset, hyperparameters = training["dataset"], training["hyperparameters"]
    text_field, row_format = hyperparameters["datasetTextField"], training["datasetFormat"]
    splits: dict[str, list[Row]] = {"train": [], "eval": []}
    faults: list[str] = []
    for split, place, row in hub_rows if hub_rows is not None else _file_rows(dataset):
        if row_format is None and isinstance(row, dict):
            row_format = detect_format(row, text_field) or _unknown_format(place, row)
        first = splits["train"] or splits["eval"]
        fault = fault_of(row, row_format or "alpaca", text_field) or (first and unlike(row, first[0], row_format))
        if fault:
            faults.append(f"{place}: {fault}")
        else:
            splits[split].append(row)
    if faults:
        more = f" (and {len(faults) - 1} more bad rows)" if len(faults) > 1 else ""
        raise Failure("data_row_invalid", faults[0] + more)
    name = dataset["uri"] if dataset["kind"] == "files" else dataset["id"]
    if not splits["train"]:
        raise Failure("data_row_invalid", f"{name} holds no training rows")
    _require_fitting(row_format, training["method"], name)
    train, held_out = splits["train"], splits["eval"]
    if not held_out:
        train, held_out = _split(train, hyperparameters["evalSplit"])
    return Data(row_format or "alpaca", train, held_out, text_field, _fingerprint(row_format, train, held_out))


def _require_fitting(row_format: str | None, method: str, name: str) -> None:
    if (method == "dpo") == (row_format == "preference"):
        return
    if method == "dpo":
        said = f"method dpo learns from preference rows (prompt, chosen, rejected); those of {name} are {row_format} rows"
    else:
        said = f"{name} holds preference rows (prompt, chosen, rejected), which method {method} cannot learn from: ask for method dpo"
    raise Failure("dataset_format_unknown", said)


def _unknown_format(place: str, row: Row) -> str:
    fields = ", ".join(sorted(map(str, row))[:12]) or "none"
    raise Failure("dataset_format_unknown", f"{place} has the fields {fields}; known formats: {'; '.join(SHAPES.values())}")


def _split(rows: list[Row], ratio: float) -> tuple[list[Row], list[Row]]:
    """Order stays as in the file; at least one row on either side where a split is asked for and there are two rows."""
    count = min(max(1, round(len(rows) * ratio)), len(rows) - 1) if ratio > 0 else 0
    chosen = set(random.Random(SPLIT_SEED).sample(range(len(rows)), count))
    return [row for i, row in enumerate(rows) if i not in chosen], [row for i, row in enumerate(rows) if i in chosen]


def _fingerprint(row_format: str | None, train: list[Row], held_out: list[Row]) -> str:
    digest = hashlib.sha256(str(row_format).encode())
    for rows in (train, held_out):
        digest.update(b"|")
        for row in rows:
            digest.update(json.dumps(row, sort_keys=True, default=str).encode() + b"\n")
    return digest.hexdigest()


def _file_rows(dataset: dict[str, Any]) -> Iterator[tuple[str, str, Row]]:
    for file in dataset["files"]:
        name = _name(dataset["uri"], file["path"])
        for place, row in _rows(name, _pinned_bytes(name, file)):
            yield file["split"], place, row


def _name(uri: str, path: str) -> str:
    """As the user named it: a file's own URI, or the folder's and the file's path in it."""
    return uri if uri == path or uri.endswith("/" + path) else f"{uri.rstrip('/')}/{path}"


def _pinned_bytes(name: str, file: dict[str, Any]) -> bytes:
    """The file's bytes, which must be those that the run was created with."""
    if "://" in file["location"]:
        raise Failure("data_unreachable", f"{name} is at {file['location']}, which this trainer cannot read: it reads local files")
    try:
        content = Path(file["location"]).read_bytes()
    except OSError as error:
        raise Failure("data_unreachable", f"{name} cannot be read: {error.strerror or error}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != file["sha256"]:
        raise Failure("data_changed", f"{name} has changed since the run was made: SHA-256 was {file['sha256'][:12]}, is {found[:12]}")
    return content


def _rows(name: str, content: bytes) -> Iterator[tuple[str, Any]]:
    if name.endswith(".parquet"):
        yield from _parquet_rows(name, content)
        return
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Failure("data_row_invalid", f"{name} line {line}: not UTF-8 text") from error
    if not text.strip():
        raise Failure("data_row_invalid", f"{name} is empty")
    # Also a file named .jsonl may hold one array; and a file named .json may hold lines.
    yield from _array_rows(name, text) if text.lstrip().startswith("[") else _line_rows(name, text)


def _line_rows(name: str, text: str) -> Iterator[tuple[str, Any]]:
    # Not splitlines(): that also cuts at U+2028, which JSON may hold unescaped.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            place = f"{name} line {number}"
            yield place, _parse(place, line)


def _array_rows(name: str, text: str) -> Iterator[tuple[str, Any]]:
    for number, row in enumerate(_parse(name, text), start=1):
        yield f"{name} row {number}", row


def _parse(place: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        where = ""
        if isinstance(error, json.JSONDecodeError):
            line = f"line {error.lineno}, " if error.lineno > 1 or " line " not in place else ""
            where = f": {error.msg} at {line}column {error.colno}"
        raise Failure("data_row_invalid", f"{place}: not JSON{where}") from error


def _parquet_rows(name: str, content: bytes) -> Iterator[tuple[str, Any]]:
    import pyarrow
    import pyarrow.parquet

    try:
        number = 0
        for batch in pyarrow.parquet.ParquetFile(io.BytesIO(content)).iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield f"{name} row {number}", row
    except pyarrow.ArrowException as error:
        raise Failure("data_row_invalid", f"{name}: not a Parquet file that can be read") from error


if __name__ == "__main__":
    from trainer.data_check import main

    sys.exit(main())
