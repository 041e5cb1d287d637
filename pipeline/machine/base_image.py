"""The Python image that the runner image stands on: from the registry, or made here out of Debian's packages.

Order: what the engine has already, under the asked name or as our own base; then the registry, which gets a bounded
time to answer; then mmdebstrap. Our own base is a minimal Debian with Python, without setuid programs.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import Final

from pipeline.machine.debian import Machine, install, tail
from pipeline.machine.wheelhouse import Target
from pipeline.reporting import Report
from sandbox.contract import Program, Reply, SandboxUnavailable
from sandbox.docker_engine import CALL_TIMEOUT_S, DockerEngine, engine_errors
from sandbox.docker_sandbox import DockerSandbox
from sandbox.images import pull_image

OWN_REPOSITORY = "kernelgate-base"
SUITE = "bookworm"
OWN_BASE = f"{OWN_REPOSITORY}:{SUITE}"
DEBIAN_KEYS: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
CHUNK_BYTES = 1 << 20
PROCESSORS = {"amd64": "x86_64", "arm64": "aarch64"}
VERSION: Final = re.compile(r"\d{1,3}\.\d{1,3}")
SAY_VERSION: Final = """
import sys
said = b"%d.%d" % sys.version_info[:2]
sys.stdout.buffer.write(len(said).to_bytes(8, "little") + said)
"""

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
        if engine.find_image(candidate) is not None:
            return candidate
    report(f"pulling {reference} (the registry has {CALL_TIMEOUT_S} s to answer)")
    if (problem := pull_image(engine, reference, report)) is None:
        return reference
    report(f"the registry did not give {reference}: {problem:.150}")
    _make(engine, state, machine, report)
    return OWN_BASE


def python_of(engine: DockerEngine, image: str) -> Target:
    """Returns the Python and processor of `image`, asked in a container of it that is as closed as every other.

    Raises:
        SandboxUnavailable: there is no python3 in it, or the engine failed.
    """
    with DockerSandbox(engine).start(Program(image, ("python3", "-I", "-c", SAY_VERSION))) as worker:
        answer = worker.greeting()
    said = answer.payload.decode("ascii", "replace") if isinstance(answer, Reply) else f"{answer}"
    if VERSION.fullmatch(said) is None:
        raise SandboxUnavailable(f"python3 in {image} does not say its version, but {said!a:.200}")
    if (facts := engine.find_image(image)) is None:
        raise SandboxUnavailable(f"the engine has {image} no longer; somebody removed it")
    return Target(said, PROCESSORS.get(facts.architecture, facts.architecture))


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
