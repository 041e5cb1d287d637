"""The image of the judge, for jobs of a Docker work pool: this checkout, and the packages of its extras.

    python -m pipeline.fleet.judge_image        # builds it, or finds it, and prints its tag

It stands on the packages of the runner image, so that judge and runner have the same torch and triton, and so that they
are on the disk once. The others have the versions of constraints.txt. The checkout is the last layer: another one is
built in seconds. No program of the packages is in it: `python3 -m prefect` is what a job is started with.
"""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pipeline.errors import SettingsError
from pipeline.machine.engine import ensure_engine
from pipeline.machine.runner_image import PACKAGES, ensure_image_of, pinned, runner_spec
from pipeline.reporting import Report, to_stderr
from pipeline.settings import Settings
from sandbox.contract import SandboxUnavailable
from sandbox.images import ContextFile, ImageRef, ImageSpec
from sandbox.os_errors import reason_of

EXTRAS: Final = ("attest", "cel", "dask", "flags", "flow", "generate", "registry", "telemetry")
CODE: Final = ("kernelgate", "pipeline", "policies", "runners", "sandbox")
BESIDE: Final = ("Dockerfile.runner", "constraints-gpu.txt", "constraints.txt")


def judge_spec(settings: Settings) -> ImageSpec:
    """Returns the specification of the judge's image.

    Raises:
        SandboxUnavailable: a file of the checkout is missing, or a package is not pinned.
    """
    runner = runner_spec(settings.project, (), settings.base_image)
    try:
        pins = pinned(settings.project / "constraints.txt", _packages())
        files = _checkout(settings.project)
    except OSError as error:
        raise SandboxUnavailable(
            f"the judge's image is made from a checkout, and this one lacks a file: "
            f"{error.filename}: {reason_of(error)}"
        ) from None
    packages = ImageSpec(
        "kernelgate-judge-deps", runner.dockerfile, runner.target, runner.base, requirements=pins, alone=True
    )
    return ImageSpec("kernelgate-judge", runner.dockerfile, runner.target, packages, files=files)


def ensure_judge_image(engine_url: str, settings: Settings, report: Report = lambda text: None) -> ImageRef:
    """Returns the judge's image of this checkout, built when the engine lacks it.

    Raises:
        SandboxUnavailable: the engine does not answer, or the image could not be built.
    """
    return ensure_image_of(judge_spec(settings), engine_url, settings, report)


def _packages() -> tuple[str, ...]:
    """What the extras need that the runner image lacks, of that which is installed here."""
    found: set[str] = set()
    open_ends: list[tuple[str, tuple[str, ...]]] = [("kernelgate", EXTRAS)]
    while open_ends:
        name, extras = open_ends.pop()
        try:
            needed = [Requirement(line) for line in requires(name) or ()]
        except PackageNotFoundError:  # an extra that was not installed
            found.discard(name)
            continue
        for one in needed:
            met = one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in (*extras, ""))
            if met and (key := canonicalize_name(one.name)) not in found:
                found.add(key)
                open_ends.append((key, tuple(one.extras)))
    return tuple(sorted(found - set(PACKAGES)))


def _checkout(project: Path) -> tuple[ContextFile, ...]:
    sources = (path for name in CODE for path in (project / name).rglob("*") if path.is_file())
    paths = [path for path in sources if "__pycache__" not in path.parts] + [project / name for name in BESIDE]
    files = [ContextFile(path.relative_to(project).as_posix(), path.read_bytes()) for path in sorted(paths)]
    said = distribution("kernelgate").read_text("METADATA") or ""  # by which the version is known there
    return (*files, ContextFile("kernelgate.dist-info/METADATA", said.encode()))


def main() -> int:
    """`python -m pipeline.fleet.judge_image`."""
    say = to_stderr("image")
    try:
        settings = Settings.resolve()
        image = ensure_judge_image(ensure_engine(settings.state, say), settings, say)
    except SettingsError as error:
        say(str(error))
        return 2
    except SandboxUnavailable as error:
        say(str(error))
        return 3
    sys.stdout.write(f"{image.tag}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
