"""What the runner image of this checkout consists of, and how it is made sure of.

Its packages have the versions of constraints.txt, so that judge and runner agree. The harness in it is exactly what
runs beside a candidate: the frames, the wire format and `runners.inside`. A policy that lets candidates import more
packages gets an image with these on top; nothing else differs.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import SettingsError
from pipeline.machine.base_image import ensure_base, python_of
from pipeline.machine.debian import Machine
from pipeline.machine.engine import ensure_engine
from pipeline.machine.exclusive import exclusive
from pipeline.machine.wheelhouse import WheelsUnavailable, fetch_wheels
from pipeline.reporting import Report, to_stderr
from pipeline.settings import DEFAULT_BASE_IMAGE, Settings
from sandbox.contract import SandboxUnavailable
from sandbox.docker_engine import DockerEngine
from sandbox.images import ContextFile, ImageRef, ImageSpec, ensure_image, find_image
from sandbox.os_errors import reason_of

WORKER_ARGV: Final = ("python3", "-I", "-m", "runners.inside.worker")
COMPILER_ARGV: Final = ("python3", "-I", "-m", "runners.inside.compiler")
# torch, triton, numpy and pydantic with all that they depend on; a test compares this with what they declare.
PACKAGES: Final = (
    "annotated-types", "filelock", "fsspec", "jinja2", "markupsafe", "mpmath", "networkx", "numpy", "pydantic",
    "pydantic-core", "setuptools", "sympy", "torch", "triton", "typing-extensions", "typing-inspection",
)  # fmt: skip
GPU_PACKAGES: Final = ("cuda-bindings", "nvidia-cuda-sanitizer-api", "setuptools", "torch", "triton")
HARNESS: Final = (
    "sandbox/__init__.py", "sandbox/frames.py",
    "runners/__init__.py", "runners/argument_messages.py", "runners/device_messages.py", "runners/generating.py",
    "runners/launch_plan.py", "runners/message.py", "runners/specialisation.py", "runners/wire.py",
)  # fmt: skip


def runner_spec(project: Path, packages: tuple[str, ...] = (), base: str = DEFAULT_BASE_IMAGE) -> ImageSpec:
    """Returns the specification of the runner image.

    Args:
        project: The checkout that it is made from.
        packages: Exact pins (`name==version`) that candidates may import, installed without their dependencies.
        base: Reference of the Python image below.

    Raises:
        SandboxUnavailable: a file of the checkout is missing, or a package is not pinned.
    """
    try:
        dockerfile = (project / "Dockerfile.runner").read_text(encoding="utf-8")
        pins = pinned(project / "constraints.txt", PACKAGES)
        files = _harness(project)
    except OSError as error:
        raise SandboxUnavailable(
            f"the runner image is made from a checkout, and this one lacks a file: {error.filename}: {reason_of(error)}"
        ) from None
    dependencies = ImageSpec("kernelgate-deps", dockerfile, "cpu", base, requirements=pins)
    runner = ImageSpec("kernelgate-runner", dockerfile, "cpu", dependencies, files=files)
    if not packages:
        return runner
    if loose := [name for name in packages if "==" not in name]:
        raise SandboxUnavailable(f"packages of an image are exact pins (name==version); {', '.join(loose)} is not")
    return ImageSpec("kernelgate-runner", dockerfile, "cpu", runner, requirements=tuple(sorted(packages)), alone=True)


def gpu_runner_spec(project: Path, base: str = DEFAULT_BASE_IMAGE) -> ImageSpec:
    """Returns the specification of the image that programs on a GPU are started from.

    Raises:
        SandboxUnavailable: a file of the checkout is missing, or a package is not pinned.
    """
    try:
        dockerfile = (project / "Dockerfile.runner").read_text(encoding="utf-8")
        own = pinned(project / "constraints-gpu.txt", GPU_PACKAGES)
        common = pinned(project / "constraints.txt", tuple(name for name in PACKAGES if name not in GPU_PACKAGES))
        files = _harness(project)
    except OSError as error:
        raise SandboxUnavailable(
            f"the image of GPU runners is made from a checkout, and this one lacks a file: "
            f"{error.filename}: {reason_of(error)}"
        ) from None
    dependencies = ImageSpec(
        "kernelgate-gpu-deps", dockerfile, "gpu", base, requirements=tuple(sorted((*own, *common))), online=True
    )
    return ImageSpec("kernelgate-gpu-runner", dockerfile, "cpu", dependencies, files=files)


def ensure_gpu_image(engine_url: str, settings: Settings, report: Report = lambda text: None) -> ImageRef:
    """Returns the image of GPU runners of this checkout, built when the engine lacks it.

    Raises:
        SandboxUnavailable: the engine does not answer, or the image could not be built.
    """
    return ensure_image_of(gpu_runner_spec(settings.project, settings.base_image), engine_url, settings, report)


def ensure_runner_image(
    engine_url: str, settings: Settings, packages: tuple[str, ...] = (), report: Report = lambda text: None
) -> ImageRef:
    """Returns the runner image of this checkout, built when the engine lacks it.

    Raises:
        SandboxUnavailable: the engine does not answer, or the image could not be built.
    """
    return ensure_image_of(runner_spec(settings.project, packages, settings.base_image), engine_url, settings, report)


def ensure_image_of(spec: ImageSpec, engine_url: str, settings: Settings, report: Report) -> ImageRef:
    """Returns the image of `spec`, built when the engine lacks it, by one process of this checkout at a time.

    Raises:
        SandboxUnavailable: the engine does not answer, or the image could not be built.
    """
    with DockerEngine(engine_url) as engine:
        if (found := find_image(engine, spec)) is not None:
            return found
        with _alone(settings.state, report):
            return ensure_image(engine, spec, HostSupplier(settings, Machine.this()), report)


def built_runner_image(engine_url: str, settings: Settings, packages: tuple[str, ...] = ()) -> ImageRef | None:
    """Returns the runner image of this checkout when the engine has it; builds nothing.

    Raises:
        SandboxUnavailable: the engine does not answer.
    """
    with DockerEngine(engine_url) as engine:
        return find_image(engine, runner_spec(settings.project, packages, settings.base_image))


def pinned(constraints: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the lines of a constraints file for `names`, sorted.

    Raises:
        SandboxUnavailable: the file has no pin for one of them.
    """
    lines = [line.partition("#")[0].strip() for line in constraints.read_text(encoding="utf-8").splitlines()]
    pins = {_normal(line.partition("==")[0]): line for line in lines if "==" in line}
    if missing := sorted(set(names) - set(pins)):
        raise SandboxUnavailable(f"{constraints} has no exact version for {', '.join(missing)}")
    return tuple(sorted(pins[name] for name in names))


@dataclass(frozen=True, slots=True)
class HostSupplier:
    """Takes the base from the registry or from Debian, and the wheels from the host's pip."""

    settings: Settings
    machine: Machine

    def base_image(self, engine: DockerEngine, reference: str, report: Report) -> str:
        """See `sandbox.images.Supplier`."""
        return ensure_base(engine, reference, self.settings.state, self.machine, report)

    def wheels(self, engine: DockerEngine, base: str, spec: ImageSpec, report: Report) -> tuple[Path, ...]:
        """Returns the wheels, or none when the host's pip cannot have them: then the build asks the index."""
        requirements = spec.requirements + pinned(self.settings.project / "constraints.txt", ("pip",))
        folder = self.settings.project / ".wheelhouse"
        try:
            return fetch_wheels(
                folder, requirements, python_of(engine, base), report, self.settings.pip_arguments, alone=spec.alone
            )
        except WheelsUnavailable as error:
            report(f"{error}\nthe build will ask the index itself")
            return ()


def _harness(project: Path) -> tuple[ContextFile, ...]:
    inside = [path for path in (project / "runners" / "inside").rglob("*") if path.is_file()]
    sources = [path for path in inside if "__pycache__" not in path.parts]
    paths = [*(project / name for name in HARNESS), *sources]
    return tuple(ContextFile(path.relative_to(project).as_posix(), path.read_bytes()) for path in sorted(paths))


def _normal(name: str) -> str:
    return name.strip().lower().replace("_", "-").replace(".", "-")


def _alone(state: Path, report: Report) -> AbstractContextManager[None]:
    """Lets one process of this checkout build at a time; the others find the image when it is their turn."""
    try:
        state.mkdir(parents=True, exist_ok=True)
        (lock := state / "image.lock").touch()
    except OSError as error:
        raise SandboxUnavailable(
            f"the engine lacks the image, and none can be built here: {state} can't be written to: {reason_of(error)}. "
            "Build it from a checkout that you may write to: kernelgate image build"
        ) from None
    return exclusive(lock, report, "is building the image")


def main() -> int:
    """`python -m pipeline.machine.runner_image`, as the Makefile calls it."""
    say = to_stderr("image")
    try:
        settings = Settings.resolve()
        image = ensure_runner_image(ensure_engine(settings.state, say), settings, (), say)
    except SettingsError as error:
        say(str(error))
        return 2
    except SandboxUnavailable as error:
        say(str(error))
        return 3
    say(f"{image.tag} is there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
