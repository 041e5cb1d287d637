"""What a call was given, in the operator's words: a form, sizes and dtype, or that it is none of the operator's.

Needed when a kernel is judged or fails, never before a call. Whose fault a failure is depends on it: arguments that the
operator does not have (a shape that fits no form, another dtype) say nothing about the kernel.

A case describes, so the one made here is the nearest: form, sizes, dtypes, scalars and layouts are the call's own, the
numbers of a class that looks like them. `recorded` keeps the numbers themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch

from pipeline.rollout.reference import dtype_of_case, name_of
from runners.cases import Case, TensorPlan
from runners.input_classes import Layout, Special, ValueClass
from runners.operators import Operator
from runners.operators.model import CASE_DTYPE, Form, ScalarInput, TensorInput
from runners.operators.sizes import evaluate
from runners.recorded import RecordedArgument, RecordedScalar, RecordedTensor, lies_apart

ALIGNMENT: Final = 64  # elements; nothing that Triton assumes of a pointer depends on more


@dataclass(frozen=True, slots=True)
class Fit:
    """How a call's arguments are the operator's."""

    form: Form
    dtype: str
    sizes: dict[str, int]
    scalars: dict[str, bool | int | float]


@dataclass(frozen=True, slots=True)
class Laid:
    """How a tensor lay in memory; strides and offset in elements."""

    strides: tuple[int, ...]
    offset: int


def fit(operator: Operator, arguments: Sequence[Any]) -> Fit | str:
    """Returns how the arguments are the operator's, or why they are not."""
    if len(arguments) != len(operator.inputs):
        return f"{operator.name} takes {len(operator.inputs)} arguments, {len(arguments)} were given"
    named = {given.name: argument for given, argument in zip(operator.inputs, arguments, strict=True)}
    dtype = dtype_of_case(operator, tuple(arguments))
    why = next(_misfits(operator, named, dtype), None)
    if why is not None:
        return why
    for form in operator.forms:
        sizes = _sizes(operator, form, named)
        if sizes is not None:
            scalars = {one.name: named[one.name] for one in operator.scalars if one.name not in form.arguments}
            if operator.allows({**sizes, **scalars}):
                empty = _undeclared_empty(operator, sizes)
                return Fit(form, dtype, sizes, scalars) if empty is None else empty
    shapes = ", ".join(f"{one.name} {tuple(named[one.name].shape)}" for one in operator.tensors)
    return f"the shapes fit no form of {operator.name}: {shapes}"


def case_of(operator: Operator, found: Fit, arguments: Sequence[Any], laid: Sequence[Laid | None]) -> Case:
    """Returns the case that is nearest to a call; its tensors are read where they lie."""
    tensors = {
        given.name: TensorPlan(
            values=_values(argument),
            special=_special(argument),
            position="random",
            layout=_layout(tuple(argument.shape), how),
            dtype=None if _is_of_case(given, argument, found) else name_of(argument.dtype),
        )
        for given, argument, how in zip(operator.inputs, arguments, laid, strict=True)
        if isinstance(given, TensorInput) and how is not None
    }
    return Case(
        operator=operator.name,
        form=found.form.name,
        dtype=found.dtype,
        sizes=found.sizes,
        scalars=found.scalars,
        tensors=tensors,
        seed=0,
    )


def recorded(operator: Operator, arguments: Sequence[Any], laid: Sequence[Laid | None]) -> tuple[RecordedArgument, ...]:
    """Returns the arguments as data; tensors must be on the CPU."""
    return tuple(
        _recorded(given.name, argument, how)
        for given, argument, how in zip(operator.inputs, arguments, laid, strict=True)
    )


def lay(argument: Any) -> Laid | None:
    """Says how a tensor lies in memory; None of what is no tensor, and of a sparse one."""
    if not isinstance(argument, torch.Tensor) or argument.layout is not torch.strided:
        return None
    return Laid(tuple(argument.stride()), int(argument.storage_offset()))


def bytes_of(arguments: Sequence[Any]) -> int:
    """How many bytes the elements of all tensors have."""
    return sum(one.numel() * one.element_size() for one in arguments if isinstance(one, torch.Tensor))


def _undeclared_empty(operator: Operator, sizes: Mapping[str, int]) -> str | None:
    """No kernel was ever tried with an empty tensor that its operator does not declare: a batch without rows, say."""
    dims = {dim.name: dim for dim in operator.dims}
    empty = [name for name, size in sizes.items() if size == 0 and name in dims and 0 not in dims[name].sizes]
    return f"{operator.name} is not declared for {' and '.join(sorted(empty))} of 0" if empty else None


def _misfits(operator: Operator, named: Mapping[str, Any], dtype: str) -> Iterator[str]:
    if dtype not in operator.dtypes:
        yield f"{operator.name} is not declared for {dtype}"
    for one in operator.tensors:
        argument = named[one.name]
        if not isinstance(argument, torch.Tensor):
            yield f"'{one.name}' is {type(argument).__name__}, not a tensor"
            return
        if argument.layout is not torch.strided:
            yield f"'{one.name}' is {argument.layout}: it has no strides"
        wanted = {dtype if name == CASE_DTYPE else name for name in one.dtypes}
        if name_of(argument.dtype) not in wanted:
            yield f"'{one.name}' is {name_of(argument.dtype)}, not {' or '.join(sorted(wanted))}"
    for scalar in operator.scalars:
        if not isinstance(named[scalar.name], bool | int | float):
            yield f"'{scalar.name}' is {type(named[scalar.name]).__name__}, not a plain number"


def _sizes(operator: Operator, form: Form, named: Mapping[str, Any]) -> dict[str, int] | None:
    """The sizes under which the form has these shapes; None where there are none."""
    shapes = {name: tuple(named[name].shape) for name in form.shapes}
    if any(len(shapes[name]) != len(sizes) for name, sizes in form.shapes.items()):
        return None
    pairs = [pair for name, sizes in form.shapes.items() for pair in zip(sizes, shapes[name], strict=True)]
    pairs += [(size, named[name]) for name, size in form.arguments.items()]
    dims = {dim.name for dim in operator.dims}
    found: dict[str, int] = {}
    for size, length in pairs:
        if size in dims:
            found.setdefault(str(size), int(length))
    scalars = {one.name: named[one.name] for one in operator.scalars}
    for name in sorted(form.names - found.keys() - scalars.keys()):
        solved = _solved(name, pairs, {**scalars, **found})
        if solved is None:
            return None
        found[name] = solved
    values = {**scalars, **found}
    return found if all(evaluate(size, values) == length for size, length in pairs) else None


def _solved(name: str, pairs: Sequence[tuple[str | int, int]], known: Mapping[str, Any]) -> int | None:
    """A size that stands in expressions alone (`2*H`): the one from 0 to the length that gives it."""
    for size, length in pairs:
        if isinstance(size, str) and name in size:
            for value in range(length + 1):
                try:
                    if evaluate(size, {**known, name: value}) == length:
                        return value
                except (KeyError, ZeroDivisionError):
                    continue
    return None


def _is_of_case(given: TensorInput | ScalarInput, argument: torch.Tensor, found: Fit) -> bool:
    return isinstance(given, TensorInput) and CASE_DTYPE in given.dtypes and name_of(argument.dtype) == found.dtype


def _values(tensor: torch.Tensor) -> ValueClass:
    if not tensor.is_floating_point():
        return "whole"
    wide = tensor.detach().float()
    finite = wide[wide.isfinite()]
    if not finite.numel():
        return "normal"
    low, high = float(finite.min()), float(finite.max())
    if low == high:
        return "zeros" if low == 0 else "constant"
    if low >= -1 and high <= 1:
        return "positive" if low >= 0 else "unit"
    if low >= -4 and high <= 4 and bool((finite == finite.round()).all()):
        return "integers"
    return "very_negative" if high < -50 else "large" if max(-low, high) > 1e4 else "normal"


def _special(tensor: torch.Tensor) -> Special:
    if not tensor.is_floating_point():
        return "none"
    wide = tensor.detach().float()
    if bool(wide.isnan().any()):
        return "nan"
    if bool(wide.isinf().any()):
        return "inf" if bool(wide.isposinf().any()) else "-inf"
    return "none"


def _layout(shape: tuple[int, ...], laid: Laid) -> Layout:
    strides = [stride for length, stride in zip(shape, laid.strides, strict=True) if length > 1]
    sizes = [length for length in shape if length > 1]
    if 0 in strides:
        return "expanded"
    if strides != sorted(strides, reverse=True):
        return "transposed" if strides[:-2] == sorted(strides[:-2], reverse=True) else "permuted"
    if strides and strides[-1] > 1:
        return "stepped"
    dense = all(
        stride == inner * length for stride, inner, length in zip(strides, strides[1:], sizes[1:], strict=False)
    )
    return "row_padded" if not dense else "offset" if laid.offset else "contiguous"


def _recorded(name: str, argument: Any, laid: Laid | None) -> RecordedTensor | RecordedScalar:
    if not isinstance(argument, torch.Tensor) or laid is None:
        return RecordedScalar(name=name, value=argument)
    shape = tuple(argument.shape)
    elements = argument.detach().clone(
        memory_format=torch.contiguous_format
    )  # of one element, any stride counts as such
    strides = laid.strides if lies_apart(shape, laid.strides) else tuple(elements.stride())
    return RecordedTensor(
        name=name,
        dtype=name_of(argument.dtype),
        shape=shape,
        strides=strides,
        offset=laid.offset % ALIGNMENT,
        data=elements.reshape(-1).view(torch.uint8).numpy().tobytes() if elements.numel() else b"",
    )
