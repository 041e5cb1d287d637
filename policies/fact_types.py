"""What a rule of an organisation says of the facts, checked against their fields and types before it is ever asked.

A misspelt field is no error of CEL's where the facts are plain JSON: the rule has no answer then, and every kernel is
inconclusive. So an expression is read a second time, with the facts declared as protobuf messages, which is how the
library takes types of fields. Verdicts do not depend on that: rules are asked as they always were.

Two kinds of errors count: a field that there is not, and an operation on scalars that never has an answer. Others are
of the messages and not of the facts, which are maps (`'seed' in evidence.properties` is fine), or of numbers, which
compare across their types. A field that is one of several records has the fields of all of them. A number with a
fraction has no type here, because NaN is text.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import struct_pb2, wrappers_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool

from policies.organisation import Facts
from policies.organisation_rules import VARIABLES

if TYPE_CHECKING:
    from cel_expr_python import cel

_PACKAGE: Final = "facts"
_NEAR: Final = 0.5
_TOLD: Final = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)$", re.MULTILINE)
_UNDEFINED: Final = re.compile(r"undefined field '([^']+)' not found in struct '([^']+)'")
_UNFIT: Final = re.compile(r"found no matching overload for '([^']+)' applied to '\((.*)\)'")
_SCALARS: Final = re.compile(r"(?:int|string|bool|null|wrapper|list|[(), ])+")


@dataclass(slots=True)
class _Shape:
    """What is known of one value: the scalars that it can be, the fields that it has, and what it holds.

    Attributes:
        scalars: JSON's names of the types.
        fields: Those of every record that it can be.
        items: Of a list.
        values: Of a mapping whose keys are not fixed.
        is_open: Nothing more can be said.
    """

    scalars: set[str] = field(default_factory=set)
    fields: dict[str, list[Any]] = field(default_factory=dict)
    items: list[Any] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    is_open: bool = False


def wrong_in(expression: str) -> tuple[str, ...]:
    """Returns what an expression says of the facts that can't be so, each with its line and column.

    The expression must be one that `organisation_rules.compiled` reads.
    """
    try:
        made = _typed().compile(expression)
    except RuntimeError as error:  # all that the library raises, with its own words
        return tuple(_counting(str(error)))
    from cel_expr_python import cel

    if made.return_type() in (cel.Type.BOOL, cel.Type.DYN):
        return ()
    return (f"it gives {made.return_type().name()}, not true or false",)


def _counting(told: str) -> Iterator[str]:
    for line, column, what in _TOLD.findall(told):
        where = f"line {line}:{int(column) + 1}"  # the library counts columns from 0
        if (undefined := _UNDEFINED.fullmatch(what)) is not None:
            yield f"{where}: {_no_field(*undefined.groups())}"
        elif (unfit := _UNFIT.fullmatch(what)) is not None and _SCALARS.fullmatch(unfit[2]):
            operation, types = unfit[1].strip("_@").replace("_", " "), unfit[2].replace("wrapper", "")
            yield f"{where}: '{operation}' never has an answer for ({types})"


def _no_field(name: str, struct: str) -> str:
    known = _messages()[struct.removeprefix(f"{_PACKAGE}.")]
    near = difflib.get_close_matches(name, known, 1, _NEAR)
    if near:
        return f"there is no field '{name}'; did you mean '{near[0]}'?"
    return f"there is no field '{name}'; there are {', '.join(sorted(known))}"


@lru_cache(maxsize=1)
def _typed() -> cel.Env:
    from cel_expr_python import cel

    pool = DescriptorPool()
    for standard in (wrappers_pb2, struct_pb2):
        pool.AddSerializedFile(standard.DESCRIPTOR.serialized_pb)
    pool.Add(_file())
    types = {name: cel.Type(f"{_PACKAGE}.Facts_{name}") for name in VARIABLES}
    return cel.NewEnv(descriptor_pool=pool, variables=types)


@cache
def _messages() -> dict[str, tuple[str, ...]]:
    return {message.name: tuple(one.name for one in message.field) for message in _file().message_type}


@cache
def _file() -> FileDescriptorProto:
    schema = Facts.model_json_schema(mode="serialization")
    made = FileDescriptorProto(name="facts.proto", package=_PACKAGE, syntax="proto3")
    made.dependency.extend((struct_pb2.DESCRIPTOR.name, wrappers_pb2.DESCRIPTOR.name))
    _Declaring(schema["$defs"], made).message("Facts", _shape([schema], schema["$defs"]))
    return made


def _shape(schemas: list[Any], records: dict[str, Any]) -> _Shape:
    """What values can be that fit one of the JSON schemas."""
    found = _Shape()
    left = list(schemas)
    while left:
        schema = left.pop()
        if "$ref" in schema:
            left.append(records[schema["$ref"].rsplit("/", 1)[-1]])
        elif "anyOf" in schema or "oneOf" in schema:
            left += schema.get("anyOf", []) + schema.get("oneOf", [])
        elif "properties" in schema:
            for name, inner in schema["properties"].items():
                found.fields.setdefault(name, []).append(inner)
        elif schema.get("type") == "array" and "items" in schema:
            found.items.append(schema["items"])
        elif schema.get("type") == "array" and "prefixItems" in schema:
            found.items += schema["prefixItems"]
        elif schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
            found.values.append(schema["additionalProperties"])
        elif schema.get("type") in ("string", "integer", "boolean", "null"):
            found.scalars.add(schema["type"])
        else:
            found.is_open = True
    return found


class _Declaring:
    """Declares messages in a file, one for each path of fields on which it is met first, by way of its shape."""

    _SCALAR: Final = {
        "string": FieldDescriptorProto.TYPE_STRING,
        "integer": FieldDescriptorProto.TYPE_INT64,
        "boolean": FieldDescriptorProto.TYPE_BOOL,
    }
    _NULLABLE: Final = {"string": "StringValue", "integer": "Int64Value", "boolean": "BoolValue"}

    def __init__(self, records: dict[str, Any], made: FileDescriptorProto) -> None:
        self._records = records
        self._made = made

    def message(self, name: str, shape: _Shape) -> str:
        message = self._made.message_type.add(name=name)
        for number, (key, schemas) in enumerate(shape.fields.items(), start=1):
            one = message.field.add(name=key, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL)
            self._field(one, message, _shape(schemas, self._records))
        return f".{_PACKAGE}.{name}"

    def _field(self, one: FieldDescriptorProto, message: DescriptorProto, shape: _Shape) -> None:
        kinds = [bool(shape.scalars - {"null"}), bool(shape.fields), bool(shape.items), bool(shape.values)]
        if shape.is_open or sum(kinds) != 1 or len(shape.scalars - {"null"}) > 1 or shape.values:
            self._as(one, ".google.protobuf.Value")
        elif shape.fields:
            self._as(one, self.message(f"{message.name}_{one.name}", shape))
        elif shape.items:
            inner = _shape(shape.items, self._records)
            one.label = FieldDescriptorProto.LABEL_REPEATED
            if inner.items or inner.values or "null" in inner.scalars:
                self._as(one, ".google.protobuf.Value")
            else:
                self._field(one, message, inner)
        else:
            (scalar,) = shape.scalars - {"null"}
            if "null" in shape.scalars:
                self._as(one, f".google.protobuf.{self._NULLABLE[scalar]}")
            else:
                one.type = self._SCALAR[scalar]

    @staticmethod
    def _as(one: FieldDescriptorProto, name: str) -> None:
        one.type = FieldDescriptorProto.TYPE_MESSAGE
        one.type_name = name
