"""`kernelgate doctor`: what this machine can do, and what to do about each lack.

Nothing is installed or started: a doctor that changes the patient can't be trusted. Limits are proven from inside a
container, as they are for every run. A limit that does not hold makes verdicts inconclusive, so it is needed; a layer
(a kernel of its own, a user namespace, AppArmor, a rootless engine) is more safety where it can be had.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from pipeline.engine import answering_engine
from pipeline.runner_image import WORKER_ARGV, built_runner_image, pinned
from pipeline.settings import Settings
from policies.policy import BUILT_IN, load_policy
from sandbox.contract import LimitProof, Limits, Program, SandboxUnavailable
from sandbox.docker_engine import DockerEngine
from sandbox.docker_sandbox import DockerSandbox
from sandbox.layers import APPARMOR, OWN_KERNEL, ROOTLESS, USER_NAMESPACE
from sandbox.runtimes import GVISOR

MIB: Final = 1 << 20
CHECKED: Final = ("torch", "triton", "hypothesis")
PINS: Final = "make venv installs the version that the suite ran with"
LAYER_REMEDIES: Final = {
    OWN_KERNEL: "an engine that knows gVisor as 'runsc'; 'make engine' starts one",
    USER_NAMESPACE: "dockerd --userns-remap=default, or a rootless engine",
    APPARMOR: "a kernel that has it; the engine uses it by itself",
    ROOTLESS: "a rootless engine on control groups of version 2; on version 1 it keeps no limit on memory or processes",
}
DISK_NEEDED: Final = 512 * MIB


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that was looked at. `needed`: without it the gate can't run on this machine's CPU."""

    name: str
    fine: bool
    seen: str
    remedy: str = ""
    needed: bool = True


def examine_machine(settings: Settings) -> tuple[Sign, ...]:
    """Looks at everything that a verdict needs."""
    signs = [*_versions(settings.project), _disk(settings.runs)]
    try:
        url = answering_engine()
    except SandboxUnavailable as error:
        return (*signs, Sign("engine", False, str(error), "make engine, or set DOCKER_HOST"), _gpu())
    signs.append(Sign("engine", True, url))
    return (*signs, *_image_and_limits(url, settings), _gpu())


def _image_and_limits(url: str, settings: Settings) -> tuple[Sign, ...]:
    try:
        image = built_runner_image(url, settings)
        if image is None:
            return (Sign("runner image", False, "not built from this checkout", "kernelgate image build"),)
        with DockerEngine(url) as engine:
            sandbox = DockerSandbox(engine, runtime=settings.runtime)
            proof = sandbox.prove(Program(image=image.id, argv=WORKER_ARGV, limits=Limits()))
            runtimes = engine.facts.runtimes
    except SandboxUnavailable as error:
        return (Sign("runner image", False, str(error), "kernelgate image build"),)
    runtime = Sign("runtime", True, f"{proof.engine}, {proof.runtime}")
    layers = (_layer(layer, runtimes) for layer in proof.layers)
    return (Sign("runner image", True, image.tag), runtime, *map(_limit, proof.limits), *layers)


def _limit(proof: LimitProof) -> Sign:
    asking = [name for name in BUILT_IN if proof.name in load_policy(name).isolation.required_limits]
    remedy = f"see the engine's configuration; inconclusive without it: verdicts by {', '.join(asking) or 'no policy'}"
    return Sign(f"limit {proof.name}", proof.holds, proof.observed, remedy)


def _layer(proof: LimitProof, runtimes: tuple[str, ...]) -> Sign:
    remedy = LAYER_REMEDIES[proof.name]
    if proof.name == OWN_KERNEL and GVISOR in runtimes:
        remedy = f"this engine has gVisor: KERNELGATE_RUNTIME={GVISOR}"
    return Sign(f"layer {proof.name}", proof.holds, proof.observed, f"optional; {remedy}", needed=False)


def _versions(project: Path) -> tuple[Sign, ...]:
    pins = dict(line.split("==") for line in pinned(project / "constraints.txt", CHECKED))
    seen = {name: metadata.version(name).partition("+")[0] for name in CHECKED}
    return tuple(Sign(name, seen[name] == pins[name], seen[name], PINS, needed=False) for name in CHECKED)


def _disk(runs: Path) -> Sign:
    place = next(path for path in (runs.absolute(), *runs.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    return Sign("disk", free >= DISK_NEEDED, f"{free // MIB} MiB free at {place}", "free some space for run folders")


def _gpu() -> Sign:
    devices = sorted(str(path) for path in Path("/dev").glob("nvidia[0-9]*"))
    if devices:
        return Sign("gpu", True, ", ".join(devices), needed=False)
    return Sign("gpu", False, "none; verdicts end at 'functional'", "production-safe needs an NVIDIA GPU", needed=False)
