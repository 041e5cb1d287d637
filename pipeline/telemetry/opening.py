"""Whether a run is recorded, and by what; OpenTelemetry is imported here, and only where it was asked for.

Variables that can't be used, a package that is missing and a collector that does not answer cost a run one warning:
whoever runs a gate wants its verdicts.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.errors import SettingsError
from pipeline.machine.gpu_access import GpuSettings, has_gpu
from pipeline.runs.facts import RunFacts
from pipeline.supply.machine_slots import folder_of_this_user, make_own
from pipeline.telemetry.configuration import TelemetryMisconfigured, configuration
from pipeline.telemetry.contract import UNRECORDED, Recorder
from sandbox.contract import SandboxUnavailable

if TYPE_CHECKING:
    from pipeline.telemetry.exporting import Means

MOST_INSTANCES: Final = 1024


@contextmanager
def recorder_of(facts: RunFacts, environment: Mapping[str, str], warn: Callable[[str], None]) -> Iterator[Recorder]:
    """Yields what records the run; `UNRECORDED` where nothing is asked for, or can be."""
    with _opened(environment, warn) as means:
        if means is None:
            yield UNRECORDED
            return
        from pipeline.telemetry.recording import recorded

        gpu = _gpu_number()
        with recorded(facts, means, gpu, _quarantine(gpu)) as recorder:
            yield recorder


@contextmanager
def machine_recorder(environment: Mapping[str, str], warn: Callable[[str], None]) -> Iterator[Recorder]:
    """Yields what records what this process does for runs of others: its runners, and the time on its GPU."""
    with _opened(environment, warn) as means:
        if means is None:
            yield UNRECORDED
            return
        from pipeline.telemetry.recording import MachineRecorder

        gpu = _gpu_number()
        yield MachineRecorder(means, gpu, _quarantine(gpu))


@contextmanager
def _opened(environment: Mapping[str, str], warn: Callable[[str], None]) -> Iterator[Means | None]:
    """Yields what a recorder writes to; None where nothing is asked for, or can be."""
    try:
        chosen = configuration(environment)
    except TelemetryMisconfigured as error:
        warn(f"telemetry: {error}. Nothing is sent; the run goes on")
        yield None
        return
    if chosen.is_off:
        yield None
        return
    try:
        from pipeline.telemetry.exporting import exporting
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("opentelemetry"):
            raise
        warn(
            f"telemetry: OTEL_* variables ask for it, and the package '{error.name}' is missing: "
            "pip install 'kernelgate[telemetry]'. Nothing is sent; the run goes on"
        )
        yield None
        return
    with ExitStack() as held:
        try:
            means = held.enter_context(exporting(chosen, held.enter_context(_instance()), warn))
        except Exception as error:  # noqa: BLE001  # whatever the SDK thinks of a variable that it reads itself
            warn(f"telemetry: OpenTelemetry refuses its settings: {error}. Nothing is sent; the run goes on")
            yield None
            return
        yield means


def _gpu_number() -> int:
    try:
        return GpuSettings.resolve().number
    except SettingsError:  # the run itself says so where it matters
        return 0


def _quarantine(gpu: int) -> Path | None:
    return folder_of_this_user() / f"gpu{gpu}.quarantine" if has_gpu(gpu) else None


@contextmanager
def _instance() -> Iterator[int]:
    """The least number that no other process on this machine has now."""
    folder = folder_of_this_user()
    held: int | None = None
    number = 0
    try:
        make_own(folder)
        for number in range(MOST_INSTANCES):
            held = os.open(folder / f"telemetry-{number}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                os.close(held)
                held = None
    except (OSError, SandboxUnavailable):  # a full disk; two runs may then seem to be one
        pass
    try:
        yield number
    finally:
        if held is not None:
            os.close(held)
