"""Two policies, field by field: what differs, and which of the two is stricter there.

Two lists can each ask for something that the other does not; then each is weaker than the other, and neither stricter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal

from policies.directions import DIRECTIONS, Stricter
from policies.origin_rules import References
from policies.policy import Policy, required_controls

Which = Literal["first", "second", "neither", "same"]


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that has other values in two policies.

    Attributes:
        key: Its dotted name.
        first: The value in the first policy, in words; `second` likewise.
        stricter: 'same' where the values ask for the same, as in another order; 'neither' where the field has no
            direction, or each asks for something that the other does not.
    """

    key: str
    first: str
    second: str
    stricter: Which


def differences(first: Policy, second: Policy) -> tuple[Difference, ...]:
    """Returns every field whose resolved values differ, in the order of the table of directions."""
    return tuple(_differences(first, second))


def _differences(first: Policy, second: Policy) -> Iterator[Difference]:
    for key in DIRECTIONS:
        one, other = value_of(first, key), value_of(second, key)
        if one != other:
            yield Difference(key, shown(one), shown(other), _stricter(key, first, second))


def _stricter(key: str, first: Policy, second: Policy) -> Which:
    if DIRECTIONS[key].stricter is Stricter.NEITHER:
        return "neither"
    match (is_weaker(key, second, than=first), is_weaker(key, first, than=second)):
        case (True, False):
            return "first"
        case (False, True):
            return "second"
        case (False, False):
            return "same"
    return "neither"


def is_weaker(key: str, policy: Policy, *, than: Policy) -> bool:
    """Whether `policy` asks for less than the other in one field, or allows more; never where the field has no way."""
    direction = DIRECTIONS[key]
    if not direction.counts(than):
        return False
    mine, theirs = value_of(policy, key), value_of(than, key)
    match direction.stricter:
        case Stricter.HIGHER:
            return _number(mine) < _number(theirs)
        case Stricter.LOWER:
            return _number(mine) > _number(theirs)
        case Stricter.YES:
            return bool(theirs and not mine)
        case Stricter.NO:
            return bool(mine and not theirs)
        case Stricter.ONE:
            return theirs is not None and (mine is None or mine.digest != theirs.digest)
        case Stricter.MORE:
            return bool(_members(key, theirs) - _members(key, mine))
        case Stricter.FEWER if mine is None or theirs is None:  # a list that is not asked for allows all
            return theirs is not None and mine is None
        case Stricter.FEWER:
            return any(not _covered(key, member, _members(key, theirs)) for member in _members(key, mine))
        case Stricter.NEITHER:
            return False


def value_of(policy: Policy, key: str) -> Any:
    """Returns the value of a field by its dotted name."""
    return reduce(getattr, key.split("."), policy)


def shown(value: Any) -> str:
    """Returns a field's value in words; long lists are cut."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, References):
        return f"{value.folder} ({value.digest[:12]})"
    if isinstance(value, tuple):
        names = [str(getattr(member, "name", member)) if not isinstance(member, str) else member for member in value]
        return ", ".join(names) or "none"
    return str(value)


def _number(value: float | None) -> float:
    return -1.0 if value is None else float(value)  # a rate that is not required is lower than every rate


def _members(key: str, value: Any) -> frozenset[Any]:
    return frozenset(required_controls(value) if key == "properties.controls" else value)


def _covered(key: str, member: Any, by: frozenset[Any]) -> bool:
    if key != "source.allowed_imports":
        return member in by
    parts = str(member).split(".")
    return any(".".join(parts[: n + 1]) in by for n in range(len(parts)))
