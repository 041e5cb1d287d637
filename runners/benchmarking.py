"""Benchmarks on a GPU: the candidate's plan, timed by the replayer beside the operator's baselines.

Shapes are large enough that the card and not the launch decides, and fixed, so that numbers can be compared over time.
Inputs are generated on the device, from seeds that are drawn when the plan is timed. Every timed call's result equals
the first call's on the same inputs (the replayer compares them, and no candidate code runs there); of the first call's
results the judge compares rows that it draws after they came. Of several sets of inputs each call takes the next.

The roof is what this very card did at most in the same run: bytes that must move over the rate of a copy, operations
over the rate of the vendor's products. A cache can keep what does not fit into a roof of bytes: a benchmark counts as
impossible only where it beats the roof without the bytes that the second-level cache holds.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from statistics import median
from typing import Final

import numpy as np

from runners import wire
from runners.benchmark_shapes import SHAPES
from runners.candidate import Candidate
from runners.cubins import problem_in_code
from runners.device_evidence import BaselineTime, BenchmarkEvidence, BenchmarkRow, CardEvidence
from runners.device_runners import RecordedCall
from runners.device_session import DeviceSession
from runners.failures import BadPlan, Failure, InputChanged, OutsideWritten, UnsupportedCase, WrongValues
from runners.generated_inputs import DueResult, GeneratedInputs, Shape, drawn_seed, generated_inputs
from runners.launch_plan import LaunchPlan, problem_in
from runners.oracle import STRICT, Allowance
from runners.row_comparison import KeptRows, compared, drawn_rows, wrong_results

MIXED: Final = (True, False)  # signs, of each set of inputs in turn
RESAMPLES: Final = 1000
CONFIDENCE: Final = 0.95
TIMED: Final = "timed"
NEVER_TIMED: Final = ("float64",)  # what it is for on these cards is not speed
CARD_DEADLINE_S: Final = 60.0


class Benchmark:
    """Times one candidate, in the session in which its cases agreed."""

    def __init__(
        self,
        candidate: Candidate,
        session: DeviceSession,
        seed: int,
        calls: int,
        deadline_s: float,
        allowance: Allowance = STRICT,
    ) -> None:
        """`calls` are timed for each dtype, and none may take longer than `deadline_s` with all that goes with them."""
        self._candidate = candidate
        self._session = session
        self._seed = seed
        self._calls = calls
        self._deadline_s = deadline_s
        self._allowance = allowance

    def run(self, dtypes: Sequence[str], memory_bytes: int) -> BenchmarkEvidence | Failure:
        """Times the operator's shape in each of `dtypes`.

        Raises:
            SandboxUnavailable: no program can be had.
            RunnerFault: our side failed.
        """
        shape = SHAPES.get(self._candidate.operator.name)
        if shape is None:
            return BenchmarkEvidence(card=None, rows=(), problem="the operator has no benchmark")
        card = self._session.replayer().card(CARD_DEADLINE_S)
        if not isinstance(card, wire.CardMeasured):
            return BenchmarkEvidence(card=None, rows=(), problem=f"the card was not measured: {card}")
        rows: list[BenchmarkRow] = []
        for dtype in (one for one in dtypes if one not in NEVER_TIMED):
            row = self._row(shape, dtype, card, memory_bytes)
            if not isinstance(row, BenchmarkRow):
                return row if not isinstance(row, str) else BenchmarkEvidence(card=None, rows=tuple(rows), problem=row)
            rows.append(row)
        measured = CardEvidence(
            copy_bytes_s=card.copy_bytes_s, operations_s=card.operations_s, cache_bytes=card.cache_bytes
        )
        return BenchmarkEvidence(card=measured, rows=tuple(rows), problem=None)

    def _row(
        self, shape: Shape, dtype: str, card: wire.CardMeasured, memory_bytes: int
    ) -> BenchmarkRow | Failure | str:
        operator = self._candidate.operator
        inputs = generated_inputs(operator, shape, dtype, self._seed)
        recorded = self._session.record_generated(inputs, secrets.randbits(64))
        if isinstance(recorded, UnsupportedCase):
            return f"it was not timed: {recorded.reason}"
        if not isinstance(recorded, RecordedCall):
            return recorded
        plan = recorded.plan
        if plan is None:
            return f"it has no plan to time: {recorded.reason}"
        code = next(filter(None, map(problem_in_code, recorded.cubins)), None)
        if (problem := problem_in(plan, inputs.base_bytes, memory_bytes) or code) is not None:
            return BadPlan(case=inputs.case, problem=problem)
        due = inputs.results()
        if (problem := wrong_results(plan, due)) is not None:
            return BadPlan(case=inputs.case, problem=problem)
        loaded = self._session.loaded(plan, recorded.cubins)
        if not isinstance(loaded, wire.PlanLoaded):
            return f"its plan was not loaded: {loaded}"
        seeds = [drawn_seed(mixed=mixed) for mixed in MIXED]
        timed = self._session.replayer().time(operator.name, inputs, seeds, self._calls, self._deadline_s)
        if not isinstance(timed, wire.Timed):
            return f"it was not timed: {timed}"
        beside = _beside(inputs, timed)
        return beside or self._wrong(inputs, due, seeds) or _row_of(inputs, plan, timed, card)

    def _wrong(
        self, inputs: GeneratedInputs, due: Sequence[DueResult], seeds: Sequence[int]
    ) -> WrongValues | str | None:
        """Compares rows of the first results, drawn now."""
        for number, seed in enumerate(seeds):
            rows = drawn_rows(inputs.count, inputs.shape.compared) if inputs.shape.rows else range(due[0].shape[0])
            result = compared(
                self._session, KeptRows(inputs, due, number, seed), rows, TIMED, self._allowance
            )  # fmt: skip
            if not isinstance(result, float):
                return result
        return None


def _beside(inputs: GeneratedInputs, times: wire.Timed) -> InputChanged | OutsideWritten | None:
    """What was kept where nothing may be kept: in the inputs, or beside them."""
    names = [tensor.name for tensor in inputs.tensors]
    for number in (number for number in times.changed if number < len(names)):
        return InputChanged(case=inputs.case, argument=names[number])
    for number in (number for number in times.touched if number < len(names)):
        return OutsideWritten(case=inputs.case, conditions=TIMED, argument=names[number])
    return None


def median_interval(values: Sequence[float], seed: int) -> tuple[float, float]:
    """Returns bounds of the median: percentile bootstrap, `RESAMPLES` resamples, `CONFIDENCE`."""
    generator = np.random.default_rng(seed)
    drawn = generator.choice(np.asarray(values), size=(RESAMPLES, len(values)))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(np.median(drawn, axis=1), (tail, 1 - tail))
    return float(low), float(high)


def _row_of(
    inputs: GeneratedInputs, plan: LaunchPlan, times: wire.Timed, card: wire.CardMeasured
) -> BenchmarkRow:  # fmt: skip
    case, shape = inputs.case, inputs.shape
    low, high = median_interval(times.calls_ms, case.seed)
    read = sum(inputs.base_bytes)
    operations = shape.operations(shape.sizes)
    rate = card.operations_s.get(case.dtype)
    moved = read + plan.output_bytes
    computing_s = operations / rate if rate else 0.0
    clocked = times.before.sm_mhz is not None and times.after.sm_mhz is not None
    return BenchmarkRow(
        case=case.describe(),
        dtype=case.dtype,
        median_ms=median(times.calls_ms),
        low_ms=low,
        high_ms=high,
        calls=len(times.calls_ms),
        differing=len(times.differing),
        baselines=tuple(_baseline(one, case.seed) for one in times.baselines),
        moved_bytes=moved,
        operations=operations,
        roof_ms=max(moved / card.copy_bytes_s, computing_s) * 1e3,
        least_ms=max(max(0, moved - card.cache_bytes) / card.copy_bytes_s, computing_s) * 1e3,
        clocks_mhz=(times.before.sm_mhz or 0, times.after.sm_mhz or 0) if clocked else None,
        throttled=times.after.throttled,
        calls_ms=_kept(times.calls_ms),
    )


def _baseline(one: wire.Baseline, seed: int) -> BaselineTime:
    low, high = median_interval(one.calls_ms, seed)
    return BaselineTime(
        name=one.name, median_ms=median(one.calls_ms), low_ms=low, high_ms=high, calls_ms=_kept(one.calls_ms)
    )


def _kept(calls_ms: Sequence[float]) -> tuple[float, ...]:
    """What evidence keeps: the clock of the card ticks far more coarsely than six digits."""
    return tuple(float(f"{one:.6g}") for one in calls_ms)
