"""Which of an engine's runtimes is gVisor: its kernel answers the program's calls instead of the host's.

An engine knows its runtimes by names that its administrator chose. gVisor is taken for gVisor by the name that its own
manual gives it, `runsc`, and names that begin with it (`runsc-kvm`). Under another name it is treated like a runtime on
the host's kernel: some limits do not take then, and the proof says so. That a `runsc` really is gVisor is not believed
either: the probe looks at the kernel (the layer `own kernel`).
"""

from __future__ import annotations

from typing import Final

GVISOR: Final = "runsc"


def is_gvisor(runtime: str | None) -> bool:
    """Whether a runtime of that name is gVisor."""
    return runtime is not None and runtime.split("-")[0] == GVISOR
