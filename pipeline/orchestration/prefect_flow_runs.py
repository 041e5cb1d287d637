"""Flow runs whose process died are marked as what they are: crashed.

Prefect's server does not notice that a process was killed: its run is Running for ever. Two things end that. The next
flow of this user on this machine finds the mark that the dead process left (`pipeline.supply.left_behind`) and says so
at once. Where the machine itself is gone, heartbeats cease, and an automation on the server does
(`pipeline.orchestration.prefect_alerts`), which is slower and works for all machines.

Only the attempt that left the mark is ended: a run that Prefect started again elsewhere since then is not.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from pipeline.supply.left_behind import Mark, Marks

import pipeline.orchestration.prefect_connection  # isort: skip  # noqa: F401  # before Prefect is imported

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

_LOG: Final = logging.getLogger(__name__)


@contextmanager
def living() -> Iterator[None]:
    """Within the flow that this is called in: marks the runs of dead processes, and this one as alive.

    A server that does not answer is no reason not to go on: the marks stay for another time.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        yield
        return
    marks = Marks.of_this_user()
    mine = Mark(kind="flow-run", id=str(context.flow_run.id), about=context.flow_run.name)
    try:
        with get_client(sync_client=True) as client:
            mine = mine.model_copy(update={"attempt": client.read_flow_run(context.flow_run.id).run_count})
            crash_left_runs(marks, client)
    except (httpx.HTTPError, ObjectNotFound) as error:
        _LOG.debug("runs of dead processes were not looked for: %r", error)
    with marks.kept(mine):
        yield


def look_of_this_run() -> str:
    """Names a look of the flow run that this is called in: the same whenever Prefect starts this flow run again."""
    context = FlowRunContext.get()
    assert context is not None
    assert context.flow_run is not None
    return str(context.flow_run.id)


def crash_left_runs(marks: Marks, client: SyncPrefectClient) -> None:
    """Marks as crashed what dead processes of this machine left unfinished.

    Raises:
        httpx.HTTPError: the server does not answer, or fails; what is left is looked at another time.
    """
    marks.end_left("flow-run", lambda mark: _crash(client, mark))


def _crash(client: SyncPrefectClient, mark: Mark) -> bool:
    try:
        run = client.read_flow_run(UUID(mark.id))
    except ObjectNotFound:  # it is on another server, or was deleted
        return False
    if run.run_count == mark.attempt and run.state is not None and run.state.is_running():
        said = f"its process on {socket.gethostname()} was killed; run it again, and what was measured is kept"
        client.set_flow_run_state(run.id, Crashed(message=said), force=True)
        _LOG.info("the flow run %s of a process that was killed is marked as crashed", mark.about)
    return True
