"""Who hears what is going on while no result is there yet: one line before every step that takes long."""

from __future__ import annotations

import sys

from sandbox.reporting import Report

__all__ = ["Report", "to_stderr"]


def to_stderr(speaker: str) -> Report:
    """Returns what writes `speaker: text` to stderr, for the commands of the Makefile."""

    def say(text: str) -> None:
        sys.stderr.write(f"{speaker}: {text}\n")

    return say
