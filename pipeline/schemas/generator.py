"""Makes a JSON Schema in which every field says what it means.

A field's description is what its class says of it under "Attributes:", or else what `words` says of its name: each text
is written once. Numbers that may be NaN or infinite are stored as text then, which pydantic's own schemas do not say.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from pipeline.schemas.words import WORDS

NON_FINITE: Final = ("NaN", "Infinity", "-Infinity")
_HEADING: Final = "Attributes:"
_NONE: Final = re.compile(r"\bNone\b")  # as Python calls it
_ENTRY: Final = re.compile(r" {4}(\w+): (.*)")


class DescribedSchema(GenerateJsonSchema):
    """The schema of configuration: numbers are numbers."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Describes a model and each of its fields."""
        described = super().model_schema(schema)
        cls = schema["cls"]
        described["description"] = summary_of(cls)
        for name, field in described.get("properties", {}).items():
            _describe(field, cls, name)
        return described

    def named_tuple_schema(self, schema: core_schema.NamedTupleSchema) -> JsonSchemaValue:
        """Describes a named tuple, which is stored as an array, and each of its places, whose name is the title."""
        described = super().named_tuple_schema(schema)
        cls = schema["cls"]
        described["description"] = summary_of(cls)
        for field, place in zip(schema["fields"], described["prefixItems"], strict=True):
            place["title"] = field["name"]
            _describe(place, cls, field["name"])
        return described

    def field_title_should_be_set(self, schema: Any) -> bool:
        """No: its name says as much."""
        return False


class RecordSchema(DescribedSchema):
    """The schema of what is stored as a `runners.record.Record`: NaN and infinities are text."""

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        """A number, or text where it may be none that JSON has."""
        number = super().float_schema(schema)
        bounded = "le" in schema or "lt" in schema
        if bounded or not schema.get("allow_inf_nan", True):
            return number
        return {"anyOf": [number, {"enum": list(NON_FINITE)}]}


def summary_of(cls: type) -> str:
    """Returns what a class says of itself, without its attributes; one line."""
    return " ".join((inspect.getdoc(cls) or "").partition(_HEADING)[0].split())


def attributes_of(cls: type) -> dict[str, str]:
    """Returns what a class says of its attributes, by name; each one line."""
    texts: dict[str, list[str]] = {}
    name = None
    for line in _section(inspect.getdoc(cls) or ""):
        entry = _ENTRY.fullmatch(line)
        if entry is not None:
            name = entry[1]
            texts[name] = [entry[2]]
        elif name is not None:
            texts[name].append(line.strip())
    return {name: " ".join(lines) for name, lines in texts.items()}


def _section(doc: str) -> Iterator[str]:
    lines = iter(doc.splitlines())
    for line in lines:
        if line == _HEADING:
            break
    for line in lines:
        if not line.startswith("    "):
            return
        yield line


def _describe(field: JsonSchemaValue, cls: type, name: str) -> None:
    text = attributes_of(cls).get(name) or WORDS.get(name)
    if text is not None:
        field["description"] = _NONE.sub("null", text)
