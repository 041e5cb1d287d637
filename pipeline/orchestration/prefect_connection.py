"""Prefect, imported as a command line needs it, and the server that a flow of this process talks to.

Whoever has a flow imports this before anything of Prefect: it reads the environment when it is imported.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any, Final

from pipeline.errors import FlowUnavailable
from pipeline.orchestration.prefect_environment import prepare, temporary_server
from pipeline.orchestration.prefect_logs import make_brief
from pipeline.settings import Settings

prepare(Settings.resolve().state)  # Prefect reads the environment when it is imported, in the lines below
with suppress(
    OSError
):  # it says so itself, with a traceback, where it can't make its home in a folder that is not there
    Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)

import httpx  # noqa: E402
from prefect.client.orchestration import get_client  # noqa: E402
from prefect.settings import (  # noqa: E402
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)

from pipeline.orchestration.prefect_events import send_briefly  # noqa: E402  # imports prefect, too

# A temporary server that was killed does not come back, and one that can't write says so after a minute, each time.
TEMPORARY_SERVER_RETRIES: Final = 2
TEMPORARY_SERVER_ANSWERS_S: Final = 30.0


def server() -> AbstractContextManager[Any]:
    """Makes sure that a server answers: the configured one, or else the temporary one of this process.

    Raises:
        FlowUnavailable: none answers.
    """
    url = PREFECT_API_URL.value()
    if url is None:
        temporary = temporary_server()
        temporary.wait_ready()
        answers_s = min(PREFECT_API_REQUEST_TIMEOUT.value(), TEMPORARY_SERVER_ANSWERS_S)
        return temporary_settings(
            {
                PREFECT_API_URL: temporary.url,
                PREFECT_CLIENT_MAX_RETRIES: TEMPORARY_SERVER_RETRIES,
                PREFECT_API_REQUEST_TIMEOUT: answers_s,
            }
        )
    with get_client(sync_client=True) as client:
        problem = client.api_healthcheck()
    if problem is not None:
        raise FlowUnavailable(
            f"Prefect's server at {url} does not answer: {problem!r}. Start it, or let PREFECT_API_URL name another."
        )
    return nullcontext()


def fault_of_the_server(error: BaseException) -> httpx.HTTPError | None:
    """Returns what is behind `error` where that is a server that is gone or can't do what it was asked for."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, httpx.TransportError):
            return cause
        if isinstance(cause, httpx.HTTPStatusError) and cause.response.is_server_error:
            return cause
        cause = cause.__cause__
    return None


make_brief()
send_briefly()
