"""Who makes the steps of a run, operator beside operator, and who lends the slots of the providers.

Here it is threads of this process. They are daemons: a call to a provider can't be ended from outside, and whoever
interrupts a run does not want to wait ten minutes for it. The journal is made for that.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from pipeline.generation.loop.run import Generation
from pipeline.generation.loop.setting import Stopped
from pipeline.supply.gpu import GpuSupply
from pipeline.supply.slots import LocalSlots, Slot

LEAVING_S: Final = 10.0  # for the threads of a run that was ended: containers are closed meanwhile


@dataclass(frozen=True, slots=True)
class Work:
    """What there is to do.

    Attributes:
        generations: A run for each operator, by the operator's name.
        end: Ends the waiting of all of them; safe to call twice.
        gpu: What they are checked on besides; None where there is none.
    """

    generations: Mapping[str, Generation]
    end: Callable[[], None]
    gpu: GpuSupply | None = None


class Conduct(Protocol):
    """Makes the steps of runs."""

    def slot(self, provider: str, at_once: int) -> Slot:
        """Returns what is held while a provider is asked; the same for the same provider."""
        ...

    def make(self, work: Work) -> Mapping[str, Stopped]:
        """Makes all steps, and returns why each operator's run has ended; raises as `Generation.step`."""
        ...


class InThreads:
    """A thread an operator; of one process."""

    def __init__(self) -> None:
        self._slots: dict[str, LocalSlots] = {}

    def slot(self, provider: str, at_once: int) -> Slot:
        """As `Conduct.slot`."""
        return self._slots.setdefault(provider, LocalSlots(at_once))

    def make(self, work: Work) -> Mapping[str, Stopped]:
        """As `Conduct.make`."""
        if len(work.generations) == 1:
            return {name: generation.run() for name, generation in work.generations.items()}
        came: queue.SimpleQueue[tuple[str, Stopped | BaseException]] = queue.SimpleQueue()
        threads = [
            threading.Thread(target=_run, args=(name, generation, came), daemon=True)
            for name, generation in work.generations.items()
        ]
        try:
            for thread in threads:
                thread.start()
            return dict(_ended(came.get()) for _ in threads)
        except BaseException:
            work.end()
            _join(threads)
            raise


def _run(name: str, generation: Generation, came: queue.SimpleQueue[tuple[str, Stopped | BaseException]]) -> None:
    try:
        came.put((name, generation.run()))
    except BaseException as error:  # noqa: BLE001  # raised where the run is waited for
        came.put((name, error))


def _ended(one: tuple[str, Stopped | BaseException]) -> tuple[str, Stopped]:
    name, stopped = one
    if isinstance(stopped, BaseException):
        raise stopped
    return name, stopped


def _join(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.join(LEAVING_S)
