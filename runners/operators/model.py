"""What an operator declares. Trusted code: an operator is written by the team that runs the gate.

An operator says which inputs it must be right for (forms, sizes, dtypes, layouts, value classes), what right means
(a reference that is run in float64 and in float32 on the same low-precision inputs) and how much rounding a float32
computation may show (the condition term, or Monte-Carlo arithmetic where there is none). The judge derives everything
else: cases, bounds, verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import torch

from runners.input_classes import Layout, Position, Special, ValueClass
from runners.operators.sizes import Size, evaluate, names_in

FLOATS: Final = ("float32", "float16", "bfloat16")
CHOSEN: Final = (*FLOATS, "float64")  # of these a policy chooses; all other formats are an operator's own
LONG: Final = 70_000
CASE_DTYPE: Final = "case"  # stands for the dtype of the case, among a tensor's or a result's dtypes

COMMON_VALUES: tuple[ValueClass, ...] = (
    "unit", "normal", "positive", "integers", "ramp", "wide", "large",
    "denormal", "constant", "shifted", "zeros", "very_negative", "tail",
)  # fmt: skip
VALUES: tuple[ValueClass, ...] = (*COMMON_VALUES, "scaled")
ANY_EXPONENT: tuple[ValueClass, ...] = (*COMMON_VALUES, "exponents")  # for what squares nothing on its way
WHOLE_VALUES: tuple[ValueClass, ...] = ("whole", "whole_few", "whole_lowest", "whole_highest")
SPECIALS: tuple[Special, ...] = ("none", "nan", "inf", "-inf", "-inf_row", "-inf_prefix", "-0", "max", "denormal")
FEW = 4  # so many images or heads are never too many, even where the boundaries end at 2
ORDINARY: tuple[Special, ...] = ("none",)
POSITIONS: tuple[Position, ...] = ("first", "last", "row_end", "random")
LAYOUTS: tuple[Layout, ...] = (
    "contiguous", "transposed", "row_padded", "column_padded", "stepped", "offset", "expanded", "permuted",
)  # fmt: skip
VECTOR_LAYOUTS: tuple[Layout, ...] = ("contiguous", "stepped", "offset")

Outputs = torch.Tensor | tuple[torch.Tensor, ...]
Store = Callable[[torch.Tensor], torch.Tensor]  # rounds to the dtype of the case


@dataclass(frozen=True, slots=True)
class Dim:
    """A size that inputs share.

    Attributes:
        sizes: The boundaries that plans cover; random cases draw from 1 to `largest`.
        long: Up to here it is tried alone, all others small, as far as a candidate is fast enough; 0: it is not.
    """

    name: str
    sizes: tuple[int, ...]
    long: int = 0

    @property
    def largest(self) -> int:
        """The largest size that is drawn."""
        return max(self.sizes)


@dataclass(frozen=True, slots=True)
class Whole:
    """The range of an integer tensor's elements, both ends included; sizes of dims may stand in it.

    Attributes:
        ignored: A value outside the range that some elements hold under 'whole_some_ignored'.
    """

    lowest: Size
    highest: Size
    ignored: int | None = None


@dataclass(frozen=True, slots=True)
class TensorInput:
    """A tensor argument.

    Attributes:
        dtypes: Those that are tried; 'case' is the dtype of the case.
        whole: The range of an integer tensor's values; None for floats.
    """

    name: str
    values: tuple[ValueClass, ...] = VALUES
    specials: tuple[Special, ...] = SPECIALS
    layouts: tuple[Layout, ...] = LAYOUTS
    dtypes: tuple[str, ...] = (CASE_DTYPE,)
    whole: Whole | None = None


@dataclass(frozen=True, slots=True)
class ScalarInput:
    """A plain Python scalar argument and the values that are tried."""

    name: str
    values: tuple[float | int | bool, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """One way in which the arguments' shapes relate: a shape is a tuple of sizes (see `runners.operators.sizes`).

    A dim that no tensor's shape names may be an argument itself: `arguments` gives a scalar argument the value of a
    size, as `scatter_add(index, src, size)` takes the length of its result.
    """

    name: str
    shapes: Mapping[str, tuple[Size, ...]]
    arguments: Mapping[str, Size] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """The dims and scalars that its sizes name."""
        shapes = frozenset(n for shape in self.shapes.values() for size in shape for n in names_in(size))
        return shapes | frozenset(n for size in self.arguments.values() for n in names_in(size))

    def shape(self, tensor: str, values: Mapping[str, int | float]) -> tuple[int, ...]:
        """Returns the shape of `tensor` where dims and scalars have `values`."""
        return tuple(evaluate(size, values) for size in self.shapes[tensor])


@dataclass(frozen=True, slots=True)
class Operator:
    """What a kernel must compute.

    Attributes:
        name: The operator's name, which is also the default name of the candidate's function.
        summary: One line for `kernelgate operators`.
        inputs: The arguments in order.
        dims: The sizes that `forms` refer to, simplest first.
        forms: How shapes relate, simplest first.
        reference: Takes the arguments (float tensors all in float64, or all in float32) and returns the result in that
            precision. Integer tensors and scalars come as they are. A keyword parameter `store`, if it has one,
            receives a function that rounds a tensor to the dtype of the case. An integer result that it returns as
            floats is rounded half to even by the judge, and may be rounded from anywhere within the bound.
        condition: The condition term S: takes the arguments in float64 and returns, for each element of the result,
            the error of a float32 computation in units of 2⁻²⁴ (4·2⁻²⁴·S enters the bound), or broadcasts to that; a
            tuple where the reference returns one. 0: only the result itself is rounded. Infinite: any finite result is
            right. None: the bound is measured by Monte-Carlo arithmetic.
        products: Where a policy allows tf32, 2·2⁻¹⁰ times this enters the bound: Σ|terms| of the matrix products whose
            factors tf32 rounds. None: the operator has none.
        meaning: What it means where shape and formula do not say it: NaN, ±Inf, denormals, empties, ties, ids.
        requires: A relation between dims and scalars that every case keeps.
        reduction: How many terms one result element adds up, as a size; 1 where nothing is reduced.
        dtypes: The dtypes that a case may have.
        results: The dtype of each result tensor; 'case' is the dtype of the case.
        copies: Every float of the result is one of the input's as it is, so that a zero keeps its sign.
        propagates_nonfinite: NaN and ±Inf must come out where the reference has them; otherwise such elements are free.
        may_flush: A right kernel may flush denormals of an intermediate or of the result to zero, as the GPU's exp, log
            and fast division do, and its atomic additions of float32 (seen on an H100: split-k products, split sums).
        not_on: Architectures that can't do it, so that no kernel need compile for them.
        declared_in: SHA-256 of the code that declares it, where that is not part of `runners`; set by who loads it.
        folder: Where that code lies; likewise.
    """

    name: str
    summary: str
    inputs: tuple[TensorInput | ScalarInput, ...]
    dims: tuple[Dim, ...]
    forms: tuple[Form, ...]
    reference: Callable[..., Outputs]
    condition: Callable[..., Outputs] | None = None
    products: Callable[..., torch.Tensor] | None = None
    meaning: tuple[str, ...] = ()
    requires: str | None = None
    reduction: Size = 1
    dtypes: tuple[str, ...] = FLOATS
    results: tuple[str, ...] = (CASE_DTYPE,)
    copies: bool = False
    propagates_nonfinite: bool = True
    may_flush: bool = False
    not_on: tuple[str, ...] = ()
    declared_in: str = ""
    folder: str = ""
    tensors: tuple[TensorInput, ...] = field(init=False)
    scalars: tuple[ScalarInput, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tensors", tuple(i for i in self.inputs if isinstance(i, TensorInput)))
        object.__setattr__(self, "scalars", tuple(i for i in self.inputs if isinstance(i, ScalarInput)))
        tensors = {tensor.name for tensor in self.tensors}
        known = {dim.name for dim in self.dims} | {scalar.name for scalar in self.scalars}
        for form in self.forms:
            if set(form.shapes) != tensors:
                raise ValueError(f"form '{form.name}' of operator '{self.name}' gives shapes for {set(form.shapes)}, "
                                 f"not for {tensors}")  # fmt: skip
            if form.names - known:
                raise ValueError(f"form '{form.name}' of operator '{self.name}' names {sorted(form.names - known)}, "
                                 "which are neither its dims nor its scalars")  # fmt: skip
        for size in (self.reduction, *([self.requires] if self.requires else ())):
            if names_in(size) - known:
                raise ValueError(f"'{size}' of operator '{self.name}' names {sorted(names_in(size) - known)}")

    def form(self, name: str) -> Form:
        """Returns the form called `name`.

        Raises:
            KeyError: there is none.
        """
        for form in self.forms:
            if form.name == name:
                return form
        raise KeyError(name)

    def declares(self, sizes: Mapping[str, int]) -> bool:
        """Whether no size is beyond its dim's boundaries: these a candidate must take, larger ones it may refuse."""
        return all(sizes[dim.name] <= max(dim.largest, FEW) for dim in self.dims if dim.name in sizes)

    def allows(self, values: Mapping[str, int | float]) -> bool:
        """Whether dims and scalars with `values` keep what the operator requires of them."""
        if self.requires is None or names_in(self.requires) - values.keys():
            return True
        return bool(evaluate(self.requires, values))
