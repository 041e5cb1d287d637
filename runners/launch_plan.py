"""What one call of a candidate did on the GPU, as data: machine code, launches and memory, and no Python.

A runner that calls the candidate records it (`runners.inside.gpu.recording`); another process, which never loads
candidate code, carries it out on memory and inputs of the judge's (`runners.inside.gpu.replaying`). So what is
certified is this plan and not the Python around it: host arithmetic, cached results, decoys and patched harnesses are
not in it.

A plan is a claim of the candidate's process. It need not be what happened there: it has to give right results for
inputs that were drawn after it was recorded, in buffers that it has never seen, for the same shapes, strides and
scalars. What is checked here is that it can be carried out: numbers in range, places inside of their buffers, sizes
bounded.

Deliberately not here: clusters, cooperative grids, tensor descriptors and launches that depend on data. A candidate
that needs them has no plan, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Annotated, Final, Literal

from pydantic import Field

from runners.message import FirstError, Message, Size, Text

KERNELS_CAP: Final = 64
BUFFERS_CAP: Final = 256
STEPS_CAP: Final = 512
CUBIN_CAP_BYTES: Final = 16 << 20
GRID_CAPS: Final = ((1 << 31) - 1, 65_535, 65_535)  # CUDA's
BLOCKS_CAP: Final = (1 << 31) - 1  # the launcher of Triton 3.6 launches where the product of the three is positive
ITEM_BYTES: Final = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "float8_e4m3fn": 1,
    "int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint8": 1, "bool": 1,
}  # fmt: skip
SCALAR_BYTES: Final = {
    "i1": 1, "i8": 1, "i16": 2, "i32": 4, "i64": 8, "u1": 1, "u8": 1, "u16": 2, "u32": 4, "u64": 8,
    "fp16": 2, "bf16": 2, "fp32": 4, "f32": 4, "fp64": 8,
}  # fmt: skip

Dims = Annotated[tuple[Size, ...], Field(max_length=8), FirstError]


class Kernel(Message):
    """Machine code of one specialisation; `cubin_bytes` bytes follow the message.

    Attributes:
        name: Of the function in the module.
        shared_bytes: Dynamic shared memory of a block.
        scratch_bytes: What each block needs of global memory for itself, which Triton passes behind the arguments.
    """

    name: Text
    cubin_bytes: Annotated[int, Field(gt=0, le=CUBIN_CAP_BYTES)]
    shared_bytes: Annotated[int, Field(ge=0, le=1 << 20)]
    warps: Annotated[int, Field(ge=1, le=32)]
    scratch_bytes: Annotated[int, Field(ge=0, le=1 << 30)]


class Buffer(Message):
    """A stretch of device memory: the base of argument number `argument`, or the candidate's own where that is None."""

    argument: Annotated[int, Field(ge=0, le=32)] | None
    nbytes: Size


class Place(Message):
    """`offset` bytes into buffer number `buffer`."""

    buffer: Annotated[int, Field(ge=0, lt=BUFFERS_CAP)]
    offset: Size


class View(Message):
    """A tensor in a buffer; strides count elements."""

    place: Place
    dtype: Literal[tuple(ITEM_BYTES)]  # type: ignore[valid-type]
    shape: Dims
    strides: Dims

    @property
    def end(self) -> int:
        """The first byte of the buffer behind its elements."""
        if 0 in self.shape:
            return self.place.offset
        reach = sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))
        return self.place.offset + (reach + 1) * ITEM_BYTES[self.dtype]


class Pointer(Message):
    """An address as an argument of a kernel."""

    kind: Literal["pointer"] = "pointer"
    place: Place


class Scalar(Message):
    """A number as an argument of a kernel, of one of Triton's types."""

    kind: Literal["scalar"] = "scalar"
    type: Literal[tuple(SCALAR_BYTES)]  # type: ignore[valid-type]
    value: bool | int | float


Argument = Annotated[Pointer | Scalar, Field(discriminator="kind")]


class Fill(Message):
    """Every element becomes `value`."""

    kind: Literal["fill"] = "fill"
    target: View
    value: bool | int | float


class Copy(Message):
    """The elements of `source` go to `target`, which has the same shape and dtype."""

    kind: Literal["copy"] = "copy"
    target: View
    source: View


class Launch(Message):
    """A kernel over a grid."""

    kind: Literal["launch"] = "launch"
    kernel: Annotated[int, Field(ge=0, lt=KERNELS_CAP)]
    grid: tuple[Size, Size, Size]
    arguments: Annotated[tuple[Argument, ...], Field(max_length=128), FirstError]


Step = Annotated[Fill | Copy | Launch, Field(discriminator="kind")]


class LaunchPlan(Message):
    """Buffers, then what is done to them in order, then where the results are."""

    kernels: Annotated[tuple[Kernel, ...], Field(max_length=KERNELS_CAP), FirstError]
    buffers: Annotated[tuple[Buffer, ...], Field(max_length=BUFFERS_CAP), FirstError]
    steps: Annotated[tuple[Step, ...], Field(max_length=STEPS_CAP), FirstError]
    outputs: Annotated[tuple[View, ...], Field(max_length=32), FirstError]

    @property
    def launches(self) -> tuple[Launch, ...]:
        """The steps that are launches."""
        return tuple(step for step in self.steps if isinstance(step, Launch))

    @property
    def output_bytes(self) -> int:
        """How many bytes its results have."""
        return sum(math.prod(view.shape) * ITEM_BYTES[view.dtype] for view in self.outputs)


def problem_in(plan: LaunchPlan, base_bytes: Sequence[int], memory_bytes: int) -> str | None:
    """Says why `plan` can't be carried out; None where it can.

    Args:
        base_bytes: Sizes of the tensor arguments' bases, in order.
        memory_bytes: What all of its buffers together may have.
    """
    return next(_problems(plan, base_bytes, memory_bytes), None)


def _problems(plan: LaunchPlan, base_bytes: Sequence[int], memory_bytes: int) -> Iterator[str]:
    if not plan.launches:
        yield "it launches nothing"
    for number, buffer in enumerate(plan.buffers):
        given = buffer.argument
        if given is not None and (given >= len(base_bytes) or base_bytes[given] != buffer.nbytes):
            yield f"buffer {number} is no base of an argument"
    if sum(buffer.nbytes for buffer in plan.buffers) > memory_bytes:
        yield f"its buffers have more than {memory_bytes} bytes"
    for view in _views(plan):
        yield from _outside(plan, view.place, view.end)
    for target in (step.target for step in plan.steps if isinstance(step, Fill | Copy)):
        if target.place.buffer < len(plan.buffers) and plan.buffers[target.place.buffer].argument is not None:
            yield "it writes to an argument"
    for step in plan.steps:
        if isinstance(step, Copy) and (step.source.shape, step.source.dtype) != (step.target.shape, step.target.dtype):
            yield "a copy changes shape or dtype"
    for launch in plan.launches:
        yield from _unlaunchable(plan, launch, memory_bytes)
    for output in plan.outputs:
        if output.place.buffer < len(plan.buffers) and plan.buffers[output.place.buffer].argument is not None:
            yield "a result lies in an argument"


def _views(plan: LaunchPlan) -> Iterator[View]:
    for step in plan.steps:
        if isinstance(step, Fill | Copy):
            yield step.target
        if isinstance(step, Copy):
            yield step.source
    yield from plan.outputs


def _outside(plan: LaunchPlan, place: Place, end: int) -> Iterator[str]:
    if place.buffer >= len(plan.buffers):
        yield f"there is no buffer {place.buffer}"
    elif max(place.offset, end) > plan.buffers[place.buffer].nbytes:
        yield f"byte {max(place.offset, end)} is outside of buffer {place.buffer}"


def _unlaunchable(plan: LaunchPlan, launch: Launch, memory_bytes: int) -> Iterator[str]:
    if launch.kernel >= len(plan.kernels):
        yield f"there is no kernel {launch.kernel}"
        return
    if any(size > cap for size, cap in zip(launch.grid, GRID_CAPS, strict=True)):
        yield f"no GPU has a grid of {launch.grid}"
    if math.prod(launch.grid) > BLOCKS_CAP:
        yield f"Triton's launcher counts blocks in 32 bits, and may launch none of a grid of {launch.grid}"
    if math.prod(launch.grid) * plan.kernels[launch.kernel].scratch_bytes > memory_bytes:
        yield f"its blocks need more than {memory_bytes} bytes of scratch memory"
    for argument in launch.arguments:
        if isinstance(argument, Pointer):
            yield from _outside(plan, argument.place, argument.place.offset)
