"""What each launch would be compiled for on a GPU, noted while it is interpreted (see `runners.specialisation`).

Only what Triton's compiler looks at is kept: of an integer its width and two facts, of a tensor its dtype and
alignment. What has no place in a message (a tensor descriptor, a constant of an odd type, variable arguments) makes a
`gap`: such a launch can't be compiled elsewhere, which is nobody's fault.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
import triton.language as tl
from pydantic import ValidationError

from runners.message import TEXT_CAP
from runners.specialisation import (
    SPECIALISATIONS_CAP,
    Constant,
    DtypeConstant,
    Foreign,
    FunctionConstant,
    KernelName,
    LaunchArgument,
    LaunchValue,
    Number,
    Pointer,
    Several,
    Specialisation,
)

ALIGNMENT_BYTES: Final = 16


class _Inexpressible(Exception):
    """A value has no place in a message; the text says which."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One launch of `function`: its bound arguments, of which `constants` are constexpr, and the launch options.

    `configurations` says among how many an autotuner chose; 0 where none did.
    """

    function: Any
    signature: inspect.Signature
    constants: frozenset[str]
    arguments: Mapping[str, Any]
    options: Mapping[str, Any]
    configurations: int


class Seen:
    """The specialisations of one process, each once, in the order in which they were met first."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begins anew, as for another candidate."""
        self._known: set[str] = set()
        self._unsent: list[Specialisation] = []

    def note(self, launch: Launch) -> None:
        """Remembers what `launch` would be compiled for."""
        if launch.function.__module__.startswith("runners."):
            return  # the launch that warms the runner
        specialisation = _specialisation(launch)
        key = repr(specialisation)
        if key not in self._known:
            self._known.add(key)
            self._unsent.append(specialisation)

    def unsent(self) -> tuple[Specialisation, ...]:
        """Returns those that were not returned before, at most as many as a message holds."""
        batch, self._unsent = self._unsent[:SPECIALISATIONS_CAP], self._unsent[SPECIALISATIONS_CAP:]
        return tuple(batch)


SEEN: Final = Seen()


def _specialisation(launch: Launch) -> Specialisation:
    kernel = _name(launch.function)
    try:
        return Specialisation(
            kernel=kernel,
            arguments=_arguments(launch),
            options=tuple(LaunchArgument(name=n, value=_constant(v)) for n, v in sorted(launch.options.items())),
            configurations=launch.configurations,
            gap=None,
        )
    except _Inexpressible as error:
        gap = str(error)[:TEXT_CAP]
    return Specialisation(kernel=kernel, arguments=(), options=(), configurations=launch.configurations, gap=gap)


def _arguments(launch: Launch) -> tuple[LaunchArgument, ...]:
    if any(p.kind is p.VAR_POSITIONAL for p in launch.signature.parameters.values()):
        raise _Inexpressible("the kernel takes a variable number of arguments")
    return tuple(
        LaunchArgument(name=name, value=_constant(value) if name in launch.constants else _argument(value))
        for name, value in launch.arguments.items()
    )


def _name(function: Any) -> KernelName:
    return KernelName(module=function.__module__, qualname=function.__qualname__, line=function.__code__.co_firstlineno)


def _argument(value: Any) -> LaunchValue:
    if isinstance(value, torch.Tensor):
        into = value.data_ptr() - value.untyped_storage().data_ptr() if value.numel() else 0
        return Pointer(dtype=_bare(value.dtype), aligned=into % ALIGNMENT_BYTES == 0)
    if type(value) in (bool, float):
        return Number(value=bool(value) if isinstance(value, bool) else 0.5)
    if type(value) is int and -1 << 63 <= value < 1 << 64:
        return Number(value=_representative(value))
    if type(value) is tuple:
        return _several(tuple(_argument(item) for item in value))
    if value is None or isinstance(value, tl.constexpr) or hasattr(value, "fn"):
        return _constant(value)
    if isinstance(value, tuple) or hasattr(value, "block_shape") or hasattr(value, "data_ptr"):
        raise _Inexpressible(f"an argument is a {type(value).__name__}")
    return Foreign(type_name=type(value).__name__)


def _representative(value: int) -> int:
    """Returns the integer that stands for all that Triton compiles alike."""
    if value == 1:
        return 1
    low, high = -1 << 31, (1 << 31) - 1
    width = 0 if low <= value <= high else 1 << 40 if value < 1 << 63 else 1 << 63
    return width + (ALIGNMENT_BYTES if value % ALIGNMENT_BYTES == 0 else 3)


def _constant(value: Any) -> LaunchValue:
    if isinstance(value, tl.constexpr):
        value = value.value
    if value is None or type(value) in (bool, int, float):
        return Constant(value=value)
    if type(value) is str and len(value) <= TEXT_CAP:
        return Constant(value=value)
    if isinstance(value, torch.dtype):
        return DtypeConstant(library="torch", name=_bare(value))
    if type(value) is tl.dtype:
        return DtypeConstant(library="triton", name=value.name)
    if type(value) is tuple:
        return _several(tuple(_constant(item) for item in value))
    if hasattr(value, "fn") and hasattr(value.fn, "__code__"):
        return FunctionConstant(function=_name(value.fn))
    raise _Inexpressible(f"a constant is a {type(value).__name__}")


def _several(items: tuple[LaunchValue, ...]) -> Several:
    try:
        return Several(items=items)
    except ValidationError as error:
        raise _Inexpressible(f"a tuple is larger than a message holds: {error.errors()[0]['msg']}") from None


def _bare(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
