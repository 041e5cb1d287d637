"""Looks at everything."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pipeline.machine.caches import kept_results_folder, wheels_folder
from pipeline.machine.disk_use import disk_use
from pipeline.observing.under_way import runs_under_way
from pipeline.reporting import Report
from pipeline.settings import Settings
from pipeline.status.contract import Place, Status
from pipeline.status.parts import engine_parts, gpu_parts, prefect_part, registry_part, slots_part
from pipeline.status.run_folders import last_runs, unfinished_runs
from pipeline.supply.machine_slots import folder_of_this_user

COUNTING_S: Final = 5.0  # for all folders; an engine's holds hundreds of thousands of files


def look(
    settings: Settings, last: int, report: Report | None = None, environment: Mapping[str, str] = os.environ
) -> Status:
    """Returns what is happening on this machine.

    Args:
        last: How many of the ended runs are read.
        report: Hears what is waited for.
    """
    folder = folder_of_this_user()
    return Status(
        at=datetime.now(UTC),
        under_way=runs_under_way(),
        unfinished=unfinished_runs(settings.runs),
        last=last_runs(settings.runs, last),
        parts=(
            *engine_parts(settings),
            slots_part(folder),
            *gpu_parts(folder),
            prefect_part(environment),
            registry_part(environment, Path.cwd(), report),
        ),
        disk=_disk(settings),
    )


def _disk(settings: Settings) -> tuple[Place, ...]:
    until = time.monotonic() + COUNTING_S
    places = {
        "run folders": settings.runs,
        "kept results": kept_results_folder(settings),
        "wheels": wheels_folder(settings),
        "engine": settings.state / "data",
    }
    return tuple(Place(name, path, disk_use(path, until)) for name, path in places.items() if path.exists())
