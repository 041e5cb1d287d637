"""A supply of programs on a GPU without one: turns, slot and quarantine are real, the programs are functions."""

from __future__ import annotations

from pathlib import Path

from fake_device import GREETING, ISOLATION, FakeDevice
from scripted_flow import small_policy

from pipeline.supply.gpu import GpuSupply
from policies.policy import Policy
from runners.device_runners import RecordingRunner, Replayer, Tool
from runners.isolation_evidence import IsolationEvidence
from sandbox.contract import Sandbox, SandboxUnavailable
from sandbox.devices import DeviceAccess


class ScriptedGpu(GpuSupply):
    """One GPU whose programs `device` gives; `state` is where its lock and its quarantine lie."""

    def __init__(self, device: FakeDevice, state: Path, number: int = 0) -> None:
        self.said: list[str] = []
        self.device = device
        super().__init__(_no_sandbox, lambda: "image", DeviceAccess(), "s", state, self.said.append, number=number)

    @property
    def isolation(self) -> IsolationEvidence | None:
        return ISOLATION

    @property
    def platform(self) -> str | None:
        return f"{GREETING.device}, torch {GREETING.torch}, triton {GREETING.triton}"

    @property
    def identity(self) -> str | None:
        return f"{self.platform}, image image"

    def take_recorder(self) -> RecordingRunner:
        self._check()
        return self.device.take_recorder()

    def take_replayer(self) -> Replayer:
        self._check()
        return self.device.take_replayer()

    def take_sanitizer(self, tool: Tool) -> Replayer:
        self._check()
        return self.device.take_sanitizer(tool)

    def _check(self) -> None:
        if self._closed:
            raise SandboxUnavailable("the run was ended")


def gpu_policy(cases: int = 4) -> Policy:
    """Few cases on the interpreter, and as many on the GPU."""
    few = small_policy(cases)
    rules = few.gpu.model_copy(
        update={"pairwise_cases": cases, "special_cases": 0, "block_cases": 0, "random_cases": 0, "watched_plans": 1}
    )
    return few.model_copy(update={"gpu_checks": ("properties", "replay"), "gpu": rules})


def _no_sandbox() -> Sandbox:
    raise SandboxUnavailable("there is no GPU here")
