"""`kernelgate policy explain`: finds the verdicts that are meant, and explains each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.exit_codes import ALLOWED, INCOMPLETE
from pipeline.runs.places import read_place
from pipeline.runs.rejudging import Rejudged, rejudge
from pipeline.runs.stored import Damaged, StoredRun
from policies.explaining import Explanation, explain
from policies.policy import Policy
from runners.operators.model import Operator


@dataclass(frozen=True, slots=True)
class Explained:
    """One candidate's verdict, explained.

    Attributes:
        rejudged: The verdict, made again from the evidence: what verdict.json says could be anything.
    """

    rejudged: Rejudged
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class ExplainedRun:
    """What was asked for, explained as far as it is whole."""

    run: StoredRun
    entries: tuple[Explained | Damaged, ...]

    @property
    def exit_code(self) -> int:
        """0, or 3 where something that was asked for is damaged: to explain a denial denies nothing."""
        return INCOMPLETE if any(isinstance(entry, Damaged) for entry in self.entries) else ALLOWED


def explained(runs: Path, verdict: str, policy: Policy | None, operators: Mapping[str, Operator]) -> ExplainedRun:
    """Explains one verdict, or all of a run; under `policy` instead of the run's own, where one is given.

    Args:
        verdict: Path of a verdict.json or of a candidate's folder, RUN/CANDIDATE, or RUN.

    Raises:
        StoredRunError: there is no such run or candidate, or the run's policy can't be read.
    """
    made = rejudge(read_place(runs, verdict), policy, operators)
    entries = tuple(entry if isinstance(entry, Damaged) else _explained(entry, made.policy) for entry in made.entries)
    return ExplainedRun(made.run, entries)


def _explained(entry: Rejudged, policy: Policy) -> Explained:
    return Explained(entry, explain(entry.judged.evidence, policy, entry.judged.verdict))
