"""What a JSON Schema lets a field hold, in words for a cell of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Schema = Mapping[str, Any]
DEFINITIONS: Final = "#/$defs/"
_KINDS: Final = {
    "boolean": "true or false",
    "integer": "whole number",
    "null": "null",
    "number": "number",
    "string": "text",
}


def holds(schema: Schema, linked: bool) -> str:
    """Returns what a schema allows; records are named, as links to their headings where `linked`."""
    if "$ref" in schema:
        return record(schema["$ref"].removeprefix(DEFINITIONS), linked)
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " or ".join(dict.fromkeys(holds(one, linked) for one in schema[choice]))
    if "enum" in schema or "const" in schema:
        return " or ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    return _of_kind(schema, linked)


def record(name: str, linked: bool) -> str:
    """Returns the name of a record, as a link to its heading where `linked`."""
    return f"[{name}](#{name.lower()})" if linked else "mapping"


def _of_kind(schema: Schema, linked: bool) -> str:
    kind = schema.get("type")
    if kind == "array":
        entries = schema.get("items") or schema.get("prefixItems", [{}])[0]
        return f"list of {holds(entries, linked)}"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"mapping to {holds(values, linked)}" if isinstance(values, Mapping) else "mapping"
    return _KINDS.get(str(kind), "anything") + _bounds(schema)


def _bounds(schema: Schema) -> str:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    above = "above " if "exclusiveMinimum" in schema else ""
    high = schema.get("maximum")
    return "" if low is None or high is None else f", {above}{low:g} to {high:,}"
