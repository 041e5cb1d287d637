"""A slot on Prefect's server, from a global concurrency limit: seen from elsewhere, and one for all that talk to it.

Two things have one. A GPU: what keeps two candidates apart on one machine is the machine's own lock (`GpuSupply.turn`);
whoever has it asks for the only slot, too, so that Prefect's pages show who is on the GPU, and checkouts and containers
of a host do not meet there. A provider of models: so many calls at once over all flows.

The server lends a slot for a minute, its shortest lease, and the holder renews it. A holder that was killed leaves a
mark (`pipeline.supply.left_behind`): whoever waits on the same machine gives its lease back at once. Where the machine
is gone, the slot is free when the lease has ended and the server has looked. Prefect's own context manager is not used:
its waiting can't be ended, and each answer that is no slot is logged as a service that failed.

A server that is gone or fails is waited for, a minute over all who wait together. Then the slot can't be had, and is
asked for again by whoever needs it next. One that is held already stays held: its lease may run out, and then somebody
else may get it, too; on a GPU the lock does not.

Not handled: a server that forgets its leases when it is restarted (Prefect's default keeps them in memory) while a slot
is taken. It lends that slot to nobody any more; who waits says what to do about it.
"""

from __future__ import annotations

import contextvars
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate
from prefect.client.schemas.objects import ConcurrencyLeaseHolder
from prefect.client.schemas.responses import ConcurrencyLimitWithLeaseResponse
from prefect.context import TaskRunContext
from prefect.events import emit_event
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from pipeline.errors import FlowUnavailable, SlotUnavailable
from pipeline.supply.left_behind import Mark, Marks

LEASE_S: Final = 60.0  # no server lends for less
RENEWAL_S: Final = 20.0
REQUEST_S: Final = 10.0
POLL_S: Final = 1.0
PATIENCE_S: Final = 60.0  # a server's restart takes half of it
QUEUE_S: Final = 1800.0  # far more than anybody has a slot
_FAULTS: Final = (httpx.HTTPError, ObjectNotFound, ValueError)  # the last: an answer that is none of Prefect's
_LOG: Final = logging.getLogger(__name__)


def gpu_slot(number: int) -> ServerSlot:
    """Returns the slot of one GPU of this host."""
    return ServerSlot(f"kernelgate-gpu-{socket.gethostname()}-{number}", 1)


def provider_slot(name: str, at_once: int) -> ServerSlot:
    """Returns a slot of a provider of models, as the roles file calls it."""
    return ServerSlot(f"kernelgate-provider-{name}", at_once)


class ServerSlot:
    """A slot of one limit."""

    def __init__(self, name: str, count: int) -> None:
        """Takes the limit's name and how many slots it has."""
        self.name = name
        self._count = count
        self._failing_since: float | None = None

    def make(self) -> None:
        """Makes the limit, or sets the one that is there to so many slots.

        Raises:
            FlowUnavailable: the server refuses.
            httpx.HTTPError: it does not answer, or fails.
        """
        try:
            with _client() as client:
                self._make(client)
        except httpx.HTTPStatusError as error:
            if error.response.is_server_error:
                raise
            raise FlowUnavailable(
                f"Prefect's server refuses to make the concurrency limit '{self.name}': {_in_words(error)}. "
                "Allow it, or go without the flow: kernelgate verify needs no server."
            ) from None

    @contextmanager
    def hold(self, go_on: Callable[[], object]) -> Iterator[None]:
        """Waits for the slot and holds it; `go_on` is called while it waits and may raise.

        Raises:
            SlotUnavailable: the server does not give it.
        """
        with _client() as client:
            lent = self._taken(client, go_on)
            ended = threading.Event()
            here = contextvars.copy_context()  # the renewing thread needs this one's settings
            renewing = threading.Thread(target=here.run, args=(self._renew, client, lent.lease_id, ended), daemon=True)
            renewing.start()
            self._tell("acquired", lent)
            mark = Mark(kind="lease", id=str(lent.lease_id), about=self.name)
            try:
                with Marks.of_this_user().kept(mark):
                    yield
            finally:
                ended.set()
                renewing.join()
                self._give_back(client, lent.lease_id)
                self._tell("released", lent)

    def _taken(self, client: SyncPrefectClient, go_on: Callable[[], object]) -> ConcurrencyLimitWithLeaseResponse:
        until = time.monotonic() + QUEUE_S
        while True:
            go_on()
            try:
                lent = self._try(client)
            except _FAULTS as error:
                self._failed(error)
            else:
                self._failing_since = None
                if lent is not None:
                    return lent
                if time.monotonic() > until:
                    raise SlotUnavailable(
                        f"the slot '{self.name}' on Prefect's server was taken for {QUEUE_S / 60:.0f} minutes. Where "
                        f"nobody has it: prefect gcl update {self.name} --active-slots 0"
                    )
            time.sleep(POLL_S)

    def _try(self, client: SyncPrefectClient) -> ConcurrencyLimitWithLeaseResponse | None:
        """Asks once; None where somebody else has it."""
        try:
            answer = client.increment_concurrency_slots_with_lease(
                [self.name], slots=1, mode="concurrency", lease_duration=LEASE_S, holder=_this_task()
            )
        except httpx.HTTPStatusError as error:
            if error.response.status_code == httpx.codes.LOCKED:
                _end_leases_left(client)
                return None
            raise
        lent = ConcurrencyLimitWithLeaseResponse.model_validate(answer.json())
        if not lent.limits:  # there is no such limit any more, and that would be no limit
            self._make(client)
            return None
        return lent

    def _failed(self, error: Exception) -> None:
        """Counts from the first of a row of failures, whoever met it: one waits for all."""
        now = time.monotonic()
        self._failing_since = self._failing_since or now
        if now - self._failing_since > PATIENCE_S:
            raise SlotUnavailable(f"Prefect's server does not give the slot '{self.name}': {_in_words(error)}")

    def _make(self, client: SyncPrefectClient) -> None:
        try:
            client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=self.name, limit=self._count))
        except ObjectAlreadyExists:
            client.update_global_concurrency_limit(
                self.name, GlobalConcurrencyLimitUpdate(limit=self._count, active=True)
            )

    def _renew(self, client: SyncPrefectClient, lease: UUID, ended: threading.Event) -> None:
        while not ended.wait(RENEWAL_S):
            try:
                client.renew_concurrency_lease(lease, LEASE_S)
            except httpx.HTTPStatusError as error:
                if error.response.status_code == httpx.codes.GONE:
                    _LOG.warning(
                        "The slot '%s' was lost: Prefect's server shows it as free, which it is not", self.name
                    )
                    return
            except _FAULTS:
                pass  # there is time to try again, and whoever gives it back says it

    def _give_back(self, client: SyncPrefectClient, lease: UUID) -> None:
        try:
            client.release_concurrency_slots_with_lease(lease)
        except _FAULTS as error:
            _LOG.warning(
                "Prefect's server did not take the slot '%s' back, and frees it when the lease has ended: %s",
                self.name,
                _in_words(error),
            )

    def _tell(self, what: str, lent: ConcurrencyLimitWithLeaseResponse) -> None:
        """Sends the event that Prefect's own context manager sends; it names the task that it is sent from."""
        (limit,) = lent.limits
        resource = {"prefect.resource.id": f"prefect.concurrency-limit.{limit.id}", "prefect.resource.name": limit.name}
        emit_event(f"prefect.concurrency-limit.{what}", resource=resource)


def _end_leases_left(client: SyncPrefectClient) -> None:
    """Gives back what processes of this machine held that are dead."""

    def end(mark: Mark) -> bool:
        client.release_concurrency_slots_with_lease(UUID(mark.id))  # of another server: nothing, and ends by itself
        return True

    Marks.of_this_user().end_left("lease", end)


@contextmanager
def _client() -> Iterator[SyncPrefectClient]:
    """A client that asks once, and not for long: who waits here looks up in between."""
    with (
        temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
        get_client(httpx_settings={"timeout": REQUEST_S}, sync_client=True) as client,
    ):
        yield client


def _this_task() -> ConcurrencyLeaseHolder | None:
    context = TaskRunContext.get()
    return None if context is None else ConcurrencyLeaseHolder(type="task_run", id=context.task_run.id)


def _in_words(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"it answers {error.response.status_code} {error.response.reason_phrase}".strip()
    return f"{type(error).__name__}: {error}".splitlines()[0].rstrip(": ")
