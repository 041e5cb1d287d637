"""Calls the candidate on the GPU and records what it does there. Everything in this process is the candidate's."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Final

import torch

from runners import wire
from runners.inside.candidate_unsafe import Entry, failure, results_in
from runners.inside.gpu.arguments import on_device
from runners.inside.gpu.recording import recording
from runners.inside.gpu.tuning import configuration
from runners.launch_plan import LaunchPlan

NO_ROOM: Final = "the GPU has no room for the inputs"


def record(
    entry: Entry, request: wire.RecordRequest, data: Sequence[memoryview]
) -> tuple[wire.Recorded, list[wire.Buffer]]:
    """Calls the candidate once."""
    try:
        bases, values = on_device(request.arguments, data, request.seed)
    except torch.OutOfMemoryError:
        return wire.Recorded(call=wire.Unsupported(reason=NO_ROOM, line=None), plan=None, reason=NO_ROOM), []
    try:
        chosen = nullcontext() if request.configuration is None else configuration(request.configuration)
        with chosen, recording(bases) as recorder:
            result = entry(*values)
        tensors = results_in(result)
        # On the stream that the candidate was called on: what is still under way on another one is not there yet.
        outputs = [] if isinstance(tensors, wire.Message) else _all_described(tensors, request.output_cap_bytes)
        torch.cuda.synchronize()
    except BaseException as error:  # noqa: BLE001  # whatever candidate code raises, SystemExit too, is its answer
        return wire.Recorded(call=failure(error), plan=None, reason="the call raised"), []
    if isinstance(tensors, wire.ReturnedOther):
        return wire.Recorded(call=tensors, plan=None, reason="no tensors were returned"), []
    planned = recorder.plan(tensors)
    plan: LaunchPlan | None = None
    cubins: tuple[bytes, ...] = ()
    if not isinstance(planned, str):
        plan, cubins = planned
    call = wire.Returned(
        single=isinstance(result, torch.Tensor),
        outputs=tuple(output for output, _ in outputs),
        launches=recorder.launches,
        atomics=False,
        argument_digests=(),
    )
    reason = planned if isinstance(planned, str) else None
    return wire.Recorded(call=call, plan=plan, reason=reason), [*(data for _, data in outputs), *cubins]


def _all_described(tensors: Sequence[torch.Tensor], cap_bytes: int) -> list[tuple[wire.Output, memoryview]]:
    return [_described(tensor, cap_bytes) for tensor in tensors]


def _described(tensor: torch.Tensor, cap_bytes: int) -> tuple[wire.Output, memoryview]:
    size = tensor.numel() * tensor.element_size()
    data = memoryview(b"")
    if tensor.layout is torch.strided and 0 < size <= cap_bytes:
        # a tensor of one element counts as contiguous with any stride, and then has no view as bytes: hence the copy
        flat = torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor.detach()).reshape(-1)
        data = flat.view(torch.uint8).numpy().data
    output = wire.Output(
        dtype=str(tensor.dtype).removeprefix("torch."),
        shape=tuple(tensor.shape)[: wire.RANK_CAP],
        contiguous=tensor.is_contiguous(),
        device=tensor.device.type,
        data_bytes=data.nbytes,
    )
    return output, data
