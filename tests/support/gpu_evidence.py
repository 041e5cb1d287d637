"""Evidence of a GPU that nothing is missing from; a test changes what it is about."""

from __future__ import annotations

from policies.policy import load_policy
from runners.cases import Case
from runners.device_evidence import (
    BenchmarkEvidence,
    BenchmarkRow,
    CardEvidence,
    DeviceEvidence,
    LargeCase,
    LongAxis,
    SanitizerEvidence,
    SanitizerFinding,
)
from runners.failures import BadPlan, DeviceFault, Failure, OutsideWritten, UnsupportedCase
from runners.isolation_evidence import IsolationEvidence, LimitEvidence

CASE = Case(operator="relu", form="vector", dtype="float32", sizes={"N": 1}, scalars={}, tensors={}, seed=1)
PRODUCTION = load_policy("production")
ISOLATION = IsolationEvidence(
    isolation="docker", engine="e", runtime="runc", image="i",
    limits=tuple(LimitEvidence(name=name, holds=True, observed="") for name in PRODUCTION.isolation.required_limits),
)  # fmt: skip
ROW = BenchmarkRow(
    case="rows", dtype="float32", median_ms=2.0, low_ms=1.9, high_ms=2.1, calls=100, differing=0, baselines=(),
    moved_bytes=1, operations=0, roof_ms=1.5, least_ms=1.0, clocks_mhz=None, throttled=0,
)  # fmt: skip
CARD = CardEvidence(copy_bytes_s=1e12, operations_s={}, cache_bytes=0)
LONG = LongAxis(dim="M", length=65_551, case="rows", refused=None)
LARGE = LargeCase(
    way="rows", case="rows M=2296813", outcome="agreed", reason=None, rows=60, worst_ratio=0.1, code=("d",), wall_s=1.0
)
TOOLS = ("memcheck", "initcheck", "racecheck", "synccheck")


def watched(tool: str, **changes: object) -> SanitizerEvidence:
    fine = {"tool": tool, "plans": 3, "findings": (), "control_fired": True, "problem": None}
    return SanitizerEvidence.model_validate(fine | changes)


def device(**changes: object) -> DeviceEvidence:
    fine = {
        "device": "a GPU", "isolation": ISOLATION, "python": "3", "torch": "2", "triton": "3", "seed": 1,
        "cases": 100, "replayed": 100, "failure": None, "failed_at": None, "reductions": 0, "unsupported": None,
        "unsupported_cases": 0, "unrecorded": None, "unrecorded_cases": 0, "worst_ratio": {}, "kernels": (),
        "plans": 3, "perturbed": 9, "order_free": False, "guard_fired": True,
        "sanitizers": tuple(map(watched, TOOLS)),
        "benchmark": BenchmarkEvidence(card=CARD, rows=(ROW,), problem=None),
        "long_axes": (LONG,), "large": (LARGE,),
        "deadline_spent": False, "lost": 0, "phases_s": {}, "wall_s": 1.0,
    }  # fmt: skip
    return DeviceEvidence.model_validate(fine | changes)


LACKS = {
    "too few cases": ({"cases": 10}, "evidence/too-few-cases"),
    "deadline": ({"deadline_spent": True}, "evidence/too-few-cases"),
    "unsupported": ({"unsupported": UnsupportedCase(case=None, reason="r", line=1)}, "evidence/unsupported"),
    "nothing replayed": ({"replayed": 0}, "evidence/gpu-check-missing"),
    "no guard": ({"guard_fired": False}, "evidence/control-missing"),
    "no other scheduling": ({"perturbed": 0}, "evidence/gpu-check-missing"),
    "no axis made long": ({"long_axes": None}, "evidence/long-axes-missing"),
    "no large shape": ({"large": ()}, "evidence/large-shape-missing"),
    "a large shape without room": (
        {"large": (LARGE, LARGE.model_copy(update={"outcome": "unmeasured", "reason": "no room"}))},
        "evidence/large-shape-missing",
    ),
    "no benchmark": (
        {"benchmark": BenchmarkEvidence(card=None, rows=(), problem="the operator has no benchmark")},
        "evidence/gpu-check-missing",
    ),
    "too fast": (
        {"benchmark": BenchmarkEvidence(card=CARD, rows=(ROW.model_copy(update={"median_ms": 0.5}),), problem=None)},
        "benchmark/above-roof",
    ),
    **{
        f"{tool} not run": ({"sanitizers": tuple(watched(t) for t in TOOLS if t != tool)}, "evidence/gpu-check-missing")
        for tool in TOOLS
    },
    **{
        f"{tool} without control": (
            {"sanitizers": tuple(watched(t, control_fired=t != tool) for t in TOOLS)},
            "evidence/control-missing",
        )
        for tool in TOOLS
    },
    "a tool with a problem": (
        {"sanitizers": (watched("memcheck", problem="p", control_fired=False), *map(watched, TOOLS[1:]))},
        "evidence/gpu-check-missing",
    ),
}
RULE_OF_TOOL = {
    "memcheck": "memory/out-of-bounds", "initcheck": "memory/uninitialised-read",
    "racecheck": "races/shared-memory", "synccheck": "races/barrier",
}  # fmt: skip
FAILURES: dict[str, tuple[Failure, str]] = {
    "fault": (
        DeviceFault(case=CASE, conditions="replayed", step=0, kernel="k", error="CUDA_ERROR_ILLEGAL_ADDRESS"),
        "memory/device-fault",
    ),
    "beside an argument": (OutsideWritten(case=CASE, conditions="replayed", argument="x"), "memory/out-of-bounds"),
    "beside its own": (OutsideWritten(case=CASE, conditions="replayed", argument=None), "memory/out-of-bounds"),
    "bad plan": (BadPlan(case=CASE, problem="it launches nothing"), "replay/bad-plan"),
}
UNRECORDED = {"unrecorded": "a value was read", "unrecorded_cases": 2}


def every_device_evidence() -> list[DeviceEvidence]:
    """Evidence with each lack, each report of a tool and each failure."""
    reported = SanitizerFinding(what="Invalid something", kernel="a_kernel", line=23)
    tools = [
        device(sanitizers=tuple(watched(t, findings=(reported,)) if t == tool else watched(t) for t in TOOLS))
        for tool in TOOLS
    ]
    failures = [device(failure=failure, failed_at=1) for failure, _ in FAILURES.values()]
    return [*(device(**changes) for changes, _ in LACKS.values()), *tools, *failures, device(**UNRECORDED)]
