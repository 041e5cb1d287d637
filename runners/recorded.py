"""Arguments of a call that really happened, as data: what a case only describes, to the bit.

A case is made of classes and a seed. Where an application saw a kernel fail, nobody knows which class its numbers are
of; so the elements themselves are stored beside the case that is nearest, and a replay takes these. Only what an
argument's view shows is stored: a gap between its rows is filled again as `runners.materialise` fills it.

Such a file comes from outside, so its shape, strides and bytes have to fit together before memory is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator

from runners.dtypes import TORCH_DTYPES
from runners.making import Making
from runners.materialise import GAPS, ArgumentValue, ScalarValue, TensorValue, materialise

EXTENT_CAP: Final = 1 << 28  # elements of a base buffer
RANK_CAP: Final = 8
Size = Annotated[int, Field(ge=0, le=EXTENT_CAP)]


class _Recorded(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64", ser_json_inf_nan="strings"
    )


class RecordedTensor(_Recorded):
    """A tensor argument.

    Attributes:
        shape: Its sizes, at most eight.
        strides: In elements, as the caller had them.
        offset: Of its first element in its buffer, in elements; as far as an alignment can depend on it.
        data: Its elements in C order, little-endian.
    """

    kind: Literal["tensor"] = "tensor"
    name: str
    dtype: str
    shape: Annotated[tuple[Size, ...], Field(max_length=RANK_CAP)]
    strides: Annotated[tuple[Size, ...], Field(max_length=RANK_CAP)]
    offset: Size
    data: bytes

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.dtype not in TORCH_DTYPES:
            raise ValueError(f"'{self.dtype[:40]}' is no dtype of a case")
        if len(self.shape) != len(self.strides):
            raise ValueError("there is not one stride for each dimension")
        if len(self.data) != math.prod(self.shape) * TORCH_DTYPES[self.dtype].itemsize:
            raise ValueError("the bytes are not those of the shape")
        if not lies_apart(self.shape, self.strides):
            raise ValueError("elements lie on one another")
        if extent(self.shape, self.strides, self.offset) > EXTENT_CAP:
            raise ValueError(f"it reaches further than {EXTENT_CAP} elements")
        return self

    @property
    def argument(self) -> TensorValue:
        """As the runner gets it."""
        dtype = TORCH_DTYPES[self.dtype]
        size = extent(self.shape, self.strides, self.offset)
        base = torch.full((size,), math.nan if dtype.is_floating_point else GAPS[self.dtype], dtype=dtype)
        if size:
            once = tuple(1 if stride == 0 else length for length, stride in zip(self.shape, self.strides, strict=True))
            elements = torch.frombuffer(bytearray(self.data), dtype=dtype).reshape(self.shape)
            base.as_strided(once, self.strides, self.offset).copy_(elements[tuple(slice(length) for length in once)])
        return TensorValue(self.name, self.dtype, base, self.shape, self.strides, self.offset)


class RecordedScalar(_Recorded):
    """A plain scalar argument.

    Attributes:
        value: What was given.
    """

    kind: Literal["scalar"] = "scalar"
    name: str
    value: bool | int | float

    @property
    def argument(self) -> ScalarValue:
        """As the runner gets it."""
        return ScalarValue(self.name, self.value)


RecordedArgument = Annotated[RecordedTensor | RecordedScalar, Field(discriminator="kind")]


def arguments_of(recorded: Sequence[RecordedTensor | RecordedScalar]) -> tuple[ArgumentValue, ...]:
    """Returns recorded arguments as the runner gets them, in their order."""
    return tuple(one.argument for one in recorded)


def making_of(recorded: Sequence[RecordedTensor | RecordedScalar] | None) -> Making:
    """Returns what makes a case's arguments: from the case, or always these."""
    if recorded is None:
        return materialise
    arguments = arguments_of(recorded)
    return lambda operator, case: arguments


def lies_apart(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether no two elements share memory, except along dimensions that are expanded (stride 0)."""
    reach = 0
    for stride, length in sorted((s, n) for n, s in zip(shape, strides, strict=True) if n > 1 and s > 0):
        if stride <= reach:
            return False
        reach += stride * (length - 1)
    return True


def extent(shape: Sequence[int], strides: Sequence[int], offset: int) -> int:
    """How many elements a buffer has that ends with the last element of such a view; 0 where that is empty."""
    if 0 in shape:
        return 0
    return offset + sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True)) + 1
