"""Wheels for an image, fetched by the host's pip, so that the host's index, certificates and wheel folders apply.

The image's Python and processor decide which wheels fit, not the host's: they are named to pip explicitly. A folder is
filled under another name and renamed when it is complete, so one that is there is whole.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pipeline.machine.debian import tail
from pipeline.reporting import Report
from sandbox.os_errors import reason_of

# glibc of the oldest and newest wheels that fit a Debian 12 image (2.36).
GLIBC_MINORS = range(17, 37)


@dataclass(frozen=True, slots=True)
class Target:
    """What wheels must fit: the image's Python (`3.11`) and processor (`x86_64`)."""

    python: str
    processor: str

    def arguments(self) -> list[str]:
        """Returns pip's arguments that select wheels for this target."""
        platforms = [f"manylinux_2_{minor}_{self.processor}" for minor in reversed(GLIBC_MINORS)]
        platforms += [f"manylinux2014_{self.processor}", f"linux_{self.processor}"]
        selected = [word for platform in platforms for word in ("--platform", platform)]
        return ["--only-binary=:all:", "--implementation", "cp", "--python-version", self.python, *selected]


class WheelsUnavailable(Exception):
    """The host's pip could not bring the wheels; the text holds the end of its output."""


def fetch_wheels(
    folder: Path,
    requirements: tuple[str, ...],
    target: Target,
    report: Report,
    pip_arguments: tuple[str, ...] = (),
    *,
    alone: bool = False,
) -> tuple[Path, ...]:
    """Returns wheels for `requirements` on `target`, from a folder under `folder` that is filled when it is missing.

    `pip_arguments` go to pip as they are: image and host then take their wheels from the same place.

    Raises:
        WheelsUnavailable: the host's pip could not bring all of them.
    """
    kept = folder / _name(requirements, target, alone)
    if not kept.is_dir():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(prefix="partial-", dir=folder))
        except OSError as error:
            raise WheelsUnavailable(f"wheels can't be kept in {folder}: {reason_of(error)}") from None
        report(f"fetching the wheels of {len(requirements)} packages for Python {target.python} into {kept}")
        try:
            _download(partial, requirements, target, folder / "pip.log", pip_arguments, alone=alone)
            partial.replace(kept)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return tuple(sorted(kept.glob("*.whl")))


def _download(
    into: Path, requirements: tuple[str, ...], target: Target, log: Path, more: tuple[str, ...], *, alone: bool
) -> None:
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--dest", str(into)]
    command += [*target.arguments(), *(["--no-deps"] if alone else []), *more, *requirements]
    with log.open("wb") as sink:
        finished = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, check=False)
    if finished.returncode != 0:
        raise WheelsUnavailable(f"pip download failed; the end of {log}:\n{tail(log)}")


def _name(requirements: tuple[str, ...], target: Target, alone: bool) -> str:
    content = "\n".join([*sorted(requirements), str(alone)])
    return f"cp{target.python.replace('.', '')}-{target.processor}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"
