"""A page for the schema of each stored document: a heading for each record in it, a row for each field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pipeline.reference_pages.schema_words import Schema, holds
from pipeline.schemas.documents import FOLDER, schemas

# A policy's fields have a page with more columns (`pipeline.reference_pages.policy`).
TITLES: Final[Mapping[str, str]] = {
    "case": "A case",
    "evidence": "Evidence",
    "run": "A run",
    "verdict": "A verdict",
    "waivers": "Waivers",
}


def schema_pages(made: str) -> dict[str, str]:
    """Returns the text of each page by its path; `made` says by what it was made."""
    found = schemas()
    return {f"{FOLDER}/{name}.md": _page(name, found[f"{FOLDER}/{name}.schema.json"], made) for name in TITLES}


def _page(name: str, schema: Schema, made: str) -> str:
    opening = f"{schema['description']} The same as a JSON Schema: [{name}.schema.json]({name}.schema.json)."
    parts = [f"# {TITLES[name]}", made, opening, *_body(schema)]
    for title, definition in schema.get("$defs", {}).items():
        parts += [f"## {title}", definition.get("description", ""), *_body(definition)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _body(schema: Schema) -> Iterator[str]:
    if "properties" in schema:
        rows = [
            f"| `{field}` | {_holds(held)} | {held['description'].replace('|', chr(92) + '|')} |"
            for field, held in schema["properties"].items()
        ]
        yield "\n".join(["| field | holds | meaning |", "|---|---|---|", *rows])
    elif "enum" in schema or "type" in schema:
        yield f"It is: {holds(schema, linked=True)}."


def _holds(field: Schema) -> str:
    return holds(field, linked=True).replace("|", "\\|")
