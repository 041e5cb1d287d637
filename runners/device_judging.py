"""What is judged of a call and of a replay on a GPU: claims and bytes against what is due.

A call's process and a replayer say what came out; nothing of it is believed but its bytes, and these only in the number
that is due.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import torch

from runners import wire
from runners.cases import Case
from runners.conversation import tensor_of
from runners.device_runners import RecordedCall, ReplayedPlan, Way
from runners.dtypes import TORCH_DTYPES
from runners.failures import BadPlan, Failure, InputChanged, OutsideWritten, WrongForm, WrongValues
from runners.launch_plan import LaunchPlan
from runners.mapping_errors import map_errors
from runners.oracle import Expected, compare

CALLED: Final = "called on the GPU"
Aspect = Literal["device", "dtype", "shape", "layout", "size"]
WIDTHS: Final = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def called_right(case: Case, expected: Sequence[Expected], recorded: RecordedCall) -> float | Failure:
    """Returns the worst ratio of error to bound of what a call returned, or in which way that is wrong."""
    wrong = wrong_form(case, [(want.dtype, want.shape) for want in expected], recorded)
    if wrong is not None:
        return wrong
    call = recorded.result.call
    assert isinstance(call, wire.Returned)
    ratio = 0.0
    for number, (want, output, data) in enumerate(zip(expected, call.outputs, recorded.result.data, strict=True)):
        if len(data) != want.bytes:
            return WrongForm(case=case, aspect="size", expected=f"{want.bytes} bytes", got=f"{len(data)} bytes")
        tensor = tensor_of(output, data)
        values = wrong_values(case, CALLED, number, want, tensor)
        if values is not None:
            return values
        ratio = max(ratio, compare(want, tensor).worst_ratio)
    return ratio


def wrong_form(case: Case, due: Sequence[tuple[str, tuple[int, ...]]], called: RecordedCall) -> WrongForm | None:
    """Says in which way what a call claims to have returned has not the dtypes and shapes that are due."""
    call = called.result.call
    assert isinstance(call, wire.Returned)
    if len(call.outputs) != len(due) or call.single != (len(due) == 1):
        got = "a tensor" if call.single else f"a tuple of {len(call.outputs)}"
        return WrongForm(case=case, aspect="count", expected=str(len(due)), got=got)
    for (dtype, shape), output in zip(due, call.outputs, strict=True):
        aspects: tuple[tuple[Aspect, str, str], ...] = (
            ("device", "cuda", output.device),
            ("dtype", dtype, output.dtype),
            ("shape", str(shape), str(output.shape)),
            ("layout", "contiguous", "contiguous" if output.contiguous else "not contiguous"),
        )
        for aspect, wanted, got in aspects:
            if wanted != got:
                return WrongForm(case=case, aspect=aspect, expected=wanted, got=got)
    return None


def launches_in(called: RecordedCall) -> int:
    """How many it claims to have made; 0 is believed."""
    return called.result.call.launches if isinstance(called.result.call, wire.Returned) else 0


def wrong_beside(
    case: Case, way: Way, steps: LaunchPlan, names: Sequence[str], touched: Sequence[int], changed: Sequence[int]
) -> InputChanged | OutsideWritten | None:
    """Says what a replay changed that is none of its results: an input, or memory beside a buffer."""
    for number in changed:
        if number < len(names):
            return InputChanged(case=case, argument=names[number])
    for number in touched:
        if number < len(steps.buffers):
            argument = steps.buffers[number].argument
            name = names[argument] if argument is not None else None
            return OutsideWritten(case=case, conditions=way.name, argument=name)
    return None


def replayed_results(
    case: Case, way: Way, steps: LaunchPlan, expected: Sequence[Expected], done: ReplayedPlan
) -> tuple[torch.Tensor, ...] | Failure:
    """Returns what a replay gave, or in which way that is wrong."""
    if len(steps.outputs) != len(expected) or len(done.outputs) != len(expected):
        return BadPlan(case=case, problem=f"it has {len(steps.outputs)} results, {len(expected)} are due")
    tensors = []
    for number, (want, view, data) in enumerate(zip(expected, steps.outputs, done.outputs, strict=True)):
        if (view.dtype, view.shape) != (want.dtype, want.shape) or len(data) != want.bytes:
            return BadPlan(case=case, problem=f"result {number} is {view.dtype} {view.shape} in {len(data)} bytes")
        tensors.append(tensor_from(data, want))
        wrong = wrong_values(case, way.name, number, want, tensors[-1])
        if wrong is not None:
            return wrong
    return tuple(tensors)


def tensor_from(data: memoryview, want: Expected) -> torch.Tensor:
    """Returns bytes of the right number as the tensor that is due."""
    dtype = TORCH_DTYPES[want.dtype]
    if not len(data):
        return torch.empty(want.shape, dtype=dtype)
    return torch.frombuffer(bytearray(data), dtype=dtype).reshape(want.shape)


def differing_output(first: Sequence[torch.Tensor], second: Sequence[torch.Tensor]) -> int | None:
    """Returns the number of the first output that differs in a bit, NaNs aside."""
    for number, (one, other) in enumerate(zip(first, second, strict=True)):
        width = WIDTHS[one.element_size()]
        same = one.view(width) == other.view(width)
        if one.is_floating_point():
            same |= one.isnan() & other.isnan()
        if not bool(same.all()):
            return number
    return None


def wrong_values(
    case: Case, conditions: str, number: int, want: Expected, got: torch.Tensor, *, whole: bool = True
) -> WrongValues | None:
    """Says which elements are wrong, if any is.

    Args:
        whole: `got` is all of the result; a map of some of its rows would look like one of it.
    """
    found = compare(want, got)
    if not found.wrong:
        return None
    return WrongValues(
        case=case,
        conditions=conditions,
        output=number,
        wrong=found.wrong,
        total=found.total,
        nonfinite=found.nonfinite,
        first=found.first,
        errors=map_errors(want, got) if whole else None,
    )
