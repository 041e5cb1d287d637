"""`kernelgate serve` in a process of its own, against a Prefect server as a team has one.

One server and one serving process for all of it. The schedule fires once a minute, so what it comes to is looked at
last; the other tests use the time.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from candidate_sources import candidate
from lasting_server import lasting_server
from prefect_here import new_home
from waiting import wait_until

from pipeline.registry.making import make_registry

PROJECT = Path(__file__).parents[3]
PROGRAM = Path(sys.executable).with_name("kernelgate")
MEASURING = "Measure the gate on a corpus"
ASKED_AGAIN = 10
LABELS = '["socket.py"]\nlabel = "honest"\noperator = "relu"\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[str]:
    with lasting_server(new_home(tmp_path_factory.mktemp("lasting"), migrated)) as address:
        yield address


@pytest.fixture(scope="module")
def environment(server: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Of whoever talks to the server."""
    return os.environ | {
        "PREFECT_API_URL": f"{server}/api",
        "PREFECT_HOME": str(tmp_path_factory.mktemp("home")),
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "DOCKER_HOST": "unix:///nonexistent",  # nothing here needs a container
    }


@pytest.fixture(scope="module")
def automation(server: str, environment: dict[str, str]) -> str:
    """The one that `kernelgate alerts` makes for what a flow has found; its id."""
    subprocess.run([PROGRAM, "alerts"], env=environment, capture_output=True, check=True, timeout=120)
    answer = httpx.post(f"{server}/api/automations/filter", json={}, timeout=60)
    return str(next(one["id"] for one in answer.raise_for_status().json() if one["name"].endswith("a flow has found")))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus with a kernel that the source check denies, and a registry."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "corpus").mkdir()
    (folder / "corpus" / "socket.py").write_text(candidate("import socket"))
    (folder / "corpus" / "labels.toml").write_text(LABELS)
    make_registry(str(folder / "registry.db"))
    return folder


@pytest.fixture(scope="module")
def serving(environment: dict[str, str], automation: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Serves the measurement of the corpus, and of what is approved."""
    command = [PROGRAM, "serve", "--timezone", "Europe/Berlin", "--reports-url", "https://runs.example/kept"]
    command += ["--corpus", "corpus", "--corpus-cron", "* * * * *", "--reverify", "--registry", "registry.db"]
    process = subprocess.Popen(
        command, cwd=folder, env=environment | {"COLUMNS": "400"}, stderr=subprocess.PIPE, text=True
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def ask(server: str, serving: subprocess.Popen[str]) -> Iterator[Ask]:
    """Asks the server's API, once what is served is there."""
    with httpx.Client(base_url=f"{server}/api", timeout=60) as client:

        def post(path: str, **body: Any) -> Any:
            for _ in range(ASKED_AGAIN):
                answer = client.post(path, json=body)
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:  # its database was busy, as Prefect says it
                    break
                time.sleep(1)
            return answer.raise_for_status().json()

        wait_until(lambda: len(post("/deployments/filter")) == 2)
        yield post


def deployment(ask: Ask, name: str) -> Any:
    return next(one for one in ask("/deployments/filter") if one["name"] == name)


def test_a_form_has_titles_and_descriptions_and_a_deployment_says_what_it_is_for(ask: Ask) -> None:
    made = deployment(ask, "approved-kernels")
    assert made["description"].startswith("Verifies approved kernels again whose hardware, driver, torch,")
    assert (made["tags"], made["global_concurrency_limit"]["limit"]) == (["kernelgate", "approved"], 1)
    (schedule,) = made["schedules"]
    assert schedule["schedule"]["cron"] == "0 3 * * *"
    assert schedule["schedule"]["timezone"] == "Europe/Berlin"
    schema = made["parameter_openapi_schema"]
    for model in ("Approvals", "ProductionGate"):
        assert schema["definitions"][model]["description"].endswith(".")
        fields = schema["definitions"][model]["properties"].values()
        assert all(field["title"][0].isupper() and "_" not in field["title"] for field in fields)
        assert all(field["description"].endswith((".", "…")) for field in fields)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        (
            "approved-kernels",
            {"approvals": {"every_days": -1}},
            "Validation failed for field 'approvals.every_days'. Failure reason: -1 is less than the minimum of 1",
        ),
        ("corpus-corpus", {"corpus": {}}, "'folder' is a required property"),
        ("approved-kernels", {"gate": {"mode": "tpu"}}, "'tpu' is not one of ['auto', 'cpu', 'gpu']"),
        ("approved-kernels", {"gate": {"polcy": "dev"}}, "'polcy'"),
    ],
    ids=["a number", "one that lacks", "a word", "a field that is none"],
)
def test_a_wrong_parameter_is_refused_by_the_server_with_one_message(
    ask: Ask, server: str, name: str, parameters: dict[str, Any], message: str
) -> None:
    made = deployment(ask, name)
    refused = httpx.post(
        f"{server}/api/deployments/{made['id']}/create_flow_run", json={"parameters": parameters}, timeout=60
    )
    assert refused.status_code == httpx.codes.CONFLICT
    assert message in refused.json()["detail"]


def test_whoever_serves_what_another_process_serves_is_warned(
    ask: Ask, environment: dict[str, str], folder: Path
) -> None:
    wait_until(lambda: deployment(ask, "approved-kernels")["status"] == "READY")
    second = subprocess.Popen(
        [PROGRAM, "serve", "--reverify", "--registry", "registry.db", "--timezone", "Europe/Berlin", "-q"],
        cwd=folder, env=environment | {"COLUMNS": "400"}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert second.stderr is not None
    said = second.stderr.readline()
    second.send_signal(signal.SIGTERM)
    _, rest = second.communicate(timeout=60)
    assert said == (
        "another process serves 'Verify approved kernels again/approved-kernels': from now on both start its runs, by "
        "the schedule and with the parameters of this one; end one of the two\n"
    )
    assert "Traceback" not in rest


@pytest.mark.usefixtures("serving")
def test_the_project_s_prefect_yaml_deploys_the_three_flows_to_a_work_pool(
    ask: Ask, environment: dict[str, str]
) -> None:
    ask("/work_pools/", name="kernelgate", type="process")
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    pooled = [one for one in ask("/deployments/filter") if one["work_pool_name"] == "kernelgate"]
    assert {one["entrypoint"].rpartition(":")[2] for one in pooled} == {"nightly", "reverify", "corpus_watch"}
    assert all(one["enforce_parameter_schema"] and one["schedules"][0]["active"] for one in pooled)
    nightly = deployment(ask, "nightly-generation")
    started = ask(f"/deployments/{nightly['id']}/create_flow_run", parameters=nightly["parameters"])
    assert started["state"]["type"] == "SCHEDULED"  # so what stands there fits the flow's types


def ended(ask: Ask) -> list[Any]:
    """The runs of the measurement that have come to an end, the first one first."""
    runs = ask(
        "/flow_runs/filter",
        flows={"name": {"any_": [MEASURING]}},
        flow_runs={"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED"]}}},
        sort="START_TIME_ASC",
    )
    return list(runs)


def test_the_schedule_fires_and_a_fall_is_an_alert_that_is_heard(ask: Ask, server: str, automation: str) -> None:
    wait_until(lambda: ended(ask))
    first = ended(ask)[0]
    assert first["created_by"]["display_value"] == "CronSchedule"
    assert (first["name"], first["tags"][-2:]) == ("corpus under ci", ["kernelgate", "corpus"])
    assert first["state"]["type"] == "FAILED"
    message = first["state"]["message"]
    assert message == ("the gate fell: socket.py (honest) is denied; 1 kernel, of which the gate is wrong about 1")
    shown = ask("/artifacts/filter", artifacts={"flow_run_id": {"any_": [first["id"]]}})
    (page,) = (one["data"] for one in shown if one["type"] == "markdown")
    assert "[Report of the run](https://runs.example/kept/" in page
    named = {"prefix": ["kernelgate.alert."]}
    wait_until(lambda: ask("/events/filter", filter={"event": named})["events"])
    event = ask("/events/filter", filter={"event": named})["events"][0]
    assert (event["event"], event["payload"]) == ("kernelgate.alert.corpus-fell", {"message": message})
    assert event["resource"]["prefect.resource.id"] == "kernelgate.corpus.corpus"
    assert f"prefect.flow-run.{first['id']}" in {one["prefect.resource.id"] for one in event["related"]}
    heard = {
        "event": {"name": ["prefect.automation.triggered"]},
        "resource": {"id": [f"prefect.automation.{automation}"]},
    }
    wait_until(lambda: ask("/events/filter", filter=heard)["events"])


@pytest.mark.browser
def test_prefect_shows_the_run_by_names_that_a_person_understands(ask: Ask, server: str) -> None:
    from prefect_pages import shown

    wait_until(lambda: ended(ask))
    first = ended(ask)[0]
    with shown(f"{server}/runs/flow-run/{first['id']}", "corpus under ci", MEASURING, "corpus-corpus") as run:
        assert "Failed" in run.inner_text("body")
    made = ask("/artifacts/filter", artifacts={"key": {"any_": ["kernelgate-corpus-verdicts"]}})[-1]
    with shown(f"{server}/artifacts/artifact/{made['id']}", "socket.py") as table:
        cells = table.get_by_role("cell").all_inner_texts()
        assert [cell.strip() for cell in cells][:4] == ["socket.py", "relu", "honest", "rejected"]
        link = table.get_by_role("link", name="report", exact=True)
        assert str(link.get_attribute("href")).startswith("https://runs.example/kept/")


def test_serving_ends_at_a_signal_without_a_traceback_and_its_schedules_stay(
    ask: Ask, serving: subprocess.Popen[str]
) -> None:
    serving.send_signal(signal.SIGTERM)
    _, told = serving.communicate(timeout=60)
    assert serving.returncode == 0, told
    assert f"serving '{MEASURING}/corpus-corpus' by '* * * * *' (Europe/Berlin)" in told
    assert "Traceback" not in told
    assert "another process" not in told
    assert deployment(ask, "corpus-corpus")["schedules"][0]["active"]
