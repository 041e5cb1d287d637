"""Automations on Prefect's server that tell when a run went wrong or found something, and mark those that died.

    kernelgate: a run is silent   no heartbeat and no end for three beats: the run is marked as crashed
    kernelgate: a run died        it was marked as crashed, by the one above or by Prefect itself: told
    kernelgate: a run is late     its time has come, and no worker has taken it
    kernelgate: a run is stuck    it began, and has neither ended nor been stopped after half a day
    kernelgate: a flow has found  what a scheduled flow says that somebody has to look at (`pipeline.scheduled.alerts`)

How often a run gives a sign of life is settled where Prefect is imported first: in a work pool that is Prefect's own
program, which knows nothing of us. So three beats are three of Prefect's own, whatever our commands would set: a mark
takes the run's slot away, and what loses its slot is ended by Prefect though it was alive.

A heartbeat is sent on another way than the end of its run, and may reach the server after it; the silence that follows
is then no death. So marking is not forced: the server refuses to mark what has ended. And what is told hangs on the
mark, not on the silence.

They are the server's, not a process's: they work for runs of any machine, also when everything of ours is gone. Made
again by name they become what they are here; one that somebody has switched off stays off. Where the team names a
notification block of the server (Slack, mail, a webhook), they tell through that; without one they are in the server's
feed of events and automations alone.

Prefect marks runs as late in a lasting server only; the temporary one of a command has nobody who would read an alert.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal
from uuid import UUID

from pipeline.errors import FlowUnavailable, UsageError

from pipeline.orchestration.prefect_connection import server  # isort: skip  # before Prefect is imported

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypes, ChangeFlowRunState, DoNothing, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL

FLOWS: Final = (
    "verify-kernels",
    "generate-and-verify",
    "Generate and verify kernels",
    "Verify approved kernels again",
    "Measure the gate on a corpus",
)
ENDS: Final = frozenset(f"prefect.flow-run.{name}" for name in ("Completed", "Failed", "Crashed", "Cancelled"))
HEARTBEAT: Final = "prefect.flow-run.heartbeat"
PREFIX: Final = "kernelgate: "


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each thing may take before it is told.

    Attributes:
        heartbeat_s: Without a sign of life; three times 180 s, Prefect's `PREFECT_FLOWS_HEARTBEAT_FREQUENCY` where
            nobody has set it.
        stuck_s: Between a run's beginning and its end.
    """

    heartbeat_s: float = 540.0
    stuck_s: float = 12 * 3600.0


@dataclass(frozen=True, slots=True)
class Alert:
    """One automation as it is on the server now."""

    name: str
    when: str
    tells: str
    enabled: bool


def make_alerts(
    block: str | None = None, *, flows: tuple[str, ...] = FLOWS, patience: Patience | None = None
) -> tuple[Alert, ...]:
    """Makes the automations on the configured server, or brings those that are there up to date.

    Args:
        block: The notification block that they tell through, as TYPE/NAME (`slack-webhook/team`); None is none.
        flows: Names of the flows that they look at.

    Raises:
        UsageError: no lasting server is named, or it has no such block.
        FlowUnavailable: the server does not answer, or refuses.
    """
    if PREFECT_API_URL.value() is None:
        raise UsageError(
            "alerts are automations of a Prefect server that lasts, and none is named: start one with "
            "'prefect server start' and set PREFECT_API_URL"
        )
    with server(), get_client(sync_client=True) as client:
        try:
            told = _block_id(client, block)
            wanted = _automations(told, flows, patience or Patience())
            return tuple(_made(client, one, when, block) for one, when in wanted)
        except httpx.HTTPError as error:
            raise FlowUnavailable(f"Prefect's server does not take the alerts: {error}") from None


def _block_id(client: SyncPrefectClient, block: str | None) -> UUID | None:
    if block is None:
        return None
    kind, _, name = block.partition("/")
    if not kind or not name:
        raise UsageError(f"'{block}' is no block: TYPE/NAME is needed, as 'prefect block ls' shows it")
    try:
        return client.read_block_document_by_name(name, kind).id
    except (ObjectNotFound, httpx.HTTPStatusError):
        raise UsageError(f"Prefect's server has no block '{block}'; those that it has: prefect block ls") from None


def _of_runs(
    flows: tuple[str, ...],
    posture: Literal[Posture.Reactive, Posture.Proactive],
    expect: set[str],
    *,
    after: Iterable[str] = (),
    within_s: float = 0.0,
) -> EventTrigger:
    """What one run of `flows` does, or leaves undone."""
    return EventTrigger(
        match=ResourceSpecification.model_validate({"prefect.resource.id": "prefect.flow-run.*"}),
        match_related=ResourceSpecification.model_validate(
            {"prefect.resource.role": "flow", "prefect.resource.name": list(flows)}
        ),
        for_each={"prefect.resource.id"},
        posture=posture,
        after=set(after),
        expect=expect,
        threshold=1,
        within=timedelta(seconds=within_s),
    )


def _automations(
    told: UUID | None, flows: tuple[str, ...], patience: Patience
) -> tuple[tuple[AutomationCore, str], ...]:
    mark = ChangeFlowRunState(
        state=StateType.CRASHED, name="Crashed", message="no heartbeat: its process or its machine is gone", force=False
    )
    silent, stuck = patience.heartbeat_s, patience.stuck_s
    return (
        (
            AutomationCore(
                name=f"{PREFIX}a run is silent",
                trigger=_of_runs(flows, Posture.Proactive, {HEARTBEAT, *ENDS}, after={HEARTBEAT}, within_s=silent),
                actions=[mark],
            ),
            f"no heartbeat for {silent:g} s: marked as crashed",
        ),
        (
            AutomationCore(
                name=f"{PREFIX}a run died",
                trigger=_of_runs(flows, Posture.Reactive, {"prefect.flow-run.Crashed"}),
                actions=_tell(told, "died: it was marked as crashed. Run it again: what was measured is kept")
                or [DoNothing()],
            ),
            "marked as crashed, for its silence or by Prefect",
        ),
        (
            AutomationCore(
                name=f"{PREFIX}a run is late",
                trigger=_of_runs(flows, Posture.Reactive, {"prefect.flow-run.Late"}),
                actions=_tell(told, "is late: no worker has taken it") or [DoNothing()],
            ),
            "its time has come, and no worker took it",
        ),
        (
            AutomationCore(
                name=f"{PREFIX}a run is stuck",
                trigger=_of_runs(
                    flows, Posture.Proactive, set(ENDS), after={"prefect.flow-run.Running"}, within_s=stuck
                ),
                actions=_tell(told, f"has not ended {stuck / 3600:g} h after it began") or [DoNothing()],
            ),
            f"not ended {stuck / 3600:g} h after it began",
        ),
        (
            AutomationCore(
                name=f"{PREFIX}a flow has found",
                trigger=EventTrigger(
                    posture=Posture.Reactive, expect={"kernelgate.alert.*"}, threshold=1, within=timedelta(0)
                ),
                actions=_notified(told, "kernelgate: {{ event.resource.name }}", "{{ event.payload.message }}")
                or [DoNothing()],
            ),
            "an approved kernel fails, the gate fell, or a night could not do its work",
        ),
    )


def _tell(told: UUID | None, what: str) -> list[ActionTypes]:
    subject = "kernelgate: {{ flow.name }} " + what.partition(":")[0]
    return _notified(told, subject, "{{ flow.name }}, run {{ flow_run.name }}, " + what)


def _notified(told: UUID | None, subject: str, body: str) -> list[ActionTypes]:
    if told is None:
        return []
    return [SendNotification(block_document_id=told, subject=subject, body=body + "\n{{ flow_run|ui_url }}")]


def _made(client: SyncPrefectClient, wanted: AutomationCore, when: str, block: str | None) -> Alert:
    there = client.read_automations_by_name(wanted.name)
    if there:
        first, *again = there
        wanted = wanted.model_copy(update={"enabled": first.enabled})
        client.update_automation(first.id, wanted)
        for one in again:  # made by two at once
            client.delete_automation(one.id)
    else:
        client.create_automation(wanted)
    return Alert(wanted.name, when, block or "the server's events alone", wanted.enabled)
