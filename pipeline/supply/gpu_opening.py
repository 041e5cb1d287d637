"""Whether a run has a GPU, and where it comes from: asked once, before anything is run.

`--mode auto` takes a GPU where the policy asks for checks on one and this machine passes one into containers; what is
missing is told, and the policy says what follows. `--mode gpu` ends the run instead. The GPU is never a reason to leave
out what the interpreter checks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.machine.engine import answering_engine
from pipeline.machine.gpu_access import NOT_PASSED, GpuSettings, has_gpu
from pipeline.machine.runner_image import ensure_gpu_image
from pipeline.settings import Mode, SandboxKind, Settings
from pipeline.supply.gpu import GpuSupply
from pipeline.supply.machine_slots import folder_of_this_user, make_own
from policies.policy import Policy
from sandbox.contract import SandboxUnavailable
from sandbox.docker_engine import DockerEngine
from sandbox.docker_sandbox import DockerSandbox


class NoGpu(SandboxUnavailable):
    """A GPU was asked for, and this machine has none that can be used; `problem` says why."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"--mode gpu: {problem}")
        self.problem = problem


@contextmanager
def gpu_for(
    settings: Settings, policy: Policy, mode: Mode, report: Callable[[str], None]
) -> Iterator[GpuSupply | None]:
    """Yields the supply of programs on this machine's GPU, opened, or None where the run goes without.

    Raises:
        UsageError: a GPU was asked for, and the policy asks for no check on one.
        NoGpu: a GPU was asked for, and there is none.
        SandboxUnavailable: no program starts on the one that there is.
        SettingsError: a variable that says how the GPU is passed can't be used.
    """
    if mode is Mode.GPU and not policy.gpu_checks:
        raise UsageError(f"policy '{policy.name}' asks for no check on a GPU; leave --mode out, or use 'production'")
    if mode is Mode.CPU or not policy.gpu_checks:
        yield None
        return
    chosen = GpuSettings.resolve()
    if (problem := gpu_lacking(settings, chosen)) is not None:
        _without(mode, policy, problem, report)
        yield None
        return
    with DockerEngine(answering_engine()) as engine:
        access = chosen.access_through(engine.facts)
        if access is None:
            _without(mode, policy, NOT_PASSED, report)
            yield None
            return
        with GpuSupply(
            lambda: DockerSandbox(engine),
            lambda: _image(engine, chosen, settings, report),
            access,
            chosen.sanitizer,
            _common_folder(),
            report,
            number=chosen.number,
        ) as supply:
            supply.open()
            yield supply


def _common_folder() -> Path:
    """A GPU is the machine's: its lock and its quarantine are the same for all checkouts."""
    folder = folder_of_this_user()
    make_own(folder)
    return folder


def gpu_lacking(settings: Settings, chosen: GpuSettings) -> str | None:
    """Says why this machine can have no check on a GPU; None where nothing speaks against one yet."""
    if settings.sandbox is not SandboxKind.DOCKER:
        return "the embedded sandbox passes no GPU"
    if not has_gpu(chosen.number):
        return f"this machine has no NVIDIA GPU (/dev/nvidia{chosen.number})"
    return None


def _without(mode: Mode, policy: Policy, problem: str, report: Callable[[str], None]) -> None:
    if mode is Mode.GPU:
        raise NoGpu(problem)
    report(
        f"note: no check is made on a GPU: {problem}; policy '{policy.name}' asks for such checks, so no candidate can "
        "end better than inconclusive here"
    )


def _image(engine: DockerEngine, chosen: GpuSettings, settings: Settings, report: Callable[[str], None]) -> str:
    if chosen.image is None:
        return ensure_gpu_image(engine.url, settings, report).id
    return engine.image(chosen.image).id
