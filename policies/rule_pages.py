"""The page of each rule as Markdown, from the rules themselves; `pipeline.reference_pages.rules` writes them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Final

from policies.rules import ORGANISATION, PAGES, RULES, Rule, rule_of
from policies.teaching.model import Example

INDEX: Final = f"{PAGES}/README.md"
_HEADINGS: Final = {
    "candidate": "## A file that trips it",
    "kernel": "## Lines that trip it",
    "words": "## When it comes",
}


def pages() -> dict[str, str]:
    """Returns the text of every page by its path from the root of the repository."""
    organisation = rule_of(f"{ORGANISATION}name")
    assert organisation is not None  # every name makes one
    rules = (*RULES.values(), organisation)
    return {INDEX: _index(tuple(RULES.values()), organisation), **{rule.page: page_of(rule) for rule in rules}}


def page_of(rule: Rule) -> str:
    """Returns a rule's page: what, why, an example that trips it, how to mend it."""
    name = f"{ORGANISATION}NAME" if rule.id.startswith(ORGANISATION) else rule.id
    parts = [f"# {name}", f"{_prose(rule.title)}.", "## Why", _prose(rule.why)]
    if rule.example is not None:
        parts += _example(rule.example)
    mended = () if rule.example is None else tuple(_mended(rule.example))
    return "\n\n".join([*parts, "## How to mend it", _prose(rule.remedy), *mended]) + "\n"


def mending(example: Example) -> str:
    """Returns what changes between an example and the same without its mistake, as lines with - and +; '' of words."""
    if example.mended is None:
        return ""
    lines = difflib.unified_diff(example.trips.splitlines(), example.mended.splitlines(), lineterm="", n=1)
    return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))


def _prose(text: str) -> str:
    """Returns text as Markdown that means it: `kernel[grid](x)` is no link, and `a * b * c` nothing emphasised."""
    return re.sub(r"([\[\]*<])", r"\\\1", text)


def _example(example: Example) -> Iterator[str]:
    yield _HEADINGS[example.kind]
    yield example.trips if example.kind == "words" else f"```python\n{example.trips.rstrip()}\n```"


def _mended(example: Example) -> Iterator[str]:
    change = mending(example)
    if change:
        yield f"```diff\n{change}\n```"


def _index(rules: tuple[Rule, ...], organisation: Rule) -> str:
    rows = [f"| [{rule.id}]({_from_index(rule)}) | {rule.title} |" for rule in rules]
    rows.append(f"| [{ORGANISATION}NAME]({_from_index(organisation)}) | {organisation.title} |")
    table = "\n".join(["| rule | what it says |", "|---|---|", *rows])
    sources = "`policies/rules.py` and `policies/teaching/`"
    made = f"Made by `python -m pipeline.reference_pages.rules` from {sources}; do not edit."
    return f"# The rules\n\n{made}\n\n{table}\n"


def _from_index(rule: Rule) -> str:
    return rule.page.removeprefix(f"{PAGES}/")
