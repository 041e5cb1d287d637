"""The interpreter's runners on a machine that passes its GPU by mounts (`pipeline/machine/gpu_access.py`).

Such a machine builds no image: these runners stand on the image and the mounts that its GPU programs have, without the
GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pipeline.machine.gpu_access import GpuSettings
from pipeline.settings import Settings
from pipeline.supply.runners import Ground, PooledSupply
from policies.policy import Policy
from sandbox.docker_engine import DockerEngine
from sandbox.docker_sandbox import DockerSandbox


class MountedSupply(PooledSupply):
    """Runners from an image that is mostly mounts; the engine is the caller's to close."""

    def __init__(
        self, settings: Settings, policy: Policy, report: Callable[[str], None], engine: DockerEngine, gpu: GpuSettings
    ) -> None:
        super().__init__(settings, policy, report)
        self._engine = engine
        self._gpu = gpu

    def _ground(self) -> Ground:
        access = self._gpu.access
        assert access is not None
        image = self._engine.image(str(self._gpu.image)).id
        return Ground(DockerSandbox(self._engine), image, replace(access, nodes=(), cdi=()))
