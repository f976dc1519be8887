"""JSON Schema, the part that the exported schemas use, in the standard library alone (see KEYWORDS).

`problem(value, schema)` gives the first fault as a sentence that names path, value and what is allowed, or None:
    training.hyperparameters.batchSize must be at least 1, got 0
A keyword that is not known here is refused when the schema is loaded, so that an export can never silently check less.
"""

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMAS = Path(__file__).parent.parent / "schemas"
KEYWORDS = frozenset(
    "$schema $ref $defs type properties required additionalProperties propertyNames items minItems maxItems enum const pattern format "
    "anyOf oneOf minimum maximum exclusiveMinimum exclusiveMaximum minLength maxLength description default title".split()
)
Schema = dict[str, Any]
BOUNDS = (
    ("minimum", "at least", lambda value, bound: value >= bound),
    ("maximum", "at most", lambda value, bound: value <= bound),
    ("exclusiveMinimum", "more than", lambda value, bound: value > bound),
    ("exclusiveMaximum", "less than", lambda value, bound: value < bound),
)
LENGTHS = (
    ("minLength", str, "at least {} characters", lambda size, bound: size >= bound),
    ("maxLength", str, "at most {} characters", lambda size, bound: size <= bound),
    ("minItems", list, "at least {} items", lambda size, bound: size >= bound),
    ("maxItems", list, "at most {} items", lambda size, bound: size <= bound),
)


class SchemaError(ValueError):
    """A document that does not meet its schema; the text is the sentence of `problem`."""


@dataclass(frozen=True)
class Fault:
    path: tuple[str, ...]
    sentence: str

    def __str__(self) -> str:
        return f"{'.'.join(self.path) or 'the document'} {self.sentence}"


@functools.cache
def load_schema(name: str) -> Schema:
    """The exported schema `name` ("attempt-spec"); raises ValueError when it uses a keyword that is not checked here."""
    schema: Schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    _refuse_unknown_keywords(schema, name)
    return schema


def check(value: Any, name: str) -> Any:
    """`value` itself; raises SchemaError when it does not meet the exported schema `name`."""
    found = problem(value, load_schema(name))
    if found:
        raise SchemaError(found)
    return value


def problem(value: Any, schema: Schema) -> str | None:
    fault = next(_faults(value, schema, schema, ()), None)
    return str(fault) if fault else None


def _faults(value: Any, schema: Schema, root: Schema, path: tuple[str, ...]) -> Iterator[Fault]:
    if "$ref" in schema:
        yield from _faults(value, _resolve(schema["$ref"], root), root, path)
    if "type" in schema and not any(_is_type(value, name) for name in _types(schema)):
        yield Fault(path, f"must be {' or '.join(_types(schema))}, got {_show(value)}")
        return
    if "const" in schema and value != schema["const"]:
        yield Fault(path, f"must be {_show(schema['const'])}, got {_show(value)}")
    if "enum" in schema and value not in schema["enum"]:
        yield Fault(path, f"must be one of {', '.join(map(str, schema['enum']))}, got {_show(value)}")
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value, re.ASCII):
        yield Fault(path, f"must match {schema['pattern'] if len(schema['pattern']) < 60 else 'its pattern'}, got {_show(value)}")
    if _is_type(value, "number"):
        for keyword, words, holds in BOUNDS:
            if keyword in schema and not holds(value, schema[keyword]):
                yield Fault(path, f"must be {words} {schema[keyword]}, got {_show(value)}")
    for keyword, kind, words, holds in LENGTHS:
        if keyword in schema and isinstance(value, kind) and not holds(len(value), schema[keyword]):
            yield Fault(path, f"must have {words.format(schema[keyword])}, got {len(value)}")
    for branches in (schema.get("anyOf"), schema.get("oneOf")):
        if branches:
            yield from _faults_of_branches(value, branches, root, path)
    if isinstance(value, dict):
        yield from _faults_of_object(value, schema, root, path)
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from _faults(item, schema["items"], root, (*path, str(index)))


def _faults_of_object(value: dict[str, Any], schema: Schema, root: Schema, path: tuple[str, ...]) -> Iterator[Fault]:
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield Fault((*path, name), "is missing")
    for name, item in value.items():
        if name in properties:
            yield from _faults(item, properties[name], root, (*path, name))
            continue
        rest = schema.get("additionalProperties", True)
        if rest is False:
            yield Fault((*path, name), f"is not known here; known are {', '.join(properties)}")
        elif rest is not True:
            yield from _faults(item, rest, root, (*path, name))
    if "propertyNames" in schema:
        for name in value:
            yield from _faults(name, schema["propertyNames"], root, (*path, name))


def _faults_of_branches(value: Any, branches: list[Schema], root: Schema, path: tuple[str, ...]) -> Iterator[Fault]:
    """`oneOf` is read as `anyOf`: the exported ones are told apart by a const, so no value can meet two.

    The fault told is that of the branch that was meant: of the value's type, and with the same constants (`kind`).
    """
    if any(next(_faults(value, branch, root, path), None) is None for branch in branches):
        return
    likely = [branch for branch in branches if any(_is_type(value, name) for name in _types(branch))]
    if not likely:
        types = dict.fromkeys(name for branch in branches for name in _types(branch))
        yield Fault(path, f"must be {' or '.join(types)}, got {_show(value)}")
        return
    if isinstance(value, dict):
        constants = [{name: part["const"] for name, part in branch["properties"].items() if "const" in part} for branch in likely]
        meant = [branch for branch, wanted in zip(likely, constants, strict=True) if wanted.items() <= value.items()]
        if not meant:
            name = next(iter(constants[0]))
            allowed = ", ".join(_show(wanted[name]) for wanted in constants)
            yield Fault((*path, name), f"must be one of {allowed}, got {_show(value[name])}" if name in value else "is missing")
            return
        likely = meant
    yield max((next(_faults(value, branch, root, path)) for branch in likely), key=lambda fault: len(fault.path))


def _types(schema: Schema) -> list[str]:
    return schema["type"] if isinstance(schema["type"], list) else [schema["type"]]


def _resolve(reference: str, root: Schema) -> Schema:
    node: Any = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        node = node[part.replace("~1", "/").replace("~0", "~")] if part else node
    return node


def _is_type(value: Any, name: str) -> bool:
    if name in ("number", "integer"):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return is_number and (name == "number" or isinstance(value, int) or value.is_integer())
    kinds = {"string": str, "boolean": bool, "null": type(None), "array": list, "object": dict}
    return isinstance(value, kinds[name])


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 120 else f"{text[:117]}..."


def _refuse_unknown_keywords(schema: Schema, name: str) -> None:
    unknown = set(schema) - KEYWORDS
    if unknown:
        raise ValueError(f"schema {name} uses {', '.join(sorted(unknown))}, which schema_check does not check")
    children = [
        *schema.get("properties", {}).values(),
        *schema.get("$defs", {}).values(),
        *schema.get("anyOf", ()),
        *schema.get("oneOf", ()),
    ]
    children += [schema[key] for key in ("items", "additionalProperties", "propertyNames") if isinstance(schema.get(key), dict)]
    for child in children:
        _refuse_unknown_keywords(child, name)
