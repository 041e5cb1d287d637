"""What an operator declares. Trusted code: an operator is written by the team that runs the gate.

An operator says which inputs it must be right for (forms, sizes, dtypes, layouts, value classes), what right means
(a reference that is run in float64 and in float32 on the same low-precision inputs) and how much rounding a float32
computation may show (the condition term). The judge derives everything else: cases, bounds, verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch

FLOATS = ("float32", "float16", "bfloat16")

ValueClass = Literal[
    "unit", "normal", "positive", "integers", "ramp", "wide", "large",
    "denormal", "constant", "shifted", "zeros", "very_negative",
    "labels", "labels_some_ignored", "label_first", "label_last",
]  # fmt: skip
Special = Literal[
    "none", "nan", "inf", "-inf", "-inf_row", "-inf_prefix", "-0", "max", "big", "denormal",
]  # fmt: skip
Position = Literal["first", "last", "row_end", "random"]
Layout = Literal["contiguous", "transposed", "row_padded", "stepped", "offset", "expanded"]

VALUES: tuple[ValueClass, ...] = (
    "unit", "normal", "positive", "integers", "ramp", "wide", "large",
    "denormal", "constant", "shifted", "zeros", "very_negative",
)  # fmt: skip
SPECIALS: tuple[Special, ...] = (
    "none",
    "nan",
    "inf",
    "-inf",
    "-inf_row",
    "-inf_prefix",
    "-0",
    "max",
    "denormal",
)
POSITIONS: tuple[Position, ...] = ("first", "last", "row_end", "random")
LAYOUTS: tuple[Layout, ...] = ("contiguous", "transposed", "row_padded", "stepped", "offset", "expanded")

Outputs = torch.Tensor | tuple[torch.Tensor, ...]


@dataclass(frozen=True, slots=True)
class Dim:
    """A size that inputs share: `sizes` are the boundaries that plans cover, random cases draw from 1 to `largest`."""

    name: str
    sizes: tuple[int, ...]

    @property
    def largest(self) -> int:
        """The largest size that is drawn."""
        return max(self.sizes)


@dataclass(frozen=True, slots=True)
class TensorInput:
    """A tensor argument. `dtype` None means the dtype of the case; integer tensors name theirs."""

    name: str
    values: tuple[ValueClass, ...] = VALUES
    specials: tuple[Special, ...] = SPECIALS
    layouts: tuple[Layout, ...] = LAYOUTS
    dtype: str | None = None
    labels_below: str | None = None  # the dim whose size bounds an integer tensor's values


@dataclass(frozen=True, slots=True)
class ScalarInput:
    """A plain Python scalar argument and the values that are tried."""

    name: str
    values: tuple[float | int, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """One way in which the tensor arguments' shapes relate: a shape is a tuple of dim names and fixed sizes."""

    name: str
    shapes: Mapping[str, tuple[str | int, ...]]

    @property
    def dims(self) -> frozenset[str]:
        """The dims that its shapes name."""
        return frozenset(d for shape in self.shapes.values() for d in shape if isinstance(d, str))


@dataclass(frozen=True, slots=True)
class Operator:
    """What a kernel must compute.

    Attributes:
        name: The operator's name, which is also the default name of the candidate's function.
        summary: One line for `kernelgate operators`.
        inputs: The arguments in order.
        dims: The sizes that `forms` refer to, simplest first.
        forms: How shapes relate, simplest first.
        reference: Takes the arguments (float tensors all in float64, or all in float32) and returns the result in
            that precision. Integer tensors and scalars come as they are.
        condition: The condition term S: takes the arguments in float64 and returns, for each element of the result,
            the error of a float32 computation in units of 2⁻²⁴ (4·2⁻²⁴·S enters the bound), or broadcasts to that.
        dtypes: The dtypes that a case may have.
        outputs: How many tensors the reference returns.
        propagates_nonfinite: NaN and ±Inf must come out where the reference has them; otherwise such elements are free.
    """

    name: str
    summary: str
    inputs: tuple[TensorInput | ScalarInput, ...]
    dims: tuple[Dim, ...]
    forms: tuple[Form, ...]
    reference: Callable[..., Outputs]
    condition: Callable[..., Outputs]
    dtypes: tuple[str, ...] = FLOATS
    outputs: int = 1
    propagates_nonfinite: bool = True
    tensors: tuple[TensorInput, ...] = field(init=False)
    scalars: tuple[ScalarInput, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tensors", tuple(i for i in self.inputs if isinstance(i, TensorInput)))
        object.__setattr__(self, "scalars", tuple(i for i in self.inputs if isinstance(i, ScalarInput)))
        names = {tensor.name for tensor in self.tensors}
        for form in self.forms:
            if set(form.shapes) != names:
                raise ValueError(f"form '{form.name}' of operator '{self.name}' gives shapes for {set(form.shapes)}, "
                                 f"not for {names}")  # fmt: skip

    def form(self, name: str) -> Form:
        """Returns the form called `name`.

        Raises:
            KeyError: there is none.
        """
        for form in self.forms:
            if form.name == name:
                return form
        raise KeyError(name)
