"""The properties check: drives the plan, then random drawing, stops at the first failure and makes it small.

The seed is drawn by the caller after the candidate was delivered, and is part of the evidence.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain, count, islice
from typing import Final

import torch

from runners import wire
from runners.candidate import Candidate
from runners.cases import Case
from runners.conversation import Runner
from runners.drawing import draw
from runners.evidence import Failure, PropertiesEvidence, RunnerEnded, UnsupportedCase
from runners.examine import Agreed
from runners.plans import pairwise, random_cases
from runners.reduce import reduce
from runners.session import WAITING, Deadlines, Session

HOPELESS: Final = 5  # so many unsupported cases and not one that ran: the rest will not run either


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard the check tries. `total_s` ends it early, which the evidence then says."""

    pairwise_cases: int
    random_cases: int
    dtypes: tuple[str, ...]
    deadlines: Deadlines
    total_s: float


@dataclass(slots=True)
class _Tally:
    counts: dict[str, int] = field(default_factory=lambda: {"pairwise": 0, "random": 0})
    failure: Failure | None = None
    failed_at: int | None = None
    reductions: int = 0
    unsupported: UnsupportedCase | None = None
    unsupported_cases: int = 0
    agreed: int = 0
    worst_ratio: dict[str, float] = field(default_factory=dict)
    deadline_spent: bool = False

    @property
    def cases(self) -> int:
        return sum(self.counts.values())


class PropertiesCheck:
    """One candidate's check. `take` gives fresh runners, `progress` hears the number of cases done."""

    def __init__(
        self,
        candidate: Candidate,
        take: Callable[[], Runner],
        effort: Effort,
        judge_seed: int,
        progress: Callable[[int], None] = lambda done: None,
    ) -> None:
        self._candidate = candidate
        self._effort = effort
        self._seed = judge_seed
        self._progress = progress
        self._tally = _Tally()
        self._session = Session(candidate, take, effort.deadlines)
        self._started = 0.0
        operator = candidate.operator
        self._dtypes = tuple(dtype for dtype in operator.dtypes if dtype in effort.dtypes)

    @property
    def greeting(self) -> wire.Greeting | None:
        """What the last runner said of itself; None before the first."""
        return self._session.greeting

    def run(self) -> PropertiesEvidence:
        """Makes the check.

        Raises:
            SandboxUnavailable: no runner can be had.
            RunnerFault: our side failed.
        """
        torch.set_num_threads(1)  # small tensors; more threads only take cores from the runners
        self._started = time.monotonic()
        with self._session:
            loaded = self._session.load()
            if isinstance(loaded, wire.Loaded):
                self._try_all()
            elif isinstance(loaded, UnsupportedCase):
                self._tally.unsupported, self._tally.unsupported_cases = loaded, 1
            else:
                self._tally.failure, self._tally.failed_at = loaded, 0
        return self._evidence()

    def _try_all(self) -> None:
        operator = self._candidate.operator
        # Where a policy asks for more cases than one covering plan has, another plan of the same operator follows.
        plans = (pairwise(operator, self._seed + number, self._dtypes) for number in count())
        for case in islice(chain.from_iterable(plans), self._effort.pairwise_cases):
            if not self._try(case, "pairwise"):
                return
        if self._effort.random_cases:
            drawn = random_cases(operator, self._dtypes)
            draw(drawn, self._seed, self._effort.random_cases, lambda case: self._try(case, "random"))

    def _try(self, case: Case, phase: str) -> bool:
        """Runs one case and counts it; False when the check is over."""
        if time.monotonic() - self._started > self._effort.total_s:
            self._tally.deadline_spent = True
            return False
        result = self._session.run(case)
        tally = self._tally
        tally.counts[phase] += 1
        self._progress(tally.cases)
        match result:
            case Agreed(worst_ratio=ratio):
                tally.agreed += 1
                tally.worst_ratio[case.dtype] = max(ratio, tally.worst_ratio.get(case.dtype, 0.0))
                return True
            case UnsupportedCase():
                tally.unsupported = tally.unsupported or result
                tally.unsupported_cases += 1
                if result.reason == WAITING:
                    return False  # each further case would cost its deadline twice
                return tally.agreed > 0 or tally.unsupported_cases < HOPELESS
        tally.failed_at, tally.failure = tally.cases, result
        if isinstance(result, RunnerEnded) and result.how == "timed_out":
            return False  # each smaller case that hangs would cost its deadline, too
        reduced = reduce(self._candidate.operator, case, result, self._fails)
        tally.failure, tally.reductions = reduced.failure, reduced.runs
        return False

    def _fails(self, case: Case) -> Failure | None:
        if case.dtype not in self._dtypes:
            return None  # simpler, but nobody asked whether the candidate supports it
        result = self._session.run(case)
        return None if isinstance(result, Agreed | UnsupportedCase) else result

    def _evidence(self) -> PropertiesEvidence:
        tally = self._tally
        return PropertiesEvidence(
            seed=self._seed,
            dtypes=self._dtypes,
            pairwise_cases=tally.counts["pairwise"],
            random_cases=tally.counts["random"],
            failure=tally.failure,
            failed_at=tally.failed_at,
            reductions=tally.reductions,
            unsupported=tally.unsupported,
            unsupported_cases=tally.unsupported_cases,
            slow_cases=self._session.slow_cases,
            worst_ratio=tally.worst_ratio,
            deadline_spent=tally.deadline_spent,
            runners=self._session.runners,
            wall_s=time.monotonic() - self._started,
        )
