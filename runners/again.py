"""What may not be a candidate's doing is done again, in a fresh runner.

A missed deadline once, because the machine may be busy. A SIGKILL twice, because anybody on the host may send one; want
of memory twice and a while later, because the kernel kills for a limit above the container's own (a pod's, a slice's)
and names the container. A fault of our side `FAULTS` times in a row. A right answer is right whatever was killed before
it, so repeating gives nothing away. Any other end is not doubted: a candidate that crashes once is wrong.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Collection
from typing import Final, Literal, TypeVar

from runners.conversation import RunnerFault
from runners.evidence import RunnerEnded
from sandbox.outcomes import KilledBySignal, OutOfMemory, TimedOut

FAULTS: Final = 2
Doubt = Literal["slow", "killed", "starved"]
PAUSES_S: Final[dict[Doubt, tuple[float, ...]]] = {"slow": (0.0,), "killed": (0.0, 0.0), "starved": (2.0, 5.0)}
ALL_DOUBTS: Final[tuple[Doubt, ...]] = ("slow", "killed", "starved")
ONLY_KILLED: Final[tuple[Doubt, ...]] = ("killed",)
Result = TypeVar("Result")


class Again:
    """Repeats calls, and counts why.

    Attributes:
        slow: Deadlines that were kept when it was done again.
        lost: Runners that ended through no doing of the candidate: faults of ours, and kills and want of memory that
            did not come again.
    """

    def __init__(self, drop: Callable[[], None], give_way: Callable[[], None] = lambda: None) -> None:
        """Begins to count.

        Args:
            drop: Ends the runner that a fault has left, so that the next call gets a fresh one.
            give_way: Called before something in doubt is done again: whoever hangs need not keep others waiting.
        """
        self._drop = drop
        self._give_way = give_way
        self.slow = 0
        self.lost = 0

    def confirmed(self, once: Callable[[], Result], doubts: Collection[Doubt] = ALL_DOUBTS) -> Result:
        """Returns what `once` says when none of `doubts` is left, or what it said as often as is asked.

        Raises:
            RunnerFault: our side failed, again and again.
        """
        pauses = {doubt: list(PAUSES_S[doubt]) for doubt in doubts}
        result = self.surviving(once)
        while (doubt := doubt_about(result)) is not None and pauses.get(doubt):
            time.sleep(pauses[doubt].pop(0))
            self._give_way()
            result = self.surviving(once)
            if doubt_about(result) != doubt:
                self.slow += doubt == "slow"
                self.lost += doubt != "slow"
        return result

    def surviving(self, once: Callable[[], Result]) -> Result:
        """Repeats what a fault of ours has ended.

        Raises:
            RunnerFault: our side failed, again and again.
        """
        for _ in range(FAULTS):
            try:
                return once()
            except RunnerFault:
                self._drop()
                self.lost += 1
        return once()


def doubt_about(result: object) -> Doubt | None:
    """Why what came back may not be the candidate's doing; None where it is, or where all is well."""
    match result:
        case RunnerEnded(how="timed_out") | TimedOut():
            return "slow"
        case RunnerEnded(how="signal", detail=signal.SIGKILL.name) | KilledBySignal(signal=signal.SIGKILL.value):
            return "killed"
        case RunnerEnded(how="out_of_memory") | OutOfMemory():
            return "starved"
    return None
