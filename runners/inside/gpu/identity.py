"""What a GPU is, in a text that is the same where machine code behaves the same: card, capability, CUDA, driver.

The worker greets with it, so evidence is about it; an application compares it with its own before it loads a kernel.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch

DRIVER_FILE = Path("/proc/driver/nvidia/version")


def architecture() -> str:
    """As Triton calls it: `sm_90`."""
    major, minor = torch.cuda.get_device_capability()
    return f"sm_{major}{minor}"


def device_text() -> str:
    """Name, compute capability, CUDA and driver."""
    return f"{torch.cuda.get_device_name()}, {architecture()}, CUDA {torch.version.cuda}, driver {_driver()}"


def _driver() -> str:
    """Returns the version of the kernel's driver, as it says itself."""
    try:
        found = re.search(r"Kernel Module(?: for \S+)?\s+(\S+)", DRIVER_FILE.read_text())
    except OSError:
        return "unknown"
    return found[1] if found else "unknown"
