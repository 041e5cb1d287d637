"""The Python image that the runner image stands on: from the registry, or made here out of Debian's packages.

Order: what the engine has already, under the asked name or as our own base; then the registry, which gets a bounded
time to answer; then mmdebstrap. Our own base is a minimal Debian with Python, without setuid programs.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Final

import docker
from docker.errors import APIError, DockerException
from docker.utils import parse_repository_tag
from requests.exceptions import RequestException

from pipeline.debian import Machine, install, tail
from pipeline.reporting import Report
from pipeline.wheelhouse import Target
from sandbox.contract import SandboxUnavailable
from sandbox.docker_engine import DockerEngine, engine_errors
from sandbox.images import inspect_image

OWN_REPOSITORY = "kernelgate-base"
SUITE = "bookworm"
OWN_BASE = f"{OWN_REPOSITORY}:{SUITE}"
DEBIAN_KEYS: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# A registry that does not say anything for this long is taken for absent.
REGISTRY_SILENCE_S = 60
PROGRESS_EVERY_S = 10.0
CHUNK_BYTES = 1 << 20
PROCESSORS = {"amd64": "x86_64", "arm64": "aarch64"}

MMDEBSTRAP = (
    "mmdebstrap",
    "--variant=minbase",
    "--include=python3,ca-certificates",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    '--aptopt=Acquire::Languages "none"',
    '--customize-hook=chmod 0711 "$1/root"',
    '--customize-hook=find "$1" -xdev -type f -perm /6000 -exec chmod a-s {} +',
    '--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*',
    SUITE,
)


def ensure_base(engine: DockerEngine, reference: str, state: Path, machine: Machine, report: Report) -> str:
    """Returns the reference of a Python image that the engine has: `reference`, or our own base in its place.

    Raises:
        SandboxUnavailable: no registry answered and none could be made; the text says why and what to do.
    """
    for candidate in (reference, OWN_BASE):
        if inspect_image(engine, candidate) is not None:
            return candidate
    report(f"pulling {reference} (the registry has {REGISTRY_SILENCE_S} s to answer)")
    if (problem := _pull(engine, reference, report)) is None:
        return reference
    report(f"the registry did not give {reference}: {problem:.150}")
    _make(engine, state, machine, report)
    return OWN_BASE


def python_of(engine: DockerEngine, image: str) -> Target:
    """Returns the Python and processor of `image`, asked in a container of it without a network.

    Raises:
        SandboxUnavailable: there is no python3 in it, or the engine failed.
    """
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    client = docker.DockerClient(base_url=engine.url, timeout=60)
    try:
        with engine_errors(f"ask {image} for its Python", engine.url):
            command = ["python3", "-I", "-c", code]
            said = client.containers.run(image, entrypoint=command, network_mode="none", remove=True)
    finally:
        client.close()
    if (facts := inspect_image(engine, image)) is None:
        raise SandboxUnavailable(f"the engine has {image} no longer; somebody removed it")
    return Target(said.decode("ascii", "replace").strip(), PROCESSORS.get(facts.architecture, facts.architecture))


def _pull(engine: DockerEngine, reference: str, report: Report) -> str | None:
    """Pulls the image and returns None, or what went wrong: having no registry is an ordinary state of a machine."""
    client = docker.APIClient(base_url=engine.url, version="auto", timeout=REGISTRY_SILENCE_S)
    name, tag = parse_repository_tag(reference)
    said = time.monotonic()
    problem: str | None = None
    try:
        for message in client.pull(name, tag=tag or "latest", stream=True, decode=True):
            problem = problem or message.get("error")
            if time.monotonic() - said > PROGRESS_EVERY_S:
                said = time.monotonic()
                report(f"  {message.get('id', '')} {message.get('status', '')} {message.get('progress', '')}".rstrip())
    except APIError as error:
        return str(error.explanation or error)
    except (DockerException, RequestException) as error:
        return str(error)
    finally:
        client.close()
    return problem


def _make(engine: DockerEngine, state: Path, machine: Machine, report: Report) -> None:
    if not machine.is_root:
        raise SandboxUnavailable(
            f"no base image: no registry answers, and making one takes root. Load an image and tag it {OWN_BASE}, or "
            "set KERNELGATE_BASE_IMAGE to one that the engine has."
        )
    if machine.tool("mmdebstrap") is None or not DEBIAN_KEYS.exists():
        install(machine, ("mmdebstrap", "debian-archive-keyring"), state / "apt.log", report)
    report(f"making {OWN_BASE} out of Debian's packages with mmdebstrap (about a minute)")
    log = state / "mmdebstrap.log"
    state.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=state) as archive:
        with log.open("wb") as sink:
            finished = subprocess.run(
                [*MMDEBSTRAP, "-"],
                stdin=subprocess.DEVNULL,
                stdout=archive,
                stderr=sink,
                env={**machine.environment, "PATH": machine.search_path},
                check=False,
            )
        if finished.returncode != 0:
            raise SandboxUnavailable(
                f"mmdebstrap could not make a base image; the end of {log}:\n{tail(log)}\n"
                "Set KERNELGATE_BASE_IMAGE to a Python image that the engine has."
            )
        archive.seek(0)
        # An iterator, not the file: for a file the SDK announces a chunked body and then sends a plain one.
        chunks = iter(partial(archive.read, CHUNK_BYTES), b"")
        with engine_errors(f"import {OWN_BASE}", engine.url):
            engine.api.import_image_from_stream(chunks, repository=OWN_REPOSITORY, tag=SUITE)
