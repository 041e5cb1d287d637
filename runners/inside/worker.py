"""The program in the container: greets, loads one candidate, runs cases until its input is closed.

After a candidate's cases the judge may load controls beside it: in this process, with what the candidate left behind.

Started as `python3 -I -m runners.inside.worker`. Everything slow (torch, triton, the interpreter's repairs, a first
launch) happens before the greeting, so that a warm runner answers its first case at once.
"""

from __future__ import annotations

import ctypes
import os
import platform
import warnings
from typing import NoReturn

os.environ["TRITON_INTERPRET"] = "1"  # read by triton when it is imported
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # a runner has one core; more threads only wait for each other

import torch
import triton

from runners import wire
from runners.inside import candidate_unsafe, interpreter
from runners.inside.channel import Channel
from runners.inside.warmup import launch_once

REQUEST_CAP_BYTES = 1 << 30
PR_SET_DUMPABLE = 4


def main() -> NoReturn:
    """Serves one candidate."""
    channel = Channel.take_over()
    # Measured: a process of the same user rewrote another's memory through /proc until this was set.
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    repaired = interpreter.install()
    if repaired:
        launch_once()
    channel.send(wire.encode(_greeting(repaired)))
    entries: dict[wire.Role, candidate_unsafe.Entry] = {}
    while (payload := channel.receive(REQUEST_CAP_BYTES)) is not None:
        request, data = wire.decode_request(payload)
        match request:
            case wire.LoadRequest():
                loaded = candidate_unsafe.load(data[0], request.entry, request.role)
                if isinstance(loaded, wire.Message):
                    channel.send(wire.encode(loaded))
                else:
                    entries[request.role] = loaded
                    channel.send(wire.encode(wire.Loaded()))
            case wire.RunRequest():
                assert request.role in entries, "a run request came before a load request"
                answer, outputs = candidate_unsafe.call(entries[request.role], request, data)
                channel.send(wire.encode(answer, outputs))
    os._exit(0)  # at once: no exit handlers of a candidate, no seconds spent on taking torch apart


def _greeting(repaired: bool) -> wire.Greeting:
    return wire.Greeting(
        python=platform.python_version(),
        torch=torch.__version__,
        triton=triton.__version__,
        interpreter_repaired=repaired,
    )


if __name__ == "__main__":
    main()
