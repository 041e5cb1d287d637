"""Where things are and how much is used: resolved once, from the environment and the command line, then frozen."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from pipeline.errors import SettingsError

DEFAULT_BASE_IMAGE: Final = "python:3.11-slim-bookworm"
PROJECT: Final = Path(__file__).resolve().parents[1]
WORKERS_CAP: Final = 64
DEADLINE_CAP_S: Final = 30 * 86_400  # of a whole run
SMALLEST_RUNNER_MIB: Final = 1024  # torch, triton and a case of the largest size
OUTAGE_S: Final = 60  # an engine's restart takes seconds, an upgrade of its package up to a minute


class SandboxKind(StrEnum):
    """In what candidates are run: containers of an engine, or namespaces that are made here."""

    DOCKER = "docker"
    EMBEDDED = "embedded"


class Mode(StrEnum):
    """Where candidates are run."""

    AUTO = "auto"  # on the GPU too, where the policy asks for that and there is one
    CPU = "cpu"
    GPU = "gpu"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run uses.

    Attributes:
        project: The checkout: holds Dockerfile.runner and the runner's sources.
        state: Folder for the engine's state and cached wheels; git ignores it.
        runs: Where run folders go.
        workers: Candidates verified at once; each has a runner of its own.
        sandbox: In what candidates are run; never changed by what the machine happens to have.
        runtime: The engine's runtime for runners (`runc`, `runsc`); None is the engine's default.
        base_image: The Python image below the runner image.
        pip_arguments: What pip gets besides, where wheels are fetched for the image (the Makefile's PIP_ARGS).
        runner_bytes: Memory of one runner; None is an even share of the host's.
        logs_refusals: The kernel logs the system calls that it refuses a candidate, where that can be had, and evidence
            holds them. Off by default: a candidate that makes many fills the host's log as fast as the kernel lets it.
        storage: Where machines of a fleet find sources, policies, results and runs (an fsspec URL); None is nowhere.
        scheduler: Address of the Dask scheduler whose workers measure for flows; None measures in the flow's process.
        outage_s: How long a run waits for an engine that stopped to answer before candidates become inconclusive.
    """

    project: Path
    state: Path
    runs: Path
    workers: int
    sandbox: SandboxKind
    runtime: str | None
    runner_bytes: int | None
    outage_s: int
    logs_refusals: bool
    base_image: str
    pip_arguments: tuple[str, ...]
    storage: str | None = None
    scheduler: str | None = None

    @classmethod
    def resolve(
        cls, *, runs: Path | None = None, workers: int | None = None, sandbox: SandboxKind | None = None
    ) -> Settings:
        """Reads the environment; arguments win over it.

        Raises:
            SettingsError: a variable has a value that can't be used.
        """
        return cls(
            project=PROJECT,
            state=PROJECT / ".engine",
            runs=runs or Path(os.environ.get("KERNELGATE_RUNS", "runs")),
            workers=workers or _workers(os.environ.get("KERNELGATE_WORKERS")),
            sandbox=sandbox or _sandbox(os.environ.get("KERNELGATE_SANDBOX")),
            runtime=os.environ.get("KERNELGATE_RUNTIME") or None,
            runner_bytes=_runner_bytes(os.environ.get("KERNELGATE_RUNNER_MIB")),
            outage_s=_outage_s(os.environ.get("KERNELGATE_OUTAGE_S")),
            logs_refusals=_yes_or_no("KERNELGATE_LOG_REFUSALS"),
            base_image=os.environ.get("KERNELGATE_BASE_IMAGE") or DEFAULT_BASE_IMAGE,
            pip_arguments=_words(os.environ.get("KERNELGATE_PIP_ARGS", "")),
            storage=os.environ.get("KERNELGATE_STORAGE") or None,
            scheduler=os.environ.get("KERNELGATE_SCHEDULER") or None,
        )


def _workers(text: str | None) -> int:
    if not text:
        return max(1, min(os.cpu_count() or 1, 8))
    if not text.isdigit() or not 1 <= int(text) <= WORKERS_CAP:
        raise SettingsError(f"KERNELGATE_WORKERS is '{text}'; a whole number from 1 to {WORKERS_CAP} is needed")
    return int(text)


def _sandbox(text: str | None) -> SandboxKind:
    try:
        return SandboxKind(text or SandboxKind.DOCKER)
    except ValueError:
        raise SettingsError(f"KERNELGATE_SANDBOX is '{text}'; {' or '.join(SandboxKind)} is needed") from None


def _runner_bytes(text: str | None) -> int | None:
    if not text:
        return None
    if not text.isdigit() or int(text) < SMALLEST_RUNNER_MIB:
        raise SettingsError(f"KERNELGATE_RUNNER_MIB is '{text}'; a whole number from {SMALLEST_RUNNER_MIB} is needed")
    return int(text) << 20


def _outage_s(text: str | None) -> int:
    if not text:
        return OUTAGE_S
    if not text.isdigit():
        raise SettingsError(f"KERNELGATE_OUTAGE_S is '{text}'; a whole number of seconds is needed")
    return int(text)


def _yes_or_no(name: str) -> bool:
    text = os.environ.get(name) or "no"
    if text not in ("yes", "no"):
        raise SettingsError(f"{name} is '{text}'; yes or no is needed")
    return text == "yes"


def _words(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise SettingsError(f"KERNELGATE_PIP_ARGS is '{text}', which can't be split into arguments: {error}") from None
