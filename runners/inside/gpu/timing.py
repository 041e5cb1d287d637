"""How long a plan takes: in the process that replays it, where no candidate code can forge a clock.

Each timed call works on another of several sets of inputs, after the second-level cache was overwritten, and its
results are compared with those of the first call on that set before the next one begins; of those first ones the judge
compares rows with what is right, which it draws when all is over.

Machine code could keep results between calls instead of computing them again: so memory of its own is filled anew
before each call, and the inputs and what lies beside them must be as they were in the end. (What a module can keep by
itself the judge bounds, see `runners.cubins`.)

Fills and layout copies that the candidate asked for are part of it. Baselines take turns with it, so that whatever the
card does meanwhile happens to all of them. What is measured is time on the device, between two events;
to overwrite the cache keeps it busy, so that the host is ahead of it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import torch

from runners.inside.gpu.arguments import DEVICE
from runners.inside.gpu.baselines import EAGER
from runners.inside.gpu.bases import Base
from runners.inside.gpu.replaying import Prepared, Replay, Way

FLUSH_BYTES: Final = 256 << 20  # several times the second-level cache of any GPU so far
FRESH_BYTE: Final = 0xFF
WARM_UP: Final = 3
AS_A_FRAMEWORK: Final = Way(FRESH_BYTE, "start")  # aligned, as allocations are

Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class TimedPlan:
    """Milliseconds of each call, in order.

    Attributes:
        baselines: Likewise, by the name of the baseline.
        differing: Numbers of calls whose results were not those of the first call on the same inputs, bit for bit.
        touched: Numbers of arguments beside whose bases something was written; `changed` of those that changed.
        first: The results of the first call on each set, as they were then, on the device.
    """

    calls_ms: tuple[float, ...]
    baselines: Mapping[str, tuple[float, ...]]
    differing: tuple[int, ...]
    touched: tuple[int, ...]
    changed: tuple[int, ...]
    first: tuple[tuple[torch.Tensor, ...], ...]


def time_plan(
    replay: Replay,
    sets: Sequence[Sequence[Base]],
    baselines: Mapping[str, Sequence[Call]],
    calls: int,
) -> TimedPlan:
    """Times a plan.

    Args:
        sets: What the arguments' bases hold, several times.
        baselines: For each set one call, by the name of the baseline.

    Raises:
        DeviceError: there is no room, or a launch was refused.
    """
    prepared: list[Prepared] = []
    try:
        prepared.extend(replay.prepare(bases, AS_A_FRAMEWORK) for bases in sets)
        for number in range(max(WARM_UP, len(prepared))):
            prepared[number % len(prepared)].enqueue()
        torch.cuda.synchronize()
        first = tuple(tuple(result.contiguous().clone() for result in one.results()) for one in prepared)
        return _measured(prepared, first, baselines, calls)
    finally:
        for one in prepared:
            one.free()


def baselines_of(operator: str, sets: Sequence[Sequence[Any]]) -> dict[str, list[Call]]:
    """Returns the operator's baselines on these arguments, warmed up; one that fails on them is left out."""
    known = EAGER.get(operator)
    if known is None:
        return {}
    eager = f"PyTorch ({known.vendor})" if known.vendor else "PyTorch"
    functions = {eager: known.function, "torch.compile": torch.compile(known.function, dynamic=False)}
    found: dict[str, list[Call]] = {}
    for name, function in functions.items():
        if _runs(partial(function, *sets[0])):
            found[name] = [partial(function, *arguments) for arguments in sets]
    return found


def _runs(call: Call) -> bool:
    """Warms a baseline up; False where it fails: a compiler is missing, or it does not take the dtype."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in range(WARM_UP):
                call()
            torch.cuda.synchronize()
    except Exception:  # noqa: BLE001  # whatever a compiler raises, there is no such baseline then
        return False
    return True


def _measured(
    prepared: Sequence[Prepared],
    first: tuple[tuple[torch.Tensor, ...], ...],
    baselines: Mapping[str, Sequence[Call]],
    calls: int,
) -> TimedPlan:
    flush = torch.empty(FLUSH_BYTES, dtype=torch.uint8, device=DEVICE)
    taken: list[float] = []
    others: dict[str, list[float]] = {name: [] for name in baselines}
    differing: list[int] = []
    for number in range(calls):
        turn = number % len(prepared)
        one = prepared[turn]
        one.refresh(FRESH_BYTE)
        taken.append(timed_ms(one.enqueue, flush))
        if not all(_same(result, want) for result, want in zip(one.results(), first[turn], strict=True)):
            differing.append(number)
        for name, ready in baselines.items():
            others[name].append(timed_ms(ready[turn], flush))
    return TimedPlan(
        calls_ms=tuple(taken),
        baselines={name: tuple(ms) for name, ms in others.items()},
        differing=tuple(differing),
        touched=tuple(sorted({number for one in prepared for number in one.touched_arguments(FRESH_BYTE)})),
        changed=tuple(sorted({number for one in prepared for number in one.changed()})),
        first=first,
    )


def timed_ms(call: Call, flush: torch.Tensor) -> float:
    """Milliseconds on the device of one call, after the cache was overwritten through `flush`."""
    begin, end = _event(), _event()
    flush.zero_()
    begin.record()
    call()
    end.record()
    torch.cuda.synchronize()
    return float(begin.elapsed_time(end))


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # torch's own


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return torch.equal(one.contiguous().view(torch.uint8), other.contiguous().view(torch.uint8))
