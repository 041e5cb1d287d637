"""A finished run: what was judged, where it is stored, and with which exit code the command ends."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.exit_codes import ALLOWED, DENIED, INCOMPLETE
from pipeline.gate.judged import Judged
from policies.policy import Policy, Tier


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run."""

    id: str
    folder: Path
    policy: Policy
    judged: tuple[Judged, ...]

    @property
    def exit_code(self) -> int:
        """0 all allowed, 1 something denied, 3 something required could not be measured."""
        refused = [entry.verdict.tier for entry in self.judged if not entry.verdict.allowed]
        if not refused:
            return ALLOWED
        return INCOMPLETE if all(tier is Tier.INCONCLUSIVE for tier in refused) else DENIED
