"""Platforms: what evidence was measured on and holds for, as a text that is the same where the platform is.

On the interpreter that is the architecture, torch and triton; on a GPU the card, its compute capability, CUDA, driver,
torch and triton. A driver or a Triton more makes other machine code, or runs it otherwise, and nobody has measured
that.
"""

from __future__ import annotations

import platform
from typing import Final

from policies.policy import Tier
from runners.evidence import DeviceEvidence, Evidence

HARDWARE: Final = f"cpu {platform.machine()}"  # what the interpreter runs on here


def platform_text(hardware: str, torch: str, triton: str) -> str:
    """Returns a platform as the text that others are compared with."""
    return f"{hardware}, torch {torch}, triton {triton}"


def holds_for(evidence: Evidence, tier: Tier) -> str | None:
    """The platform that a verdict holds for: the GPU's where it is production-safe, else the interpreter's."""
    on_gpu = gpu_of(evidence) if tier is Tier.PRODUCTION_SAFE else None
    return on_gpu or interpreter_of(evidence)


def gpu_of(evidence: Evidence) -> str | None:
    """The GPU that evidence is about; None where nothing was measured on one."""
    device = evidence.device
    return platform_text(device.device, device.torch, device.triton) if isinstance(device, DeviceEvidence) else None


def interpreter_of(evidence: Evidence) -> str | None:
    """The interpreter that evidence is about; None where nothing was measured on it."""
    environment = evidence.environment
    return None if environment is None else platform_text(environment.hardware, environment.torch, environment.triton)
