"""Waivers: a team's word, until a date, that one finding on one file does not stop it.

A waiver names a rule, the digest of the candidate's bytes, a reason and a date. Another byte in the file, and it says
nothing. It holds through the day that it names (UTC). The file is YAML, a list, and is read as strictly as a policy: a
misspelt key would be a waiver that nobody meant.

What can't be waived, and why (DESIGN's trust model):

- `evidence/…`, `isolation/…`, `replay/…` and whatever else says that something is not known: missing evidence denies,
  and a sentence in a file is no evidence.
- `candidate/…`, and the rules of the contract without which nothing could run (`runners.contract.rules.WAIVABLE` has
  the others): the file was not judged, so nobody knows what is let through. Name the kernels' folder instead.
- What works against the judge (`AGAINST_THE_JUDGE`): code that looks at where it runs, tells inputs apart, reaches into
  Python or breaks the harness. What such a file shows is what it wants to show, so no reason can be checked. A policy
  may still take such a rule of the contract away (`source.waived_rules`): then the candidate is run and watched.
- `waiver/expired`: renew the waiver.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from policies.errors import PolicyError
from policies.rules import RULES
from policies.unique_keys import UniqueKeys
from runners.contract.rules import WAIVABLE
from sandbox.os_errors import reason_of
from sandbox.printable import printable

EXPIRED: Final = "waiver/expired"
FAMILIES: Final = ("origin/", "properties/", "memory/", "races/", "compile/")
AGAINST_THE_JUDGE: Final = frozenset({
    "source/private-name", "source/reflection", "source/rebinding", "source/module-state", "source/hook",
    "source/environment", "source/identity", "source/kernel-object",
    "properties/exited", "properties/protocol-broken",
})  # fmt: skip


class WaiverError(PolicyError):
    """A waivers file can't be used; the text says where and why."""


def is_waivable(rule: str) -> bool:
    """Whether a finding of this rule may be waived."""
    return rule in RULES and (rule in WAIVABLE or rule.startswith(FAMILIES)) and rule not in AGAINST_THE_JUDGE


def _waivable(rule: str) -> str:
    if rule not in RULES:
        raise ValueError(f"'{rule}' is not a rule")
    if not is_waivable(rule):
        raise ValueError(f"'{rule}' can't be waived")
    return rule


def _said(reason: str) -> str:
    if not reason.strip():
        raise ValueError("a reason is needed")
    return printable(reason.strip())


class Waiver(BaseModel):
    """One waiver.

    Attributes:
        rule: Id of the rule whose finding is waived.
        digest: SHA-256 of the candidate's bytes, as run.json has it.
        reason: Why, in the team's words.
        expires: The last day on which it holds, in UTC.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: Annotated[str, AfterValidator(_waivable)]
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    reason: Annotated[str, Field(max_length=1000), AfterValidator(_said)]
    expires: date


class DatedWaivers(BaseModel):
    """Waivers, and the day on which they are held against findings: what a verdict needs to be computed again.

    Attributes:
        day: In UTC; given from outside, because nothing that decides looks at a clock.
        waivers: The waivers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    day: date
    waivers: tuple[Waiver, ...]

    @model_validator(mode="after")
    def _each_once(self) -> DatedWaivers:
        seen: set[tuple[str, str]] = set()
        for waiver in self.waivers:
            if (waiver.rule, waiver.digest) in seen:
                raise ValueError(f"{waiver.rule} of {waiver.digest[:12]} is waived twice")
            seen.add((waiver.rule, waiver.digest))
        return self

    def of(self, digest: str) -> DatedWaivers:
        """Returns those that name this candidate."""
        return DatedWaivers(day=self.day, waivers=tuple(one for one in self.waivers if one.digest == digest))

    def about(self, rule: str) -> Waiver | None:
        """Returns the one for `rule`, where these are one candidate's."""
        return next((one for one in self.waivers if one.rule == rule), None)

    def holds(self, waiver: Waiver) -> bool:
        """Whether it has not expired."""
        return self.day <= waiver.expires


_LIST: Final = TypeAdapter(tuple[Waiver, ...])


def load_waivers(path: Path, day: date) -> DatedWaivers:
    """Reads a waivers file, to be held against findings on `day`.

    Raises:
        WaiverError: it can't be read or is not a valid one.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WaiverError(f"waivers {path} can't be read: {reason_of(error)}") from None
    return parse_waivers(text, str(path), day)


def parse_waivers(text: str, where: str, day: date) -> DatedWaivers:
    """Like `load_waivers`, from text; an empty one holds none.

    Raises:
        WaiverError: it is not a valid one.
    """
    data = _plain(text, where)
    if data is None:
        return DatedWaivers(day=day, waivers=())
    if not isinstance(data, list):
        raise WaiverError(f"waivers {where} holds {type(data).__name__}, a list is needed")
    try:
        # By way of JSON, as policies are: strict, and a date may be written as YAML has it.
        waivers = _LIST.validate_json(json.dumps(data, default=str), strict=True)
        return DatedWaivers(day=day, waivers=waivers)
    except (ValidationError, TypeError) as error:
        raise WaiverError(f"{where} is not a valid waivers file:\n{_lines(error)}") from None


def _plain(text: str, where: str) -> object:
    try:
        return yaml.load(text, Loader=UniqueKeys)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark is not None else ""
        raise WaiverError(f"waivers {where}{place} is not YAML: {getattr(error, 'problem', error)}") from None
    except (ValueError, RecursionError) as error:  # such as 2026-13-45, which looks like a date
        raise WaiverError(f"waivers {where} is not YAML: {error}") from None


def _lines(error: ValidationError | TypeError) -> str:
    if isinstance(error, TypeError):
        return f"  {error}"
    return "\n".join(f"  {_place(e['loc'])}: {e['msg']}" for e in error.errors(include_url=False))


def _place(parts: tuple[int | str, ...]) -> str:
    """Counts entries from one, as people do."""
    return ".".join(f"waiver {part + 1}" if isinstance(part, int) else part for part in parts) or "the list"
