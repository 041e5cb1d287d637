"""The messages to and from a program that replays launch plans on a GPU; like all of the wire format strict and capped.

What comes back is a claim: the program never loads candidate code, but a candidate's machine code ran in its context.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from runners.argument_messages import Generated, Seed
from runners.launch_plan import BUFFERS_CAP, KERNELS_CAP, LaunchPlan
from runners.message import ARGUMENTS_CAP, FirstError, Message, Size, Text

REPORT_CAP: Final = 1 << 18
CALLS_CAP: Final = 10_000
SETS_CAP: Final = 16
STRETCHES_CAP: Final = 4096

DeviceFaultName = Literal[
    "write past a guard", "write past an allocation", "uninitialised read", "race in shared memory", "invalid barrier",
]  # fmt: skip


class PlanRequest(Message):
    """Load a launch plan; the machine code of its kernels follows, in order."""

    kind: Literal["plan"] = "plan"
    plan: LaunchPlan


class ReplayRequest(Message):
    """Carry the loaded plan out on these bases, whose bytes follow.

    Attributes:
        base_bytes: Sizes of the tensor arguments' bases, in order.
        fresh_byte: What memory holds that the plan does not fill.
        side: Which end of each buffer touches the unmapped pages beside it, or neither.
        exact: Buffers are allocated to the byte and not filled, for the eyes of a sanitizer.
        alone: No two blocks of a kernel share a multiprocessor.
        crowded: Other work runs on the device at the same time.
        apart: Buffers lie far from each other, each pair in another distance.
    """

    kind: Literal["replay"] = "replay"
    base_bytes: Annotated[tuple[Size, ...], Field(max_length=ARGUMENTS_CAP), FirstError]
    fresh_byte: Annotated[int, Field(ge=0, le=255)]
    side: Literal["end", "start", "within"]
    exact: bool = False
    alone: bool = False
    crowded: bool = False
    apart: bool = False


class Stretch(Message):
    """`count` rows from row `start` on."""

    start: Size
    count: Annotated[int, Field(ge=1, le=1 << 31)]


class GeneratedReplayRequest(Message):
    """Carry the loaded plan out on bases that are generated, and keep its results (`RowsRequest`).

    Attributes:
        seed: What the bases are generated from.
        fresh_byte: What memory holds that the plan does not fill.
        side: Which end of each buffer touches the unmapped pages beside it.
    """

    kind: Literal["generated_replay"] = "generated_replay"
    arguments: Generated
    seed: Seed
    fresh_byte: Annotated[int, Field(ge=0, le=255)]
    side: Literal["end", "start"]


class TimeRequest(Message):
    """Time the loaded plan on several sets of generated bases, and the baselines beside it.

    Attributes:
        arguments: Of each set.
        seeds: What the bases of each set are generated from.
        operator: Whose baselines run on the same inputs.
        calls: Timed calls of each.
    """

    kind: Literal["time"] = "time"
    arguments: Generated
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1, max_length=SETS_CAP), FirstError]
    operator: Text
    calls: Annotated[int, Field(ge=1, le=CALLS_CAP)]


class RowsRequest(Message):
    """Send these rows of the results that were kept: of a plan on generated bases, or of a set that was timed.

    Attributes:
        kept: Which results: 0 of a plan that was carried out once, the number of a set where it was timed.
        axis: What counts as a row, of each result.
    """

    kind: Literal["rows"] = "rows"
    kept: Annotated[int, Field(ge=0, lt=SETS_CAP)]
    axis: Annotated[int, Field(ge=0, lt=8)]
    stretches: Annotated[tuple[Stretch, ...], Field(min_length=1, max_length=STRETCHES_CAP), FirstError]


class PlantRequest(Message):
    """Commit a fault of device code, to see whether it is noticed. `at` is where, as the fault's description says."""

    kind: Literal["plant"] = "plant"
    fault: DeviceFaultName
    at: Size


class ReportRequest(Message):
    """Send what the sanitizer has written since it was asked last."""

    kind: Literal["report"] = "report"


class HealthRequest(Message):
    """Run a known kernel, and say how much memory the GPU has."""

    kind: Literal["health"] = "health"


class CardRequest(Message):
    """Measure what the card can do at most: copies, and products of matrices."""

    kind: Literal["card"] = "card"


class Code(Message):
    """What the device says of one kernel: registers and local memory of a thread, static shared memory of a block."""

    registers: Size
    local_bytes: Size
    shared_bytes: Size


class PlanLoaded(Message):
    """The device took the machine code; `code` is what it says of the kernels, in order."""

    kind: Literal["plan_loaded"] = "plan_loaded"
    code: Annotated[tuple[Code, ...], Field(max_length=KERNELS_CAP), FirstError] = ()


class PlanRefused(Message):
    """The device did not take the machine code, or has no room."""

    kind: Literal["plan_refused"] = "plan_refused"
    error: Text


class Replayed(Message):
    """The plan was carried out; the bytes of its outputs follow.

    Attributes:
        output_bytes: Their sizes.
        touched: Numbers of buffers around which something was written.
        changed: Numbers of tensor arguments whose bytes changed.
    """

    kind: Literal["replayed"] = "replayed"
    output_bytes: Annotated[tuple[Size, ...], Field(max_length=ARGUMENTS_CAP), FirstError]
    touched: Annotated[tuple[Size, ...], Field(max_length=BUFFERS_CAP), FirstError]
    changed: Annotated[tuple[Size, ...], Field(max_length=ARGUMENTS_CAP), FirstError]


class Rows(Message):
    """Rows of each result follow, contiguous, one stretch after the other along the axis.

    Attributes:
        output_bytes: Their sizes; none where nothing was kept, or the results have no such rows.
    """

    kind: Literal["rows"] = "rows"
    output_bytes: Annotated[tuple[Size, ...], Field(max_length=ARGUMENTS_CAP), FirstError]


class Planted(Message):
    """A fault was committed; `error` is the device's, where it noticed."""

    kind: Literal["planted"] = "planted"
    error: Text | None


class Report(Message):
    """What a sanitizer wrote; `cut` where it was more than fits, and the rest is lost."""

    kind: Literal["report"] = "report"
    text: Annotated[str, Field(max_length=REPORT_CAP)]
    cut: bool


class Baseline(Message):
    """Another way to compute the operator, and the milliseconds of its calls."""

    name: Text
    calls_ms: Annotated[tuple[float, ...], Field(max_length=CALLS_CAP), FirstError]


class Clocks(Message):
    """The card while it was timed. None where its driver's library does not say.

    Attributes:
        throttled: Why its clock was held back, as the driver's bits; 0 is not at all.
    """

    sm_mhz: int | None
    memory_mhz: int | None
    celsius: int | None
    throttled: int | None


class Timed(Message):
    """Milliseconds on the device of each call, in order. The first call's results of each set are kept (`RowsRequest`).

    Attributes:
        differing: Numbers of calls whose results were not those of the first call on the same inputs, bit for bit.
        touched: Numbers of arguments beside whose bases something was written; `changed` of those that changed.
    """

    kind: Literal["timed"] = "timed"
    calls_ms: Annotated[tuple[float, ...], Field(max_length=CALLS_CAP), FirstError]
    baselines: Annotated[tuple[Baseline, ...], Field(max_length=4), FirstError]
    differing: Annotated[tuple[Size, ...], Field(max_length=CALLS_CAP), FirstError]
    touched: Annotated[tuple[Size, ...], Field(max_length=ARGUMENTS_CAP), FirstError]
    changed: Annotated[tuple[Size, ...], Field(max_length=ARGUMENTS_CAP), FirstError]
    before: Clocks
    after: Clocks


class Healthy(Message):
    """Whether the known kernel gave the known result, and the GPU's memory, over all that run on it."""

    kind: Literal["healthy"] = "healthy"
    right: bool
    free_bytes: Size
    total_bytes: Size


class CardMeasured(Message):
    """Size of the second-level cache; bytes a second of a copy, read and written; operations a second by dtype."""

    kind: Literal["card_measured"] = "card_measured"
    cache_bytes: Size
    copy_bytes_s: float
    operations_s: Annotated[dict[str, float], Field(max_length=8)]


class ReplayFailed(Message):
    """The device reported an error at a step of the plan; the process is of no use from then on."""

    kind: Literal["replay_failed"] = "replay_failed"
    step: Size
    error: Text
