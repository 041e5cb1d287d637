"""How a scheduled run goes, in the log that Prefect's page shows."""

from __future__ import annotations

from typing import Final

from prefect.logging import get_run_logger

from pipeline.gate.judged import Judged
from pipeline.gate.steps import CheckName
from sandbox.printable import printable


class RunLog:
    """Hears of a run (`pipeline.verification.verify.Listener`); made in the flow's thread, called from others."""

    def __init__(self) -> None:
        self._log: Final = get_run_logger()

    def note(self, text: str) -> None:
        """A line."""
        self._log.info(printable(text))

    def warn(self, text: str) -> None:
        """A warning."""
        self._log.warning(printable(text))

    def check(self, path: str, name: CheckName) -> None:
        """Nothing: a task of the flow says as much."""

    def case(self, path: str, done: int, planned: int) -> None:
        """Nothing: nobody watches."""

    def mutant(self, path: str, done: int, planned: int) -> None:
        """Nothing: nobody watches."""

    def judged(self, path: str, judged: Judged) -> None:
        """A line for each verdict."""
        first = f": {judged.verdict.findings[0].rule}" if judged.verdict.findings else ""
        self._log.info(printable(f"{path} is {judged.verdict.tier}{first}"))
