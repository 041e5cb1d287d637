"""The program that carries launch plans out: greets, loads plans and replays them until its input is closed.

Started as `python3 -I -m runners.inside.gpu.replayer`, in a container of its own, or under a sanitizer, which then
writes to REPORT. It never loads candidate code. After a device error it is of no use, says so and leaves.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

import torch

from runners import wire
from runners.inside.channel import Channel
from runners.inside.gpu import card
from runners.inside.gpu.arguments import on_device
from runners.inside.gpu.clocks import clocks
from runners.inside.gpu.device import DeviceError
from runners.inside.gpu.planted import known_kernel_is_right, run_planted
from runners.inside.gpu.replaying import Done, Failed, Replay, Way
from runners.inside.gpu.timing import baselines_of, time_plan
from runners.inside.gpu.worker import PR_SET_DUMPABLE, REQUEST_CAP_BYTES, greeting

REPORT: Final = Path("/tmp/report")


class Replayer:
    """Answers requests about one candidate's plans."""

    def __init__(self, channel: Channel, report: Path = REPORT) -> None:
        self._channel = channel
        self._report = report
        self._told = 0  # bytes of the report
        self._loaded: Replay | None = None

    def answer(self, request: wire.Request, data: Sequence[memoryview]) -> None:
        """Answers one request; after a device error it leaves."""
        match request:
            case wire.PlanRequest():
                self._load(request, data)
            case wire.ReplayRequest():
                self._replay(request, data)
            case wire.PlantRequest(fault=fault, at=at):
                try:
                    run_planted(fault, at)
                    self._send(wire.Planted(error=None))
                except DeviceError as error:
                    self._send(wire.Planted(error=str(error)))
            case wire.ReportRequest():
                self._send(self._unread())
            case wire.TimeRequest():
                self._time(request, data)
            case wire.HealthRequest():
                free_bytes, total_bytes = torch.cuda.mem_get_info()
                right = known_kernel_is_right()
                self._send(wire.Healthy(right=right, free_bytes=free_bytes, total_bytes=total_bytes))
            case wire.CardRequest():
                self._send(card.measured())
            case _:
                raise AssertionError(f"a {request.kind} request came to a replayer")

    def _send(self, answer: wire.Message, buffers: Sequence[wire.Buffer] = ()) -> None:
        self._channel.send(wire.encode(answer, buffers))

    @property
    def _plan(self) -> Replay:
        assert self._loaded is not None, "a request came before a plan"
        return self._loaded

    def _load(self, request: wire.PlanRequest, data: Sequence[memoryview]) -> None:
        try:
            self._loaded = Replay(request.plan, [bytes(part) for part in data])
        except DeviceError as error:
            self._send(wire.PlanRefused(error=str(error)))
            return
        code = tuple(
            wire.Code(registers=one.registers, local_bytes=one.local_bytes, shared_bytes=one.static_shared_bytes)
            for one in self._plan.functions
        )
        self._send(wire.PlanLoaded(code=code))

    def _replay(self, request: wire.ReplayRequest, data: Sequence[memoryview]) -> None:
        way = Way(request.fresh_byte, request.side, request.exact, request.alone, request.crowded)
        try:
            done = self._plan.run([_bytes(part) for part in data], way)
        except DeviceError as error:
            self._send(wire.PlanRefused(error=str(error)))
            return
        match done:
            case Failed():
                self._send(wire.ReplayFailed(step=done.step, error=done.error))
                os._exit(0)
            case Done(outputs=outputs, touched=touched, changed=changed):
                parts = [_as_bytes(output) for output in outputs]
                sizes = tuple(part.nbytes for part in parts)
                self._send(wire.Replayed(output_bytes=sizes, touched=touched, changed=changed), parts)

    def _time(self, request: wire.TimeRequest, data: Sequence[memoryview]) -> None:
        each = len(data) // request.sets
        sets = [data[number * each : (number + 1) * each] for number in range(request.sets)]
        before = clocks()
        try:
            baselines = baselines_of(request.operator, [on_device(request.arguments, one)[1] for one in sets])
            timed = time_plan(self._plan, [[_bytes(part) for part in one] for one in sets], baselines, request.calls)
        except DeviceError as error:
            self._send(wire.PlanRefused(error=str(error)))
            return
        parts = [_as_bytes(output) for outputs in timed.first for output in outputs]
        self._send(
            wire.Timed(
                calls_ms=timed.calls_ms,
                baselines=tuple(wire.Baseline(name=name, calls_ms=ms) for name, ms in timed.baselines.items()),
                differing=timed.differing,
                touched=timed.touched,
                changed=timed.changed,
                output_bytes=tuple(part.nbytes for part in parts),
                before=before,
                after=clocks(),
            ),
            parts,
        )

    def _unread(self) -> wire.Report:
        try:
            with self._report.open("rb") as report:
                report.seek(self._told)
                new = report.read(wire.REPORT_CAP + 1)
        except FileNotFoundError:
            new = b""
        self._told += len(new)
        cut = len(new) > wire.REPORT_CAP
        return wire.Report(text=new[: wire.REPORT_CAP].decode("utf-8", "replace")[: wire.REPORT_CAP], cut=cut)


def main() -> NoReturn:
    """Serves one candidate's plans."""
    channel = Channel.take_over()
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    channel.send(wire.encode(greeting()))
    replayer = Replayer(channel)
    while (payload := channel.receive(REQUEST_CAP_BYTES)) is not None:
        replayer.answer(*wire.decode_request(payload))
    os._exit(0)


def _bytes(part: memoryview) -> torch.Tensor:
    return torch.frombuffer(bytearray(part), dtype=torch.uint8) if len(part) else torch.empty(0, dtype=torch.uint8)


def _as_bytes(tensor: torch.Tensor) -> memoryview:
    flat = torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor).reshape(-1)
    return flat.view(torch.uint8).numpy().data if flat.numel() else memoryview(b"")


if __name__ == "__main__":
    main()
