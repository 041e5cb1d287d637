"""Inputs of a case that are generated where they are needed: described here, made by a GPU's program, judged by rows.

A `Shape` says which part of the inputs decides which part of the result. So of a result that nobody can hold on the
host the judge asks for some rows, makes the inputs of these rows itself (`runners.generating`), and compares.

What elements are is the operator's to say: integers of its range (ids, bytes, nibbles), positive floats where it asks
for such (scales), other floats from −2 to 2. There are no specials here and all tensors are contiguous: the ordinary
cases have these.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import torch

from runners import wire
from runners.argument_messages import EXACT_INTEGERS
from runners.cases import Case, TensorPlan
from runners.dtypes import TORCH_DTYPES
from runners.generating import Generated
from runners.materialise import ArgumentValue, ScalarValue, TensorValue
from runners.operators.model import CASE_DTYPE, Operator, ScalarInput, TensorInput
from runners.operators.sizes import evaluate
from runners.oracle import STRICT, Allowance, Expected, expect

FINEST: Final = 1 << 30  # of a float's integers, either way: float64 is not filled


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes for generated inputs, and how parts of the result follow from parts of the inputs.

    Attributes:
        rows: For each tensor that has rows the axis along which they lie; all other tensors belong to every row. None
            at all: the whole result is one row.
        axis: Along which the rows of each result lie.
        picked: For a tensor of which a row needs only the slices along the first axis that the ids in another one
            name, the name of that other one.
        operations: Of the whole computation; 0 where moving the bytes is what takes time.
        compared: How many rows are compared.
    """

    form: str
    sizes: Mapping[str, int]
    rows: Mapping[str, int]
    scalars: Mapping[str, int | float | bool] = field(default_factory=dict)
    operations: Callable[[Mapping[str, int]], int] = lambda sizes: 0
    axis: int = 0
    picked: Mapping[str, str] = field(default_factory=dict)
    compared: int = 32


@dataclass(frozen=True, slots=True)
class GeneratedTensor:
    """A tensor argument of which nothing is made yet; contiguous."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    number: int
    elements: wire.Elements

    @property
    def base_bytes(self) -> int:
        """How large its base is."""
        return math.prod(self.shape) * TORCH_DTYPES[self.dtype].itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        """In elements."""
        return tuple(math.prod(self.shape[axis + 1 :]) for axis in range(len(self.shape)))

    def on_wire(self) -> wire.TensorArgument:
        """Returns the header that describes it; no bytes follow."""
        return wire.TensorArgument(
            dtype=self.dtype, shape=self.shape, strides=self.strides, offset=0, base_bytes=self.base_bytes,
            elements=self.elements,
        )  # fmt: skip

    def part(self, seed: int, axis: int, places: torch.Tensor) -> TensorValue:
        """Makes the slices at `places` along `axis`, one after the other."""
        shape = (*self.shape[:axis], len(places), *self.shape[axis + 1 :])
        index = torch.zeros(shape, dtype=torch.int64)
        for number, (size, stride) in enumerate(zip(self.shape, self.strides, strict=True)):
            along = (places if number == axis else torch.arange(size)) * stride
            index += along.reshape((-1, *(1 for _ in shape[number + 1 :])))
        made = self._generated(seed).at(index)
        return TensorValue(self.name, self.dtype, made.reshape(-1), shape, made.stride(), 0)

    def whole(self, seed: int) -> TensorValue:
        """Makes all of it."""
        base = torch.empty(math.prod(self.shape), dtype=TORCH_DTYPES[self.dtype])
        self._generated(seed).fill(base)
        return TensorValue(self.name, self.dtype, base, self.shape, self.strides, 0)

    def blank(self, axis: int | None) -> TensorValue:
        """Zeros in the form of one slice along `axis`, or of all of it where that is None."""
        shape = self.shape if axis is None else (*self.shape[:axis], 1, *self.shape[axis + 1 :])
        made = torch.zeros(shape, dtype=TORCH_DTYPES[self.dtype])
        return TensorValue(self.name, self.dtype, made.reshape(-1), shape, made.stride(), 0)

    def _generated(self, seed: int) -> Generated:
        return Generated(self.elements, TORCH_DTYPES[self.dtype], seed, self.number)


@dataclass(frozen=True, slots=True)
class GeneratedInputs:
    """The arguments of one case, in the operator's order."""

    operator: Operator
    case: Case
    shape: Shape
    arguments: tuple[GeneratedTensor | ScalarValue, ...]

    @property
    def tensors(self) -> tuple[GeneratedTensor, ...]:
        """Those that are tensors."""
        return tuple(argument for argument in self.arguments if isinstance(argument, GeneratedTensor))

    @property
    def base_bytes(self) -> tuple[int, ...]:
        """Sizes of their bases."""
        return tuple(tensor.base_bytes for tensor in self.tensors)

    @property
    def count(self) -> int:
        """How many rows the result has."""
        counts = {tensor.shape[self.shape.rows[tensor.name]] for tensor in self.tensors if self._has_rows(tensor)}
        assert len(counts) <= 1, f"the tensors of {self.case.describe()} disagree about the number of rows"
        return counts.pop() if counts else 1

    def on_wire(self) -> tuple[wire.Argument, ...]:
        """Returns the headers that describe them; no bytes follow."""
        return tuple(
            argument.on_wire() if isinstance(argument, GeneratedTensor) else wire.ScalarArgument(value=argument.value)
            for argument in self.arguments
        )

    def rows(self, seed: int, rows: Sequence[int]) -> tuple[ArgumentValue, ...]:
        """Makes the arguments whose result is these rows of the whole result."""
        places = torch.tensor(rows, dtype=torch.int64)
        made: dict[str, ArgumentValue] = {}
        for argument in self.arguments:
            if isinstance(argument, ScalarValue):
                made[argument.name] = argument
            elif self._has_rows(argument):
                made[argument.name] = argument.part(seed, self.shape.rows[argument.name], places)
            elif argument.name not in self.shape.picked:
                made[argument.name] = argument.whole(seed)
        for tensor in (tensor for tensor in self.tensors if tensor.name in self.shape.picked):
            ids = made[self.shape.picked[tensor.name]]
            assert isinstance(ids, TensorValue)
            named, numbers = torch.unique(ids.view, return_inverse=True)
            made[tensor.name] = tensor.part(seed, 0, named.long())
            made[ids.name] = TensorValue(
                ids.name, ids.dtype, numbers.to(ids.base.dtype).reshape(-1), ids.shape, ids.strides, 0
            )
        return tuple(made[argument.name] for argument in self.arguments)

    def expected(self, seed: int, rows: Sequence[int], allowance: Allowance = STRICT) -> tuple[Expected, ...]:
        """Says what is right for these rows of each result."""
        return expect(self.operator, self.case.dtype, self.rows(seed, rows), allowance)

    def results(self) -> tuple[DueResult, ...]:
        """Says what each result must be, values aside."""
        blank = (
            argument if isinstance(argument, ScalarValue) else argument.blank(self._axis_of(argument))
            for argument in self.arguments
        )  # fmt: skip
        of_one = expect(self.operator, self.case.dtype, tuple(blank))
        if not self.shape.rows:
            return tuple(DueResult(want.dtype, want.shape) for want in of_one)
        axis = self.shape.axis
        return tuple(
            DueResult(want.dtype, (*want.shape[:axis], self.count, *want.shape[axis + 1 :])) for want in of_one
        )

    def part_of(self, result: DueResult, rows: int) -> DueResult:
        """Says what so many rows of a result must be."""
        axis = self.shape.axis if self.shape.rows else 0
        count = rows if self.shape.rows else result.shape[0]
        return DueResult(result.dtype, (*result.shape[:axis], count, *result.shape[axis + 1 :]))

    def _has_rows(self, tensor: GeneratedTensor) -> bool:
        return tensor.name in self.shape.rows

    def _axis_of(self, tensor: GeneratedTensor) -> int | None:
        """Along which one slice is enough for a row; None where all of it is needed."""
        return 0 if tensor.name in self.shape.picked else self.shape.rows.get(tensor.name)


@dataclass(frozen=True, slots=True)
class DueResult:
    """What a result must be, values aside."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """How many it has."""
        return math.prod(self.shape) * TORCH_DTYPES[self.dtype].itemsize


def drawn_seed(*, mixed: bool) -> int:
    """Draws a seed of elements, under which floats have `mixed` signs or none (`runners.generating`)."""
    return secrets.randbits(63) << 1 | (not mixed)


def generated_case(operator: Operator, shape: Shape, dtype: str, seed: int) -> Case:
    """Returns the case as a description: ordinary values, contiguous tensors."""
    return Case(
        operator=operator.name,
        form=shape.form,
        dtype=dtype,
        sizes=dict(shape.sizes),
        scalars=dict(shape.scalars),
        tensors={tensor.name: _ordinary(tensor, dtype) for tensor in operator.tensors},
        seed=seed,
    )


def generated_inputs(operator: Operator, shape: Shape, dtype: str, seed: int) -> GeneratedInputs:
    """Describes the inputs; `seed` is the case's, not that of any elements."""
    case = generated_case(operator, shape, dtype, seed)
    form, numbers = operator.form(shape.form), count()
    arguments: list[GeneratedTensor | ScalarValue] = []
    for given in operator.inputs:
        match given:
            case ScalarInput(name=name) if name in form.arguments:
                arguments.append(ScalarValue(name, evaluate(form.arguments[name], case.values)))
            case ScalarInput(name=name):
                arguments.append(ScalarValue(name, case.scalars[name]))
            case TensorInput(name=name):
                own = case.dtype_of(name)
                sizes = form.shape(name, case.values)
                arguments.append(GeneratedTensor(name, own, sizes, next(numbers), _elements(given, own, case)))
    return GeneratedInputs(operator, case, shape, tuple(arguments))


def _ordinary(tensor: TensorInput, dtype: str) -> TensorPlan:
    values = "normal" if "normal" in tensor.values else tensor.values[0]
    own = tensor.dtypes[0]
    return TensorPlan(
        values=values, special="none", position="first", layout="contiguous",
        dtype=None if own in (CASE_DTYPE, dtype) else own,
    )  # fmt: skip


def _elements(given: TensorInput, dtype: str, case: Case) -> wire.Elements:
    if given.whole is not None:
        lowest, highest = evaluate(given.whole.lowest, case.values), evaluate(given.whole.highest, case.values)
        return wire.Elements(lowest=lowest, span=highest - lowest + 1)
    half = min(EXACT_INTEGERS[dtype][1] // 2, FINEST)
    bits = half.bit_length() - 1
    if case.tensors[given.name].values == "positive":
        return wire.Elements(lowest=1, span=half, exponent=-bits)  # to 1, and never 0
    return wire.Elements(lowest=-half, span=2 * half, exponent=1 - bits)
