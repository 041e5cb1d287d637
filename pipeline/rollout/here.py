"""What this process runs kernels on, in the words of evidence (`pipeline.supply.platforms`).

Triton decides by TRITON_INTERPRET when it is imported. Its interpreter is for development and tests; there is no
architecture of its own in a registry, so the caller names whose kernels to run on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import triton
import triton.language as tl
from triton.runtime.jit import JITFunction

from pipeline.supply.platforms import HARDWARE, platform_text
from runners.inside.gpu import identity


@dataclass(frozen=True, slots=True)
class Here:
    """Where kernels run.

    Attributes:
        architecture: As Triton calls it: `sm_90`.
        platform: What evidence has to be about.
    """

    runs_on: Literal["gpu", "interpreter"]
    architecture: str
    platform: str


def look_here(architecture: str | None) -> Here | str:
    """Says what kernels run on here, or why they can't.

    Args:
        architecture: Whose kernels to load; None takes the GPU's.
    """
    if not isinstance(tl.sum, JITFunction):
        return _interpreter(architecture)
    if not torch.cuda.is_available():
        return "PyTorch sees no GPU here, and TRITON_INTERPRET=1 was not set when triton was imported"
    own = identity.architecture()
    if architecture not in (None, own):
        return f"kernels for {architecture} were asked for, and the GPU here is {own}"
    return Here("gpu", own, platform_text(identity.device_text(), torch.__version__, triton.__version__))


def devices_here(runs_on: Literal["gpu", "interpreter"]) -> frozenset[torch.device]:
    """Returns where a tensor may be for what `look_here` said to hold: the CPU, or each GPU like the current one."""
    if runs_on == "interpreter":
        return frozenset({torch.device("cpu")})
    kinds = [
        (torch.cuda.get_device_name(number), torch.cuda.get_device_capability(number))
        for number in range(torch.cuda.device_count())
    ]
    own = kinds[torch.cuda.current_device()]
    return frozenset(torch.device("cuda", number) for number, kind in enumerate(kinds) if kind == own)


def _interpreter(architecture: str | None) -> Here | str:
    if architecture is None:
        return "Triton's interpreter has no architecture: name whose kernels to load with architecture='sm_90'"
    from runners.inside import interpreter  # repairs Triton; only where it is asked for

    if not interpreter.install():
        return f"the interpreter of triton {triton.__version__} computes wrong results, and its repairs don't know it"
    return Here("interpreter", architecture, platform_text(HARDWARE, torch.__version__, triton.__version__))
