"""Automations on a real, lasting Prefect server: late, stuck and dead runs are told, and dead ones are marked."""

from __future__ import annotations

import gc
import http.server
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect_here import new_home, started_in, talking_to
from typer.testing import CliRunner
from waiting import wait_until

from pipeline.cli import app
from pipeline.orchestration.prefect_environment import TemporaryServer

# Prefect leaves the idle connections of its HTTP clients to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]
# A lasting server, with all its services, that looks more often than is its habit.
QUICK = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "1",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "1",
    "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "PT1S",
}
PATIENCE_S = 10.0  # the shortest that Prefect takes
LOOK_S = 2.0  # as long as two of the server's looks
TOLD = {
    "kernelgate: verify-kernels died",
    "kernelgate: verify-kernels has not ended 0.00277778 h after it began",
    "kernelgate: verify-kernels is late",
    "kernelgate: corpus kernels",
}


class Inbox(http.server.ThreadingHTTPServer):
    """What a team's webhook has been told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.bodies: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body["body"])
        self.server.told.append(body["subject"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[TemporaryServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.orchestration.prefect_environment.SERVER_VARIABLES", QUICK)
        home = new_home(tmp_path_factory.mktemp("prefect"), migrated)
        with started_in(home) as running, talking_to(running, home / "storage"):
            yield running
            gc.collect()


@pytest.fixture(scope="module")
def inbox(server: TemporaryServer) -> Iterator[Inbox]:
    """A webhook, and a block of the server that leads there: custom-webhook/team."""
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    with Inbox() as box:
        thread = threading.Thread(target=box.serve_forever, daemon=True)
        thread.start()
        block = CustomWebhookNotificationBlock(
            name="team",
            url=f"http://127.0.0.1:{box.server_port}/",
            json_data={"subject": "{{subject}}", "body": "{{body}}"},
        )
        block.save("team")
        yield box
        box.shutdown()
        thread.join()


def client() -> Any:
    from prefect.client.orchestration import get_client

    return get_client(sync_client=True)


def a_run(state: Any) -> Any:
    """A run of a flow of ours, of which no process knows."""
    from prefect import flow

    @flow(name="verify-kernels")
    def verify_kernels() -> None:
        pass

    with client() as talk:
        return talk.create_flow_run(verify_kernels, state=state)


def beat(run: Any) -> None:
    """What Prefect's engine sends again and again while a run goes on."""
    from prefect.events import emit_event

    with client() as talk:
        named = talk.read_flow(run.flow_id).name
    emit_event(
        "prefect.flow-run.heartbeat",
        resource={"prefect.resource.id": f"prefect.flow-run.{run.id}", "prefect.resource.name": run.name},
        related=[
            {
                "prefect.resource.id": f"prefect.flow.{run.flow_id}",
                "prefect.resource.role": "flow",
                "prefect.resource.name": named,
            }
        ],
    )


def test_late_stuck_and_dead_runs_and_what_flows_found_are_told_and_the_dead_are_marked(inbox: Inbox) -> None:
    from prefect.events import emit_event
    from prefect.states import Completed, Running, Scheduled

    from pipeline.orchestration.prefect_alerts import Patience, make_alerts

    make_alerts("custom-webhook/team", patience=Patience(heartbeat_s=PATIENCE_S, stuck_s=PATIENCE_S))
    a_run(Scheduled(scheduled_time=datetime.now(UTC) - timedelta(minutes=1)))
    a_run(Running())  # which never ends
    well, dead = a_run(Running()), a_run(Running())
    with client() as talk:
        talk.set_flow_run_state(well.id, Completed())
        beat(well)  # overtaken by its run's end
        beat(dead)
        emit_event(
            "kernelgate.alert.corpus-fell",
            resource={"prefect.resource.id": "kernelgate.corpus.kernels", "prefect.resource.name": "corpus kernels"},
            payload={"message": "the gate fell"},
        )
        wait_until(lambda: talk.read_flow_run(dead.id).state.name == "Crashed")
        wait_until(lambda: set(inbox.told) == TOLD)
        time.sleep(LOOK_S)  # both silences were noticed in one look
        assert talk.read_flow_run(well.id).state.name == "Completed"
    died = [body for body in inbox.bodies if "died" in body]  # one, or again where the server's database was busy
    assert died
    assert all(f"run {dead.name}, died" in body for body in died), died
    assert any(body.startswith("the gate fell") for body in inbox.bodies)


def test_made_twice_they_are_there_once_and_one_that_was_switched_off_stays_off(inbox: Inbox) -> None:
    runner = CliRunner()
    first = runner.invoke(app, ["alerts", "--block", "custom-webhook/team"], env={"COLUMNS": "400"})
    assert first.exit_code == 0, first.stderr
    assert "custom-webhook/team" in first.stdout
    with client() as talk:
        (late,) = talk.read_automations_by_name("kernelgate: a run is late")
        talk.pause_automation(late.id)
    again = runner.invoke(app, ["alerts", "--format", "json"])
    assert [one["enabled"] for one in json.loads(again.stdout)["alerts"]] == [True, True, False, True, True]
    with client() as talk:
        ours = [one for one in talk.read_automations() if one.name.startswith("kernelgate: ")]
    assert len(ours) == 5
    assert all(action.type != "send-notification" for one in ours for action in one.actions)


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("block", ["slack-webhook/nobody", "nothing", "/"])
def test_a_block_that_is_not_there_exits_2_and_says_how_to_see_which_are(block: str) -> None:
    done = CliRunner().invoke(app, ["alerts", "--block", block])
    assert done.exit_code == 2
    assert "prefect block ls" in done.stderr


def test_without_a_lasting_server_it_is_said_how_to_have_one() -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    import pipeline.orchestration.prefect_connection  # noqa: F401

    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        done = CliRunner().invoke(app, ["alerts"])
    assert done.exit_code == 2
    assert "prefect server start" in done.stderr


def test_a_run_of_a_work_pool_is_not_silent_between_two_of_its_beats() -> None:
    """Whoever runs a work pool's flow has imported Prefect before anything of ours could say how often."""
    from prefect.settings.models.flows import FlowsSettings

    from pipeline.orchestration.prefect_alerts import Patience

    assert Patience().heartbeat_s >= 3 * FlowsSettings.model_fields["heartbeat_frequency"].default


def test_every_flow_is_watched() -> None:
    from pipeline.generating.flow import generate_and_verify
    from pipeline.orchestration.flow import verify_kernels
    from pipeline.orchestration.prefect_alerts import FLOWS
    from pipeline.scheduled.corpus_watch import corpus_watch
    from pipeline.scheduled.nightly import nightly
    from pipeline.scheduled.reverify import reverify

    flows = (verify_kernels, generate_and_verify, nightly, reverify, corpus_watch)
    assert {flow.name for flow in flows} == set(FLOWS)
