"""The reference of a policy's fields as Markdown: what each means, what it may hold, which way is stricter.

Made from the schema, `policies.directions` and the built-in policies, so that it can't say anything else than they do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from pipeline.reference_pages.schema_words import DEFINITIONS, Schema, holds
from pipeline.schemas.documents import policy_schema
from policies.directions import DIRECTIONS, Stricter
from policies.policy import BUILT_IN, load_policy

SHOWN_CAP: Final = 5  # entries of a list in a cell; more are counted
_STRICTER: Final = {Stricter.ONE: "the one that is named", Stricter.NEITHER: "–"}


class Section(NamedTuple):
    """Fields that stand together, and the key that holds them; '' for the policy itself."""

    key: str
    summary: str
    fields: Mapping[str, Schema]


def sections() -> tuple[Section, ...]:
    """Returns the policy and every mapping in it."""
    whole = policy_schema()
    fields: Mapping[str, Schema] = whole["properties"]
    own = {name: field for name, field in fields.items() if "$ref" not in field}
    held = (_section(name, field, whole["$defs"]) for name, field in fields.items() if "$ref" in field)
    return (Section("", whole["description"], own), *held)


def policy_page(made: str) -> str:
    """Returns the page; `made` says by what it was made."""
    parts = ["# Fields of a policy", made, _opening()]
    for section in sections():
        parts += [f"## {section.key or 'The policy itself'}", section.summary, _table(section)]
    return "\n\n".join(parts) + "\n"


def _section(name: str, field: Schema, definitions: Mapping[str, Schema]) -> Section:
    model = definitions[field["$ref"].removeprefix(DEFINITIONS)]
    return Section(name, model["description"], model["properties"])


def _opening() -> str:
    names = ", ".join(f"`{name}`" for name in BUILT_IN)
    return (
        f"A policy file is YAML. `extends` names one of {names}, and then only what differs is written; mappings are "
        "merged, everything else is replaced. An unknown key is an error. The last three columns are what the built-in "
        "policies say. `origin.references` is written as the path of a folder, beside the policy file. The same as a "
        "JSON Schema, of a policy whose `extends` is resolved: [policy.schema.json](policy.schema.json)."
    )


def _table(section: Section) -> str:
    head = ["| key | holds | meaning | stricter | " + " | ".join(BUILT_IN) + " |", "|---" * (4 + len(BUILT_IN)) + "|"]
    return "\n".join([*head, *_rows(section)])


def _rows(section: Section) -> Iterator[str]:
    policies = [load_policy(name) for name in BUILT_IN]
    for name, field in section.fields.items():
        key = f"{section.key}.{name}".lstrip(".")
        values = [_value(getattr(getattr(one, section.key) if section.key else one, name)) for one in policies]
        cells = [f"`{key}`", holds(field, linked=False), field["description"], _stricter(key), *values]
        yield f"| {' | '.join(cells)} |"


def _stricter(key: str) -> str:
    stricter = DIRECTIONS[key].stricter
    return _STRICTER.get(stricter, stricter.value)


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        if len(value) > SHOWN_CAP:
            return f"{len(value)} of them"
        return ", ".join(f"`{entry}`" for entry in value) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
