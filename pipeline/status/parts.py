"""What a run leans on, asked one by one: the engine and its containers, slots, the GPU, Prefect's server, a registry.

A part that nobody named and that is not there is absent. One that was named, or that runs here could use and can't, is
trouble.
"""

from __future__ import annotations

import http.client
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from pipeline.errors import UnavailableError, UserError
from pipeline.machine.engine import answering_engine
from pipeline.observing.under_way import is_held
from pipeline.registry.approved import approved_in, registry_here
from pipeline.reporting import Report
from pipeline.settings import SandboxKind, Settings
from pipeline.status.contract import Part, State
from pipeline.supply.machine_slots import WAITING
from sandbox.contract import SandboxUnavailable
from sandbox.docker_engine import DockerEngine
from sandbox.docker_sandbox import DockerSandbox
from sandbox.owner import Liveness

WAIT_S: Final = 3.0
DEVICES: Final = Path("/dev")


def engine_parts(settings: Settings) -> Iterator[Part]:
    """The engine, and what of kernelgate's runs on it."""
    wanted = settings.sandbox is SandboxKind.DOCKER
    try:
        with DockerEngine(answering_engine()) as engine:
            yield Part("engine", State.FINE, f"{engine.facts.title} at {engine.url}")
            containers = DockerSandbox(engine).owned()
    except SandboxUnavailable as error:
        yield Part("engine", State.TROUBLE if wanted else State.ABSENT, str(error))
        return
    counts = Counter(one.owner for one in containers)
    of_runs = len({one.pid for one in containers if one.owner is Liveness.ALIVE})
    said = [f"{counts[Liveness.ALIVE]}, of {of_runs} process{'' if of_runs == 1 else 'es'} here"]
    if counts[Liveness.DEAD]:
        said.append(f"{counts[Liveness.DEAD]} left by killed runs, which the next run removes")
    if counts[Liveness.OUT_OF_SIGHT]:
        said.append(f"{counts[Liveness.OUT_OF_SIGHT]} of processes that can't be seen from here")
    yield Part("containers", State.FINE, "; ".join(said) if containers else "none")


def slots_part(folder: Path) -> Part:
    """How many candidates are measured at once on this machine, of how many places."""
    slots = sorted(folder.glob("slot-*.lock"))
    if not slots:
        return Part("slots", State.FINE, "none was ever used")
    held = sum(map(is_held, slots))
    waiting = "; a run waits for one" if is_held(folder / f"{WAITING}.lock", shared=True) else ""
    return Part("slots", State.FINE, f"{held} of {len(slots)} taken{waiting}")


def gpu_parts(folder: Path, devices: Path = DEVICES) -> Iterator[Part]:
    """Each GPU: free, busy or quarantined; a quarantine without its GPU is told, too."""
    there = {path.name.removeprefix("nvidia") for path in devices.glob("nvidia[0-9]*")}
    quarantined = {path.stem.removeprefix("gpu") for path in folder.glob("gpu*.quarantine")}
    if not there | quarantined:
        yield Part("gpu", State.ABSENT, "none")
    for number in sorted(there | quarantined):
        if number in quarantined:
            yield Part(f"gpu {number}", State.TROUBLE, _quarantine(folder / f"gpu{number}.quarantine"))
        else:
            busy = is_held(folder / f"gpu{number}.lock")
            yield Part(f"gpu {number}", State.FINE, "a candidate is on it" if busy else "free")


def prefect_part(environment: Mapping[str, str]) -> Part:
    """Prefect's server, where the environment names one."""
    url = environment.get("PREFECT_API_URL")
    if not url:
        return Part("prefect", State.ABSENT, "no PREFECT_API_URL; a flow starts a server of its own")
    shown = _without_user(url)
    problem = _health_problem(url)
    if problem is None:
        return Part("prefect", State.FINE, f"{shown} answers")
    return Part("prefect", State.TROUBLE, f"{shown} does not answer: {problem}")


def registry_part(environment: Mapping[str, str], here: Path, report: Report | None = None) -> Part:
    """The registry, where one is named or lies here; `report` hears what is waited for."""
    url = registry_here(environment, here)
    if url is None:
        return Part("registry", State.ABSENT, "none is named (KERNELGATE_REGISTRY)")
    try:
        approved = approved_in(url, report)
    except (UnavailableError, UserError) as error:
        return Part("registry", State.TROUBLE, str(error))
    count = len(approved.sources)
    return Part("registry", State.FINE, f"{_without_user(url)} has {count} kernel{'' if count == 1 else 's'}")


def _quarantine(path: Path) -> str:
    try:
        why = path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        why = str(error.strerror)
    return f"quarantined: {why}. Look at it (nvidia-smi), then remove {path}"


def _health_problem(url: str) -> str | None:
    if not url.startswith(("http://", "https://")):
        return "its address begins with neither http:// nor https://"
    try:
        with urlopen(f"{url.rstrip('/')}/health", timeout=WAIT_S) as answer:
            return None if answer.status == http.HTTPStatus.OK else f"its health check says {answer.status}"
    except HTTPError as error:
        return f"its health check says {error.code}"
    except URLError as error:
        return str(error.reason)
    except (OSError, ValueError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__


def _without_user(url: str) -> str:
    """An address may hold a password."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
