"""The mutants of one candidate, each through the check that its source passed: same seed, same plans, own runners.

A mutant is killed by any failure: wrong values, a fault, an error, a hang. Its first failing case ends it; nothing is
made smaller. A mutant that the interpreter can't run says nothing about the test and is counted apart; one that the
static contract denies would never be run, and another takes its place. What hangs costs a deadline, so mutants get the
candidate's own slowest case with room, not what the policy grants a candidate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from runners.candidate import Candidate
from runners.conversation import Runner
from runners.evidence import MutantsEvidence, PropertiesEvidence, SurvivingMutant
from runners.mutants.edits import Mutant
from runners.mutants.enumeration import count_edits, shuffled_mutants
from runners.properties import Effort, PropertiesCheck
from runners.turn import ALONE, Turn

SLOWER: Final = 5.0  # a mutant's case may take so many times the candidate's slowest, and a second
Fate = Literal["killed", "survived", "inconclusive"]


@dataclass(frozen=True, slots=True)
class MutantsEffort:
    """How many mutants are run, and how long all of them may take together."""

    count: int
    total_s: float


@dataclass(frozen=True, slots=True)
class MutantRun:
    """What the check said of one mutant.

    Attributes:
        by: How it was killed: the failure's kind; None otherwise.
        first_kill: Number of the case that killed it, counted from 1; 0 is the loading. None otherwise.
    """

    mutant: Mutant
    fate: Fate
    by: str | None
    first_kill: int | None


class MutantsCheck:
    """The check of one candidate's mutants. `contract` says whether the static contract lets a source through."""

    def __init__(
        self,
        candidate: Candidate,
        take: Callable[[], Runner],
        effort: Effort,
        judge_seed: int,
        contract: Callable[[Candidate], bool],
        turn: Turn = ALONE,
    ) -> None:
        self._turn = turn
        self._candidate = candidate
        self._take = take
        self._effort = replace(effort, reduces=False)
        self._seed = judge_seed
        self._contract = contract

    def run(self, mutants: MutantsEffort, passed: PropertiesEvidence) -> MutantsEvidence:
        """Runs a sample; `passed` is the evidence of the candidate itself.

        Raises:
            SandboxUnavailable: no runner can be had.
            RunnerFault: our side failed.
        """
        started = self._turn.now()
        self._effort = within(self._effort, passed)
        runs: list[MutantRun] = []
        spent = False
        denied = Counter[str]()
        for mutant in self._sample(denied):
            spent = self._turn.now() - started > mutants.total_s
            if spent or len(runs) == mutants.count:
                break
            runs.append(self.one(mutant))
        return self._evidence(runs, denied.total(), spent, self._turn.now() - started)

    def one(self, mutant: Mutant) -> MutantRun:
        """Makes the check of one mutant.

        Raises:
            SandboxUnavailable: no runner can be had.
            RunnerFault: our side failed.
        """
        return fate_of(mutant, self._properties(mutant))

    def _properties(self, mutant: Mutant) -> PropertiesEvidence:
        candidate = as_candidate(self._candidate, mutant)
        return PropertiesCheck(candidate, self._take, self._effort, self._seed, turn=self._turn).run()

    def _sample(self, denied: Counter[str]) -> Iterator[Mutant]:
        for mutant in shuffled_mutants(self._candidate.text, self._candidate.entry, self._seed):
            if self._contract(as_candidate(self._candidate, mutant)):
                yield mutant
            else:
                denied[mutant.name] += 1

    def _evidence(self, runs: list[MutantRun], denied: int, spent: bool, wall_s: float) -> MutantsEvidence:
        fates = Counter(run.fate for run in runs)
        return MutantsEvidence(
            seed=self._seed,
            possible=count_edits(self._candidate.text, self._candidate.entry),
            denied=denied,
            inconclusive=fates["inconclusive"],
            killed=fates["killed"],
            killed_by=dict(Counter(run.by for run in runs if run.by is not None)),
            first_kills=tuple(run.first_kill for run in runs if run.first_kill is not None),
            survivors=tuple(
                SurvivingMutant(id=run.mutant.id, line=run.mutant.line, diff=run.mutant.diff)
                for run in runs
                if run.fate == "survived"
            ),
            deadline_spent=spent,
            wall_s=wall_s,
        )


def as_candidate(candidate: Candidate, mutant: Mutant) -> Candidate:
    """Returns the mutant as a candidate for the same operator."""
    return replace(candidate, source=mutant.source, text=mutant.source.decode())


def within(effort: Effort, passed: PropertiesEvidence) -> Effort:
    """Returns `effort` with the deadlines of mutants: from the slowest case of the source that passed."""
    case_s = min(effort.deadlines.case_s, SLOWER * passed.slowest_s + 1.0)
    return replace(effort, deadlines=replace(effort.deadlines, case_s=case_s))


def fate_of(mutant: Mutant, properties: PropertiesEvidence) -> MutantRun:
    """Says what became of a mutant whose check found `properties`."""
    if properties.failure is not None:
        return MutantRun(mutant, "killed", properties.failure.kind, properties.failed_at)
    unfinished = properties.unsupported is not None or properties.deadline_spent
    return MutantRun(mutant, "inconclusive" if unfinished else "survived", None, None)
