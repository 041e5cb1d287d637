"""Whose error it is when a candidate does not run here: its own, or this interpreter's.

The rule: an error is the candidate's only if it would also occur when the kernel is compiled for a GPU, or arises in
the candidate's own Python. Everything else is `InterpreterCannot`, with a reason that is true.

| what was raised                                                             | whose        |
|-----------------------------------------------------------------------------|--------------|
| `InterpreterCannot` (inline asm, a libdevice function that is not covered…)   | interpreter  |
| `KernelMisuse` (a launch that Triton refuses everywhere)                      | candidate    |
| `MemoryError` inside a kernel                                                | interpreter  |
| no GPU, no CUDA in this torch, no active Triton driver                       | interpreter  |
| an attribute that the stand-ins for JIT function, driver or builder lack     | interpreter  |
| inside a kernel, an attribute of a plain number (a GPU has constexpr there)  | interpreter  |
| inside a kernel, a builtin of Triton that only a GPU backend provides        | interpreter  |
| a host-side tensor descriptor on an unaligned base (guarding unaligns it)    | interpreter  |
| ValueError, TypeError, AssertionError, KeyError… from triton.language        | candidate    |
| other errors from inside triton.language                                     | interpreter  |
| errors from triton.runtime.interpreter, this package, numpy under a kernel    | interpreter  |
| everything else: its own raise and assert, unknown `tl.` name, host code      | candidate    |

Triton wraps what a kernel raised in `InterpreterError`; the innermost cause is judged. Programs that all
wait for each other are `InterpreterCannot`, too; any other hang is left to the deadline.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple

import numpy as np
import torch
import triton
from triton.runtime.errors import InterpreterError


class InterpreterCannot(Exception):
    """This interpreter cannot run what was asked; the text says what, in one line. Not the candidate's fault."""


class KernelMisuse(TypeError):
    """The candidate used a kernel in a way that Triton refuses on every device."""


class _Frame(NamedTuple):
    filename: str
    function: str
    line: int


_HERE: Final = str(Path(__file__).parent)
_TRITON: Final = str(Path(triton.__file__).parent)
_LANGUAGE: Final = f"{_TRITON}/language/"
_STOCK: Final = f"{_TRITON}/runtime/interpreter.py"
_LAUNCH: Final = f"{_HERE}/launch.py"
_NUMPY: Final = str(Path(np.__file__).parent)
_TORCH: Final = str(Path(torch.__file__).parent)

# What triton.language raises on purpose, when it compiles as when it interprets.
_FRONT_END: Final = (ValueError, TypeError, AssertionError, KeyError, NotImplementedError)
_NO_GPU: Final = re.compile(
    r"not compiled with CUDA|No CUDA GPUs|no NVIDIA driver|CUDA-capable device|active drivers|Unknown backend device"
)
_STAND_IN: Final = re.compile(
    r"'(InterpreterBuilder|InterpretedFunction|StandInDriver|StandInUtilities|TensorHandle)' object"
)
_PLAIN_SCALAR: Final = re.compile(r"^'(int|float|bool|str|tuple|NoneType)' object has no attribute")
_UNALIGNED: Final = "base must be 16-byte aligned"
_NO_SEMANTIC: Final = "`_semantic` argument must be provided"
_REFUSED_EVERYWHERE: Final = ("Multiple assignments are not supported",)
_REASON_CAP: Final = 300


def classify(error: BaseException) -> str | None:
    """Returns why the interpreter could not run it, or None when the error is the candidate's own (see the table)."""
    root = _root(error)
    if isinstance(root, InterpreterCannot):
        return _one_line(str(root))
    if isinstance(root, KernelMisuse):
        return None
    frames = list(_frames(root))
    text = _one_line(f"{type(root).__name__}: {root}")
    if _NO_GPU.search(str(root)) and (not frames or frames[-1].filename.startswith((_TORCH, _TRITON))):
        return f"there is no GPU here: {text}"
    if isinstance(root, AttributeError) and _STAND_IN.search(str(root)):
        return f"the interpreter lacks a feature: {text}"
    if isinstance(root, AssertionError) and _UNALIGNED in str(root):
        return "a tensor descriptor needs a 16-byte aligned base, which guarded buffers do not give"
    if any(frame.filename == _LAUNCH for frame in frames):
        return _inside_kernel(root, frames[-1], text)
    if frames and frames[-1].filename.startswith(_HERE):
        return f"the interpreter failed: {text}"
    return None


def candidate_line(error: BaseException, filename: str) -> int | None:
    """Returns the innermost line of `filename` on the traceback of `error` or, first, of what caused it."""
    for link in reversed(list(_chain(error))):
        lines = [frame.line for frame in _frames(link) if frame.filename == filename]
        if lines:
            return lines[-1]
    if isinstance(error, SyntaxError) and error.filename == filename:
        return error.lineno
    return None


def _inside_kernel(root: BaseException, innermost: _Frame, text: str) -> str | None:
    place = innermost.filename
    if isinstance(root, MemoryError):
        return f"the interpreter ran out of memory: {text}"
    if isinstance(root, ValueError) and _NO_SEMANTIC in str(root):
        return f"the interpreter has no stand-in for a builtin that the kernel uses: {text}"
    if isinstance(root, AttributeError) and _PLAIN_SCALAR.match(str(root)):
        return f"the interpreter passes constants as plain Python values: {text}"
    if place.startswith(_LANGUAGE):
        return (
            None if isinstance(root, _FRONT_END) or not _is_builtin_error(root) else f"the interpreter failed: {text}"
        )
    if str(root) in _REFUSED_EVERYWHERE or _is_assumption(root):
        return None
    if place == _STOCK or place.startswith((_HERE, _NUMPY)):
        return f"the interpreter failed in {innermost.function}: {text}"
    return None


def _is_builtin_error(error: BaseException) -> bool:
    return type(error).__module__ == "builtins"


def _is_assumption(error: BaseException) -> bool:
    """`tl.static_assert` and a `tl.assume` that does not hold: a compile error, and undefined behaviour."""
    return isinstance(error, AssertionError)


def _root(error: BaseException) -> BaseException:
    while isinstance(error, InterpreterError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _frames(error: BaseException) -> Iterator[_Frame]:
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        yield _Frame(code.co_filename, code.co_name, trace.tb_lineno)
        trace = trace.tb_next


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_REASON_CAP]
