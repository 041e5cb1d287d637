"""Records a call of the candidate as a launch plan: memory that it takes, fills and copies that it asks for, launches.

Two places see everything that the contract lets host code do: torch's dispatcher (allocation, fill, layout copy,
view) and Triton's launcher. A tensor is known by its storage, and each storage that was seen is kept until the end, so
that no identity means two things. (Its address would not do: all empty ones have the address 0.) Whatever else touches
data (arithmetic, conversion, a value that is read) makes the call one that can't be recorded, which is a fact about the
candidate and no error here.

Runs in the candidate's process: what it says is a claim (`runners.launch_plan`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from triton.compiler.compiler import CompiledKernel
from triton.runtime.autotuner import Autotuner

from runners.launch_plan import (
    ITEM_BYTES,
    SCALAR_BYTES,
    Buffer,
    Copy,
    Fill,
    Kernel,
    Launch,
    LaunchPlan,
    Place,
    Pointer,
    Scalar,
    Step,
    View,
)

ALLOCATE: Final = frozenset(
    f"aten::{name}"
    for name in ("empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided")
)
FILL: Final = {
    **dict.fromkeys(("aten::zeros", "aten::zeros_like", "aten::new_zeros", "aten::zero_"), 0),
    **dict.fromkeys(("aten::ones", "aten::ones_like", "aten::new_ones"), 1),
}
FILL_WITH: Final = {"aten::full": 1, "aten::full_like": 1, "aten::new_full": 2, "aten::fill_": 1}  # argument's number
COPY: Final = frozenset(("aten::clone", "aten::copy_", "aten::contiguous"))

ATTRIBUTES: Final = ("launch_cooperative_grid", "launch_pdl")  # of a launch, which no replay has


class NotRecordable(Exception):
    """The call does something that no plan can say; the text says what."""


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own
    """Records while it is active; an instance records one call."""

    def __init__(self, bases: Sequence[torch.Tensor]) -> None:
        """`bases` are the one-dimensional base buffers of the tensor arguments, in order."""
        super().__init__()  # type: ignore[no-untyped-call]  # torch's own
        self._kernels: list[Kernel] = []
        self._cubins: list[bytes] = []
        self._number_of: dict[int, int] = {}  # by identity of the compiled kernel
        self._known: list[object] = []
        self._buffers: list[Buffer] = []
        self._buffer_of: dict[int, int] = {}  # by identity of the storage
        self._steps: list[Step] = []
        self._paused = False
        self.launches = 0
        self.reason: str | None = None
        for number, base in enumerate(bases):
            self._add(base, number)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Does what was asked for and notes it."""
        result = func(*args, **(kwargs or {}))
        if not self._paused:
            self._attempt(lambda: self._note(func._schema.name, args, result))
        return result

    def launch(self, kernel: CompiledKernel, launcher: Callable[..., None], x: int, y: int, z: int, *rest: Any) -> None:
        """Stands where Triton's launcher is: notes the launch and makes it. `rest` ends with the kernel's arguments."""
        if not self._paused:
            self.launches += 1
            self._attempt(lambda: self._note_launch(kernel, (x, y, z), rest))
        launcher(x, y, z, *rest)

    def plan(self, results: Sequence[torch.Tensor]) -> tuple[LaunchPlan, tuple[bytes, ...]] | str:
        """Returns the plan with its machine code, or why there is none."""
        self._attempt(lambda: self._results(results))
        if self.reason is not None:
            return self.reason
        plan = LaunchPlan(
            kernels=tuple(self._kernels),
            buffers=tuple(self._buffers),
            steps=tuple(self._steps),
            outputs=tuple(self._view(result) for result in results),
        )
        return plan, tuple(self._cubins)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing is recorded meanwhile: an autotuner tries configurations."""
        before, self._paused = self._paused, True
        try:
            yield
        finally:
            self._paused = before

    def _attempt(self, note: Callable[[], object]) -> None:
        try:
            note()
        except NotRecordable as error:
            self.reason = self.reason or str(error)

    def _note(self, name: str, args: tuple[Any, ...], result: object) -> None:
        tensors = (
            [result] if isinstance(result, torch.Tensor) else list(result) if isinstance(result, tuple | list) else []
        )
        fresh = [tensor for tensor in tensors if _storage(tensor) not in self._buffer_of]
        if name in FILL or name in FILL_WITH or name in COPY or name in ALLOCATE:
            for tensor in fresh:
                self._add(tensor)
            self._effect(name, args, tensors[0])
        elif fresh or not tensors or name.endswith("_"):
            raise NotRecordable(f"torch's {name} is in the call")

    def _effect(self, name: str, args: tuple[Any, ...], target: torch.Tensor) -> None:
        if target.numel() == 0:
            return
        if name in FILL:
            self._steps.append(Fill(target=self._view(target), value=FILL[name]))
        elif name in FILL_WITH:
            value = args[FILL_WITH[name]]
            if isinstance(value, torch.Tensor):
                raise NotRecordable("a tensor is filled with the value of a tensor")
            self._steps.append(Fill(target=self._view(target), value=value))
        elif name in COPY:
            source = args[1] if name == "aten::copy_" else args[0]
            if source.dtype != target.dtype:
                raise NotRecordable("a copy converts")
            source = source.expand(target.shape) if source.shape != target.shape else source
            self._steps.append(Copy(target=self._view(target), source=self._view(source)))

    def _note_launch(self, kernel: CompiledKernel, grid: tuple[int, int, int], rest: tuple[Any, ...]) -> None:
        types = list(kernel.src.signature.values())
        values = rest[len(rest) - len(types) :]
        if getattr(kernel.metadata, "num_ctas", 1) != 1 or any(getattr(kernel.metadata, a, False) for a in ATTRIBUTES):
            raise NotRecordable("a launch asks for clusters, a cooperative grid or to overlap the launch before it")
        arguments = tuple(
            self._argument(type_, value) for type_, value in zip(types, values, strict=True) if type_ != "constexpr"
        )
        self._steps.append(Launch(kernel=self._kernel(kernel), grid=grid, arguments=arguments))

    def _argument(self, type_: object, value: Any) -> Pointer | Scalar:
        if not isinstance(type_, str):
            raise NotRecordable("a tuple is an argument of a launch")
        if type_.startswith("*") and isinstance(value, torch.Tensor):
            return Pointer(place=self._place(value))
        if type_ in SCALAR_BYTES and isinstance(value, bool | int | float):
            return Scalar(type=type_, value=value)
        raise NotRecordable(f"an argument of a launch is {type(value).__name__} for '{type_}'")

    def _kernel(self, kernel: CompiledKernel) -> int:
        number = self._number_of.get(id(kernel))
        if number is None:
            number = self._number_of[id(kernel)] = len(self._kernels)
            self._known.append(kernel)  # so that its identity stays its own
            metadata, cubin = kernel.metadata, kernel.asm["cubin"]
            self._cubins.append(cubin)
            self._kernels.append(
                Kernel(
                    name=metadata.name,
                    cubin_bytes=len(cubin),
                    shared_bytes=metadata.shared,
                    warps=metadata.num_warps,
                    scratch_bytes=getattr(metadata, "global_scratch_size", 0) or 0,
                )
            )
        return number

    def _results(self, results: Sequence[torch.Tensor]) -> None:
        for result in results:
            self._view(result)

    def _add(self, tensor: torch.Tensor, argument: int | None = None) -> None:
        storage = tensor.untyped_storage()
        self._known.append(storage)  # so that its identity stays its own
        self._buffer_of[storage._cdata] = len(self._buffers)
        self._buffers.append(Buffer(argument=argument, nbytes=storage.nbytes()))

    def _place(self, tensor: torch.Tensor) -> Place:
        number = self._buffer_of.get(_storage(tensor))
        if number is None:
            raise NotRecordable("memory is used that was not allocated in the call")
        return Place(
            buffer=number, offset=int(tensor.storage_offset()) * tensor.element_size() if tensor.numel() else 0
        )

    def _view(self, tensor: torch.Tensor) -> View:
        dtype = str(tensor.dtype).removeprefix("torch.")
        if dtype not in ITEM_BYTES or tensor.dim() > 8:
            raise NotRecordable(f"a tensor of {tensor.dim()} dimensions in {dtype}")
        return View(place=self._place(tensor), dtype=dtype, shape=tuple(tensor.shape), strides=tuple(tensor.stride()))


@contextmanager
def recording(bases: Sequence[torch.Tensor]) -> Iterator[Recorder]:
    """Records what is called within; Triton launches through the recorder meanwhile."""
    recorder = Recorder(bases)
    get, bench = CompiledKernel.run.fget, Autotuner._bench

    def run(kernel: CompiledKernel) -> Callable[..., None]:
        return partial(recorder.launch, kernel, get(kernel))

    def quietly(tuner: Autotuner, *args: Any, **kwargs: Any) -> Any:
        with recorder.paused():
            return bench(tuner, *args, **kwargs)

    CompiledKernel.run, Autotuner._bench = property(run), quietly
    try:
        with recorder:
            yield recorder
    finally:
        CompiledKernel.run, Autotuner._bench = property(get), bench


def _storage(tensor: torch.Tensor) -> int:
    """The identity of a tensor's storage: the address of torch's own object, which every view shares."""
    return int(tensor.untyped_storage()._cdata)
