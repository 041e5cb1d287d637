"""What a policy says about evidence from a GPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from policies.policy import GpuCheck, Policy
from policies.verdict import Finding
from runners.device_evidence import BenchmarkRow, DeviceEvidence, SanitizerEvidence
from runners.evidence import Missing

ABOVE_ROOF: Final = 1.05  # a card is not measured to the last percent
TOOLS: Final[dict[GpuCheck, tuple[str, ...]]] = {
    "memory": ("memcheck", "initcheck"),
    "races": ("racecheck", "synccheck"),
}
_TOOL_RULES: Final = {
    "memcheck": "memory/out-of-bounds", "initcheck": "memory/uninitialised-read",
    "racecheck": "races/shared-memory", "synccheck": "races/barrier",
}  # fmt: skip


def findings_of(device: DeviceEvidence | Missing, policy: Policy) -> Iterator[Finding]:
    """Yields what is wrong or missing; a failing case is the caller's to tell."""
    if isinstance(device, Missing):
        for check in policy.gpu_checks:
            yield _incomplete("evidence/gpu-check-missing", f"'{check}' was not made on a GPU: {device.reason}")
        return
    if device.failure is not None:
        return
    if device.unrecorded_cases and not device.plans:
        if policy.gpu_checks:
            yield from _replay(device)
            yield from _properties(device, policy)
        return
    for check in policy.gpu_checks:
        match check:
            case "properties":
                yield from _properties(device, policy)
            case "replay":
                yield from _replay(device)
            case "memory" | "races":
                yield from _watched(device, check)
            case "benchmark":
                yield from _benchmark(device)


def _properties(device: DeviceEvidence, policy: Policy) -> Iterator[Finding]:
    if device.unsupported is not None:
        found = device.unsupported
        yield Finding(
            rule="evidence/unsupported", severity="incomplete", message=f"on the GPU: {found.reason}", line=found.line,
            case=found.case,
        )  # fmt: skip
    asked = policy.gpu.pairwise_cases + policy.gpu.random_cases
    if device.deadline_spent or device.cases < asked:
        yield _incomplete("evidence/too-few-cases", f"{device.cases} cases were run on the GPU, {asked} asked for")
    if device.unsupported is None or device.worst_ratio:  # some case ran, so these could
        yield from _beyond(device, policy)


def _beyond(device: DeviceEvidence, policy: Policy) -> Iterator[Finding]:
    """What was not tried beyond the sizes of ordinary cases; what a candidate refuses there it may refuse."""
    if policy.gpu.long_axes and device.long_axes is None:
        yield _incomplete("evidence/long-axes-missing", "no axis was made long on the GPU")
    if policy.gpu.large_shapes and not device.large:
        yield _incomplete("evidence/large-shape-missing", "no case with more than 2³¹ elements was tried")
    for one in device.large:
        if policy.gpu.large_shapes and one.outcome == "unmeasured":
            yield _incomplete("evidence/large-shape-missing", f"{one.case}: {one.reason}")


def _replay(device: DeviceEvidence) -> Iterator[Finding]:
    if device.unrecorded_cases:
        yield Finding(
            rule="replay/not-recorded",
            severity="capped",
            message=f"{device.unrecorded} ({device.unrecorded_cases} of {device.cases} cases had no launch plan)",
        )
    elif device.replayed == 0:
        yield _incomplete("evidence/gpu-check-missing", "no launch plan was replayed")


def _watched(device: DeviceEvidence, check: GpuCheck) -> Iterator[Finding]:
    ran = {one.tool: one for one in device.sanitizers}
    for tool in TOOLS[check]:
        yield from _tool(tool, ran.get(tool))
    if check == "memory" and not device.guard_fired:
        yield _incomplete("evidence/control-missing", "a planted write past a guarded buffer was not noticed")
    if check == "races" and not device.perturbed:
        yield _incomplete("evidence/gpu-check-missing", "nothing was replayed under other scheduling")


def _tool(tool: str, ran: SanitizerEvidence | None) -> Iterator[Finding]:
    if ran is None:
        yield _incomplete("evidence/gpu-check-missing", f"'{tool}' was not run")
        return
    for found in ran.findings[:1]:
        where = f" in {found.kernel}" if found.kernel else ""
        yield Finding(rule=_TOOL_RULES[tool], severity="error", message=f"{found.what}{where}", line=found.line)
    if ran.problem is not None:
        yield _incomplete("evidence/gpu-check-missing", f"'{tool}': {ran.problem}")
    elif not ran.findings and not ran.control_fired:
        yield _incomplete("evidence/control-missing", f"'{tool}' did not report its planted fault")


def _benchmark(device: DeviceEvidence) -> Iterator[Finding]:
    timed = device.benchmark
    if timed.problem is not None or not timed.rows:
        yield _incomplete("evidence/gpu-check-missing", f"'benchmark': {timed.problem or 'nothing was timed'}")
    yield from _impossible(timed.rows)
    for row in timed.rows:
        if row.differing and not device.order_free:
            yield Finding(
                rule="properties/nondeterministic", severity="error",
                message=f"{row.differing} of {row.calls} timed calls gave other bits, in {row.dtype}",
            )  # fmt: skip


def _impossible(rows: Sequence[BenchmarkRow]) -> Iterator[Finding]:
    for row in rows:
        if row.least_ms > ABOVE_ROOF * row.median_ms:
            yield _incomplete(
                "benchmark/above-roof",
                f"{row.median_ms:.4f} ms in {row.dtype}, and this card needs {row.least_ms:.4f} ms at least",
            )


def _incomplete(rule: str, message: str) -> Finding:
    return Finding(rule=rule, severity="incomplete", message=message)
