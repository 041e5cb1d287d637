"""How the help is set out: panels of commands for who sees it for the first time, and examples below each command.

An example is a command line as one types it; a test gives each of them to the parser, so that none goes stale.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

TITLE: Final = "Examples:"


class Panel(StrEnum):
    """What the commands are for, in the order in which somebody meets them."""

    VERIFY = "Verify"
    UNDERSTAND = "Understand a verdict"
    POLICIES = "Policies"
    EVIDENCE = "Evidence"
    GENERATE = "Generate"
    SCHEDULE = "Schedule"
    MACHINE = "Machine"
    PRODUCTION = "Production"


def examples(*lines: str) -> str:
    """Returns the text below a command's help: each line is a command as typed, a comment behind it if need be."""
    return "\n".join([TITLE, *(f"  {line}" for line in lines)]).replace("[", r"\[")
