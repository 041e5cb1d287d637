"""Where a worker process measures: runners, turns and a GPU for one policy, opened once and used until it ends.

Each worker process has a sandbox, a proof of its limits and a pool of its own, so evidence says what it was measured
in. Two on one machine share its slots (`pipeline.supply.machine_slots`), as two runs do. What a killed worker left in
the engine is removed by the next that opens there.
"""

from __future__ import annotations

import functools
import logging
import secrets
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from pipeline.fleet.identity import Part
from pipeline.fleet.orders import Order
from pipeline.fleet.shared_storage import SharedStorage
from pipeline.gate.content_key import content_key
from pipeline.gate.gpu_part import checked_on_gpu
from pipeline.gate.judging import measure, needs_runner
from pipeline.gate.steps import Steps
from pipeline.gate.turns import Turns
from pipeline.settings import Mode, Settings
from pipeline.supply.gpu import GpuSupply
from pipeline.supply.gpu_opening import gpu_for
from pipeline.supply.machine_slots import SharedMachine
from pipeline.supply.runners import supply_for
from pipeline.telemetry.contract import UNRECORDED, Recorder, current_recorder, recording
from policies.policy import Policy
from runners.candidate import Candidate, Unreadable, parse_candidate
from runners.evidence import Evidence, IsolationEvidence

_LOG: Final = logging.getLogger(__name__)


class Workplace:
    """What measures under one policy; thread-safe."""

    def __init__(self, policy: Policy, settings: Settings, on_gpu: Callable[[GpuSupply], None]) -> None:
        """Opens nothing yet; `on_gpu` hears of the GPU when it is opened."""
        self._policy = policy
        self._settings = settings
        self._on_gpu = on_gpu
        self._lock = threading.Lock()
        self._held = ExitStack()
        self._gpu: GpuSupply | None = None
        self._recorder = current_recorder()  # a GPU is opened later, on whatever thread needs it
        self._supply = self._held.enter_context(supply_for(settings, policy, _LOG.info))
        self._turns = Turns(settings.workers, SharedMachine.of_this_user(settings.workers))

    def key(self, item: Candidate | Unreadable, part: Part) -> str | None:
        """Returns the key of the evidence that this place would make of `item`.

        Raises:
            SandboxUnavailable: nothing can be run here.
        """
        if part == "gpu":
            return content_key(item, self._policy, self._isolation(item), self._opened_gpu().identity)
        return content_key(item, self._policy, self._isolation(item))

    def measure(self, item: Candidate | Unreadable, go_on: Callable[[int], None]) -> Evidence:
        """Makes every check that needs no GPU."""
        return measure(item, self._policy, self._supply, steps=Steps(cases=go_on), turns=self._turns)

    def check_on_gpu(self, item: Candidate, evidence: Evidence, go_on: Callable[[int], None]) -> Evidence:
        """Adds what this machine's GPU says."""
        device = checked_on_gpu(item, self._policy, self._opened_gpu(), secrets.randbits(64), go_on)
        return evidence.model_copy(update={"device": device})

    def close(self) -> None:
        """Ends every runner."""
        self._turns.close()
        self._supply.close()
        if self._gpu is not None:
            self._gpu.close()
        self._held.close()

    def _isolation(self, item: Candidate | Unreadable) -> IsolationEvidence | None:
        if needs_runner(item, self._policy):
            self._supply.open()
        return self._supply.isolation

    def _opened_gpu(self) -> GpuSupply:
        with self._lock:
            if self._gpu is None:
                with recording(self._recorder):
                    gpu = self._held.enter_context(gpu_for(self._settings, self._policy, Mode.GPU, _LOG.info))
                assert gpu is not None  # Mode.GPU raises where there is none
                self._on_gpu(gpu)
                self._gpu = gpu
            return self._gpu


class Workplaces:
    """Those of this process, by policy."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, Workplace] = {}
        self._recorder: Recorder = UNRECORDED

    def recorded_by(self, recorder: Recorder) -> None:
        """Has what is done here recorded: the runs' own recorders are where the runs were ordered."""
        self._recorder = recorder

    def of(self, order: Order, on_gpu: Callable[[GpuSupply], None]) -> Workplace:
        """Returns the place for an order's policy.

        Raises:
            StorageError: the policy can't be read.
            SandboxUnavailable: the machine's folder of locks can't be had.
        """
        with self._lock:
            if order.policy not in self._open:
                policy = Policy.model_validate_json(SharedStorage(order.storage).get(order.policy))
                with recording(self._recorder):
                    self._open[order.policy] = Workplace(policy, Settings.resolve(), on_gpu)
            return self._open[order.policy]

    def close(self) -> None:
        """Closes all; the process takes no order after it."""
        with self._lock:
            places, self._open = tuple(self._open.values()), {}
        for place in places:
            place.close()


WORKPLACES: Final = Workplaces()


@functools.lru_cache(maxsize=64)
def item_of(storage: str, source: str, path: str) -> Candidate | Unreadable:
    """Reads an order's candidate.

    Raises:
        StorageError: it can't be read.
    """
    return parse_candidate(SharedStorage(storage).get(source), path)
