"""How many processors and GPUs a night's candidates need, by simulation: costs as measured, queues as they are.

A candidate takes a processor's slot for the checks on the interpreter, and, where all its cases agreed, a GPU after
that; a slot is held by one candidate. Costs spread as measured ones do (log-normal around their mean). A machine may
fail: what it was at is begun again by another, as the scheduler does, and it is back after a while. Nothing is said of
storage and Prefect's server, whose share a candidate is a cost like the others (`overhead_s`).
"""

from __future__ import annotations

import math
import random
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import simpy


@dataclass(frozen=True, slots=True)
class Costs:
    """What a candidate costs, in seconds.

    Attributes:
        right_s: On a processor, where all cases agree.
        wrong_s: On a processor, where one does not: it ends early.
        gpu_s: On a GPU.
        agreed: Share of candidates that go on to the GPU, 0 to 1.
        spread: Standard deviation over mean of each cost.
        overhead_s: Of the flow, on a processor.
    """

    right_s: float
    wrong_s: float
    gpu_s: float
    agreed: float
    spread: float = 0.5
    overhead_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """What measures.

    Attributes:
        processors: Slots for checks on the interpreter.
        gpus: GPUs; 0 leaves their checks out.
        failures_per_hour: Of one slot; what it was at is begun again.
        repair_s: Until a slot that failed is back.
    """

    processors: int
    gpus: int
    failures_per_hour: float = 0.0
    repair_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Night:
    """How it went.

    Attributes:
        wall_s: Until the last verdict.
        processors_busy: Share of their time that they measured, 0 to 1.
        gpus_busy: As `processors_busy`.
        gpu_wait_s: What the median candidate waited for a GPU.
        begun_again: Measurements that a failure ended.
    """

    wall_s: float
    processors_busy: float
    gpus_busy: float
    gpu_wait_s: float
    begun_again: int


def simulate(candidates: int, costs: Costs, fleet: Fleet, seed: int = 0) -> Night:
    """Simulates a night in which all candidates are there at its beginning."""
    import simpy

    environment = simpy.Environment()
    night = _Night(environment, costs, fleet, random.Random(seed))
    for _ in range(candidates):
        environment.process(night.candidate())
    environment.run()
    wall = environment.now
    waits = sorted(night.waits)
    return Night(
        wall_s=wall,
        processors_busy=night.cpu_s / (wall * fleet.processors),
        gpus_busy=night.gpu_s / (wall * fleet.gpus) if fleet.gpus else 0.0,
        gpu_wait_s=waits[len(waits) // 2] if waits else 0.0,
        begun_again=night.begun_again,
    )


class _Night:
    def __init__(self, environment: simpy.Environment, costs: Costs, fleet: Fleet, chance: random.Random) -> None:
        import simpy

        self._now = environment
        self._costs, self._fleet, self._chance = costs, fleet, chance
        self._processors = simpy.Resource(environment, fleet.processors)
        self._gpus = simpy.Resource(environment, fleet.gpus) if fleet.gpus else None
        self.cpu_s = self.gpu_s = 0.0
        self.begun_again = 0
        self.waits: list[float] = []

    def candidate(self) -> Generator[Any, Any, None]:
        agrees = self._chance.random() < self._costs.agreed
        mean = self._costs.right_s if agrees else self._costs.wrong_s
        need = self._costs.overhead_s + self._drawn(mean)
        spent = yield from self._measured(self._processors, need)
        self.cpu_s += spent
        if agrees and self._gpus is not None:
            asked = self._now.now
            need = self._drawn(self._costs.gpu_s)
            spent = yield from self._measured(self._gpus, need, asked)
            self.gpu_s += spent

    def _measured(self, slots: simpy.Resource, need: float, asked: float | None = None) -> Generator[Any, Any, float]:
        """Holds a slot until it is done, again after each failure; returns for how long it measured."""
        spent = 0.0
        while True:
            with slots.request() as slot:
                yield slot
                if asked is not None:
                    self.waits.append(self._now.now - asked)
                    asked = None
                fails_after = self._fails_after()
                if fails_after >= need:
                    yield self._now.timeout(need)
                    return spent + need
                spent += fails_after
                self.begun_again += 1
                yield self._now.timeout(fails_after + self._fleet.repair_s)  # the slot is away so long

    def _fails_after(self) -> float:
        rate = self._fleet.failures_per_hour / 3600
        return self._chance.expovariate(rate) if rate else math.inf

    def _drawn(self, mean: float) -> float:
        if mean == 0 or self._costs.spread == 0:
            return mean
        variance = math.log(1 + self._costs.spread**2)
        return self._chance.lognormvariate(math.log(mean) - variance / 2, math.sqrt(variance))


def least_fleet(candidates: int, costs: Costs, night_s: float, failures_per_hour: float = 0.0) -> tuple[Fleet, Night]:
    """Finds the smallest fleet that is done within `night_s` seconds: of GPUs first, then of processors.

    It has a twentieth more GPUs than would do with processors without end: those that it has keep GPUs waiting.
    """
    share = costs.agreed
    cpu_s = candidates * (share * costs.right_s + (1 - share) * costs.wrong_s + costs.overhead_s)
    gpus = math.ceil(1.05 * candidates * share * costs.gpu_s / night_s)
    processors = max(1, math.floor(cpu_s / night_s))
    while True:
        fleet = Fleet(processors, gpus, failures_per_hour)
        night = simulate(candidates, costs, fleet)
        if night.wall_s <= night_s:
            return fleet, night
        processors += max(1, processors // 20)
        if processors > 2 * cpu_s / night_s + 8:  # it is the GPUs that are late
            processors, gpus = max(1, math.floor(cpu_s / night_s)), gpus + 1
