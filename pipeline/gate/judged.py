"""What the gate has of one candidate in the end.

It stands apart from what measures, so that whoever shows or stores it does not wait for torch.
"""

from __future__ import annotations

from dataclasses import dataclass

from policies.verdict import Verdict
from runners.evidence import Evidence, Missing


@dataclass(frozen=True, slots=True)
class Judged:
    """One candidate with its evidence and verdict.

    Attributes:
        reused: Whether the evidence is that of an earlier run.
    """

    source: bytes
    evidence: Evidence
    verdict: Verdict
    reused: bool = False

    @property
    def wall_s(self) -> float:
        """Seconds that its checks took, without what it waited for its turn."""
        checks = (self.evidence.properties, self.evidence.compile, self.evidence.mutants, self.evidence.device)
        return sum(check.wall_s for check in checks if not isinstance(check, Missing))
