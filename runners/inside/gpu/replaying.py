"""Carries launch plans out, on guarded buffers and on inputs that came after the plan.

The process never loads candidate code: of the candidate it has machine code and numbers. What that code does to memory
is caught by the pages around each buffer, seen in the pattern beside it, or in inputs that changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Final

import torch

from runners.inside.gpu.bases import Base
from runners.inside.gpu.crowd import Crowd
from runners.inside.gpu.device import (
    DeviceError,
    ExactMemory,
    Function,
    GuardedMemory,
    Memory,
    Side,
    pointer_bytes,
    scalar_bytes,
    wait,
)
from runners.launch_plan import Copy, Fill, Launch, LaunchPlan, Place, Pointer, Step, View

Run = Callable[[], object]
OUT_OF_MEMORY: Final = "CUDA_ERROR_OUT_OF_MEMORY"


@dataclass(frozen=True, slots=True)
class Way:
    """How a plan is carried out.

    Attributes:
        fresh_byte: What memory holds that the plan does not fill.
        side: Which end of each buffer touches the unmapped pages beside it, or neither.
        exact: Buffers are allocated to the byte and not filled, for the eyes of a sanitizer.
        alone: No two blocks of a kernel share a multiprocessor.
        crowded: Other work runs on the device at the same time.
        apart: Buffers lie far from each other, each pair in another distance, as in a process that fills a large card.
    """

    fresh_byte: int
    side: Side
    exact: bool = False
    alone: bool = False
    crowded: bool = False
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """A plan was carried out.

    Attributes:
        outputs: On the CPU, contiguous.
        touched: Numbers of buffers around which something was written.
        changed: Numbers of arguments whose bytes changed.
    """

    outputs: tuple[torch.Tensor, ...]
    touched: tuple[int, ...]
    changed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """The device reported an error at a step; this process is of no use from then on."""

    step: int
    error: str


class Prepared:
    """The buffers of a plan with the arguments in them, and its steps on these buffers."""

    def __init__(
        self, plan: LaunchPlan, memories: list[Memory], scratch: list[Memory], steps: list[Run],
        bases: Sequence[Base],
    ) -> None:  # fmt: skip
        self._plan = plan
        self._scratch = scratch
        self._bases = bases
        self.memories = memories
        self.steps = steps

    def enqueue(self) -> None:
        """Carries all steps out on torch's current stream, without waiting for any.

        Raises:
            DeviceError: a launch was refused.
        """
        for step in self.steps:
            step()

    def refresh(self, fresh_byte: int) -> None:
        """Fills every buffer that is no argument, pages and all, so that nothing of an earlier call is in it."""
        own = (m for m, buffer in zip(self.memories, self._plan.buffers, strict=True) if buffer.argument is None)
        for memory in (*own, *self._scratch):
            memory.fill(fresh_byte)

    def results(self) -> tuple[torch.Tensor, ...]:
        """The plan's outputs as they lie on the device."""
        return tuple(_tensor(self.memories, view) for view in self._plan.outputs)

    def outputs(self) -> tuple[torch.Tensor, ...]:
        """The plan's outputs on the CPU, contiguous."""
        return tuple(result.contiguous().cpu() for result in self.results())

    def touched(self, fresh_byte: int) -> tuple[int, ...]:
        """Numbers of buffers around which something was written."""
        return tuple(n for n, memory in enumerate(self.memories) if not memory.surroundings_hold(fresh_byte))

    def touched_arguments(self, fresh_byte: int) -> tuple[int, ...]:
        """Numbers of arguments beside whose bases something was written."""
        numbers = (self._plan.buffers[buffer].argument for buffer in self.touched(fresh_byte))
        return tuple(number for number in numbers if number is not None)

    def changed(self) -> tuple[int, ...]:
        """Numbers of arguments whose bytes changed."""
        return tuple(
            buffer.argument
            for memory, buffer in zip(self.memories, self._plan.buffers, strict=True)
            if buffer.argument is not None and not self._bases[buffer.argument].is_in(memory.payload)
        )

    def free(self) -> None:
        """Gives the memory back; no result may be used any more."""
        for memory in (*self.memories, *self._scratch):
            memory.free()


class Replay:
    """One plan with its machine code loaded."""

    def __init__(self, plan: LaunchPlan, cubins: Sequence[bytes]) -> None:
        """Loads it.

        Raises:
            DeviceError: the device does not take the machine code.
        """
        self._plan = plan
        self._functions = [
            Function(cubin, kernel.name, kernel.shared_bytes, kernel.warps)
            for kernel, cubin in zip(plan.kernels, cubins, strict=True)
        ]

    def run(self, bases: Sequence[Base], way: Way) -> Done | Failed:
        """Carries the plan out, and says what came of it.

        Args:
            bases: What the tensor arguments' bases hold, in order.

        Raises:
            DeviceError: there is no room for the buffers.
        """
        prepared = self.carried_out(bases, way)
        if isinstance(prepared, Failed):
            return prepared
        done = Done(prepared.outputs(), prepared.touched(way.fresh_byte), prepared.changed())
        prepared.free()
        return done

    def carried_out(self, bases: Sequence[Base], way: Way) -> Prepared | Failed:
        """Carries the plan out, and leaves everything where it is.

        Raises:
            DeviceError: there is no room for the buffers.
        """
        prepared = self.prepare(bases, way)
        with Crowd() if way.crowded else nullcontext():
            for number, step in enumerate(prepared.steps):
                try:
                    step()
                    wait()
                except DeviceError as error:
                    return Failed(number, str(error))
        return prepared

    def prepare(self, bases: Sequence[Base], way: Way) -> Prepared:
        """Makes the plan's buffers and puts the arguments' bases into them.

        Raises:
            DeviceError: there is no room; nothing is left of what there was.
        """
        memories: list[Memory] = []
        scratch: list[Memory] = []
        try:
            for buffer in self._plan.buffers:
                memories.append(_memory(buffer.nbytes, way))
                memories[-1].fill(way.fresh_byte)
                if buffer.argument is not None and buffer.nbytes:
                    bases[buffer.argument].put_into(memories[-1].payload)
            steps = [self._step(step, memories, scratch, way) for step in self._plan.steps]
        except (DeviceError, torch.OutOfMemoryError) as error:
            for memory in (*memories, *scratch):
                memory.free()
            raise DeviceError(str(error) if isinstance(error, DeviceError) else OUT_OF_MEMORY) from None
        return Prepared(self._plan, memories, scratch, steps, bases)

    @property
    def functions(self) -> Sequence[Function]:
        """The plan's kernels, in order."""
        return self._functions

    def _step(self, step: Step, memories: Sequence[Memory], scratch: list[Memory], way: Way) -> Run:
        match step:
            case Fill(target=target, value=value):
                return partial(_tensor(memories, target).fill_, value)
            case Copy(target=target, source=source):
                return partial(_tensor(memories, target).copy_, _tensor(memories, source))
            case Launch():
                return self._launch(step, memories, scratch, way)

    def _launch(self, launch: Launch, memories: Sequence[Memory], scratch: list[Memory], way: Way) -> Run:
        kernel = self._plan.kernels[launch.kernel]
        arguments = [
            pointer_bytes(_address(memories, argument.place))
            if isinstance(argument, Pointer)
            else scalar_bytes(argument.type, argument.value)
            for argument in launch.arguments
        ]
        room = 0
        if kernel.scratch_bytes:
            scratch.append(_memory(math.prod(launch.grid) * kernel.scratch_bytes, way))
            room = scratch[-1].pointer
        # Triton passes two more pointers, to scratch memory and to a profiler's; a kernel without them ignores both.
        arguments += [pointer_bytes(room), pointer_bytes(0)]
        return self._functions[launch.kernel].prepare(launch.grid, arguments, alone=way.alone)


def _memory(nbytes: int, way: Way) -> Memory:
    return ExactMemory(nbytes) if way.exact else GuardedMemory(nbytes, way.side, apart=way.apart)


def _address(memories: Sequence[Memory], place: Place) -> int:
    return memories[place.buffer].pointer + place.offset


def _tensor(memories: Sequence[Memory], view: View) -> torch.Tensor:
    dtype: torch.dtype = getattr(torch, view.dtype)
    if 0 in view.shape:
        return torch.empty(view.shape, dtype=dtype, device="cuda")
    payload = memories[view.place.buffer].payload
    flat = payload[view.place.offset : view.end]
    return flat.view(dtype).as_strided(view.shape, view.strides)
