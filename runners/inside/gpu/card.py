"""What this card can do at most, as measured on it: the roof over every benchmark.

A copy of a gibibyte moves twice its bytes. Products of square matrices go through the vendor's library; the largest
rate of a few sizes counts. A kernel that is faster than both roofs allow did not do its work.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Final

import torch

from runners import wire

COPY_BYTES: Final = 1 << 30
SIZES: Final = (4096, 8192)
ROUNDS: Final = 8
DTYPES: Final = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}


def measured() -> wire.CardMeasured:
    """Measures it."""
    cache_bytes = torch.cuda.get_device_properties(0).L2_cache_size
    return wire.CardMeasured(cache_bytes=cache_bytes, copy_bytes_s=copy_bytes_s(), operations_s=operations_s())


def copy_bytes_s() -> float:
    """Bytes a second, read and written ones counted."""
    source = torch.empty(COPY_BYTES, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return 2 * COPY_BYTES / _seconds(lambda: target.copy_(source))


def operations_s() -> dict[str, float]:
    """Operations a second of products, an addition and a multiplication counted each, by dtype."""
    return {name: max(_rate(dtype, size) for size in SIZES) for name, dtype in DTYPES.items()}


def _rate(dtype: torch.dtype, size: int) -> float:
    a, b = (torch.randn(size, size, device="cuda").to(dtype) for _ in range(2))
    out = torch.empty(size, size, dtype=dtype, device="cuda")
    return 2 * size**3 / _seconds(lambda: torch.matmul(a, b, out=out))


def _seconds(call: Callable[[], object]) -> float:
    call()
    times: list[float] = []
    for _ in range(ROUNDS):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        begin.record()
        call()
        end.record()
        torch.cuda.synchronize()
        times.append(begin.elapsed_time(end) / 1e3)
    return statistics.median(times)
