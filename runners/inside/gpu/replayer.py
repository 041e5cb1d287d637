"""The program that carries launch plans out: greets, loads plans and replays them until its input is closed.

Started as `python3 -I -m runners.inside.gpu.replayer --times`, in a container of its own, or without that under a
sanitizer, which then writes to REPORT. It never loads candidate code. After a device error it is of no use, says so and
leaves.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

import torch

from runners import wire
from runners.inside.channel import Channel
from runners.inside.gpu import card
from runners.inside.gpu.arguments import generated_bases, on_device
from runners.inside.gpu.baselines import get_ready
from runners.inside.gpu.bases import Base, GeneratedBase, GivenBase
from runners.inside.gpu.clocks import clocks
from runners.inside.gpu.device import DeviceError
from runners.inside.gpu.kept import Kept, rows_of
from runners.inside.gpu.planted import known_kernel_is_right, run_planted
from runners.inside.gpu.replaying import OUT_OF_MEMORY, Done, Failed, Replay, Way
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
        self._kept: Kept | None = None

    def answer(self, request: wire.Request, data: Sequence[memoryview]) -> None:
        """Answers one request; after a device error it leaves. Results are kept until another request comes."""
        if self._kept is not None and not isinstance(request, wire.RowsRequest):
            self._let_go()
        match request:
            case wire.PlanRequest():
                self._load(request, data)
            case wire.ReplayRequest():
                self._replay(request, data)
            case wire.GeneratedReplayRequest():
                self._replay_generated(request)
            case wire.RowsRequest():
                parts = [_as_bytes(rows) for rows in rows_of(self._kept, request)]
                self._send(wire.Rows(output_bytes=tuple(part.nbytes for part in parts)), parts)
            case wire.PlantRequest(fault=fault, at=at):
                try:
                    run_planted(fault, at)
                    self._send(wire.Planted(error=None))
                except DeviceError as error:
                    self._send(wire.Planted(error=str(error)))
            case wire.ReportRequest():
                self._send(self._unread())
            case wire.TimeRequest():
                self._time(request)
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
        way = Way(request.fresh_byte, request.side, request.exact, request.alone, request.crowded, request.apart)
        try:
            done = self._plan.run([GivenBase(_bytes(part)) for part in data], way)
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

    def _replay_generated(self, request: wire.GeneratedReplayRequest) -> None:
        way = Way(request.fresh_byte, request.side)
        try:
            carried = self._plan.carried_out(_generated(request.arguments, request.seed), way)
        except DeviceError as error:
            self._send(wire.PlanRefused(error=str(error)))
            return
        if isinstance(carried, Failed):
            self._send(wire.ReplayFailed(step=carried.step, error=carried.error))
            os._exit(0)
        self._kept = Kept((carried.results(),), carried.free)
        touched, changed = carried.touched(way.fresh_byte), carried.changed()
        self._send(wire.Replayed(output_bytes=(), touched=touched, changed=changed))

    def _let_go(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.free()
            torch.cuda.empty_cache()

    def _time(self, request: wire.TimeRequest) -> None:
        before = clocks()
        try:
            values = [on_device(request.arguments, (), seed)[1] for seed in request.seeds]
            baselines = baselines_of(request.operator, values)
            sets = [_generated(request.arguments, seed) for seed in request.seeds]
            timed = time_plan(self._plan, sets, baselines, request.calls)
        except DeviceError as error:
            self._send(wire.PlanRefused(error=str(error)))
            return
        except torch.OutOfMemoryError:
            self._send(wire.PlanRefused(error=OUT_OF_MEMORY))
            return
        self._kept = Kept(timed.first)
        self._send(
            wire.Timed(
                calls_ms=timed.calls_ms,
                baselines=tuple(wire.Baseline(name=name, calls_ms=ms) for name, ms in timed.baselines.items()),
                differing=timed.differing,
                touched=timed.touched,
                changed=timed.changed,
                before=before,
                after=clocks(),
            )
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
    if "--times" in sys.argv:
        get_ready()
    channel.send(wire.encode(greeting()))
    replayer = Replayer(channel)
    while (payload := channel.receive(REQUEST_CAP_BYTES)) is not None:
        replayer.answer(*wire.decode_request(payload))
    os._exit(0)


def _generated(arguments: Sequence[wire.Argument], seed: int) -> list[Base]:
    return [GeneratedBase(one) for one in generated_bases(arguments, seed) if one is not None]


def _bytes(part: memoryview) -> torch.Tensor:
    return torch.frombuffer(bytearray(part), dtype=torch.uint8) if len(part) else torch.empty(0, dtype=torch.uint8)


def _as_bytes(tensor: torch.Tensor) -> memoryview:
    flat = torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor).reshape(-1)
    return flat.view(torch.uint8).numpy().data if flat.numel() else memoryview(b"")


if __name__ == "__main__":
    main()
