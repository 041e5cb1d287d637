"""One case, judged: what the runner returned under two sets of conditions, against what is right.

The first run is in natural program order with fresh memory full of 0xFF; the second in an order drawn by the judge,
with other bytes in fresh memory and undefined masked lanes. Both must be right, and equal to the bit unless atomics
make the order of additions free. An access that no right kernel makes decides before results do: it names the line.

In one case of four the arithmetic of both runs errs as a GPU's may: what is right on a GPU must be right there, and a
candidate that knows the interpreter by its exact results cannot tell it from a GPU in these cases.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch

from runners.cases import Case
from runners.conversation import CallResult, tensor_of
from runners.evidence import (
    AccessFault,
    CodeRaised,
    Failure,
    InputChanged,
    NoLaunch,
    ResultsDiffer,
    UnsupportedCase,
    WrongForm,
    WrongValues,
)
from runners.materialise import ArgumentValue, TensorValue
from runners.oracle import Expected, compare
from runners.wire import Conditions, Output, Raised, Returned, ReturnedOther, Unsupported

NAMES: Final = ("natural order", "shuffled order")
NOISY: Final = 4  # one case of so many


@dataclass(frozen=True, slots=True)
class Agreed:
    """Every run was right.

    Attributes:
        worst_ratio: The largest error over its allowance; 1 is the edge.
        compared: Elements of the results of one run that could have been wrong.
    """

    worst_ratio: float
    compared: int


def conditions_for(case: Case, *, noise: bool = False) -> tuple[Conditions, Conditions]:
    """The two sets of conditions under which a case is run; what is drawn follows from the case's seed.

    Args:
        noise: The arithmetic errs as a GPU's may whatever the seed is.
    """
    drawn = case.seed % (1 << 32)
    errs = drawn if noise or is_noisy(case) else None  # one for the case: both of its runs are of one GPU
    return (
        Conditions(fresh_byte=0xFF, order_seed=None, choice_seed=drawn, undefined_lanes=False, noise_seed=errs),
        Conditions(fresh_byte=0x47, order_seed=drawn, choice_seed=drawn, undefined_lanes=True, noise_seed=errs),
    )


def is_noisy(case: Case) -> bool:
    """Whether the arithmetic errs as a GPU's may when `case` is run."""
    return case.seed % NOISY == 0


def examine(
    case: Case,
    arguments: Sequence[ArgumentValue],
    expected: Sequence[Expected],
    results: Sequence[CallResult],
) -> Agreed | UnsupportedCase | Failure:
    """Judges what the calls of `case` did; the first thing that is wrong decides."""
    tensors: list[tuple[torch.Tensor, ...]] = []
    ratio = 0.0
    for order, result in zip(NAMES, results, strict=True):
        name = f"{order}, rounding as a GPU may" if is_noisy(case) else order
        fault = _fault(case, name, arguments, result)
        if fault is not None:
            return fault
        formed = _formed(case, arguments, expected, result)
        if not isinstance(formed, tuple):
            return formed
        for position, (want, got) in enumerate(zip(expected, formed, strict=True)):
            comparison = compare(want, got)
            if comparison.wrong:
                return WrongValues(
                    case=case,
                    conditions=name,
                    output=position,
                    wrong=comparison.wrong,
                    total=comparison.total,
                    nonfinite=comparison.nonfinite,
                    first=comparison.first,
                )
            ratio = max(ratio, comparison.worst_ratio)
        tensors.append(formed)
    return _same(case, tensors, results) or Agreed(ratio, sum(want.judged for want in expected))


def _fault(case: Case, name: str, arguments: Sequence[ArgumentValue], result: CallResult) -> AccessFault | None:
    if not isinstance(result.call, Returned) or not result.call.faults:
        return None
    first = result.call.faults[0]
    number = first.argument
    return AccessFault(
        case=case,
        conditions=name,
        fault=first.kind,
        argument=arguments[number].name if number is not None and number < len(arguments) else None,
        allocation=first.allocation,
        element=first.element,
        line=first.line,
        program=first.program,
        other=first.other,
    )


def _formed(
    case: Case, arguments: Sequence[ArgumentValue], expected: Sequence[Expected], result: CallResult
) -> tuple[torch.Tensor, ...] | UnsupportedCase | Failure:
    match result.call:
        case Unsupported(reason=reason, line=line):
            return UnsupportedCase(case=case, reason=reason, line=line)
        case Raised(error=error, message=message, line=line):
            return CodeRaised(case=case, error=error, message=message, line=line)
        case ReturnedOther(type_name=type_name):
            return WrongForm(case=case, aspect="type", expected=_wanted_type(expected), got=type_name)
        case Returned() as returned:
            return (
                _changed(case, arguments, returned)
                or _launchless(case, arguments, returned)
                or _tensors(case, expected, returned, result.data)
            )


def _wanted_type(expected: Sequence[Expected]) -> str:
    return "a tensor" if len(expected) == 1 else f"a tuple of {len(expected)} tensors"


def _changed(case: Case, arguments: Sequence[ArgumentValue], returned: Returned) -> InputChanged | None:
    given = [argument for argument in arguments if isinstance(argument, TensorValue)]
    claimed = returned.argument_digests + ("",) * len(given)
    for argument, digest in zip(given, claimed, strict=False):
        if hashlib.blake2b(argument.base_bytes, digest_size=16).hexdigest() != digest:
            return InputChanged(case=case, argument=argument.name)
    return None


def _launchless(case: Case, arguments: Sequence[ArgumentValue], returned: Returned) -> NoLaunch | None:
    empty = any(isinstance(a, TensorValue) and math.prod(a.shape) == 0 for a in arguments)
    return NoLaunch(case=case) if returned.launches == 0 and not empty else None


def _tensors(
    case: Case, expected: Sequence[Expected], returned: Returned, data: Sequence[memoryview]
) -> tuple[torch.Tensor, ...] | WrongForm:
    if len(returned.outputs) != len(expected) or returned.single != (len(expected) == 1):
        got = "a tensor" if returned.single else f"a tuple of {len(returned.outputs)}"
        return WrongForm(case=case, aspect="count", expected=_wanted_type(expected), got=got)
    tensors = []
    for want, output, bytes_ in zip(expected, returned.outputs, data, strict=True):
        wrong = _wrong_form(case, want, output, bytes_)
        if wrong is not None:
            return wrong
        tensors.append(tensor_of(output, bytes_))
    return tuple(tensors)


def _wrong_form(case: Case, want: Expected, output: Output, data: memoryview) -> WrongForm | None:
    if output.device != "cpu":
        return WrongForm(case=case, aspect="device", expected="cpu", got=output.device)
    if output.dtype != want.dtype:
        return WrongForm(case=case, aspect="dtype", expected=want.dtype, got=output.dtype)
    if output.shape != want.shape:
        return WrongForm(case=case, aspect="shape", expected=str(want.shape), got=str(output.shape))
    if not output.contiguous:
        return WrongForm(case=case, aspect="layout", expected="contiguous", got="not contiguous")
    size = want.bytes
    if len(data) != size:
        return WrongForm(case=case, aspect="size", expected=f"{size} bytes", got=f"{len(data)} bytes")
    return None


def _same(
    case: Case, tensors: Sequence[tuple[torch.Tensor, ...]], results: Sequence[CallResult]
) -> ResultsDiffer | None:
    if any(isinstance(result.call, Returned) and result.call.atomics for result in results):
        return None
    for position, (first, second) in enumerate(zip(*tensors, strict=True)):
        both_nan = first.isnan() & second.isnan() if first.is_floating_point() else torch.zeros(())
        if not bool(((_bits(first) == _bits(second)) | both_nan.bool()).all()):
            return ResultsDiffer(case=case, output=position)
    return None


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    widths = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    return tensor.view(widths[tensor.element_size()])
