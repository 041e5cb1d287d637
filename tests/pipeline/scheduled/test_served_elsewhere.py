"""Who serves a deployment is told from who served it a moment ago; what asks for runs here is what a process asks."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from waiting import wait_until

# Prefect leaves the idle connections of its HTTP clients to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def often(server: str) -> Iterator[None]:
    """Whoever serves asks every second."""
    from prefect.settings import PREFECT_RUNNER_POLL_FREQUENCY, temporary_settings

    with temporary_settings({PREFECT_RUNNER_POLL_FREQUENCY: 1}):
        yield


@pytest.fixture
def post(server: str) -> Iterator[Callable[..., Any]]:
    with httpx.Client(base_url=server, timeout=60) as client:
        yield lambda path, **body: client.post(path, json=body).raise_for_status().json()


@pytest.fixture
def made(post: Callable[..., Any]) -> str:
    """A deployment that nobody ever served; its id."""
    flow = post("/flows/", name="a flow")["id"]
    return str(post("/deployments/", name=uuid.uuid4().hex, flow_id=flow)["id"])


@contextmanager
def asking(post: Callable[..., Any], made: str) -> Iterator[None]:
    """A process that serves it, as the server sees one."""
    ended = threading.Event()

    def ask() -> None:
        while not ended.wait(0.2):
            post("/deployments/get_scheduled_flow_runs", deployment_ids=[made])

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_a_deployment_is_served_elsewhere_while_somebody_asks_for_its_runs_and_no_longer(
    server: str, post: Callable[..., Any], made: str
) -> None:
    from pipeline.scheduled.served_elsewhere import served_elsewhere

    def facts() -> Any:
        return httpx.get(f"{server}/deployments/{made}", timeout=60).raise_for_status().json()

    name = f"a flow/{facts()['name']}"
    told: list[str] = []
    assert served_elsewhere(["a flow/that is not there", name], told.append) == ()
    assert told == []
    with asking(post, made):
        wait_until(lambda: facts()["status"] == "READY")
        assert served_elsewhere(["a flow/that is not there", name], told.append) == (name,)
    assert told == [
        f"looking for at most 2 s whether another process still serves '{name}', which was served a moment ago"
    ]
    noted: list[str] = []

    def is_noted() -> bool:  # the server writes down who asked a little later
        noted.append(facts()["last_polled"])
        return len(noted) > 5 and len(set(noted[-5:])) == 1

    wait_until(is_noted)
    assert served_elsewhere([name], told.append) == ()  # as whoever starts a service again
    assert len(told) == 2
