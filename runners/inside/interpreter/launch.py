"""A kernel launch: arguments, grid, and each program instance once, in the order that the conditions ask for.

Replaces the stock launch. Arguments are used where they are (stock copies every storage onto itself afterwards); plain
floats, ints and bools become the scalars that a GPU kernel receives (stock leaves floats as Python objects); the grid
function sees plain values; an unknown keyword, an unusable grid or a missing argument is refused as on a GPU. A launch
of no program instances does nothing, as there.
"""

from __future__ import annotations

import dataclasses
import inspect
import linecache
import math
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import triton.language as tl
import triton.runtime.interpreter as stock
from triton.backends.amd.compiler import HIPOptions
from triton.backends.nvidia.compiler import CUDAOptions
from triton.runtime.interpreter import InterpretedFunction, TensorHandle
from triton.runtime.jit import KernelParam

from runners.inside.interpreter.blame import InterpreterCannot, KernelMisuse
from runners.inside.interpreter.conditions import CURRENT
from runners.inside.interpreter.formats import SOFT, narrow, numpy_dtype
from runners.inside.interpreter.interleaving import Interleaving
from runners.inside.interpreter.language import LANGUAGE
from runners.inside.interpreter.ordering import Place
from runners.inside.interpreter.specialisation import SEEN, Launch

_KINDS: Final = {
    "u1": tl.int1, "i1": tl.int1, "i8": tl.int8, "i16": tl.int16, "i32": tl.int32, "i64": tl.int64, "u8": tl.uint8,
    "u16": tl.uint16, "u32": tl.uint32, "u64": tl.uint64, "fp16": tl.float16, "bf16": tl.bfloat16,
    "fp32": tl.float32, "fp64": tl.float64,
}  # fmt: skip
_GRID_LIMITS: Final = ((1 << 31) - 1, 65535, 65535)
_OPTIONS: Final = {field.name for kind in (CUDAOptions, HIPOptions) for field in dataclasses.fields(kind)} | {
    "debug",
    "device",
    "stream",
}


class CompiledKernel:
    """What a launch returns on a GPU: facts of compilation, which nobody has here."""

    def __getattr__(self, name: str) -> Any:
        raise InterpreterCannot(f"a compiled kernel's {name!r} exists only on a GPU")


def run(self: InterpretedFunction, *args: Any, grid: Any, warmup: bool, **named: Any) -> CompiledKernel:
    """Replaces `InterpretedFunction.run`."""
    if LANGUAGE.active:
        raise KernelMisuse("a kernel was launched from inside a kernel")
    if warmup:
        return CompiledKernel()
    signature, constants = _signature(self.fn)
    bound = _bind(signature, args, named)
    for hook in self.pre_run_hooks:
        hook(**bound)
    sizes = _grid(grid(bound) if callable(grid) else grid)
    CURRENT.run.observation.launches += 1
    options = {name: value for name, value in named.items() if name not in signature.parameters}
    SEEN.note(Launch(self.fn, signature, constants, bound, options, CURRENT.run.configurations))
    CURRENT.run.warps = _warps(options.get("num_warps"))
    function = self.rewrite()
    with LANGUAGE.bound(), np.errstate(all="ignore"):
        kinds = _annotated(self.fn)
        values = {n: value if n in constants else device_value(value, kinds.get(n)) for n, value in bound.items()}
        _run_grid(function, values, sizes, meets=_meets(self.fn))
    return CompiledKernel()


def _warps(option: Any) -> int:
    value = getattr(option, "value", option)
    return value if isinstance(value, int) else CUDAOptions.num_warps


def call_helper(self: InterpretedFunction, *args: Any, **named: Any) -> Any:
    """Replaces `InterpretedFunction.__call__`: a jitted function that a kernel calls."""
    if not LANGUAGE.active:
        raise KernelMisuse(f"{self.fn.__name__} is jitted: it can be called only inside a kernel")
    named = {name: _constant(value) for name, value in named.items()}
    return self.rewrite()(*map(_constant, args), **named)


def _constant(value: Any) -> Any:
    """A dtype that is handed on is a constexpr when compiled, and has a `.value`."""
    return tl.constexpr(value) if isinstance(value, tl.dtype) else value


def device_value(value: Any, kind: tl.dtype | None = None) -> Any:
    """Returns what a kernel receives for a host `value` that is not a constexpr; `kind` as its parameter says."""
    if kind is not None and isinstance(value, bool | int | float):
        return _scalar(_array(value, kind), kind)
    if isinstance(value, bool):
        return _scalar(np.array([value]), tl.int1)
    if isinstance(value, float):
        return _scalar(np.array([value], dtype=np.float32), tl.float32)
    if isinstance(value, tuple):
        return stock._tuple_create(value, map(device_value, value))
    return stock._implicit_cvt(value)


def _array(value: bool | int | float, kind: tl.dtype) -> Any:
    if kind.name in SOFT:
        return narrow(np.array([value], dtype=np.float32), kind)
    return np.array([value]).astype(numpy_dtype(kind))


def _scalar(data: Any, dtype: tl.dtype) -> tl.tensor:
    return tl.tensor(TensorHandle(data, dtype), dtype)


class _Grid:
    """Tells the builder and the monitor which program of a launch runs."""

    def __init__(self, sizes: tuple[int, int, int]) -> None:
        self._sizes = sizes
        self._monitor = CURRENT.run.monitor
        self._paused: dict[int, Place] = {}
        stock.interpreter_builder.set_grid_dim(*sizes)
        if self._monitor is not None:
            self._monitor.begin_launch(math.prod(sizes))

    def enter(self, program: int) -> None:
        rest, x = divmod(program, self._sizes[0])
        z, y = divmod(rest, self._sizes[1])
        stock.interpreter_builder.set_grid_idx(x, y, z)
        if self._monitor is None:
            return
        place = self._paused.pop(program, None)
        if place is None:
            self._monitor.begin_program((x, y, z))
        else:
            self._monitor.resume(place)

    def leave(self, program: int, *, ended: bool) -> None:
        if self._monitor is None:
            return
        place = self._monitor.pause()
        if not ended:
            self._paused[program] = place


def _run_grid(
    function: Callable[..., Any], values: dict[str, Any], sizes: tuple[int, int, int], *, meets: bool
) -> None:
    run, grid = CURRENT.run, _Grid(sizes)
    programs = run.program_order(math.prod(sizes))
    if meets and len(programs) > 1:
        run.interleaving = Interleaving(partial(function, **values), grid, run.drawn_turns())
        try:
            run.interleaving.run(programs)
        finally:
            run.interleaving = None
        return
    for program in programs:
        grid.enter(program)
        function(**values)
        grid.leave(program, ended=True)


@lru_cache(maxsize=1024)
def _meets(function: Callable[..., Any]) -> bool:
    """Whether the file of a kernel speaks of what programs can meet at; its helpers are in the same file."""
    file = inspect.getsourcefile(function)
    if file is None:
        return False
    path = Path(file)  # a kernel of an application has none: what it is read from is Python's cache of lines
    text = path.read_text(encoding="utf-8") if path.is_file() else "".join(linecache.getlines(file))
    return "atomic" in text or "volatile" in text


@lru_cache(maxsize=1024)
def _annotated(function: Callable[..., Any]) -> Mapping[str, tl.dtype]:
    """The types that scalar parameters are annotated with, as the compiler reads them: `stride: tl.int64`."""
    parameters = enumerate(inspect.signature(function).parameters.items())
    names = {name: KernelParam(place, entry, False, False).annotation_type for place, (name, entry) in parameters}
    return {name: _KINDS[annotation] for name, annotation in names.items() if annotation in _KINDS}


@lru_cache(maxsize=1024)
def _signature(function: Callable[..., Any]) -> tuple[inspect.Signature, frozenset[str]]:
    signature = inspect.signature(function)
    constants = {name for name, entry in signature.parameters.items() if "constexpr" in str(entry.annotation)}
    return signature, frozenset(constants)


def _bind(signature: inspect.Signature, args: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    options = named.keys() - signature.parameters.keys()
    if unknown := sorted(options - _OPTIONS):
        raise KernelMisuse(f"the kernel has no argument {unknown[0]!r}, and it is no launch option")
    try:
        bound = signature.bind(*args, **{name: value for name, value in named.items() if name not in options})
    except TypeError as error:
        raise KernelMisuse(str(error)) from None
    bound.apply_defaults()
    return dict(bound.arguments)


def _grid(grid: Any) -> tuple[int, int, int]:
    try:
        sizes = [operator.index(size) for size in grid]
    except TypeError:
        raise KernelMisuse(f"a grid is a tuple of integers, not {grid!r}") from None
    if not 1 <= len(sizes) <= 3:
        raise KernelMisuse(f"a grid has one to three dimensions, not {len(sizes)}")
    sizes = [max(size, 0) for size in sizes] + [1] * (3 - len(sizes))
    if any(size > limit for size, limit in zip(sizes, _GRID_LIMITS, strict=True)):
        raise KernelMisuse(f"a grid of {tuple(sizes)} is beyond the limits {_GRID_LIMITS} of CUDA")
    return sizes[0], sizes[1], sizes[2]
