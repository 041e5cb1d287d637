"""Keys of providers from Prefect's Secret blocks, where the environment lacks them.

The block of a variable has its name in small letters and with dashes: FAR_KEY is looked for in the block `far-key`. The
value goes where a value of the environment goes, into an `ApiKey`, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prefect.blocks.system import Secret


class EnvironmentOrBlocks(Mapping[str, str]):
    """The environment, and what it lacks from Secret blocks of the server that this process talks to."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Takes the environment, which wins."""
        self._environment = environment

    def __getitem__(self, variable: str) -> str:
        """Returns the value; raises KeyError where neither has it."""
        value = self._environment.get(variable)
        if value:
            return value
        try:
            block: Any = Secret.load(block_name(variable))  # no coroutine: nobody awaits here
        except ValueError:  # Prefect's word for a block that is not there
            raise KeyError(variable) from None
        return str(block.get())

    def __iter__(self) -> Iterator[str]:
        """Of the environment alone: blocks are looked for by name."""
        return iter(self._environment)

    def __len__(self) -> int:
        """Of the environment alone."""
        return len(self._environment)


def block_name(variable: str) -> str:
    """Returns the name of the block that a variable's value may be in."""
    return variable.lower().replace("_", "-")
