"""The mutants of one candidate, run beside its own cases where slots of the machine are spare.

A mutant that survives costs as much as the candidate: on a machine with many cores the gate would wait for it with all
but one of them idle. They begin when the candidate has a head start, as the checks on a GPU do, because most wrong
candidates fail one of their first cases. Whoever waits for a slot gets it: the mutant under way is given back, and the
thread that has the candidate's own slot runs it, as it runs all of them where no slot is spare.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from pipeline.gate.gpu_part import HEAD_START
from pipeline.gate.turns import Turns
from runners.conversation import Runner
from runners.evidence import MutantsEvidence, PropertiesEvidence
from runners.mutants import MutantsCheck
from runners.turn import Turn

HELPERS: Final = 16  # at once: more would only warm runners


class MutantsPart:
    """A context manager that leaves no thread and no runner behind."""

    def __init__(
        self,
        check: Callable[[Callable[[], Runner]], MutantsCheck],
        take: Callable[[], Runner],
        turns: Turns | None,
        count: int,
    ) -> None:
        """Begins nothing.

        Args:
            check: Makes the check, given where its runners come from.
            take: Gives fresh runners.
            turns: Where slots may be spare; None is a machine that has none.
            count: How many mutants there will be at most.
        """
        self._take = take
        self._turns = turns
        self._lock = threading.Lock()
        self._taken: list[Runner] = []
        self._unwanted = False
        self._helpers: list[threading.Thread] = []
        self._most = min(HELPERS, count)
        self._check = check(self._taken_here)
        self._bug: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._unwanted = True
            for runner in self._taken:
                runner.abort()
        for helper in self._helpers:
            helper.join()

    def heard(self, cases: int) -> None:
        """The candidate agreed on so many cases."""
        if cases % HEAD_START == 0:  # a slot may be spare later, too
            self._have_help()

    def finish(self, passed: PropertiesEvidence, turn: Turn) -> MutantsEvidence:
        """Runs what is left.

        Raises:
            SandboxUnavailable: no runner can be had.
            RunnerFault: our side failed.
        """
        self._have_help()
        evidence = self._check.finish(passed, turn)
        if self._bug is not None:
            raise self._bug
        return evidence

    def _have_help(self) -> None:
        if self._turns is None:
            return
        self._helpers = [helper for helper in self._helpers if helper.is_alive()]
        for number in range(self._most - len(self._helpers)):
            context = contextvars.copy_context()  # Prefect's settings are in it
            helper = threading.Thread(target=context.run, args=(self._help,), name=f"mutants {number}", daemon=True)
            self._helpers.append(helper)
            helper.start()

    def _help(self) -> None:
        assert self._turns is not None
        try:
            with self._turns.spare() as turn:
                if turn is not None:
                    self._check.help(turn, self._go_on)
        except _UnwantedError:
            pass
        except BaseException as error:  # noqa: BLE001  # a bug of ours: raised where the evidence is waited for
            self._bug = error

    def _taken_here(self) -> Runner:
        runner = self._take()
        with self._lock:
            self._taken.append(runner)
            if self._unwanted:
                runner.abort()
        return runner

    def _go_on(self, done: int) -> None:
        if self._unwanted:
            raise _UnwantedError


class _UnwantedError(BaseException):
    """Nobody waits for the mutants; not an Exception, so that nothing on the way takes it for what one did."""
