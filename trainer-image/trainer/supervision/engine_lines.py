"""The lines that an engine may say (README.md, "Engine protocol"), each with its schema. Only here NaN and Infinity may appear."""

import json
from typing import Any

from trainer.supervision.schema_check import Schema, load_schema, problem

STEP: Schema = {"type": "integer", "minimum": 0}
STEPS: Schema = {"type": ["integer", "null"], "minimum": 0}
NUMBER: Schema = {"type": ["number", "null"]}
TEXT: Schema = {"type": "string"}
TEXTS: Schema = {"type": "object", "additionalProperties": TEXT}
NUMBERS: Schema = {"type": "object", "additionalProperties": NUMBER}


def _record(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    return {"type": "object", "properties": {**required, **(optional or {})}, "required": list(required)}


def _exported(document: str, definition: str, name: str) -> Schema:
    return load_schema(document)["$defs"][definition]["properties"][name]


def _about_checkpoint() -> Schema:
    names = ("worldSize", "globalBatch", "precision", "versions", "base", "dataFingerprint", "configHash")
    return _record({name: _exported("checkpoint-record", "CheckpointRecord", name) for name in names})


LINES: dict[str, Schema] = {
    "phase": _record(
        {"phase": _exported("progress", "Progress", "phase")},
        {"detail": {"type": ["string", "null"]}, "fraction": _exported("progress", "Progress", "phaseFraction")},
    ),
    "progress": _record({"step": STEP, "steps": STEPS}, {"epoch": NUMBER}),
    "metrics": _record({"step": STEP, "values": NUMBERS}, {"epoch": NUMBER}),
    "checkpoint": _record(
        {
            "step": STEP,
            "reason": _exported("checkpoint-record", "CheckpointRecord", "reason"),
            "folder": TEXT,
            "metrics": NUMBERS,
            "about": _about_checkpoint(),
        },
        {"epoch": NUMBER, "seconds": NUMBER},
    ),
    "samples": _record({"step": STEP, "items": _exported("samples-row", "SamplesRow", "items")}),
    "artifacts": _record(
        {"folder": TEXT, "kind": load_schema("manifest")["$defs"]["Manifest"]["properties"]["files"]["items"]["properties"]["kind"]}
    ),
    "choice": _record({"name": TEXT, "value": TEXT, "reason": TEXT}),
    "about": _record(
        {}, {"base": {"anyOf": [_exported("checkpoint-record", "CheckpointRecord", "base"), {"type": "null"}]}, "versions": TEXTS}
    ),
    "outcome": _record(
        {
            "outcome": {"type": "string", "enum": ["completed", "stopped", "paused", "failed"]},
            "step": STEP,
            "steps": STEPS,
            "metrics": NUMBERS,
        },
        {
            "failure": {"anyOf": [_record({"code": TEXT, "message": TEXT}), {"type": "null"}]},
            "result": _exported("manifest", "Manifest", "result"),
        },
    ),
}


def parse_line(data: bytes) -> dict[str, Any]:
    """One line of the engine's pipe; raises ValueError with a sentence for people."""
    try:
        line = json.loads(data)
    except ValueError as error:
        raise ValueError(f"the engine said something that is not JSON: {data[:200]!r}") from error
    kind = line.get("type") if isinstance(line, dict) else None
    schema = LINES.get(kind) if isinstance(kind, str) else None
    if schema is None:
        raise ValueError(f"the engine said a line of unknown type {kind!r}; known are {', '.join(LINES)}")
    fault = problem(line, schema)
    if fault:
        raise ValueError(f"the engine's {kind} line: {fault}")
    return line
