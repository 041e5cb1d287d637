"""The reference of a policy's fields as Markdown: what each means, what it may hold, which way is stricter.

Made from the models themselves, their docstrings, `policies.directions` and the built-in policies, so that it can't say
anything else than they do. A field that no docstring explains is an error: a test makes the page.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from pydantic import BaseModel

from policies.directions import DIRECTIONS, Stricter
from policies.policy import BUILT_IN, Policy, load_policy

SHOWN_CAP: Final = 5  # entries of a list in a cell; more are counted
_ATTRIBUTE: Final = re.compile(r"^    (\w+): ")
_STRICTER: Final = {
    Stricter.ONE: "the one that is named",
    Stricter.NEITHER: "–",
}


class Section(NamedTuple):
    """A model of the policy, and the key that holds it; '' for the policy itself."""

    key: str
    model: type[BaseModel]


def sections() -> tuple[Section, ...]:
    """Returns the policy and every model in it."""
    fields = Policy.model_fields.items()
    held = [Section(name, model) for name, field in fields if (model := _model_in(field.annotation)) is not None]
    return (Section("", Policy), *held)


def fields_page(made: str) -> str:
    """Returns the page; `made` says by what it was made."""
    parts = ["# Fields of a policy", made, _opening()]
    for section in sections():
        parts += [f"## {section.key or 'The policy itself'}", _summary(section), _table(section)]
    return "\n\n".join(parts) + "\n"


def meanings(model: type[BaseModel]) -> dict[str, str]:
    """Returns what the docstring of a model says about each of its attributes."""
    _, _, attributes = inspect.cleandoc(model.__doc__ or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    name = ""
    for line in attributes.splitlines():
        if match := _ATTRIBUTE.match(line):
            name = match[1]
            found[name] = line[match.end() :]
        elif name and line.strip():
            found[name] += f" {line.strip()}"
    return found


def _opening() -> str:
    return (
        "A policy file is YAML. `extends` names one of "
        + ", ".join(f"`{name}`" for name in BUILT_IN)
        + ", and then only what differs is written; mappings are merged, everything else is replaced. "
        "An unknown key is an error. The last three columns are what the built-in policies say."
    )


def _summary(section: Section) -> str:
    text = inspect.cleandoc(section.model.__doc__ or "").partition("\n\n")[0]
    return " ".join([*text.split(), meanings(Policy).get(section.key, "")]).strip()


def _table(section: Section) -> str:
    head = ["| key | holds | meaning | stricter | " + " | ".join(BUILT_IN) + " |", "|---" * (4 + len(BUILT_IN)) + "|"]
    return "\n".join([*head, *_rows(section)])


def _rows(section: Section) -> Iterator[str]:
    schema = section.model.model_json_schema(mode="validation")
    policies = [load_policy(name) for name in BUILT_IN]
    told = meanings(section.model)
    for name, field in section.model.model_fields.items():
        if _model_in(field.annotation) is not None:
            continue
        key = f"{section.key}.{name}".lstrip(".")
        values = [_value(getattr(getattr(one, section.key) if section.key else one, name)) for one in policies]
        cells = [f"`{key}`", _holds(schema["properties"][name], schema), told[name], _stricter(key), *values]
        yield f"| {' | '.join(cells)} |"


def _stricter(key: str) -> str:
    stricter = DIRECTIONS[key].stricter
    return _STRICTER.get(stricter, stricter.value)


def _model_in(annotation: object) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _value(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        if len(value) > SHOWN_CAP:
            return f"{len(value)} of them"
        return ", ".join(f"`{entry}`" for entry in value) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _holds(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    """Returns in words what a JSON schema lets a field hold."""
    if "$ref" in schema:
        return _holds(whole["$defs"][schema["$ref"].rpartition("/")[2]], whole)
    if "anyOf" in schema:
        return " or ".join(_holds(one, whole) for one in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return " or ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "")
    if kind == "array":
        return f"list of {_holds(schema.get('items', {}), whole)}"
    return _KINDS[kind] + _bounds(schema)


_KINDS: Final = {
    "": "anything",
    "boolean": "true or false",
    "integer": "whole number",
    "null": "nothing",
    "number": "number",
    "object": "mapping",
    "string": "text",
}


def _bounds(schema: Mapping[str, Any]) -> str:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    above = "above " if "exclusiveMinimum" in schema else ""
    high = schema.get("maximum")
    return "" if low is None or high is None else f", {above}{low:g} to {high:,}"
