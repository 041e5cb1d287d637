"""The program that compiles: greets, loads one candidate, compiles specialisations until its input is closed.

Started as `python3 -I -m runners.inside.compiler`, without TRITON_INTERPRET, in the same kind of container as the
worker: Triton's compiler can be made to crash or to run for minutes. One request is one compilation, so that the judge
knows which one a container did not survive.
"""

from __future__ import annotations

import ctypes
import os
import platform
import warnings
from typing import NoReturn

import torch
import triton

from runners import wire
from runners.inside import candidate_unsafe
from runners.inside.channel import Channel
from runners.inside.compilation import Kernels, compile_one
from runners.inside.interpreter.tuning import install_driver
from runners.specialisation import CompileRequest

REQUEST_CAP_BYTES = 1 << 24
PR_SET_DUMPABLE = 4


def main() -> NoReturn:
    """Serves one candidate."""
    channel = Channel.take_over()
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    install_driver()  # module code may ask how many processors the GPU has
    kernels = Kernels()
    channel.send(wire.encode(_greeting()))
    while (payload := channel.receive(REQUEST_CAP_BYTES)) is not None:
        request, data = wire.decode_request(payload)
        match request:
            case wire.LoadRequest():
                loaded = candidate_unsafe.load(data[0], request.entry)
                channel.send(wire.encode(loaded if isinstance(loaded, wire.Message) else wire.Loaded()))
            case CompileRequest():
                channel.send(wire.encode(compile_one(request, kernels, str(candidate_unsafe.FILE))))
    os._exit(0)


def _greeting() -> wire.Greeting:
    return wire.Greeting(
        python=platform.python_version(), torch=torch.__version__, triton=triton.__version__, interpreter_repaired=False
    )


if __name__ == "__main__":
    main()
