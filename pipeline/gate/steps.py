"""Who hears what is done with a candidate while it is measured: which check, and how many of its cases are done.

The heard things are for people. Nothing that decides about a candidate may depend on them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol

CheckName = Literal["properties", "compile", "mutants", "gpu"]


class Watcher(Protocol):
    """Hears how candidates are getting on; called from several threads."""

    def check(self, path: str, name: CheckName) -> None:
        """A check of a candidate begins."""
        ...

    def case(self, path: str, done: int, planned: int) -> None:
        """Another case of a candidate is done."""
        ...

    def mutant(self, path: str, done: int, planned: int) -> None:
        """It is known what became of another mutant of a candidate; `planned` of them are asked for at most."""
        ...


@dataclass(frozen=True, slots=True)
class Steps:
    """What is heard about one candidate.

    Attributes:
        cases: How many cases are done; what it raises ends the measuring.
        check: Which check begins.
        mutants: Of how many mutants it is known what became of them, and how many are asked for; raises nothing.
    """

    cases: Callable[[int], None] = lambda done: None
    check: Callable[[CheckName], None] = lambda name: None
    mutants: Callable[[int, int], None] = lambda done, planned: None


UNHEARD: Final = Steps()


def steps_of(path: str, planned: int, watcher: Watcher) -> Steps:
    """Returns what tells `watcher` about the candidate at `path`, of which `planned` cases are to be run."""
    return Steps(
        cases=lambda done: watcher.case(path, done, planned),
        check=lambda name: watcher.check(path, name),
        mutants=lambda done, planned: watcher.mutant(path, done, planned),
    )
