"""Outputs that are wrong in a known way, made from the right ones: what a test that is worth anything must reject.

Kernels that do nothing, or half of it, return such outputs: zeros, a constant, the input, the result in another order,
a sum that lacks a term, a result computed in fewer bits than promised. Each is made by the judge, without any
candidate, for one result tensor of a case; the case's other results stay right.

An output that equals the right one to the bit is none: the identity is the right transpose of one column, a sum of
zeros lacks nothing when a term is lost. Such a case says nothing about the test, and `None` stands for it. In float16
that holds of neighbours among the denormals, too: half of an odd one is a tie before anything else is computed, and the
oracle takes both (`runners.oracle`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import torch

from runners.cases import Case
from runners.dtypes import TORCH_DTYPES
from runners.lowered import Lowered, to_tf32
from runners.materialise import ArgumentValue, TensorValue
from runners.operators.model import Form, Operator, Outputs
from runners.oracle import SMALLEST_HALF, Expected, bound_reference, in_precision

_NARROWER: Final = {
    "float64": ("float32",),
    "float32": ("float16", "bfloat16"),
    "float16": ("float16", "bfloat16"),
    "bfloat16": ("bfloat16",),
    "float8_e4m3fn": ("float16", "bfloat16"),
    "int8": ("float16", "bfloat16"),
}


@dataclass(frozen=True, slots=True)
class Degenerate:
    """A wrong output: its kind, which result of the case it stands for, and the tensor in that result's dtype."""

    kind: str
    position: int
    output: torch.Tensor


def degenerates(
    operator: Operator, case: Case, arguments: Sequence[ArgumentValue], expected: Sequence[Expected]
) -> Iterator[Degenerate]:
    """Yields the degenerate outputs of a case, those aside that are right."""
    right = [_stored(want.exact, want) for want in expected]
    for position, want in enumerate(expected):
        made = (
            *_constant(want), *_moved(want, case.seed), *_nudged(want, right[position]), *_identities(want, arguments),
        )  # fmt: skip
        for kind, output in made:
            if not same_output(output, right[position]):
                yield Degenerate(kind, position, output)
    if all(want.exact.numel() for want in expected):
        for kind, outputs in _recomputed(operator, case, arguments, expected):
            for position, (want, output) in enumerate(zip(expected, outputs, strict=True)):
                stored = _stored(output, want)
                if not same_output(stored, right[position]):
                    yield Degenerate(kind, position, stored)


def _stored(values: torch.Tensor, want: Expected) -> torch.Tensor:
    """`values` as a kernel would store them: rounded to the result's dtype."""
    target = TORCH_DTYPES[want.dtype]
    if target.is_floating_point:
        return values.to(target)
    info = torch.iinfo(target)
    whole = values.double().nan_to_num(nan=0.0).round()
    return whole.clamp(max(info.min, -(2**53)), min(info.max, 2**53)).to(target)


def same_output(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether both are the same output for a test of the operator (see above)."""
    same = (one == other) | (one.double().isnan() & other.double().isnan())
    if one.dtype == torch.float16:
        is_denormal = torch.maximum(one.abs(), other.abs()) < torch.finfo(torch.float16).smallest_normal
        same |= is_denormal & ((one.double() - other.double()).abs() <= SMALLEST_HALF)
    return bool(same.all())


def _constant(want: Expected) -> Iterator[tuple[str, torch.Tensor]]:
    exact = want.exact.double()
    finite = exact[exact.isfinite()]
    if exact.numel() == 0:
        return
    yield "zeros", _stored(torch.zeros_like(exact), want)
    yield "ones", _stored(torch.ones_like(exact), want)
    yield "its mean everywhere", _stored(torch.full_like(exact, float(finite.mean()) if len(finite) else 0.0), want)
    yield "its first element everywhere", _stored(torch.full_like(exact, float(exact.flatten()[0])), want)
    if exact.dim():
        yield "the mean of each row", _stored(exact.mean(-1, keepdim=True).expand_as(exact), want)


def _moved(want: Expected, seed: int) -> Iterator[tuple[str, torch.Tensor]]:
    exact = want.exact
    if exact.dim() and exact.numel():
        yield "moved by one element", _stored(exact.roll(1, -1), want)
        order = torch.randperm(exact.numel(), generator=torch.Generator().manual_seed(seed & 0x7FFFFFFF))
        yield "shuffled", _stored(exact.flatten()[order].view(exact.shape), want)
    if exact.dim() > 1 and exact.numel():
        yield "moved by one row", _stored(exact.roll(1, -2), want)


def _nudged(want: Expected, right: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """A result of 16 bits is rounded once: its neighbour away from zero is not right as well."""
    if want.dtype in ("float16", "bfloat16") and right.numel():
        bits = right.contiguous().view(torch.int16)
        yield f"one unit too large ({want.dtype})", torch.where(right.isfinite(), bits + 1, bits).view(right.dtype)


def _identities(want: Expected, arguments: Sequence[ArgumentValue]) -> Iterator[tuple[str, torch.Tensor]]:
    for argument in arguments:
        if isinstance(argument, TensorValue) and argument.shape == want.shape and want.exact.numel():
            yield f"the argument '{argument.name}'", _stored(argument.view.double(), want)


def _recomputed(
    operator: Operator, case: Case, arguments: Sequence[ArgumentValue], expected: Sequence[Expected]
) -> Iterator[tuple[str, tuple[torch.Tensor, ...]]]:
    reference = bound_reference(operator, case.dtype)
    doubles = [in_precision(argument, torch.float64) for argument in arguments]
    yield from _shortened(operator, case, doubles, expected)
    for dtype in _NARROWER.get(case.dtype, ()):
        with Lowered(TORCH_DTYPES[dtype]):  # closed before the yield: whoever takes the result must not be lowered, too
            lowered = _as_tuple(reference(*[_copied(value) for value in doubles]))
        yield f"{case.dtype}: computed in {dtype}", lowered
    if case.dtype == "float32":
        for name, narrow in (("bfloat16", _to_bfloat16), ("tf32", to_tf32)):
            narrowed = [narrow(v) if isinstance(v, torch.Tensor) and v.is_floating_point() else v for v in doubles]
            if name != "tf32" or operator.products is not None:
                yield f"float32: arguments in {name}", _as_tuple(reference(*narrowed))
        yield "float32: result through bfloat16", tuple(_to_bfloat16(want.exact.double()) for want in expected)


def _shortened(
    operator: Operator, case: Case, doubles: list[torch.Tensor | int | float], expected: Sequence[Expected]
) -> Iterator[tuple[str, tuple[torch.Tensor, ...]]]:
    """The reference without one term of its reduction."""
    if operator.reduction == 1:
        return
    reference = bound_reference(operator, case.dtype)
    form = operator.form(case.form)
    for name, last in (("last", True), ("first", False)):
        lessened = _lessened(operator, form, doubles, last)
        try:
            outputs = _as_tuple(reference(*lessened)) if lessened is not None else None
        except (RuntimeError, IndexError):  # a target points at the term, or a packed argument can't be cut
            outputs = None
        if outputs is None:
            outputs = _as_tuple(reference(*_emptied(operator, form, doubles, last)))
        whole = [_filled_up(output, want.exact, last) for output, want in zip(outputs, expected, strict=True)]
        yield f"without the {name} term", tuple(whole)


def _lessened(
    operator: Operator, form: Form, doubles: list[torch.Tensor | int | float], last: bool
) -> list[torch.Tensor | int | float] | None:
    """The arguments, every axis that is reduced over cut by one; None where no axis is the reduction, or it has one."""
    given: list[torch.Tensor | int | float] = list(doubles)
    cut = False
    for number, argument in enumerate(operator.inputs):
        value = given[number]
        if not isinstance(value, torch.Tensor):
            continue
        for axis, size in enumerate(form.shapes[argument.name]):
            if size == operator.reduction:
                if value.shape[axis] < 2:
                    return None
                value = value.narrow(axis, 0 if last else 1, value.shape[axis] - 1)
                cut = True
        given[number] = value
    return given if cut else None


def _emptied(
    operator: Operator, form: Form, doubles: list[torch.Tensor | int | float], last: bool
) -> list[torch.Tensor | int | float]:
    """The arguments, one term of the first argument that has the reduction's axis set to zero."""
    given: list[torch.Tensor | int | float] = list(doubles)
    for number, argument in enumerate(operator.inputs):
        value = given[number]
        if not isinstance(value, torch.Tensor) or value.numel() == 0:
            continue
        parts = str(operator.reduction).split("*")
        axes = [
            axis for axis, size in enumerate(form.shapes[argument.name])
            if size == operator.reduction or (len(parts) > 1 and size in parts)
        ]  # fmt: skip
        if axes and (len(axes) == len(parts) or form.shapes[argument.name][axes[0]] == operator.reduction):
            value = value.clone()
            value[tuple((-1 if last else 0) if axis in axes else slice(None) for axis in range(value.dim()))] = 0
            given[number] = value
            break
    return given


def _filled_up(output: torch.Tensor, right: torch.Tensor, last: bool) -> torch.Tensor:
    """`output`, with the right elements where the shortened axis is an axis of the result as well."""
    if output.shape == right.shape:
        return output
    missing = right[..., -1:] if last else right[..., :1]
    return torch.cat((output, missing) if last else (missing, output), -1)


def _to_bfloat16(value: torch.Tensor) -> torch.Tensor:
    return value.to(torch.bfloat16).to(value.dtype)


def _copied(value: torch.Tensor | int | float) -> torch.Tensor | int | float:
    return value.clone() if isinstance(value, torch.Tensor) else value


def _as_tuple(outputs: Outputs) -> tuple[torch.Tensor, ...]:
    return outputs if isinstance(outputs, tuple) else (outputs,)
