"""What is wrong with fields of a policy file, in words: the same ones wherever a policy is read."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import NamedTuple

from pydantic_core import ErrorDetails

from policies.directions import DIRECTIONS
from policies.key_lines import line_of, lines_of


class Invalid(NamedTuple):
    """One mistake.

    Attributes:
        key: The dotted name of the field; empty where it is the whole file.
        what: What is wrong; `remedy` what to do.
    """

    key: str
    what: str
    remedy: str


def invalid_fields(details: Sequence[ErrorDetails]) -> list[Invalid]:
    """Returns what pydantic found, with one line for all fields that are missing."""
    missing = [_key(detail) for detail in details if detail["type"] == "missing"]
    found = [_in_words(detail) for detail in details if detail["type"] != "missing"]
    if len(missing) == 1:
        found.append(Invalid(missing[0], "it is missing", "Write it, or extend one of the built-in policies."))
    elif missing:
        remedy = "Write them, or extend one of the built-in policies, as with 'extends: ci'."
        found.append(Invalid("", f"fields are missing: {', '.join(missing)}", remedy))
    return found


def told_with_lines(invalid: Sequence[Invalid], text: str) -> str:
    """Returns one line for each mistake in the text of a policy file."""
    lines = lines_of(text)
    told: list[tuple[int, str]] = []
    for key, what, remedy in invalid:
        line = line_of(key, lines)
        place = f"line {line}: " if line is not None else ""
        told.append((line or 0, f"  {place}{key + ': ' if key else ''}{what}. {remedy}"))
    return "\n".join(one for _, one in sorted(told, key=lambda pair: pair[0]))


def _key(detail: ErrorDetails) -> str:
    return ".".join(str(part) for part in detail["loc"])


def _in_words(detail: ErrorDetails) -> Invalid:
    key = _key(detail)
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, [*DIRECTIONS, *{name.split(".")[0] for name in DIRECTIONS}, "extends"], 1)
        remedy = f"Write '{near[0]}'?" if near else "Drop it: what is not read is not applied."
        return Invalid(key, "no such key", remedy)
    return Invalid(key, detail["msg"].removeprefix("Value error, "), "Give a value that the field takes.")
