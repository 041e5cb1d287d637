"""What a trace says about the allowlist: which calls a real run made, and how that compares with `seccomp.json`.

A trace is the table that `strace -f -c` writes. It sees calls that were refused too (they count as errors): a call that
only ever failed is no reason to allow it, so it is reported apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.seccomp import Profile, Trace

# "% time     seconds  usecs/call     calls    errors syscall"; the column of errors is empty where there were none.
_LINE = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(?P<calls>\d+)(?:\s+(?P<errors>\d+))?\s+(?P<name>[a-z]\w*)\s*$")
_TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Seen:
    """The calls of some runs: those that worked at least once, and those that were tried and always failed."""

    worked: frozenset[str]
    failed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A trace beside the data.

    Attributes:
        not_allowed: Calls that worked in the trace and that the data does not allow: it was made without the filter,
            and a run under the filter would miss them.
        refused: Calls that were tried and failed each time, and that the data does not allow.
        never_seen: Allowed calls that this trace does not have, with what the data says about each.
        newly_seen: Allowed calls that the data does not know to be made in such a run.
    """

    not_allowed: tuple[str, ...]
    refused: tuple[str, ...]
    never_seen: tuple[tuple[str, str], ...]
    newly_seen: tuple[str, ...]


def read_tables(texts: Iterable[str]) -> Seen:
    """Returns what the tables of one or more runs hold.

    Raises:
        ValueError: a text is no such table.
    """
    worked: set[str] = set()
    tried: set[str] = set()
    for text in texts:
        lines = [found for found in map(_LINE.match, text.splitlines()) if found]
        if not lines:
            raise ValueError(f"this is not a table that `strace -c` writes: {text[:200]!r}")
        for found in lines:
            if found["name"] == _TOTAL:
                continue
            tried.add(found["name"])
            if int(found["calls"]) > int(found["errors"] or 0):
                worked.add(found["name"])
    return Seen(frozenset(worked), frozenset(tried - worked))


def compare(profile: Profile, seen: Seen, trace: Trace) -> Comparison:
    """Says how what was seen in a run of that kind differs from the data."""
    sources = {name: source for rule in profile.rules for name, source in rule.calls.items()}
    unseen = sorted(profile.allowed - seen.worked)
    return Comparison(
        not_allowed=tuple(sorted(seen.worked - profile.allowed)),
        refused=tuple(sorted(seen.failed - profile.allowed)),
        never_seen=tuple((name, sources[name].why) for name in unseen),
        newly_seen=tuple(sorted(name for name in profile.allowed & seen.worked if trace not in sources[name].traced)),
    )


def noted(text: str, seen: Seen, trace: Trace) -> str:
    """Returns the data in `text` with what was seen in a run of that kind; reasons and other kinds stay as they are."""
    data = json.loads(text)
    _note(data["rules"], seen, trace)
    architectures = json.dumps(data["architectures"])
    return f'{{\n  "architectures": {architectures},\n  "rules": {_rules_text(data["rules"])}\n}}\n'


def noted_uses(text: str, seen: Seen, trace: Trace) -> str:
    """Likewise for the data on what programs may do besides, by what they use."""
    data = json.loads(text)
    for rules in data.values():
        _note(rules, seen, trace)
    uses = (f"  {json.dumps(use)}: {_rules_text(rules)}" for use, rules in data.items())
    return "{\n" + ",\n".join(uses) + "\n}\n"


def _note(rules: list[dict[str, Any]], seen: Seen, trace: Trace) -> None:
    for rule in rules:
        for name, source in rule["calls"].items():
            kinds = set(source.pop("traced", ())) - {trace.value} | ({trace.value} if name in seen.worked else set())
            rule["calls"][name] = ({"traced": sorted(kinds)} if kinds else {}) | source


def _rules_text(rules: list[dict[str, Any]]) -> str:
    """One call a line, so that a change reads as what it is."""
    return "[\n" + ",\n".join(map(_rule_text, rules)) + "\n  ]"


def _rule_text(rule: dict[str, Any]) -> str:
    calls = ",\n".join(f"        {json.dumps(name)}: {json.dumps(source)}" for name, source in rule["calls"].items())
    rest = "".join(f",\n      {json.dumps(key)}: {json.dumps(rule[key])}" for key in ("errno", "args") if key in rule)
    comment = json.dumps(rule["comment"])
    return f'    {{\n      "comment": {comment},\n      "calls": {{\n{calls}\n      }}{rest}\n    }}'
