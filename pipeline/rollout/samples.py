"""Copies of a call, made while it happens and judged later.

Three sets: the arguments before the kernel, the arguments after it, its results. On a GPU all copies are made on the
stream that the caller's kernel runs on, so they hold what the kernel saw and left, whatever the caller does next; an
event after the last one says when they are there. Nothing waits for the GPU in the caller's thread. The shadow's thread
waits for the event and brings the copies to the host on a stream of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch

from pipeline.rollout.calls import Laid, lay


@dataclass(frozen=True, slots=True)
class Copies:
    """Arguments of a call: tensors contiguous and detached, scalars as they are; and how the caller's own lay."""

    values: tuple[Any, ...]
    laid: tuple[Laid | None, ...]


@dataclass(frozen=True, slots=True)
class Strange:
    """A tensor among the results that is none of the kind that operators return, in words; it is not copied."""

    what: str


@dataclass(frozen=True, slots=True)
class Sample:
    """A call that is to be judged.

    Attributes:
        results: What the kernel returned, tensors copied, or as `Strange`; whatever else it returned is kept as it is.
        contiguous: Whether every tensor among the results was.
        ready: After the last copy; None on the CPU, where they are there.
    """

    before: Copies
    after: tuple[Any, ...]
    results: object
    contiguous: bool
    ready: torch.cuda.Event | None


def copied(arguments: Sequence[Any]) -> Copies:
    """Copies arguments, on the current stream.

    Raises:
        torch.OutOfMemoryError: the device has no room.
    """
    return Copies(tuple(_copy(one) for one in arguments), tuple(lay(one) for one in arguments))


def sampled(before: Copies, arguments: Sequence[Any], result: object) -> Sample:
    """Copies what a kernel left, on the current stream.

    Raises:
        torch.OutOfMemoryError: the device has no room.
    """
    due = next((one.device for one in arguments if isinstance(one, torch.Tensor)), None)
    given = tuple(result) if isinstance(result, tuple | list) else (result,)
    copies = tuple(_copied_result(one, due) for one in given)
    results = copies if isinstance(result, tuple | list) else copies[0]
    contiguous = all(one.is_contiguous() for one in given if _is_of_kind(one, due))
    return Sample(before, tuple(_copy(one) for one in arguments), results, contiguous, _recorded_event(arguments))


def brought_to_host(sample: Sample) -> Sample:
    """Waits for the copies and returns them on the CPU; called in the shadow's thread."""
    if sample.ready is None:
        return sample
    sample.ready.synchronize()
    own = torch.cuda.Stream(_gpu_of(sample.before.values))  # type: ignore[no-untyped-call]  # torch left it untyped
    with torch.cuda.stream(own):  # the caller's streams have nothing to do with it
        return Sample(
            Copies(tuple(_host(one) for one in sample.before.values), sample.before.laid),
            tuple(_host(one) for one in sample.after),
            tuple(_host(one) for one in sample.results) if isinstance(sample.results, tuple) else _host(sample.results),
            sample.contiguous,
            None,
        )


def put_back(arguments: Sequence[Any], before: Copies) -> None:
    """Writes copies back into the caller's tensors, where torch lets one write: not where elements share memory."""
    for argument, copy in zip(arguments, before.values, strict=True):
        if isinstance(argument, torch.Tensor):
            with torch.no_grad(), suppress(RuntimeError):
                argument.copy_(copy)


def is_capturing(arguments: Sequence[Any]) -> bool:
    """Whether a CUDA graph is being captured: copies would become part of it."""
    return _gpu_of(arguments) is not None and torch.cuda.is_current_stream_capturing()


def _copy(argument: Any) -> Any:
    if not isinstance(argument, torch.Tensor):
        return argument
    return argument.detach().clone(memory_format=torch.contiguous_format)


def _is_of_kind(result: Any, due: torch.device | None) -> bool:
    return isinstance(result, torch.Tensor) and result.layout is torch.strided and due in (None, result.device)


def _copied_result(result: Any, due: torch.device | None) -> Any:
    if not isinstance(result, torch.Tensor) or _is_of_kind(result, due):
        return _copy(result)
    return Strange(f"a tensor that is {str(result.layout).removeprefix('torch.')} on {result.device}")


def _recorded_event(arguments: Sequence[Any]) -> torch.cuda.Event | None:
    device = _gpu_of(arguments)
    if device is None:
        return None
    event = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]  # torch left it untyped
    event.record(torch.cuda.current_stream(device))
    return event


def _gpu_of(arguments: Sequence[Any]) -> torch.device | None:
    return next((one.device for one in arguments if isinstance(one, torch.Tensor) and one.is_cuda), None)


def _host(argument: Any) -> Any:
    return argument.cpu() if isinstance(argument, torch.Tensor) else argument
