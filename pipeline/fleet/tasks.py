"""The tasks of a flow whose workers are other processes: plain parameters in, evidence as JSON out.

A candidate's checks are two tasks. What needs no GPU is made where processors are; what agreed there goes on to a host
with a GPU, and comes back with both. Each is kept by its own key, which the worker makes: of what it really measures in
and on. What a worker has finished is in the shared results, so it is not lost with the worker, the flow or the server.

A worker whose judge is another one refuses (`pipeline.fleet.identity`); the scheduler should not have asked it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Final

from pipeline.errors import StorageError
from pipeline.fleet.identity import Part, judge_here
from pipeline.fleet.orders import Order
from pipeline.fleet.workplace import WORKPLACES, Workplace, item_of
from pipeline.gate.content_key import key_in_look
from pipeline.gate.kept import our_failure
from pipeline.orchestration.flow_work import RETRIED, InfrastructureFault, is_ours
from pipeline.orchestration.prefect_slot import gpu_slot
from pipeline.supply.gpu import GpuSupply
from runners.candidate import Candidate, Unreadable
from runners.evidence import Evidence, Missing
from sandbox.contract import SandboxUnavailable

from prefect import task  # isort: skip
from prefect.context import TaskRunContext  # isort: skip

GPU_TAG: Final = "kernelgate-gpu"
LOOK_UP_S: Final = 2.0
RUN_ENDED: Final = "the run was ended"
_LOG: Final = logging.getLogger(__name__)


def _key_of(part: Part) -> Callable[[TaskRunContext, dict[str, Any]], str | None]:
    def key(context: TaskRunContext, parameters: dict[str, Any]) -> str | None:
        order: Order = parameters["order"]
        try:
            return key_in_look(_place(order).key(_item(order), part), order.look)
        except (StorageError, SandboxUnavailable) as error:  # the task will say it
            _LOG.debug("no key for %s: %s", order.path, error)
            return None

    return key


_OPTIONS: Final[dict[str, Any]] = {
    "task_run_name": "{path}",
    "persist_result": True,
    "result_serializer": "json",
    "retry_condition_fn": is_ours,
    **RETRIED,
}


@task(name="verify-candidate", cache_key_fn=_key_of("cpu"), **_OPTIONS)
def verify_elsewhere(path: str, order: Order) -> str:
    """Makes every check of a candidate that needs no GPU; returns its evidence as JSON.

    Raises:
        InfrastructureFault: our side failed.
    """
    return _finished(order, lambda place, item: place.measure(item, _until_the_end(order)))


@task(name="check-on-gpu", cache_key_fn=_key_of("gpu"), tags={GPU_TAG}, **_OPTIONS)
def check_on_gpu(path: str, order: Order, evidence: str) -> str:
    """Adds the checks on a GPU to `evidence`; returns both as JSON.

    Raises:
        InfrastructureFault: our side failed.
    """
    measured = Evidence.model_validate_json(evidence)

    def check(place: Workplace, item: Candidate | Unreadable) -> Evidence:
        assert isinstance(item, Candidate)  # others agreed with nothing
        return place.check_on_gpu(item, measured, _until_the_end(order))

    return _finished(order, check, without=measured)


def _finished(
    order: Order, make: Callable[[Workplace, Candidate | Unreadable], Evidence], without: Evidence | None = None
) -> str:
    here = judge_here()
    if here != order.judge:
        raise RefusedError(f"this worker has {here}, and the run wants {order.judge}: start it from the same checkout")
    item = _item(order)
    try:
        evidence = make(_place(order), item)
    except SandboxUnavailable as error:
        if without is None:
            raise
        evidence = without.model_copy(update={"device": Missing(reason=str(error), ours=True)})
    failure = our_failure(evidence)
    if failure is not None:
        raise InfrastructureFault(failure, evidence.model_dump_json(), failure != RUN_ENDED)
    return evidence.model_dump_json()


class RefusedError(Exception):
    """This worker judges with something else than the run that orders."""


def _place(order: Order) -> Workplace:
    return WORKPLACES.of(order, _hold_slot)


def _item(order: Order) -> Candidate | Unreadable:
    return item_of(order.storage, order.source, order.path)


def _hold_slot(gpu: GpuSupply) -> None:
    slot = gpu_slot(gpu.number)
    slot.make()
    gpu.hold_also(slot)


def _until_the_end(order: Order) -> Callable[[int], None]:
    """Raises after the run was ended; asks the scheduler now and then, between two cases."""
    from distributed import Event, get_client

    ended = Event(order.run, client=get_client())
    looked = time.monotonic()

    def go_on(cases: int) -> None:
        nonlocal looked
        if time.monotonic() - looked < LOOK_UP_S:
            return
        looked = time.monotonic()
        if ended.is_set():
            raise SandboxUnavailable(RUN_ENDED)

    return go_on
