"""Evidence that is not there."""

from __future__ import annotations

from typing import Literal

from runners.record import Record


class Missing(Record):
    """A check that was not made, and why. `ours` means that our side failed, not that nobody asked for it.

    Attributes:
        reason: Why there is none.
        ours: Whether our side failed, and not that nobody asked for it.
    """

    kind: Literal["missing"] = "missing"
    reason: str
    ours: bool
