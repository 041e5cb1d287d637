"""How this machine's GPU gets into a container, as its owner says; found out where nobody says.

| variable                | meaning                                                                       |
|-------------------------|-------------------------------------------------------------------------------|
| `KERNELGATE_GPU`        | which GPU: its number, 0 where it is not set                                    |
| `KERNELGATE_GPU_CDI`    | a CDI name, such as `nvidia.com/gpu=0`                                          |
| `KERNELGATE_GPU_NODES`  | device nodes, with `:` between them, for machines without the NVIDIA toolkit     |
| `KERNELGATE_GPU_MOUNTS` | folders with the driver's libraries, likewise; mounted read-only                 |
| `KERNELGATE_GPU_IMAGE`  | an image to start GPU runners from, instead of one built from Dockerfile.runner  |
| `KERNELGATE_SANITIZER`  | where compute-sanitizer is in that image                                         |
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import SettingsError
from sandbox.devices import DeviceAccess
from sandbox.docker_engine import EngineFacts

SANITIZER: Final = "compute-sanitizer"
NVIDIA_RUNTIME: Final = "nvidia"
NODES: Final = ("/dev/nvidiactl", "/dev/nvidia-uvm")
NOT_PASSED: Final = (
    "the engine has no NVIDIA runtime, and nothing else says how the GPU is passed "
    "(KERNELGATE_GPU_CDI, or KERNELGATE_GPU_NODES and KERNELGATE_GPU_MOUNTS)"
)


@dataclass(frozen=True, slots=True)
class GpuSettings:
    """What a run uses of the GPU.

    Attributes:
        number: Which GPU of the machine.
        access: How it is passed; None where the engine has to be asked.
        image: Instead of the one that is built from Dockerfile.runner.
    """

    number: int
    access: DeviceAccess | None
    image: str | None
    sanitizer: str

    @classmethod
    def resolve(cls) -> GpuSettings:
        """Reads the environment.

        Raises:
            SettingsError: a variable has a value that can't be used.
        """
        number = os.environ.get("KERNELGATE_GPU") or "0"
        if not number.isdigit():
            raise SettingsError(f"KERNELGATE_GPU is '{number}'; the number of a GPU is needed")
        return cls(
            number=int(number),
            access=_named(),
            image=os.environ.get("KERNELGATE_GPU_IMAGE") or None,
            sanitizer=os.environ.get("KERNELGATE_SANITIZER") or SANITIZER,
        )

    def access_through(self, engine: EngineFacts) -> DeviceAccess | None:
        """How the GPU is passed by this engine; None where there seems to be no way."""
        if self.access is not None:
            return self.access
        if NVIDIA_RUNTIME in engine.runtimes:
            return DeviceAccess(requested=(str(self.number),))
        return None


def has_gpu(number: int = 0) -> bool:
    """Whether this machine has an NVIDIA GPU of that number, as far as its device nodes say."""
    return Path(f"/dev/nvidia{number}").exists()


def _named() -> DeviceAccess | None:
    cdi, nodes, mounts = (
        tuple(filter(None, os.environ.get(f"KERNELGATE_GPU_{name}", "").split(":"))) if name != "CDI"
        else tuple(filter(None, (os.environ.get("KERNELGATE_GPU_CDI", ""),)))
        for name in ("CDI", "NODES", "MOUNTS")
    )  # fmt: skip
    for path in (*nodes, *mounts):
        if not path.startswith("/") or not Path(path).exists():
            raise SettingsError(f"'{path}' in KERNELGATE_GPU_NODES or KERNELGATE_GPU_MOUNTS is no path of this machine")
    if cdi and nodes:
        raise SettingsError("KERNELGATE_GPU_CDI and KERNELGATE_GPU_NODES are two ways to pass one GPU; set one")
    return DeviceAccess(cdi=cdi, nodes=nodes, mounts=mounts) if cdi or nodes else None
