"""The properties check: drives the phases of `runners.plans`, stops at the first failure and makes it small.

A policy's dtypes choose among an operator's floats; an operator's own formats (int8, float8, ids) are always tried.

The seed is drawn by the caller after the candidate was delivered, and is part of the evidence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, count, islice
from typing import Final

import torch

from runners import wire
from runners.blocks import blocks_in
from runners.candidate import Candidate
from runners.cases import Case
from runners.climbing import climb
from runners.conversation import Runner
from runners.drawing import draw
from runners.evidence import CodeRaised, ControlEvidence, Failure, PropertiesEvidence, RunnerEnded, UnsupportedCase
from runners.examine import Agreed
from runners.operators.model import CHOSEN
from runners.oracle import STRICT, Allowance
from runners.plans import block_cases, huge_cases, long_cases, pairwise, random_cases, special_cases
from runners.reduce import reduce
from runners.session import WAITING, Deadlines, Session
from runners.specialisation import Specialisation
from runners.turn import ALONE, Turn

PHASES: Final = ("pairwise", "specials", "blocks", "huge", "random", "targeted", "long")
REFUSALS: Final = ("AssertionError", "NotImplementedError", "RuntimeError", "ValueError")
SEEDS: Final = 1 << 64
BLOCKS_S: Final = 25.0  # so long; a candidate that takes a program for each element has the small ones of them by then
CONFIGURATIONS: Final = 4  # of more, most are copies with another number of warps; each costs a plan of its own
HOPELESS: Final = 5  # so many unsupported cases and not one that ran: the rest will not run either


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard the check tries. `total_s` ends it early, which the evidence then says.

    Attributes:
        special_cases: With many specials in one tensor; none where the operator has no specials.
        block_cases: At most so many around the candidate's block sizes, for each of its configurations where it is
            autotuned; likewise `huge_cases`, once.
        long_s: A dim is made longer while the next length is expected to take no more than this.
        controls: Whether planted faults are run after the last case, unless one failed.
        reduces: A failing case is made smaller, for a person to read.
        noise: An experiment: the interpreter errs as a GPU may, anew for each case.
    """

    pairwise_cases: int
    random_cases: int
    dtypes: tuple[str, ...]
    deadlines: Deadlines
    total_s: float
    special_cases: int = 0
    block_cases: int = 0
    huge_cases: int = 0
    targeted_cases: int = 0
    long_s: float = 0.0
    allowance: Allowance = STRICT
    controls: bool = False
    reduces: bool = True
    noise: bool = False


@dataclass(slots=True)
class _Tally:
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PHASES, 0))
    failure: Failure | None = None
    failed_at: int | None = None
    reductions: int = 0
    unsupported: UnsupportedCase | None = None
    unsupported_cases: int = 0
    agreed: int = 0
    compared: dict[str, int] = field(default_factory=dict)
    last_agreed: Case | None = None
    worst_ratio: dict[str, float] = field(default_factory=dict)
    ratio: float = 0.0  # of the last case that agreed
    worst_case: Case | None = None  # the one with `worst_finest`, the largest ratio in the first dtype
    worst_finest: float = 0.0
    deadline_spent: bool = False
    beyond_reach: bool = False  # the last case was too long for the candidate
    longest: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    controls: tuple[ControlEvidence, ...] = ()

    @property
    def cases(self) -> int:
        return sum(self.counts.values())


class PropertiesCheck:
    """One candidate's check.

    `take` gives fresh runners, `progress` hears the number of cases done, `turn` knows of the other checks.
    """

    def __init__(
        self,
        candidate: Candidate,
        take: Callable[[], Runner],
        effort: Effort,
        judge_seed: int,
        progress: Callable[[int], None] = lambda done: None,
        turn: Turn = ALONE,
    ) -> None:
        self._turn = turn
        self._candidate = candidate
        self._effort = effort
        self._seed = judge_seed
        self._progress = progress
        self._tally = _Tally()
        self._session = Session(candidate, take, effort.deadlines, effort.allowance, noise=effort.noise, turn=turn)
        self._started = 0.0
        operator = candidate.operator
        self._dtypes = tuple(dtype for dtype in operator.dtypes if dtype in effort.dtypes or dtype not in CHOSEN)

    @property
    def greeting(self) -> wire.Greeting | None:
        """What the last runner said of itself; None before the first."""
        return self._session.greeting

    @property
    def specialisations(self) -> tuple[Specialisation, ...]:
        """What the launches that were seen would be compiled for."""
        return self._session.specialisations

    def run(self) -> PropertiesEvidence:
        """Makes the check.

        Raises:
            SandboxUnavailable: no runner can be had.
            RunnerFault: our side failed.
        """
        torch.set_num_threads(1)  # small tensors; more threads only take cores from the runners
        self._started = self._turn.now()
        with self._session:
            loaded = self._session.load()
            if isinstance(loaded, wire.Loaded):
                self._try_all()
                if self._effort.controls and self._tally.failure is None:
                    self._tally.controls = self._controls()
            elif isinstance(loaded, UnsupportedCase):
                self._tally.unsupported, self._tally.unsupported_cases = loaded, 1
            else:
                self._tally.failure, self._tally.failed_at = loaded, 0
        return self._evidence()

    def _controls(self) -> tuple[ControlEvidence, ...]:
        """Runs the controls beside the candidate."""
        return self._session.controls(after=self._tally.last_agreed)

    def _try_all(self) -> None:
        planned = all(self._try(case, phase) for phase, case in self._planned())
        if planned and self._dtypes and self._draw() and self._search() and self._effort.long_s:
            self._stretch()

    def _planned(self) -> Iterator[tuple[str, Case]]:
        operator, effort = self._candidate.operator, self._effort
        if not self._dtypes:
            return
        # Where a policy asks for more cases than one covering plan has, another plan of the same operator follows.
        plans = (pairwise(operator, self._seed + number, self._dtypes) for number in count())
        covering = islice(chain.from_iterable(plans), effort.pairwise_cases)
        special = islice(special_cases(operator, self._seed, self._dtypes), effort.special_cases)
        huge = islice(huge_cases(operator, self._seed, self._dtypes), effort.huge_cases)
        around = self._around_blocks()  # lazily: what the first cases launched says how many
        for phase, cases in (("pairwise", covering), ("specials", special), ("blocks", around), ("huge", huge)):
            yield from ((phase, case) for case in cases)

    def _around_blocks(self) -> Iterator[Case]:
        """The plan, then again for other configurations of an autotuner: a size may be wrong in one of them alone."""
        blocks = blocks_in(self._candidate.source.decode())
        plan = block_cases(self._candidate.operator, blocks, self._seed, self._dtypes)
        cases = sorted(islice(plan, self._effort.block_cases), key=lambda case: math.prod(case.sizes.values()))
        until = self._turn.now() + BLOCKS_S
        for turn in range(min(max(self._session.configurations, 1), CONFIGURATIONS)):
            for case in cases:
                if self._turn.now() > until:
                    return
                # The next seed chooses the next configuration (`conditions_for`), so that none is met by chance only.
                yield case.model_copy(update={"seed": (case.seed + turn) % SEEDS})

    def _draw(self) -> bool:
        going = True

        def go_on(case: Case) -> bool:
            nonlocal going
            going = self._try(case, "random")
            return going

        if self._effort.random_cases:
            drawn = random_cases(self._candidate.operator, self._dtypes)
            draw(drawn, self._seed, self._effort.random_cases, go_on)
        return going

    def _search(self) -> bool:
        """Looks for larger errors near the largest so far, in the dtype that shows most of them."""
        tally, operator, finest = self._tally, self._candidate.operator, self._dtypes[:1]
        start = tally.worst_case or next(pairwise(operator, self._seed, finest))

        going = True

        def score(case: Case) -> float | None:
            nonlocal going
            going = self._try(case, "targeted")
            return tally.ratio if going else None

        climb(operator, start, tally.worst_finest, finest, self._seed, self._effort.targeted_cases, score)
        return going

    def _stretch(self) -> None:
        """Makes one dim after the other long. A candidate may refuse a length, or be too slow for it."""
        for dim in self._candidate.operator.dims:
            unit_s = 0.0
            for length, cases in long_cases(self._candidate.operator, dim, self._seed, self._dtypes):
                affordable = int(self._effort.long_s / (unit_s * length)) if unit_s else 1
                for case in cases[:affordable]:
                    started = self._turn.now()
                    if not self._try(case, "long"):
                        return
                    unit_s = (self._turn.now() - started) / length
                    if self._tally.beyond_reach:
                        break
                if not affordable or self._tally.beyond_reach:
                    break
                self._tally.longest[dim.name] = length

    def _try(self, case: Case, phase: str) -> bool:
        """Runs one case and counts it; False when the check is over."""
        if self._turn.now() - self._started > self._effort.total_s:
            self._tally.deadline_spent = True
            return False
        result = self._session.run(case, to_the_limit=phase == "long")
        tally = self._tally
        tally.counts[phase] += 1
        tally.ratio = 0.0
        tally.beyond_reach = False
        self._progress(tally.cases)
        if phase == "long" and _beyond_reach(result):
            tally.beyond_reach = True
            return True
        if self._may_refuse(case, result):
            tally.refused += 1
            return True
        match result:
            case Agreed(worst_ratio=ratio, compared=compared):
                tally.agreed += 1
                tally.compared[case.dtype] = tally.compared.get(case.dtype, 0) + compared
                tally.last_agreed = case
                tally.ratio = ratio
                tally.worst_ratio[case.dtype] = max(ratio, tally.worst_ratio.get(case.dtype, 0.0))
                if case.dtype == self._dtypes[0] and ratio >= tally.worst_finest:
                    tally.worst_case, tally.worst_finest = case, ratio
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
        if not self._effort.reduces:
            return False
        reduced = reduce(self._candidate.operator, case, result, self._fails)
        tally.failure, tally.reductions = reduced.failure, reduced.runs
        return False

    def _fails(self, case: Case) -> Failure | None:
        if case.dtype not in self._dtypes:
            return None  # simpler, but nobody asked whether the candidate supports it
        result = self._session.run(case)
        return None if isinstance(result, Agreed | UnsupportedCase) or self._may_refuse(case, result) else result

    def _may_refuse(self, case: Case, result: Agreed | UnsupportedCase | Failure) -> bool:
        """Whether a candidate refused a size beyond those that its operator declares."""
        return _refuses(result) and not self._candidate.operator.declares(case.sizes)

    def _evidence(self) -> PropertiesEvidence:
        tally = self._tally
        return PropertiesEvidence(
            seed=self._seed,
            offered=self._candidate.operator.dtypes,
            dtypes=self._dtypes,
            pairwise_cases=tally.counts["pairwise"],
            special_cases=tally.counts["specials"],
            block_cases=tally.counts["blocks"],
            huge_cases=tally.counts["huge"],
            random_cases=tally.counts["random"],
            targeted_cases=tally.counts["targeted"],
            long_cases=tally.counts["long"],
            longest=tally.longest,
            refused_cases=tally.refused,
            failure=tally.failure,
            failed_at=tally.failed_at,
            reductions=tally.reductions,
            unsupported=tally.unsupported,
            unsupported_cases=tally.unsupported_cases,
            slow_cases=self._session.slow_cases,
            slowest_s=self._session.slowest_s,
            lost_runners=self._session.lost_runners,
            controls=tally.controls,
            compared=tally.compared,
            worst_ratio=tally.worst_ratio,
            deadline_spent=tally.deadline_spent,
            runners=self._session.runners,
            wall_s=self._turn.now() - self._started,
        )


def _beyond_reach(result: Agreed | UnsupportedCase | Failure) -> bool:
    """Whether a candidate refused a length, or has no time or memory for it; whatever else happens is its fault."""
    if isinstance(result, RunnerEnded):
        return result.how in ("timed_out", "out_of_memory")
    return _refuses(result) or isinstance(result, UnsupportedCase)


def _refuses(result: Agreed | UnsupportedCase | Failure) -> bool:
    return isinstance(result, CodeRaised) and result.error in REFUSALS
