"""What facts can be about; apart from the facts, because the command line names them before it loads what reads any."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What an event is about."""

    IMPORTS = "imports"
    SOURCE = "source"
    SECCOMP = "seccomp"
    FILES = "files"
    PROCESSES = "processes"
    MEMORY = "memory"
    OUTPUTS = "outputs"
    ENDS = "ends"
