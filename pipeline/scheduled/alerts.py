"""Alerts: what somebody has to look at, said three times over.

The run fails, so that it is red on Prefect's page, with the message as its state's; the log has the message as an
error; and an event of the kind is sent, which a Prefect automation can wait for (`kernelgate.alert.*`), about what the
alert is about, and, as Prefect adds, the flow run and the deployment.

An alert is no exception: nothing about it is a traceback's. What is configured wrongly, or missing on this machine, is
one as well (`STOPPED`), because nobody reads the log of a run at night. A bug of ours is not: it ends the run as an
exception does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from prefect.client.schemas.objects import State
from prefect.events import emit_event
from prefect.logging import get_run_logger
from prefect.states import Failed

from pipeline.errors import UnavailableError, UserError
from pipeline.orchestration.prefect_flow_runs import living
from policies.errors import PolicyError
from policies.organisation_rules import CelMissing
from sandbox.contract import SandboxUnavailable
from sandbox.printable import printable


class Kind(StrEnum):
    """The name of the event."""

    REVOKED = "kernelgate.alert.approved-kernel-revoked"  # one that was approved fails now
    NOT_PROVEN = "kernelgate.alert.approved-kernel-not-proven"  # this machine can't say whether it still stands
    FELL = "kernelgate.alert.corpus-fell"  # the gate is wrong about a kernel that it was right about
    INCOMPLETE = "kernelgate.alert.incomplete"  # our side failed to measure something
    STOPPED = "kernelgate.alert.stopped"  # nothing could be done: a file, a setting, the machine


@dataclass(frozen=True, slots=True)
class About:
    """What an alert is about: a kind of thing, and its name."""

    kind: str
    name: str


def alert(kind: Kind, about: About, message: str) -> State[Any]:
    """Gives an alert from within a flow run; returns the state that the run shall end in.

    Args:
        message: One line for a person, who knows nothing of the run yet.
    """
    message = printable(message)
    resource = {
        "prefect.resource.id": f"kernelgate.{about.kind}.{about.name}",
        "prefect.resource.name": f"{about.kind} {about.name}",
    }
    emit_event(kind.value, resource=resource, payload={"message": message})
    get_run_logger().error(message)
    return Failed(message=message)


def concluded(about: About, work: Callable[[], State[Any]]) -> State[Any]:
    """Does the work of a flow run, and says that it is alive; what a person has to mend first becomes an alert."""
    try:
        with living():
            return work()
    except (UserError, PolicyError, UnavailableError, SandboxUnavailable, CelMissing) as error:
        return alert(Kind.STOPPED, about, str(error))
