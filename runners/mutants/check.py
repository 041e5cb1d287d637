"""The mutants of one candidate, each through the check that its source passed: same seed, same plans, own runners.

A mutant is killed by any failure: wrong values, a fault, an error, a hang. Its first failing case ends it; nothing is
made smaller. A mutant that the interpreter can't run says nothing about the test and is counted apart; one that the
static contract denies would never be run, and another takes its place. What hangs costs a deadline, so mutants get the
candidate's own slowest case with room, not what the policy grants a candidate.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, Literal

from runners.candidate import Candidate
from runners.conversation import Runner, RunnerFault
from runners.evidence import MutantsEvidence, PropertiesEvidence, SurvivingMutant
from runners.mutants.edits import Mutant
from runners.mutants.enumeration import count_edits, shuffled_mutants
from runners.properties import Effort, PropertiesCheck
from runners.turn import GivenUp, Turn
from sandbox.contract import SandboxUnavailable

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
    """The check of one candidate's mutants. `contract` says whether the static contract lets a source through.

    `told` hears, from several threads, of how many it is known what became of them; nothing depends on it.

    Several threads may run mutants of it at once: one that will say what came of them (`finish`), and any number that
    help and may leave at any moment (`help`). Which mutants there are and what each of them meets depends on neither.
    """

    def __init__(
        self,
        candidate: Candidate,
        take: Callable[[], Runner],
        effort: Effort,
        judge_seed: int,
        contract: Callable[[Candidate], bool],
        mutants: MutantsEffort,
        told: Callable[[int], None] = lambda done: None,
    ) -> None:
        self._candidate = candidate
        self._take = take
        self._effort = replace(effort, reduces=False)
        self._seed = judge_seed
        self._contract = contract
        self._mutants = mutants
        self._told = told
        self._denied = Counter[str]()
        self._sample = enumerate(islice(self._allowed(), mutants.count))
        self._changed = threading.Condition()
        self._given_back: list[_Drawn] = []
        self._with_helpers = 0
        self._runs: dict[int, MutantRun] = {}

    def help(self, turn: Turn, go_on: Callable[[int], None]) -> None:
        """Runs mutants until there is none left, or `turn` is over, or our side failed: another runs that one then.

        Until the candidate's own cases are done, its slowest is not known, and a mutant gets what the policy grants.

        Args:
            turn: Whose clock deadlines are kept on.
            go_on: Called after each case; what it raises leaves a mutant to others.
        """
        while not turn.is_over and (drawn := self._draw(helps=True)) is not None:
            run = None
            try:
                run = self._one(drawn.mutant, turn, go_on)
            except (GivenUp, RunnerFault, SandboxUnavailable):
                return
            finally:
                self._take_back(drawn, run)

    def finish(self, passed: PropertiesEvidence, turn: Turn) -> MutantsEvidence:
        """Runs what is left and waits for those that help; `passed` is the evidence of the candidate itself.

        Raises:
            SandboxUnavailable: no runner can be had.
            RunnerFault: our side failed.
        """
        started = turn.now()
        with self._changed:
            self._effort = within(self._effort, passed)
        spent = False
        while not spent and (drawn := self._draw(helps=False)) is not None:
            spent = turn.now() - started > self._mutants.total_s
            if not spent:
                run = self._one(drawn.mutant, turn)
                with self._changed:
                    self._runs[drawn.number] = run
                    done = len(self._runs)
                self._told(done)
        return self._evidence(spent, turn.now() - started)

    def _draw(self, *, helps: bool) -> _Drawn | None:
        """The next mutant; whoever does not help waits for those that others may give back."""
        with self._changed:
            while True:
                drawn = self._given_back.pop() if self._given_back else self._next()
                if drawn is not None:
                    self._with_helpers += helps
                    return drawn
                if helps or not self._with_helpers:
                    return None
                self._changed.wait()

    def _next(self) -> _Drawn | None:
        drawn = next(self._sample, None)
        return None if drawn is None else _Drawn(*drawn)

    def _take_back(self, drawn: _Drawn, run: MutantRun | None) -> None:
        with self._changed:
            self._with_helpers -= 1
            if run is None:
                self._given_back.append(drawn)
            else:
                self._runs[drawn.number] = run
            done = len(self._runs)
            self._changed.notify_all()
        if run is not None:
            self._told(done)

    def _one(self, mutant: Mutant, turn: Turn, go_on: Callable[[int], None] = lambda done: None) -> MutantRun:
        candidate = as_candidate(self._candidate, mutant)
        check = PropertiesCheck(candidate, self._take, self._effort, self._seed, go_on, turn)
        return fate_of(mutant, check.run())

    def _allowed(self) -> Iterator[Mutant]:
        for mutant in shuffled_mutants(self._candidate.text, self._candidate.entry, self._seed):
            if self._contract(as_candidate(self._candidate, mutant)):
                yield mutant
            else:
                self._denied[mutant.name] += 1

    def _evidence(self, spent: bool, wall_s: float) -> MutantsEvidence:
        with self._changed:  # where time is spent, those that help may not have heard of it yet
            runs = [run for _, run in sorted(self._runs.items())]
        fates = Counter(run.fate for run in runs)
        return MutantsEvidence(
            seed=self._seed,
            possible=count_edits(self._candidate.text, self._candidate.entry),
            denied=self._denied.total(),
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


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A mutant with its place in the sample."""

    number: int
    mutant: Mutant


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
