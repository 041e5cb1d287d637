"""How old and how large, as one types it: `90d`, `20GB`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pipeline.errors import UsageError

HOURS: Final = {"h": 1, "d": 24, "w": 168}
BYTES: Final = {
    "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
}  # fmt: skip
MOST_DIGITS: Final = 7


@dataclass(frozen=True, slots=True)
class Limits:
    """What may stay; at least one of the two limits something.

    Attributes:
        older_than: What is older goes; None: age is no reason.
        larger_than_bytes: Where all together is larger, the oldest go; None: size is no reason.
    """

    older_than: timedelta | None
    larger_than_bytes: int | None


def limits(older_than: str | None, larger_than: str | None) -> Limits:
    """Reads them.

    Raises:
        UsageError: neither is given, or one can't be read.
    """
    if older_than is None and larger_than is None:
        raise UsageError("nothing is deleted without a limit: --older-than 90d, --larger-than 20GB, or both")
    return Limits(None if older_than is None else age(older_than), None if larger_than is None else _size(larger_than))


def in_days_or_hours(length: timedelta) -> str:
    """Returns a length of time as `90 d`, or in hours where it is not whole days."""
    hours = int(length.total_seconds()) // 3600
    return f"{hours // 24} d" if hours % 24 == 0 else f"{hours} h"


def age(text: str) -> timedelta:
    """Reads an age.

    Raises:
        UsageError: it can't be read.
    """
    found = re.fullmatch(rf"([0-9]{{1,{MOST_DIGITS}}})([hdw])", text.strip(), re.ASCII)
    if found is None:
        raise UsageError(f"--older-than is '{text}'; a number of hours, days or weeks is needed: 36h, 90d, 12w")
    return timedelta(hours=int(found[1]) * HOURS[found[2]])


def _size(text: str) -> int:
    found = re.fullmatch(rf"([0-9]{{1,{MOST_DIGITS}}}(?:\.[0-9]{{1,3}})?) ?([kmgt]i?b)", text.strip().lower(), re.ASCII)
    if found is None:
        raise UsageError(f"--larger-than is '{text}'; a size is needed: 500MB, 20GB, 1.5TB")
    return int(float(found[1]) * BYTES[found[2]])
