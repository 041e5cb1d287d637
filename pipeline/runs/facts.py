"""A run that begins: what those know of it who watch it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RunKind = Literal["verify", "measure", "demo", "generate"]


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run.

    Attributes:
        candidates: How many there are; None where nobody knows yet.
    """

    id: str
    kind: RunKind
    policy: str
    policy_digest: str
    candidates: int | None
