"""Cases with more than 2³¹ elements: recorded and replayed on inputs that nobody sends, judged by rows.

The recorder calls the candidate on generated inputs and returns its plan alone. The replayer carries the plan out on
inputs from other seeds, of mixed signs and of none, in guarded buffers, looks for writes beside them and for changed
inputs as in any replay, and keeps the results. Then the judge draws rows: the first, the last, those around the places
where a tensor's element number 2³¹ lies, and any others. It asks for these, makes their inputs, and compares.

What can't be measured (the GPU has too little memory, the operator has no such shape, its dtypes are wide) is told with
the reason, and a policy says what follows. A failure is one like others, but for its case, which is not made smaller.
"""

from __future__ import annotations

import hashlib
import math
import random
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from runners import wire
from runners.candidate import Candidate
from runners.cases import Case
from runners.cubins import problem_in_code
from runners.device_evidence import LargeCase
from runners.device_judging import launches_in, wrong_form
from runners.device_runners import KeptResults, RecordedCall, Way
from runners.device_session import DeviceSession, Refused
from runners.dtypes import TORCH_DTYPES
from runners.failures import BadPlan, Failure, NoLaunch, RunnerEnded, UnsupportedCase
from runners.generated_inputs import DueResult, GeneratedInputs, drawn_seed, generated_inputs
from runners.large_shapes import BOUNDARY, large_shapes
from runners.launch_plan import LaunchPlan, problem_in
from runners.oracle import Allowance
from runners.refusals import lacks_room, refusal
from runners.row_comparison import KeptRows, compared, drawn_rows, wrong_results

WAY: Final = Way("replayed with more than 2³¹ elements", 0xFF, "end")
NARROW_BYTES: Final = 2  # an item at most: more only makes the same shape cost more
PROGRAMS: Final = 2  # hold inputs and results at a time: the one that records, and the one that replays
ROOM: Final = 1.25  # times what is needed: pieces, pages, and what a plan has beside
CONTEXT_BYTES: Final = 2 << 30
UNBOUNDED: Final = 1 << 48  # the GPU itself says what it has no room for
OUT_OF_MEMORY: Final = "OUT_OF_MEMORY"
WAIT_S, POLL_S = 20.0, 1.0  # for others that are on the GPU, and will not be
HEALTH_DEADLINE_S: Final = 60.0
AROUND: Final = 3  # rows on either side of a place that matters
NO_SHAPE: Final = "each of its results depends on all inputs, or nobody has said on which"
NO_DTYPE: Final = "no dtype of at most 2 bytes is asked for"
Unmeasured = Literal["refused", "unrecorded", "unfit", "unmeasured"]


@dataclass(frozen=True, slots=True)
class _Not:
    """There is no result, and that is no failure."""

    outcome: Unmeasured
    reason: str


@dataclass(frozen=True, slots=True)
class _Agreed:
    rows: int
    worst_ratio: float
    code: tuple[str, ...]

    def and_then(self, later: _Agreed) -> _Agreed:
        """Both, of the same plan."""
        return _Agreed(self.rows + later.rows, max(self.worst_ratio, later.worst_ratio), self.code)


class LargeCheck:
    """One candidate's cases of this kind, in the session in which its other cases agreed."""

    def __init__(
        self,
        candidate: Candidate,
        session: DeviceSession,
        seed: int,
        allowance: Allowance,
        boundary: int = BOUNDARY,
        wait_s: float = WAIT_S,
    ) -> None:
        """`boundary` is what the elements of the largest tensor are just more than."""
        self._candidate = candidate
        self._session = session
        self._seed = seed
        self._allowance = allowance
        self._boundary = boundary
        self._wait_s = wait_s
        self._chance = random.Random(f"{seed} large")

    def run(self, dtypes: Sequence[str], tell: Callable[[LargeCase], None]) -> Failure | None:
        """Tries each large shape of the operator, tells what came of it, and ends at the first failure.

        Raises:
            SandboxUnavailable: no program can be had.
            RunnerFault: our side failed.
        """
        operator = self._candidate.operator
        shapes = list(large_shapes(operator, self._chance, self._boundary))
        narrow = [dtype for dtype in dtypes if TORCH_DTYPES[dtype].itemsize <= NARROW_BYTES]
        if not shapes or not narrow:
            tell(_case("large", None, _Not("unfit", NO_DTYPE if shapes else NO_SHAPE), 0.0))
        for large in shapes if narrow else ():
            began = time.monotonic()
            inputs = generated_inputs(operator, large.shape, self._chance.choice(narrow), self._seed)
            result = self._tried(inputs)
            if not isinstance(result, _Agreed | _Not):
                return result
            tell(_case(large.way, inputs.case.describe(), result, time.monotonic() - began))
        return None

    def _tried(self, inputs: GeneratedInputs) -> _Agreed | _Not | Failure:
        due = inputs.results()
        needed = PROGRAMS * (sum(inputs.base_bytes) + sum(result.bytes for result in due))
        if (lack := self._lack_of_room(int(ROOM * needed) + CONTEXT_BYTES)) is not None:
            return _Not("unmeasured", lack)
        recorded = self._session.record_generated(inputs, secrets.randbits(64))
        if isinstance(recorded, UnsupportedCase):
            return _Not("unmeasured", recorded.reason)
        if not isinstance(recorded, RecordedCall):
            return _without_a_plan(recorded)
        wrong = wrong_form(inputs.case, [(result.dtype, result.shape) for result in due], recorded)
        if wrong is not None:
            return wrong
        if launches_in(recorded) == 0:
            return NoLaunch(case=inputs.case)
        if recorded.plan is None:
            self._session.note_unrecorded(recorded.reason)
            return _Not("unrecorded", recorded.reason or "its call had no plan")
        return self._replayed(inputs, due, recorded.plan, recorded.cubins)

    def _lack_of_room(self, needed_bytes: int) -> str | None:
        """Says that the GPU has less memory; where others have it, a while later."""
        until = time.monotonic() + self._wait_s
        while True:
            healthy = self._session.replayer().health(HEALTH_DEADLINE_S)
            if not isinstance(healthy, wire.Healthy):
                return f"the GPU's memory is not known: {healthy}"
            if healthy.free_bytes >= needed_bytes:
                return None
            if healthy.total_bytes < needed_bytes or time.monotonic() > until:
                free, total = (number >> 20 for number in (healthy.free_bytes, healthy.total_bytes))
                return f"{needed_bytes >> 20} MiB are needed, the GPU has {free} MiB free of {total}"
            time.sleep(POLL_S)

    def _replayed(
        self, inputs: GeneratedInputs, due: Sequence[DueResult], plan: LaunchPlan, cubins: tuple[bytes, ...]
    ) -> _Agreed | _Not | Failure:
        problem = problem_in(plan, inputs.base_bytes, UNBOUNDED) or wrong_results(plan, due)
        problem = problem or next(filter(None, map(problem_in_code, cubins)), None)
        if problem is not None:
            return BadPlan(case=inputs.case, problem=problem)
        loaded = self._session.loaded(plan, cubins)
        if not isinstance(loaded, wire.PlanLoaded):
            return _Not("unmeasured", f"its plan was not loaded: {loaded}")
        mixed = self._compared(inputs, due, plan, cubins, drawn_seed(mixed=True))
        if not isinstance(mixed, _Agreed):
            return mixed
        unsigned = self._compared(inputs, due, plan, cubins, drawn_seed(mixed=False))
        return mixed.and_then(unsigned) if isinstance(unsigned, _Agreed) else unsigned

    def _compared(
        self,
        inputs: GeneratedInputs,
        due: Sequence[DueResult],
        plan: LaunchPlan,
        cubins: tuple[bytes, ...],
        seed: int,
    ) -> _Agreed | _Not | Failure:
        done = self._session.replay_generated(inputs, plan, seed, WAY)
        if isinstance(done, Refused):
            return _refused(inputs.case, done)
        if not isinstance(done, KeptResults):
            return done
        rows = drawn_rows(inputs.count, inputs.shape.compared, *self._places(inputs, due))
        ratio = compared(self._session, KeptRows(inputs, due, 0, seed), rows, WAY.name, self._allowance)
        if isinstance(ratio, float):
            return _Agreed(len(rows), ratio, tuple(hashlib.sha256(cubin).hexdigest() for cubin in cubins))
        return _Not("unmeasured", ratio) if isinstance(ratio, str) else ratio

    def _places(self, inputs: GeneratedInputs, due: Sequence[DueResult]) -> tuple[list[int], int]:
        """Returns the rows that matter, and how many beside each of them are looked at, too."""
        shape = inputs.shape
        tensors = [(tensor.shape, shape.rows[tensor.name]) for tensor in inputs.tensors if tensor.name in shape.rows]
        tensors += [(result.shape, shape.axis) for result in due]
        beyond = [
            int(np.unravel_index(self._boundary, sizes)[axis])
            for sizes, axis in tensors
            if math.prod(sizes) > self._boundary
        ]
        return [0, inputs.count - 1, *beyond], max(AROUND, shape.compared // 8)


def _without_a_plan(failure: Failure) -> _Not | Failure:
    """What a call that gave no plan means where a candidate need not take such sizes."""
    refused = refusal(failure)
    if refused is not None:
        return _Not("refused", refused)
    if lacks_room(failure):
        return _Not("unmeasured", "the GPU has no room for what the candidate allocates")
    if isinstance(failure, RunnerEnded) and failure.how == "timed_out":
        return _Not("unmeasured", f"its call did not end: {failure.detail}")
    return failure


def _refused(case: Case, refused: Refused) -> _Not | BadPlan:
    if OUT_OF_MEMORY in refused.error:
        return _Not("unmeasured", "the GPU has no room for the buffers of the plan")
    return BadPlan(case=case, problem=refused.error)


def _case(way: str, case: str | None, result: _Agreed | _Not, wall_s: float) -> LargeCase:
    if isinstance(result, _Not):
        return LargeCase(
            way=way, case=case, outcome=result.outcome, reason=result.reason, rows=0, worst_ratio=0.0, code=(),
            wall_s=wall_s,
        )  # fmt: skip
    return LargeCase(
        way=way, case=case, outcome="agreed", reason=None, rows=result.rows, worst_ratio=result.worst_ratio,
        code=result.code, wall_s=wall_s,
    )  # fmt: skip
