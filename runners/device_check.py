"""The check on a GPU: cases called and replayed, long and large ones, other scheduling, sanitizers and a clock.

In this order, because each step is of use only where the one before found nothing: a candidate that is wrong is not
timed. The plans that are looked at closer are one for each set of machine code that a case met.
"""

from __future__ import annotations

import ast
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, count, islice
from typing import Final

from runners import wire
from runners.again import doubt_about
from runners.benchmarking import Benchmark
from runners.blocks import blocks_in
from runners.candidate import Candidate
from runners.cases import Case
from runners.device_evidence import (
    BenchmarkEvidence,
    CertifiedKernel,
    DeviceEvidence,
    LargeCase,
    LongAxis,
    SanitizerEvidence,
)
from runners.device_judging import differing_output
from runners.device_runners import DeviceRunners, Way
from runners.device_session import DeviceSession, Plan
from runners.drawing import draw
from runners.examine import Agreed
from runners.failures import Failure, ResultsDiffer, UnsupportedCase
from runners.large_check import LargeCheck
from runners.long_axes import long_axes
from runners.operators.model import CHOSEN
from runners.oracle import STRICT, Allowance
from runners.plans import block_cases, pairwise, random_cases, special_cases
from runners.reduce import Budget, reduce
from runners.sanitizing import sanitize
from runners.session import Deadlines

PERTURBED: Final = (
    Way("replayed, blocks alone", 0xFF, "end", alone=True),
    Way("replayed in a crowd", 0x47, "within", crowded=True),
    Way("replayed, blocks alone in a crowd", 0xFF, "start", alone=True, crowded=True),
)
NOT_TIMED: Final = BenchmarkEvidence(card=None, rows=(), problem="a case failed, or none had a plan")
REDUCING: Final = Budget(runs=40, lost_runners=3, wall_s=20.0)
HOPELESS: Final = 5  # so many unsupported cases and not one that ran: the rest will not run either


@dataclass(frozen=True, slots=True)
class DeviceEffort:
    """How hard the check tries.

    Attributes:
        watched_plans: Replayed under each sanitizer and under other scheduling, at most so many.
        perturbed_rounds: How often each plan is replayed in each perturbed way.
        timed_calls: For each dtype of the benchmark; 0 times nothing.
        long_axes: Each long dim of the operator is made long alone.
        large_shapes: Cases with more than 2³¹ elements are tried.
        memory_bytes: What the buffers of a plan may have together.
        total_s: Ends the drawing of cases early, which the evidence then says.
    """

    pairwise_cases: int
    special_cases: int
    block_cases: int
    random_cases: int
    dtypes: tuple[str, ...]
    deadlines: Deadlines
    total_s: float
    watched_plans: int
    perturbed_rounds: int
    timed_calls: int
    long_axes: bool = False
    large_shapes: bool = False
    memory_bytes: int = 16 << 30
    allowance: Allowance = STRICT
    reduces: bool = True


@dataclass(slots=True)
class _Tally:
    cases: int = 0
    agreed: int = 0
    failure: Failure | None = None
    failed_at: int | None = None
    found: Failure | None = None
    reductions: int = 0
    unsupported: UnsupportedCase | None = None
    unsupported_cases: int = 0
    worst_ratio: dict[str, float] = field(default_factory=dict)
    perturbed: int = 0
    guard_fired: bool = False
    sanitizers: tuple[SanitizerEvidence, ...] = ()
    benchmark: BenchmarkEvidence = NOT_TIMED
    long_axes: tuple[LongAxis, ...] | None = None
    large: list[LargeCase] = field(default_factory=list)
    deadline_spent: bool = False
    phases_s: dict[str, float] = field(default_factory=dict)


class DeviceCheck:
    """One candidate's check; `progress` hears the number of cases done."""

    def __init__(
        self,
        candidate: Candidate,
        runners: DeviceRunners,
        effort: DeviceEffort,
        judge_seed: int,
        progress: Callable[[int], None] = lambda done: None,
    ) -> None:
        self._candidate = candidate
        self._runners = runners
        self._effort = effort
        self._seed = judge_seed
        self._progress = progress
        self._tally = _Tally()
        self._order_free = adds_atomically(candidate.source.decode())
        self._session = DeviceSession(
            candidate, runners, effort.deadlines, effort.memory_bytes, effort.allowance, order_free=self._order_free
        )
        operator = candidate.operator
        self._dtypes = tuple(dtype for dtype in operator.dtypes if dtype in effort.dtypes or dtype not in CHOSEN)

    def run(self) -> DeviceEvidence:
        """Makes the check.

        Raises:
            SandboxUnavailable: no program can be had.
            RunnerFault: our side failed.
        """
        started = time.monotonic()
        tally = self._tally
        with self._session:
            with self._phase("cases"):
                self._cases()
            if tally.failure is None and tally.agreed and self._effort.long_axes:
                with self._phase("long axes"):
                    self._make_long()
            if tally.failure is None and tally.agreed and self._effort.large_shapes:
                with self._phase("large shapes"):
                    self._make_large()
            watched = self._session.plans[: self._effort.watched_plans]
            if tally.failure is None and watched:
                with self._phase("scheduling"):
                    self._perturb(watched)
            if tally.failure is None and watched:
                with self._phase("sanitizers"):
                    tally.sanitizers = sanitize(
                        self._candidate.operator, watched, self._runners, self._effort.deadlines.case_s
                    )
                if self._effort.timed_calls:
                    with self._phase("benchmark"):
                        self._time()
                if tally.failure is None:
                    tally.guard_fired = self._guard_fires()
        return self._evidence(time.monotonic() - started)

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._tally.phases_s[name] = time.monotonic() - began

    def _cases(self) -> None:
        loaded = self._session.load()
        match loaded:
            case wire.Loaded():
                started = time.monotonic()
                if all(self._try(case, started) for case in self._planned()) and self._effort.random_cases:
                    drawn = random_cases(self._candidate.operator, self._dtypes)
                    draw(drawn, self._seed, self._effort.random_cases, lambda case: self._try(case, started))
            case UnsupportedCase():
                self._tally.unsupported, self._tally.unsupported_cases = loaded, 1
            case _:
                self._tally.failure, self._tally.failed_at = loaded, 0

    def _planned(self) -> Iterator[Case]:
        operator, effort = self._candidate.operator, self._effort
        if not self._dtypes:
            return
        plans = (pairwise(operator, self._seed + number, self._dtypes) for number in count())
        yield from islice(chain.from_iterable(plans), effort.pairwise_cases)
        yield from islice(special_cases(operator, self._seed, self._dtypes), effort.special_cases)
        blocks = blocks_in(self._candidate.source.decode())
        yield from islice(block_cases(operator, blocks, self._seed, self._dtypes), effort.block_cases)

    def _try(self, case: Case, started: float) -> bool:
        if time.monotonic() - started > self._effort.total_s:
            self._tally.deadline_spent = True
            return False
        tally = self._tally
        result = self._session.run(case)
        tally.cases += 1
        self._progress(tally.cases)
        match result:
            case Agreed(worst_ratio=ratio):
                tally.agreed += 1
                tally.worst_ratio[case.dtype] = max(ratio, tally.worst_ratio.get(case.dtype, 0.0))
                return True
            case UnsupportedCase():
                tally.unsupported = tally.unsupported or result
                tally.unsupported_cases += 1
                return tally.agreed > 0 or tally.unsupported_cases < HOPELESS
        self._fail(result)
        return False

    def _fail(self, failure: Failure) -> None:
        tally = self._tally
        tally.failure, tally.failed_at = failure, tally.cases
        if self._effort.reduces and failure.case is not None:
            reduced = reduce(self._candidate.operator, failure.case, failure, self._fails, REDUCING)
            tally.failure, tally.reductions = reduced.failure, reduced.runs
            tally.found = failure if reduced.failure != failure else None

    def _make_long(self) -> None:
        """One dim after the other; a candidate may refuse a length, and is not asked again then."""
        done: list[LongAxis] = []
        for long in long_axes(self._candidate.operator, self._seed, self._dtypes):
            if any(axis.dim == long.dim and axis.refused is not None for axis in done):
                continue
            result = self._session.run(long.case, beyond=True)
            if doubt_about(result) == "slow" and not long.in_one_block:
                result = self._session.run(long.case, beyond=True)
            told = long.told(result)
            if not isinstance(told, LongAxis):
                self._fail(told)
                return
            done.append(told)
        self._tally.long_axes = tuple(done)

    def _make_large(self) -> None:
        check = LargeCheck(self._candidate, self._session, self._seed, self._effort.allowance)
        failure = check.run(self._dtypes, self._tally.large.append)
        if failure is not None:  # not made smaller: it is large because that is what it is about
            self._tally.failure, self._tally.failed_at = failure, self._tally.cases

    def _fails(self, case: Case) -> Failure | None:
        if case.dtype not in self._dtypes:
            return None
        result = self._session.run(case)
        return None if isinstance(result, Agreed | UnsupportedCase) else result

    def _perturb(self, plans: tuple[Plan, ...]) -> None:
        """Replays plans under other scheduling: what depends on it differs sooner or later."""
        for plan in plans:
            first = None
            for way in PERTURBED * self._effort.perturbed_rounds:
                outputs = self._session.replay(plan, way)
                self._tally.perturbed += 1
                if not isinstance(outputs, tuple):
                    self._tally.failure, self._tally.failed_at = outputs, self._tally.cases
                    return
                differing = None if self._order_free else differing_output(first or outputs, outputs)
                if differing is not None:
                    self._tally.failure = ResultsDiffer(case=plan.case, output=differing)
                    self._tally.failed_at = self._tally.cases
                    return
                first = outputs

    def _time(self) -> None:
        effort = self._effort
        benchmark = Benchmark(
            self._candidate, self._session, self._seed, effort.timed_calls, effort.deadlines.load_s, effort.allowance
        )
        timed = benchmark.run(self._dtypes, self._effort.memory_bytes)
        if isinstance(timed, BenchmarkEvidence):
            self._tally.benchmark = timed
        else:
            self._tally.failure, self._tally.failed_at = timed, self._tally.cases

    def _guard_fires(self) -> bool:
        """Whether a write into the unmapped pages is noticed; the replayer is of no use from then on."""
        planted = self._session.replayer().plant(
            "write past a guard", 4 * (2 + secrets.randbelow(256)), self._effort.deadlines.case_s
        )
        return isinstance(planted, wire.Planted) and planted.error is not None

    def _evidence(self, wall_s: float) -> DeviceEvidence:
        tally, session = self._tally, self._session
        greeting = session.greeting
        return DeviceEvidence(
            device=(greeting.device if greeting is not None else None) or "unknown",
            isolation=self._runners.isolation,
            python=greeting.python if greeting is not None else "unknown",
            torch=greeting.torch if greeting is not None else "unknown",
            triton=greeting.triton if greeting is not None else "unknown",
            seed=self._seed,
            cases=tally.cases,
            replayed=session.replayed,
            failure=tally.failure,
            failed_at=tally.failed_at,
            reductions=tally.reductions,
            unsupported=tally.unsupported,
            unsupported_cases=tally.unsupported_cases,
            unrecorded=session.unrecorded,
            unrecorded_cases=session.unrecorded_cases,
            worst_ratio=tally.worst_ratio,
            kernels=_certified(session.plans),
            plans=len(session.plans),
            perturbed=tally.perturbed,
            order_free=self._order_free,
            guard_fired=tally.guard_fired,
            sanitizers=tally.sanitizers,
            benchmark=tally.benchmark,
            long_axes=tally.long_axes,
            large=tuple(tally.large),
            deadline_spent=tally.deadline_spent,
            lost=session.lost,
            phases_s=tally.phases_s,
            wall_s=wall_s,
            observed=self._session.observed,
            found=tally.found,
        )


def adds_atomically(source: str) -> bool:
    """Whether the source names an atomic operation; then the order of additions is the device's.

    A source that only names one gains nothing but this: its replays may differ, each within the bound.
    """
    names = (node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute))
    return any(name.startswith("atomic_") for name in names)


def _certified(plans: tuple[Plan, ...]) -> tuple[CertifiedKernel, ...]:
    found: dict[str, CertifiedKernel] = {}
    for plan in plans:
        for kernel, digest, code in zip(plan.steps.kernels, plan.digests, plan.code, strict=True):
            found[digest] = CertifiedKernel(
                name=kernel.name,
                digest=digest,
                warps=kernel.warps,
                shared_bytes=kernel.shared_bytes + code.shared_bytes,
                registers=code.registers,
                spilled_bytes=code.local_bytes,
            )
    return tuple(found.values())
