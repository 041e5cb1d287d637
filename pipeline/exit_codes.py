"""The exit codes of every gate command."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ALLOWED: Final = 0
DENIED: Final = 1
USAGE: Final = 2  # wrong usage or configuration; no candidate at all is one
INCOMPLETE: Final = 3  # evidence or infrastructure is missing, or the run was interrupted

MEANINGS: Final[Mapping[int, str]] = MappingProxyType(
    {
        ALLOWED: "every candidate is allowed; with `--changed-since`, also when none changed",
        DENIED: "something was denied",
        USAGE: "wrong usage or configuration; no candidate at all is one",
        INCOMPLETE: "evidence or infrastructure is missing, or the run was interrupted",
    }
)
