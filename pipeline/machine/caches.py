"""Where this checkout keeps what can be had again: kept results of flows, and wheels for images."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from pipeline.settings import Settings

KEPT_RESULT: Final = re.compile(r"kernelgate-[0-9a-f]{64}")  # as `pipeline.gate.content_key` names it


def kept_results_folder(settings: Settings) -> Path:
    """Returns where Prefect's library keeps results here, unless its own settings in a profile say otherwise."""
    for variable in ("PREFECT_RESULTS_LOCAL_STORAGE_PATH", "PREFECT_LOCAL_STORAGE_PATH"):
        if named := os.environ.get(variable):
            return Path(named).expanduser()
    home = os.environ.get("PREFECT_HOME")
    return (Path(home).expanduser() if home else settings.state / "prefect") / "storage"


def wheels_folder(settings: Settings) -> Path:
    """Returns where wheels for images are."""
    return settings.project / ".wheelhouse"
