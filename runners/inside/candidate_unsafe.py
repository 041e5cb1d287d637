"""Executes candidate code. Everything in this process is the candidate's from the first call on.

What the candidate raises becomes a message. The judge does not trust these messages to be true, only to be what a right
candidate would have no reason to send.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from triton.runtime.errors import InterpreterError

from runners import wire
from runners.inside import interpreter
from runners.inside.aliasing import aliases
from runners.inside.arguments import Arguments, build
from runners.inside.interpreter.specialisation import SEEN
from runners.inside.memory import Side

FILE: Final = Path("/tmp/candidate.py")  # a file, because triton reads the source of kernels from it
CONTROL_FILE: Final = Path("/tmp/control.py")
SHAPE_SEEN: Final = wire.RANK_CAP

Entry = Callable[..., Any]


def load(source: memoryview, entry: str, role: wire.Role = "candidate") -> Entry | wire.Raised | wire.Unsupported:
    """Executes the module and returns its entry. A control is loaded as a module beside the candidate."""
    file = _file(role)
    file.write_bytes(source)
    try:
        spec = importlib.util.spec_from_file_location(role, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[role] = module
        asking = interpreter.asking(source, str(file))
        if asking is None:
            spec.loader.exec_module(module)
        else:
            vars(module)[interpreter.ASKING] = interpreter.answer
            exec(asking, vars(module))  # as the loader does
        found: Entry = getattr(module, entry)
    except BaseException as error:  # noqa: BLE001  # whatever candidate code raises, SystemExit too, is its answer
        return failure(error)
    return found


def call(entry: Entry, request: wire.RunRequest, data: Sequence[memoryview]) -> tuple[wire.Ran, list[memoryview]]:
    """Calls the candidate once under each of the request's conditions."""
    calls: list[Any] = []
    outputs: list[memoryview] = []
    for number, conditions in enumerate(request.conditions):
        side: Side = "end" if number % 2 == 0 else "start"
        arguments = build(request.arguments, data, side)
        try:
            with interpreter.observe(conditions, side, arguments.values, str(_file(request.role))) as seen:
                result = entry(*arguments.values)
        except BaseException as error:  # noqa: BLE001  # as above
            calls.append(failure(error))
            continue
        answer, buffers = _returned(result, arguments, seen, request.output_cap_bytes)
        calls.append(answer)
        outputs += buffers
    return wire.Ran(calls=tuple(calls)), outputs


def _file(role: wire.Role) -> Path:
    return FILE if role == "candidate" else CONTROL_FILE


def failure(error: BaseException) -> wire.Raised | wire.Unsupported:
    """Says whose failure an exception is: the interpreter's, or the candidate's."""
    line = interpreter.candidate_line(error, str(FILE))
    reason = interpreter.classify(error)
    if reason is not None:
        return wire.Unsupported(reason=_sendable(reason), line=line)
    cause = error.__cause__ if isinstance(error, InterpreterError) and error.__cause__ is not None else error
    return wire.Raised(error=_sendable(type(cause).__name__), message=_text(cause), line=line)


def _text(error: BaseException) -> str:
    try:
        return _sendable(str(error))
    except Exception as second:  # noqa: BLE001  # the candidate's own __str__ may raise
        return f"(its message can't be read: {type(second).__name__})"


def _sendable(text: str) -> str:
    """At most the wire's cap, without the lone surrogates that JSON can't carry."""
    return text[: wire.TEXT_CAP].encode("utf-8", "replace").decode("utf-8")


def _strangeness(value: object) -> str | None:
    """Says what an output is, where it is no plain tensor; a class is asked for its identity, not for an opinion."""
    if type(value) is not torch.Tensor and type(value) is not torch.nn.Parameter:
        return type(value).__name__
    if torch.Tensor.is_neg(value):  # the bytes that the next kernel reads have the other sign
        return "Tensor, negated when torch reads it"
    return None


def _returned(
    result: object, arguments: Arguments, seen: interpreter.Observation, cap_bytes: int
) -> tuple[wire.Returned | wire.ReturnedOther, list[memoryview]]:
    tensors = results_in(result)
    if isinstance(tensors, wire.ReturnedOther):
        return tensors, []
    outputs: list[tuple[wire.Output, memoryview]] = []
    for tensor in tensors:
        outputs.append(_described(tensor, cap_bytes))
        cap_bytes -= len(outputs[-1][1])
    answer = wire.Returned(
        single=isinstance(result, torch.Tensor),
        outputs=tuple(output for output, _ in outputs),
        launches=seen.launches,
        atomics=seen.atomics,
        argument_digests=arguments.digests(),
        faults=(*seen.faults, *aliases(tensors, arguments.values)),
        specialisations=SEEN.unsent(),
    )
    return answer, [data for _, data in outputs]


def results_in(result: object) -> list[torch.Tensor] | wire.ReturnedOther:
    """Returns the plain tensors that a candidate returned, or what it returned instead."""
    tensors: list[Any] = [result] if isinstance(result, torch.Tensor) else []
    tensors = list(result) if isinstance(result, tuple | list) else tensors
    if len(tensors) > wire.ARGUMENTS_CAP:
        return wire.ReturnedOther(type_name=f"a tuple of {len(tensors)}")
    if not tensors:
        return wire.ReturnedOther(type_name=_sendable(type(result).__name__))
    for strange in filter(None, map(_strangeness, tensors)):
        return wire.ReturnedOther(type_name=_sendable(strange))
    return tensors


def _described(tensor: torch.Tensor, cap_bytes: int) -> tuple[wire.Output, memoryview]:
    plain = tensor.layout is torch.strided and tensor.device.type == "cpu"
    size = tensor.numel() * tensor.element_size() if plain else 0
    data = memoryview(b"")
    if plain and 0 < size <= cap_bytes:
        # a tensor of one element counts as contiguous with any stride, and then has no view as bytes: hence the copy
        flat = torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor.detach()).reshape(-1)
        data = memoryview(flat.view(torch.uint8).numpy().tobytes())
    output = wire.Output(
        dtype=str(tensor.dtype).removeprefix("torch."),
        shape=tuple(tensor.shape)[:SHAPE_SEEN],
        contiguous=plain and tensor.is_contiguous(),
        device=tensor.device.type,
        data_bytes=len(data),
    )
    return output, data
