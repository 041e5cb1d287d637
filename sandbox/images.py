"""Images by content: the tag of an image says what went into it, so one that exists is never built again.

A specification is data: a Dockerfile, a target, the files of the build context, pinned requirements, and the base,
which is a reference or another specification. The tag is a hash over all of it; nothing in it depends on time, order of
files or this machine. What a build takes from outside (the base image, the wheels) comes from a `Supplier`, which is
asked only when something has to be built.

The Dockerfile is given the argument BASE_IMAGE, the file `requirements.txt` and the folders `wheelhouse/` and
`harness/`; each may be empty. When wheels were supplied the build has no network at all.

Deliberately not handled: removing old images. Evidence names images by id, and only their owner knows which matter; who
asks for it finds them by name and label (`sandbox.engine_images`).
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

from requests.exceptions import RequestException

from sandbox.contract import SandboxUnavailable
from sandbox.docker_engine import (
    APIError,
    DockerEngine,
    DockerException,
    engine_errors,
    parse_repository_tag,
)
from sandbox.reporting import Report

# The engine says nothing while one step runs; installing torch on a slow disk is the longest.
STEP_TIMEOUT_S: Final = 1800
HASH_LENGTH: Final = 12
BASE_LABEL: Final = "kernelgate.base"  # what an image was built on
PROGRESS_EVERY_S: Final = 10.0
LOG_TAIL_LINES: Final = 15
# As the legacy builder announces a step. A RUN of our Dockerfile says in its first command, a no-op, what it is for.
STEP: Final = re.compile(r"Step (?P<number>\d+)/\d+ : (?P<does>[^;\n]*)")
SLOW: Final = ("RUN", "COPY wheelhouse")


@dataclass(frozen=True, slots=True)
class ContextFile:
    """One file of a build context: its path there, with forward slashes, and its bytes."""

    path: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """What an image consists of.

    Attributes:
        repository: The name before the tag.
        dockerfile: Text of the Dockerfile.
        target: The stage that is built; the tag begins with it.
        base: What BASE_IMAGE is: a reference, or the specification of an image that is made sure of first.
        requirements: Exact pins, `name==version`; with `alone` nothing that they depend on is installed.
        files: The content of `harness/`.
        online: The stage installs packages of its distribution, and has the network for that.
    """

    repository: str
    dockerfile: str
    target: str
    base: str | ImageSpec
    requirements: tuple[str, ...] = ()
    alone: bool = False
    files: tuple[ContextFile, ...] = ()
    online: bool = False

    @property
    def tag(self) -> str:
        """The content tag: equal for equal content, whatever the order of files and requirements."""
        content = json.dumps(
            {
                "dockerfile": self.dockerfile,
                "target": self.target,
                "base": self.base if isinstance(self.base, str) else self.base.tag,
                "requirements": sorted(self.requirements),
                "alone": self.alone,
                "files": sorted((file.path, hashlib.sha256(file.content).hexdigest()) for file in self.files),
            },
            sort_keys=True,
        )
        return f"{self.repository}:{self.target}-{hashlib.sha256(content.encode()).hexdigest()[:HASH_LENGTH]}"


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An image that the engine has: `id` is the content id (`sha256:…`) by which containers are started."""

    id: str
    tag: str


class Supplier(Protocol):
    """Brings what a build needs from outside. Asked only when something has to be built."""

    def base_image(self, engine: DockerEngine, reference: str, report: Report) -> str:
        """Returns a reference that the engine has and that can stand for `reference`.

        Raises:
            SandboxUnavailable: none can be had.
        """
        ...

    def wheels(self, engine: DockerEngine, base: str, spec: ImageSpec, report: Report) -> tuple[Path, ...]:
        """Returns wheel files that satisfy the requirements on `base`; none when the build must ask an index itself."""
        ...


def pull_image(engine: DockerEngine, reference: str, report: Report) -> str | None:
    """Pulls the image and returns None, or what went wrong: having no registry is an ordinary state of a machine."""
    name, tag = parse_repository_tag(reference)
    said = time.monotonic()
    problem: str | None = None
    try:
        for message in engine.api.pull(name, tag=tag or "latest", stream=True, decode=True):
            problem = problem or message.get("error")
            if time.monotonic() - said > PROGRESS_EVERY_S:
                said = time.monotonic()
                report(f"  {message.get('id', '')} {message.get('status', '')} {message.get('progress', '')}".rstrip())
    except APIError as error:
        return str(error.explanation or error)
    except (DockerException, RequestException) as error:
        return str(error)
    return problem


def find_image(engine: DockerEngine, spec: ImageSpec) -> ImageRef | None:
    """Returns the image of `spec` when the engine has it.

    Raises:
        SandboxUnavailable: the engine does not answer.
    """
    facts = engine.find_image(spec.tag)
    return None if facts is None else ImageRef(facts.id, spec.tag)


def ensure_image(engine: DockerEngine, spec: ImageSpec, supplier: Supplier, report: Report) -> ImageRef:
    """Returns the image of `spec`, after building it and what it is based on where the engine lacks them.

    Raises:
        SandboxUnavailable: the engine does not answer, or the build failed; the text holds the end of its log.
    """
    if (found := find_image(engine, spec)) is not None:
        return found
    if isinstance(spec.base, str):
        base = supplier.base_image(engine, spec.base, report)
    else:
        base = ensure_image(engine, spec.base, supplier, report).tag
    wheels = supplier.wheels(engine, base, spec, report) if spec.requirements else ()
    report(f"building {spec.tag}")
    with tempfile.TemporaryFile() as context:
        write_context(context, spec, wheels)
        context.seek(0)
        network = spec.online or (bool(spec.requirements) and not wheels)
        _build(engine, spec, base, context, report, network=network)
    if (built := find_image(engine, spec)) is None:
        raise SandboxUnavailable(f"the engine built {spec.tag}, but does not have it now; build it again")
    return built


def write_context(sink: IO[bytes], spec: ImageSpec, wheels: tuple[Path, ...] = ()) -> None:
    """Writes the build context as a tar archive that is equal to the byte for equal content."""
    texts = {
        "Dockerfile": spec.dockerfile.encode(),
        "requirements.txt": "".join(f"{line}\n" for line in sorted(spec.requirements)).encode(),
        **{f"harness/{file.path}": file.content for file in spec.files},
    }
    folders = {"harness", "wheelhouse"}
    for name in texts:
        folders.update(str(parent) for parent in Path(name).parents if str(parent) != ".")
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for folder in sorted(folders):
            archive.addfile(_entry(folder, tarfile.DIRTYPE, 0o755))
        for name, content in sorted(texts.items()):
            entry = _entry(name, tarfile.REGTYPE, 0o644)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for wheel in sorted(wheels, key=lambda path: path.name):
            entry = _entry(f"wheelhouse/{wheel.name}", tarfile.REGTYPE, 0o644)
            entry.size = wheel.stat().st_size
            with wheel.open("rb") as source:
                archive.addfile(entry, source)


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.mtime, entry.uid, entry.gid = kind, mode, 0, 0, 0
    return entry


def _build(
    engine: DockerEngine, spec: ImageSpec, base: str, context: IO[bytes], report: Report, *, network: bool
) -> None:
    with engine_errors(f"build {spec.tag}", engine.url):
        stream = engine.api.build(
            fileobj=context,
            custom_context=True,
            tag=spec.tag,
            target=spec.target,
            buildargs={"BASE_IMAGE": base, "PIP_FLAGS": "--no-deps" if spec.alone else ""},
            labels={BASE_LABEL: base},
            network_mode="host" if network else "none",
            rm=True,
            forcerm=True,
            decode=True,
            timeout=STEP_TIMEOUT_S,
        )
        _follow(stream, spec, report)


def _follow(stream: Iterator[Mapping[str, object]], spec: ImageSpec, report: Report) -> None:
    """Reads the build's messages to their end, also after an error: a connection left in the middle stays open."""
    log: list[str] = []
    failure: object = None
    for message in stream:
        text = str(message.get("stream", "")).strip()
        log += text.splitlines()
        if (step := STEP.match(text)) is not None and step["does"].startswith(SLOW):
            report(f"  step {step['number']}: {step['does'].removeprefix('RUN : ')}")
        failure = failure or message.get("error")
    if failure is not None:
        end = "\n".join(f"  {line}" for line in log[-LOG_TAIL_LINES:])
        raise SandboxUnavailable(f"the image {spec.tag} could not be built: {failure}\nThe end of its log:\n{end}")
