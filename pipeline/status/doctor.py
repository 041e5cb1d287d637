"""`kernelgate doctor`: what this machine can do, and what to do about each lack.

Nothing is installed or started: a doctor that changes the patient can't be trusted. Limits are proven from inside a
container, as they are for every run. A limit that does not hold makes verdicts inconclusive, so it is needed; a layer
(a kernel of its own, a user namespace, AppArmor, a rootless engine) is more safety where it can be had. Whether the
embedded sandbox works is always told, and what it lacks; it is only needed where the settings ask for it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from pipeline.machine.engine import answering_engine
from pipeline.machine.gpu_access import NOT_PASSED, GpuSettings
from pipeline.machine.host_view import runner_view
from pipeline.machine.runner_image import WORKER_ARGV, built_runner_image, pinned
from pipeline.settings import SandboxKind, Settings
from policies.policy import BUILT_IN, load_policy
from sandbox.contract import IsolationProof, LimitProof, Limits, Program, SandboxUnavailable
from sandbox.control_groups import ControlGroups
from sandbox.docker_engine import DockerEngine
from sandbox.docker_sandbox import DockerSandbox
from sandbox.kernel_log import why_refusals_are_unknown
from sandbox.layers import APPARMOR, OWN_KERNEL, ROOTLESS, USER_NAMESPACE
from sandbox.namespace_sandbox import NamespaceSandbox
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
EMBEDDED_REMEDY: Final = "it needs util-linux, libseccomp2 and a kernel that lets this user make user namespaces"
GROUPS_REMEDY: Final = "run as root, or in a control group that is delegated to this user"


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
    if settings.sandbox is SandboxKind.EMBEDDED:
        return (*signs, *_embedded(settings), _refusals(settings, why_refusals_are_unknown()), _gpu(None))
    try:
        found = answering_engine()
    except SandboxUnavailable as error:
        signs.append(Sign("engine", False, str(error), "make engine, or set DOCKER_HOST"))
        return (*signs, _embedded_in_brief(settings), _gpu(None))
    return (
        *signs,
        Sign("engine", True, found),
        *_image_and_limits(found, settings),
        _embedded_in_brief(settings),
        _refusals(settings, _why_not_logged(found, settings)),
        _gpu(found),
    )


def _embedded(settings: Settings) -> tuple[Sign, ...]:
    """The embedded sandbox as what candidates are run in: it must work; what it lacks, policy dev does without."""
    try:
        proof = _embedded_proof(settings)
    except SandboxUnavailable as error:
        return (Sign("embedded sandbox", False, str(error), EMBEDDED_REMEDY),)
    limits = (
        Sign(f"limit {limit.name}", limit.holds, limit.observed, "" if limit.holds else GROUPS_REMEDY, needed=False)
        for limit in proof.limits
    )
    return (Sign("embedded sandbox", True, f"{proof.engine}, {proof.runtime}"), *limits)


def _embedded_in_brief(settings: Settings) -> Sign:
    try:
        proof = _embedded_proof(settings)
    except SandboxUnavailable as error:
        return Sign("embedded sandbox", False, str(error), EMBEDDED_REMEDY, needed=False)
    lacks = f"; does not hold: {', '.join(proof.missing)}" if proof.missing else ""
    return Sign("embedded sandbox", not proof.missing, f"{proof.engine}{lacks}", GROUPS_REMEDY, needed=False)


def _embedded_proof(settings: Settings) -> IsolationProof:
    view = runner_view(settings.project)
    sandbox = NamespaceSandbox(view, ControlGroups.of_this_machine())
    return sandbox.prove(Program(image=view.image, argv=WORKER_ARGV, limits=Limits()))


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


def _refusals(settings: Settings, problem: str | None) -> Sign:
    """Whether evidence can hold which calls a candidate was refused; a record for people, which no policy asks for."""
    name = "log of refused calls"
    if problem is not None:
        return Sign(name, False, problem, "optional; docs/explanation/audit.md says what it takes", needed=False)
    if not settings.logs_refusals:
        return Sign(name, False, "can be had; is not asked for", "optional; KERNELGATE_LOG_REFUSALS=yes", needed=False)
    return Sign(name, True, "the kernel logs them", needed=False)


def _why_not_logged(url: str, settings: Settings) -> str | None:
    try:
        with DockerEngine(url) as engine:
            facts = engine.facts
    except SandboxUnavailable as error:
        return str(error)
    runtime = settings.runtime or facts.default_runtime
    if runtime not in facts.logging_runtimes:
        return f"runtime {runtime} does not say that it can have refusals logged (Engine 25 with runc 1.2 does)"
    return why_refusals_are_unknown()


def _versions(project: Path) -> tuple[Sign, ...]:
    pins = dict(line.split("==") for line in pinned(project / "constraints.txt", CHECKED))
    seen = {name: metadata.version(name).partition("+")[0] for name in CHECKED}
    return tuple(Sign(name, seen[name] == pins[name], seen[name], PINS, needed=False) for name in CHECKED)


def _disk(runs: Path) -> Sign:
    place = next(path for path in (runs.absolute(), *runs.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    return Sign("disk", free >= DISK_NEEDED, f"{free // MIB} MiB free at {place}", "free some space for run folders")


def _gpu(url: str | None) -> Sign:
    """Whether there is a GPU, and whether something passes it into containers of the engine at `url`."""
    devices = ", ".join(sorted(str(path) for path in Path("/dev").glob("nvidia[0-9]*")))
    if not devices:
        return Sign(
            "gpu", False, "none; verdicts end at 'functional'", "production-safe needs an NVIDIA GPU", needed=False
        )
    try:
        if url is None:
            return Sign(
                "gpu", False, f"{devices}; no engine passes it on", "make engine, or set DOCKER_HOST", needed=False
            )
        with DockerEngine(url) as engine:
            access = GpuSettings.resolve().access_through(engine.facts)
    except SandboxUnavailable as error:
        return Sign("gpu", False, f"{devices}; {error}", needed=False)
    return Sign("gpu", access is not None, devices, NOT_PASSED, needed=False)
