"""What a launch is compiled for, as messages: seen by the runner that interprets, sent to the one that compiles.

Triton compiles a kernel anew for each dtype, each constant, each launch option, and for facts of its numbers: the width
of an integer, whether it is 1, whether 16 divides it or an address. A `Specialisation` holds exactly that, and no
value beyond it, so that equal ones stand for the same machine code on a GPU. Which of these facts a kernel opts out of
(`do_not_specialize`, annotations) is not decided here: Triton's own binder does that where it is compiled.

An address counts as aligned when its offset within its own storage is: a GPU's allocator aligns storages to more than
16 bytes, the guarded buffers of the interpreter do not.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, field_validator

from runners.message import FirstError, Line, Message, Size, Text

SPECIALISATIONS_CAP: Final = 64
NESTING_CAP: Final = 8


class KernelName(Message):
    """A jitted function: module, qualified name and first line tell it from every other."""

    module: Text
    qualname: Text
    line: Line


class Constant(Message):
    """A plain Python value: of a constexpr, or None."""

    kind: Literal["constant"] = "constant"
    value: bool | int | float | Text | None


class DtypeConstant(Message):
    """A dtype of `library`."""

    kind: Literal["dtype"] = "dtype"
    library: Literal["torch", "triton"]
    name: Text


class FunctionConstant(Message):
    """A jitted function that is given to another."""

    kind: Literal["function"] = "function"
    function: KernelName


class Pointer(Message):
    """A tensor: Triton compiles for its dtype and for whether 16 divides its address."""

    kind: Literal["pointer"] = "pointer"
    dtype: Text
    aligned: bool


class Number(Message):
    """A scalar argument; of integers Triton compiles for width, `== 1` and whether 16 divides: `value` is one such."""

    kind: Literal["number"] = "number"
    value: bool | int | float


class Foreign(Message):
    """An argument of a type that Triton does not take."""

    kind: Literal["foreign"] = "foreign"
    type_name: Text


class Several(Message):
    """A tuple, of tuples at most `NESTING_CAP` deep: whoever compares or prints one goes down level by level."""

    kind: Literal["several"] = "several"
    items: Annotated[tuple[LaunchValue, ...], Field(max_length=64), FirstError]

    @property
    def depth(self) -> int:
        """How many tuples deep it goes, itself included."""
        return 1 + max((item.depth for item in self.items if isinstance(item, Several)), default=0)

    @field_validator("items")
    @classmethod
    def _bounded(cls, items: tuple[LaunchValue, ...]) -> tuple[LaunchValue, ...]:
        if any(isinstance(item, Several) and item.depth >= NESTING_CAP for item in items):
            raise ValueError(f"tuples are nested more than {NESTING_CAP} deep")
        return items


LaunchValue = Annotated[
    Constant | DtypeConstant | FunctionConstant | Pointer | Number | Foreign | Several, Field(discriminator="kind")
]


class LaunchArgument(Message):
    """One parameter of a kernel and what it was given."""

    name: Text
    value: LaunchValue


class Specialisation(Message):
    """What Triton compiles a kernel for: launches with equal ones run the same machine code.

    Attributes:
        arguments: Every parameter in order, defaults included.
        options: num_warps and its like, where the launch gave them.
        configurations: Among how many an autotuner chose; 0 where none did.
        gap: Why this does not say all of it; such a one can't be compiled.
    """

    kernel: KernelName
    arguments: Annotated[tuple[LaunchArgument, ...], Field(max_length=256), FirstError]
    options: Annotated[tuple[LaunchArgument, ...], Field(max_length=64), FirstError]
    configurations: Size
    gap: Text | None


class CompileRequest(Message):
    """Compile one specialisation for `target`, as far as Triton's own IR or (`whole`) to machine code."""

    kind: Literal["compile"] = "compile"
    specialisation: Specialisation
    target: Text
    whole: bool


class Resources(Message):
    """What one program of the compiled kernel uses; a spill is a register kept in memory.

    Attributes:
        tensor_memory_columns: Of Blackwell's tensor memory; 0 elsewhere.
    """

    registers: Size
    spill_bytes: Size
    shared_bytes: Size
    tensor_memory_columns: Size
    threads: Size


class Compiled(Message):
    """It compiles; `resources` where machine code was made."""

    kind: Literal["compiled"] = "compiled"
    resources: Resources | None


class CompileFailed(Message):
    """Triton refuses it. `passed_over`: an autotuner would leave out this configuration and take another."""

    kind: Literal["compile_failed"] = "compile_failed"
    error: Text
    message: Text
    line: Line | None
    passed_over: bool


class NotCompiled(Message):
    """It could not be tried; not the candidate's fault."""

    kind: Literal["not_compiled"] = "not_compiled"
    reason: Text
