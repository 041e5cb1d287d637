"""How fast a candidate is, in words: the share of the roofline, what holds it back first, registers and spills.

Only what was timed on a GPU, on the machine code that was certified. One bottleneck is named and not all: an optimiser
that is told everything changes everything.
"""

from __future__ import annotations

import math

from runners.device_evidence import BenchmarkRow, CardEvidence, DeviceEvidence
from runners.evidence import Evidence


def share_of_roof(evidence: Evidence) -> float | None:
    """Returns the geometric mean of the shares over all that was timed; None where nothing was.

    1 is as fast as the card can be.
    """
    device = evidence.device
    if not isinstance(device, DeviceEvidence) or not device.benchmark.rows:
        return None
    shares = [row.share_of_roof for row in device.benchmark.rows]
    if not all(0 < share < math.inf for share in shares):
        return None
    return math.exp(sum(map(math.log, shares)) / len(shares))


def slowness_of(evidence: Evidence) -> str:
    """Returns what an optimiser is told; empty where nothing was timed."""
    device = evidence.device
    if not isinstance(device, DeviceEvidence) or not device.benchmark.rows:
        return ""
    worst = min(device.benchmark.rows, key=lambda row: row.share_of_roof)
    lines = [
        f"{row.dtype}: {row.median_ms:.4f} ms, {row.share_of_roof:.0%} of what the card can do at best"
        + "".join(f"; {other.name} {other.median_ms:.4f} ms" for other in row.baselines)
        for row in device.benchmark.rows
    ]
    lines.append(f"The bottleneck in {worst.dtype}: {_bottleneck(worst, device)}.")
    lines += [
        f"kernel {one.name}: {one.registers} registers and {one.spilled_bytes} spilled bytes a thread, "
        f"{one.shared_bytes} bytes of shared memory, {one.warps} warps"
        for one in device.kernels
    ]
    return "\n".join(lines)


def _bottleneck(row: BenchmarkRow, device: DeviceEvidence) -> str:
    spilled = max((one.spilled_bytes for one in device.kernels), default=0)
    if spilled:
        return f"registers are spilled to memory ({spilled} bytes a thread): smaller tiles, or more warps"
    seconds = row.median_ms / 1e3
    card = device.benchmark.card
    if card is not None and _is_bound_by_products(row, card):
        return f"arithmetic, {row.operations / seconds / 1e12:.3g} TFLOPS are done"
    return f"memory, {row.moved_bytes / seconds / 1e9:.4g} GB/s of what has to be moved are reached"


def _is_bound_by_products(row: BenchmarkRow, card: CardEvidence) -> bool:
    rate = card.operations_s.get(row.dtype)
    return rate is not None and row.operations / rate > row.moved_bytes / card.copy_bytes_s
