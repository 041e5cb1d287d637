"""What the checks on a GPU measured: facts, as all evidence."""

from __future__ import annotations

from typing import Literal

from runners.failures import Failure, UnsupportedCase
from runners.isolation_evidence import IsolationEvidence
from runners.observed_evidence import ObservedEvidence
from runners.record import Record


class CertifiedKernel(Record):
    """Machine code that was replayed: what is certified.

    Attributes:
        digest: SHA-256 of the cubin.
        warps: Of a block.
        shared_bytes: Of a block, dynamic and static.
        registers: Of a thread.
        spilled_bytes: Local memory of a thread.
    """

    name: str
    digest: str
    warps: int
    shared_bytes: int
    registers: int
    spilled_bytes: int


class SanitizerFinding(Record):
    """One thing that a tool of compute-sanitizer reported about the candidate's kernels.

    Attributes:
        what: Its first line.
        line: Of the candidate's file, where the machine code says which.
    """

    what: str
    kernel: str | None
    line: int | None


class SanitizerEvidence(Record):
    """One tool's run over the plans.

    Attributes:
        tool: Which tool of compute-sanitizer.
        plans: How many were replayed under it.
        findings: What it reported.
        control_fired: Whether it reported the planted fault, in the same process after the last plan.
        problem: Why it is no evidence, where it is none.
        ours: Whether the tool could not be had or our side failed.
    """

    tool: str
    plans: int
    findings: tuple[SanitizerFinding, ...]
    control_fired: bool
    problem: str | None
    ours: bool = False


class BaselineTime(Record):
    """Another way to compute the same, timed in turns with the candidate; milliseconds on the device.

    Attributes:
        name: What it is.
        calls_ms: Every timed call, in order; empty in evidence of earlier versions.
    """

    name: str
    median_ms: float
    low_ms: float
    high_ms: float
    calls_ms: tuple[float, ...] = ()


class BenchmarkRow(Record):
    """One shape and dtype, timed where no candidate code ran.

    Attributes:
        case: The case in words.
        median_ms: Milliseconds on the device; `low_ms` and `high_ms` bound the median (bootstrap, 95 %).
        calls: How many were timed, each with its output checked.
        differing: How many of the timed calls did not have the first call's bits.
        baselines: Other ways to compute the same, timed in turns with it.
        moved_bytes: What must be read and written at least.
        operations: What must be computed.
        roof_ms: What the card needs for them, as measured on it in the same run.
        least_ms: As `roof_ms`, without the bytes that the card's cache can keep.
        clocks_mhz: Of the multiprocessors, before and after.
        throttled: What held the clock back, as the driver's bits.
        calls_ms: Every timed call, in order; empty in evidence of earlier versions.
    """

    case: str
    dtype: str
    median_ms: float
    low_ms: float
    high_ms: float
    calls: int
    differing: int
    baselines: tuple[BaselineTime, ...]
    moved_bytes: int
    operations: int
    roof_ms: float
    least_ms: float
    clocks_mhz: tuple[int, int] | None
    throttled: int | None
    calls_ms: tuple[float, ...] = ()

    @property
    def share_of_roof(self) -> float:
        """1 is as fast as the card can be; more can't be."""
        return self.roof_ms / self.median_ms if self.median_ms else float("inf")


class CardEvidence(Record):
    """What the card did at most when it was asked to: copied bytes and operations of products, a second.

    Attributes:
        copy_bytes_s: Bytes that were copied in a second.
        operations_s: By dtype, operations of matrix products in a second.
        cache_bytes: How large its cache is.
    """

    copy_bytes_s: float
    operations_s: dict[str, float]
    cache_bytes: int


class BenchmarkEvidence(Record):
    """The benchmark; `problem` says why there are no rows, where there are none.

    Attributes:
        card: What the card can do at most; None where that was not measured.
        rows: One for each shape and dtype.
    """

    card: CardEvidence | None
    rows: tuple[BenchmarkRow, ...]
    problem: str | None


class LongAxis(Record):
    """One dim alone was made longer than what other cases have.

    Attributes:
        length: How long it was.
        case: In words.
        refused: Why there is no result, where the candidate has none for such a length.
    """

    dim: str
    length: int
    case: str
    refused: str | None


class LargeCase(Record):
    """A case with more elements than 32 bits count, on inputs that were generated on the GPU.

    Attributes:
        way: What is large.
        case: In words; None where there is none.
        outcome: 'agreed'; 'refused' where the candidate takes no such sizes; 'unrecorded' where its call had no plan;
            'unfit' where the operator has no such case; 'unmeasured' where it could not be made.
        reason: Why it is not 'agreed', where it is not.
        rows: How many rows of the result were compared.
        code: SHA-256 of the machine code of each kernel that was replayed.
    """

    way: str
    case: str | None
    outcome: Literal["agreed", "refused", "unrecorded", "unfit", "unmeasured"]
    reason: str | None
    rows: int
    worst_ratio: float
    code: tuple[str, ...]
    wall_s: float


class DeviceEvidence(Record):
    """What happened when the candidate was called and its launch plans were replayed on a GPU.

    Attributes:
        device: Name, compute capability, CUDA and driver.
        isolation: In what the programs ran.
        seed: What cases and numbers were drawn from.
        cases: Cases that were called.
        replayed: Cases whose plan was carried out twice, on later inputs.
        failed_at: Number of the first failing case, counted from 1; 0 is the loading of the module.
        unrecorded: Why a call had no plan, the first time.
        unrecorded_cases: Calls that had no plan.
        kernels: The machine code that was replayed.
        plans: Launch plans that were recorded.
        perturbed: Replays under other scheduling: blocks alone on a multiprocessor, other work beside them.
        order_free: The source adds atomically, so that replays need not agree to the bit.
        guard_fired: Whether a planted write past a guarded buffer was noticed, after the last plan.
        sanitizers: What each tool of compute-sanitizer reported.
        benchmark: How long it takes.
        long_axes: Cases of each long dim of the operator; None where none was asked for or a case failed.
        large: Cases with more than 2³¹ elements, or why there is none; empty where none was asked for or a case failed.
        lost: Programs that ended meanwhile.
        observed: What the programs that called the candidate used and left, seen from outside.
        phases_s: Seconds of each phase, by name.
        found: The failure on the first failing case, where `failure` is that on a smaller one; else None.
    """

    kind: Literal["device"] = "device"
    device: str
    isolation: IsolationEvidence | None
    python: str
    torch: str
    triton: str
    seed: int
    cases: int
    replayed: int
    failure: Failure | None
    failed_at: int | None
    reductions: int
    unsupported: UnsupportedCase | None
    unsupported_cases: int
    unrecorded: str | None
    unrecorded_cases: int
    worst_ratio: dict[str, float]
    kernels: tuple[CertifiedKernel, ...]
    plans: int
    perturbed: int
    order_free: bool
    guard_fired: bool
    sanitizers: tuple[SanitizerEvidence, ...]
    benchmark: BenchmarkEvidence
    long_axes: tuple[LongAxis, ...] | None = None
    large: tuple[LargeCase, ...] = ()
    deadline_spent: bool
    lost: int
    phases_s: dict[str, float]
    wall_s: float
    observed: ObservedEvidence | None = None
    found: Failure | None = None
