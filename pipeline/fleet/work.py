"""The work of a flow whose tasks run on Dask workers: orders out, evidence in, verdicts here.

The scheduler brings orders to workers that offer the right judge and part (`pipeline.fleet.identity`); a worker that is
killed loses what it was at, and the scheduler gives that to another. Where no worker is left the run waits as long as
it waits for an engine (`KERNELGATE_OUTAGE_S`), and then ends: what was measured is kept.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast

from pipeline.errors import FlowUnavailable, SettingsError
from pipeline.fleet.identity import Judge, Part, judge_here, resource
from pipeline.fleet.orders import Order
from pipeline.fleet.results import result_storage
from pipeline.fleet.shared_storage import SharedStorage
from pipeline.fleet.tasks import check_on_gpu, verify_elsewhere
from pipeline.gate.judged import Judged
from pipeline.orchestration.flow_work import InfrastructureFault, Item, Progress, Work, evidence_in
from pipeline.settings import Mode, Settings
from policies.policy import Policy
from policies.waivers import DatedWaivers
from runners.candidate import Candidate
from runners.evidence import Evidence, Missing
from runners.operators import OPERATORS

import dask  # isort: skip
from distributed import Client, Event  # isort: skip
from prefect.futures import PrefectFuture  # isort: skip
from prefect.task_runners import TaskRunner  # isort: skip
from prefect_dask.task_runners import DaskTaskRunner  # isort: skip

CONNECT_S: Final = 30.0
_LOG: Final = logging.getLogger(__name__)


class FleetWork(Work):
    """Measures on workers."""

    # A task costs 0.16 s to send: who waited for all would see the first verdict of a night after half an hour.
    at_once = 8

    def __init__(
        self,
        items: Sequence[Item],
        policy: Policy,
        settings: Settings,
        *,
        fresh: bool,
        progress: Progress,
        mode: Mode = Mode.AUTO,
        waivers: DatedWaivers | None = None,
        deadline_s: float | None = None,
        look: str | None = None,
    ) -> None:
        super().__init__(
            items, policy, fresh=fresh, progress=progress, waivers=waivers, deadline_s=deadline_s, look=look
        )
        if settings.scheduler is None or settings.storage is None:
            raise SettingsError("workers need KERNELGATE_SCHEDULER and KERNELGATE_STORAGE, which all machines see")
        own = next((one for one in items if isinstance(one, Candidate) and one.operator.name not in OPERATORS), None)
        if own is not None:
            raise SettingsError(f"{own.path}: workers know the built-in operators alone, not '{own.operator.name}'")
        self._scheduler = settings.scheduler
        self._storage = SharedStorage(settings.storage)
        self._outage_s = settings.outage_s
        self._on_gpu = bool(policy.gpu_checks) and mode is not Mode.CPU
        self._judge: Judge = judge_here()
        self._run = f"kernelgate-run-{secrets.token_hex(8)}"
        self._orders: list[Order] = []
        self._stages: dict[PrefectFuture[str], Part] = {}
        self._half: dict[int, Evidence] = {}
        self._client: Client | None = None
        self._alone_since: float | None = None
        self._ending = threading.Event()

    def runner(self) -> TaskRunner[PrefectFuture[Any]]:
        """What submits tasks to the workers."""
        return cast("TaskRunner[PrefectFuture[Any]]", DaskTaskRunner(address=self._scheduler))

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Talks to the scheduler within the block.

        Raises:
            FlowUnavailable: it does not answer, or has no worker for this run.
        """
        try:
            client = Client(self._scheduler, timeout=CONNECT_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise FlowUnavailable(
                f"the Dask scheduler at {self._scheduler} does not answer: {error}. Start it (dask scheduler), or "
                "unset KERNELGATE_SCHEDULER"
            ) from None
        with client:
            self._client = client
            while (lacking := self._lacking()) is not None:
                self._wait_for_workers(lacking)
                time.sleep(1.0)
            try:
                yield
            finally:
                self._tell_end()

    def begin(self) -> None:
        """Stores what workers have to read."""
        policy = self._storage.put(self.policy.model_dump_json().encode())
        self._orders = [
            Order(
                path=item.facts.path, source=self._storage.put(item.source), policy=policy, storage=self._storage.url,
                judge=self._judge, run=self._run, look=self.look,
            )
            for item in self.items
        ]  # fmt: skip
        self._kept = result_storage(self._storage.url)

    def submit(self, numbers: Sequence[int], *, fresh: bool) -> dict[PrefectFuture[str], int]:
        """Orders what needs no GPU."""
        task = verify_elsewhere.with_options(refresh_cache=fresh, result_storage=self._kept)
        futures: dict[PrefectFuture[str], int] = {}
        with dask.annotate(resources={resource("cpu", self._judge): 1}):
            for number in numbers:
                future = task.submit(self._orders[number].path, self._orders[number])
                self._stages[future], futures[future] = "cpu", number
        return futures

    def next_task(self, number: int, future: PrefectFuture[str], *, fresh: bool) -> PrefectFuture[str] | None:
        """Orders the checks on a GPU where all cases agreed without one."""
        if not self._on_gpu or self._stages.pop(future) == "gpu" or self._ending.is_set():
            return None
        try:
            result: object = future.result(raise_on_failure=False)
            evidence = evidence_in(result)
        except Exception:  # noqa: BLE001  # whatever it is, `take_in` meets it again, and says it
            return None
        if isinstance(result, InfrastructureFault) or not _agreed(evidence):
            return None
        self._half[number] = evidence
        task = check_on_gpu.with_options(refresh_cache=fresh, result_storage=self._kept)
        with dask.annotate(resources={resource("gpu", self._judge): 1}):
            following = task.submit(self._orders[number].path, self._orders[number], evidence.model_dump_json())
        self._stages[following] = "gpu"
        return following

    def look_up(self) -> None:
        """Ends the run where no worker has been left for too long."""
        if self._ending.is_set():
            return
        lacking = self._lacking()
        if lacking is None:
            self._alone_since = None
        else:
            self._wait_for_workers(lacking)

    def stop(self) -> None:
        """Tells the workers, who end after the case that they are at."""
        self._ending.set()
        self._tell_end()

    def end_in_time(self) -> None:
        """As `stop`; orders that no worker has begun end as soon as one begins them."""
        self.stop()

    def judge_by(self, number: int, evidence: Evidence, *, reused: bool) -> None:
        """Says why what a run in a hurry lacks is missing."""
        properties = evidence.properties
        if isinstance(properties, Missing) and properties.ours:
            evidence = self.deadline.cut(evidence)
        super().judge_by(number, evidence, reused=reused)

    def _tell_end(self) -> None:
        if self._client is not None:
            try:
                Event(self._run, client=self._client).set()
            except Exception as error:  # noqa: BLE001  # a scheduler that is gone has no workers that go on
                _LOG.debug("the workers were not told that the run has ended: %r", error)

    def _lacking(self) -> str | None:
        """Says which part no worker offers for this judge; None where there is one for each."""
        assert self._client is not None
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        offered = {name for worker in workers for name in worker["resources"]}
        parts: tuple[Part, ...] = ("cpu", "gpu") if self._on_gpu else ("cpu",)
        lacking = [part for part in parts if resource(part, self._judge) not in offered]
        if not lacking:
            return None
        return f"no worker of {len(workers)} at {self._scheduler} offers '{lacking[0]}' with {self._judge}"

    def _wait_for_workers(self, lacking: str) -> None:
        now = time.monotonic()
        self._alone_since = self._alone_since if self._alone_since is not None else now
        if now - self._alone_since > self._outage_s:
            raise FlowUnavailable(
                f"{lacking}, for {self._outage_s} s. Start one from this checkout (kernelgate worker); what was "
                "measured is kept: run the same command again, and it goes on."
            )


def _agreed(evidence: Evidence) -> bool:
    properties = evidence.properties
    return not isinstance(properties, Missing) and properties.failure is None


def verify_on_workers(
    items: Sequence[Item],
    policy: Policy,
    settings: Settings,
    *,
    fresh: bool,
    progress: Progress,
    mode: Mode = Mode.AUTO,
    waivers: DatedWaivers | None = None,
    deadline_s: float | None = None,
    look: str | None = None,
) -> tuple[Judged, ...]:
    """Verifies `items` as a run of the flow whose tasks run on the workers of a Dask scheduler.

    Raises:
        FlowUnavailable: the scheduler, its workers or Prefect's server can't be had.
        SettingsError: storage or scheduler are not named, or an operator is not built in.
        StorageError: the storage takes nothing.
    """
    from pipeline.orchestration.flow import run_flow

    work = FleetWork(
        items, policy, settings, fresh=fresh, progress=progress, mode=mode, waivers=waivers, deadline_s=deadline_s,
        look=look,
    )  # fmt: skip
    with work.connected():
        return run_flow(work, work.runner())
