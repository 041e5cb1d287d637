"""Which of what was found goes; nothing is looked at or changed here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pipeline.machine.disk_use import in_words
from pipeline.retention.contract import Decided, Fate, Found, Kind
from pipeline.retention.limits import Limits, in_days_or_hours

LEFT_OVER: Final = "a process that was killed left it"


def decide(found: Sequence[Found], limits: Limits, now: datetime) -> tuple[Decided, ...]:
    """Returns what becomes of each, in the same order.

    Age comes first, then size: the oldest go until the rest is no larger than the limit. What must stay counts, too, so
    the rest may stay larger. What seems to be from the future is young: a clock has jumped.
    """
    why = {number: reason for number, one in enumerate(found) if (reason := _by_age(one, limits, now)) is not None}
    if limits.larger_than_bytes is not None:
        left = sum(one.size_bytes for number, one in enumerate(found) if number not in why)
        for number in sorted(range(len(found)), key=lambda number: found[number].last_used):
            if left <= limits.larger_than_bytes:
                break
            if number not in why and found[number].stays is None:
                why[number] = f"among the oldest, and all together is larger than {in_words(limits.larger_than_bytes)}"
                left -= found[number].size_bytes
    return tuple(_decided(one, why.get(number)) for number, one in enumerate(found))


def _by_age(one: Found, limits: Limits, now: datetime) -> str | None:
    if one.stays is not None:
        return None
    if one.kind is Kind.LEFT_OVER:
        return LEFT_OVER
    if limits.older_than is not None and now - one.last_used > limits.older_than:
        return f"older than {in_days_or_hours(limits.older_than)}"
    return None


def _decided(one: Found, why: str | None) -> Decided:
    if one.stays is not None:
        return Decided(one, Fate.STAYS, one.stays)
    return Decided(one, Fate.STAYS, "within the limits") if why is None else Decided(one, Fate.GOES, why)
