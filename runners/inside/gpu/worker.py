"""The program in a GPU container that calls a candidate: greets, loads one, records calls until its input is closed.

Started as `python3 -I -m runners.inside.gpu.worker`, with CUDA up before the greeting.
"""

from __future__ import annotations

import ctypes
import os
import platform
import warnings
from contextlib import suppress
from typing import NoReturn

# Both ask for the user's name to make folders of it, and the user of a sandbox has none. /tmp is not executable.
os.environ["USER"] = "runner"
os.environ["TORCHINDUCTOR_CACHE_DIR"] = "/cache/inductor"
# A pool of processes that compile, each of which imports torch, costs more than the few kernels of a baseline.
os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"

import torch
import triton

from runners import wire
from runners.inside import candidate_unsafe
from runners.inside.channel import Channel
from runners.inside.gpu.calling import record
from runners.inside.gpu.identity import device_text

REQUEST_CAP_BYTES = 1 << 32
PR_SET_DUMPABLE = 4


def main() -> NoReturn:
    """Serves one candidate."""
    channel = Channel.take_over()
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    warnings.simplefilter("ignore")
    channel.send(wire.encode(greeting()))
    entry: candidate_unsafe.Entry | None = None
    while (payload := channel.receive(REQUEST_CAP_BYTES)) is not None:
        request, data = wire.decode_request(payload)
        match request:
            case wire.LoadRequest():
                loaded = candidate_unsafe.load(data[0], request.entry)
                if isinstance(loaded, wire.Message):
                    channel.send(wire.encode(loaded))
                else:
                    entry = loaded
                    channel.send(wire.encode(wire.Loaded()))
            case wire.RecordRequest():
                assert entry is not None, "a record request came before a load request"
                answer, buffers = record(entry, request, data)
                if any(isinstance(one, wire.TensorArgument) and one.elements for one in request.arguments):
                    with suppress(RuntimeError):  # of a context that the candidate has broken
                        torch.cuda.empty_cache()  # gigabytes, which the replayer needs next
                channel.send(wire.encode(answer, buffers))
    os._exit(0)


def greeting() -> wire.Greeting:
    """Brings CUDA up and says on what."""
    torch.zeros(1, device="cuda")
    return wire.Greeting(
        python=platform.python_version(),
        torch=torch.__version__,
        triton=triton.__version__,
        interpreter_repaired=False,
        device=device_text(),
    )


if __name__ == "__main__":
    main()
