"""The arguments of a call on the wire: plain scalars, and tensors as a base with shape, strides and offset.

A base travels as bytes, or is generated at both ends from a few numbers and a seed (`runners.generating`), so that
gigabytes need not travel and the judge makes of them what it compares. What a dtype can't hold exactly is refused here:
both ends must have the same bits.
"""

from __future__ import annotations

import math
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from runners.message import ARGUMENTS_CAP, FirstError, Message, Size

RANK_CAP: Final = 8
SPAN_CAP: Final = 1 << 31
GENERATED_CAP_BYTES: Final = 1 << 36  # of one base

DTYPES: Final = (
    "float64", "float32", "float16", "bfloat16", "float8_e4m3fn",
    "int64", "int32", "int16", "int8", "uint8", "bool",
)  # fmt: skip
ITEM_BYTES: Final = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "float8_e4m3fn": 1,
    "int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint8": 1, "bool": 1,
}  # fmt: skip
EXACT_INTEGERS: Final = {  # a dtype holds every integer from here to there
    "float64": (-(1 << 53), 1 << 53), "float32": (-(1 << 24), 1 << 24), "float16": (-(1 << 11), 1 << 11),
    "bfloat16": (-(1 << 8), 1 << 8), "float8_e4m3fn": (-(1 << 4), 1 << 4),
    "int64": (-(1 << 63), (1 << 63) - 1), "int32": (-(1 << 31), (1 << 31) - 1), "int16": (-(1 << 15), (1 << 15) - 1),
    "int8": (-128, 127), "uint8": (0, 255), "bool": (0, 1),
}  # fmt: skip
LOWEST_EXPONENTS: Final = {
    "float64": -30, "float32": -30, "float16": -24, "bfloat16": -30, "float8_e4m3fn": -9,
}  # fmt: skip
Sizes = Annotated[tuple[Size, ...], Field(max_length=RANK_CAP), FirstError]
Seed = Annotated[int, Field(ge=0, lt=1 << 64)]


class Elements(Message):
    """What the elements of a base are that is generated where it is needed (`runners.generating`).

    Each is one of `span` integers from `lowest` on, times 2 to the power of `exponent`.
    """

    lowest: Annotated[int, Field(ge=-SPAN_CAP, lt=SPAN_CAP)]
    span: Annotated[int, Field(ge=1, le=SPAN_CAP)]
    exponent: Annotated[int, Field(ge=-30, le=0)] = 0


class TensorArgument(Message):
    """A tensor: `base_bytes` bytes of base buffer follow; strides and offset count elements of `dtype`.

    Where `sparse`, the base is too large to travel: only the elements follow, in C order. Where it has `elements`, the
    base is generated from them and the seed of the request, and nothing follows.
    """

    kind: Literal["tensor"] = "tensor"
    dtype: Literal[DTYPES]  # type: ignore[valid-type]  # one list serves both as data and as type
    shape: Sizes
    strides: Sizes
    offset: Size
    base_bytes: Size
    sparse: bool = False
    elements: Elements | None = None

    @model_validator(mode="after")
    def _can_be_generated(self) -> Self:
        if self.elements is not None and (problem := _ungenerable(self.dtype, self.base_bytes, self.elements)):
            raise ValueError(problem)
        if self.elements is not None and self.sparse:
            raise ValueError("a base that is generated is not sparse")
        return self

    @property
    def travelling_bytes(self) -> int:
        """How many bytes follow."""
        if self.elements is not None:
            return 0
        return math.prod(self.shape) * ITEM_BYTES[self.dtype] if self.sparse else self.base_bytes


def _ungenerable(dtype: str, base_bytes: int, elements: Elements) -> str | None:
    """Says why a base can't be generated exactly; None where it can."""
    last = elements.lowest + elements.span - 1
    lowest, largest = EXACT_INTEGERS[dtype]
    if elements.lowest < lowest or last > largest:
        return f"{dtype} does not hold all integers from {elements.lowest} to {last}"
    if elements.exponent < LOWEST_EXPONENTS.get(dtype, 0):
        return f"{dtype} does not hold integers times 2 to the power of {elements.exponent}"
    if base_bytes > GENERATED_CAP_BYTES or base_bytes % ITEM_BYTES[dtype]:
        return f"no base of {dtype} is generated with {base_bytes} bytes"
    return None


class ScalarArgument(Message):
    """A plain Python scalar."""

    kind: Literal["scalar"] = "scalar"
    value: bool | int | float


Argument = Annotated[TensorArgument | ScalarArgument, Field(discriminator="kind")]


def _all_generated(arguments: tuple[Argument, ...]) -> tuple[Argument, ...]:
    if any(isinstance(argument, TensorArgument) and argument.elements is None for argument in arguments):
        raise ValueError("a base of the request is not generated")
    return arguments


def _none_generated(arguments: tuple[Argument, ...]) -> tuple[Argument, ...]:
    if any(isinstance(argument, TensorArgument) and argument.elements is not None for argument in arguments):
        raise ValueError("a base of the request is generated, which is for devices only")
    return arguments


Generated = Annotated[tuple[Argument, ...], Field(max_length=ARGUMENTS_CAP), FirstError, AfterValidator(_all_generated)]
Given = Annotated[tuple[Argument, ...], Field(max_length=ARGUMENTS_CAP), FirstError, AfterValidator(_none_generated)]
