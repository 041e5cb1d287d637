"""The same flow on Prefect's work pools: a real worker takes a run, and its run folder is where all machines see it."""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from candidate_sources import candidate
from prefect_here import talking_to

from pipeline.fleet.shared_storage import SharedStorage
from pipeline.orchestration.prefect_environment import TemporaryServer

PROJECT = Path(__file__).parents[3]
PREFECT = Path(sys.executable).with_name("prefect")
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def server(prefect_server: TemporaryServer, tmp_path: Path) -> Iterator[TemporaryServer]:
    with talking_to(prefect_server, tmp_path / "prefect"):
        yield prefect_server
        gc.collect()


@pytest.fixture
def kernels(tmp_path: Path) -> Path:
    folder = tmp_path / "kernels"
    folder.mkdir()
    (folder / "denied.py").write_text(candidate(at_import="import socket"))
    (folder / "none.py").write_text("nothing = 1\n")
    return folder


def run_on(pool: str, kind: str, kernels: Path, environment: dict[str, str], **variables: Any) -> None:
    """Orders a run of the flow from the pool, and has a worker of its kind take it to its end."""
    from prefect.client.orchestration import get_client
    from prefect.flows import EntrypointType

    from pipeline.orchestration.flow import verify_kernels

    deployment = verify_kernels.to_deployment(
        pool, work_pool_name=pool, entrypoint_type=EntrypointType.MODULE_PATH, job_variables=variables
    )
    ordered = deployment.apply()
    parameters = {"paths": [str(kernels)], "policy": "dev", "mode": "cpu"}
    with get_client(sync_client=True) as client:
        run = client.create_flow_run_from_deployment(ordered, parameters=parameters)
        worker = subprocess.run(
            [str(PREFECT), "worker", "start", "--pool", pool, "--type", kind, "--run-once", "--install-policy=never"],
            env=os.environ | environment,
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=250,
        )
        ended = client.read_flow_run(run.id)
    assert ended.state.is_completed(), worker.stdout


def runs_in(storage: Path, into: Path) -> list[Path]:
    return [SharedStorage(str(storage)).get_run(path.stem, into) for path in (storage / "runs").glob("*.json")]


def test_a_process_work_pool_runs_the_flow_and_the_run_is_in_the_storage(
    server: TemporaryServer, kernels: Path, tmp_path: Path
) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate

    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="kernelgate-cpu", type="process"))
    storage = tmp_path / "shared"
    environment = {
        "PREFECT_API_URL": server.url,
        "PYTHONPATH": str(PROJECT),
        "KERNELGATE_STORAGE": str(storage),
        "KERNELGATE_RUNS": str(tmp_path / "runs"),
    }
    run_on("kernelgate-cpu", "process", kernels, environment, env=environment)
    (folder,) = runs_in(storage, tmp_path / "back")
    assert sorted(path.parent.name for path in folder.glob("*/verdict.json")) == [
        "001-kernels-denied",
        "002-kernels-none",
    ]


@pytest.mark.usefixtures("runner_image")
def test_a_docker_work_pool_runs_the_flow_in_a_container_that_starts_the_candidates_beside_itself(
    server: TemporaryServer, kernels: Path, tmp_path: Path
) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate

    made = subprocess.run(
        [sys.executable, "-m", "pipeline.fleet.docker_pool", str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        check=True,
        capture_output=True,
    )
    with get_client(sync_client=True) as client:
        client.create_work_pool(
            WorkPoolCreate(name="kernelgate-docker", type="docker", base_job_template=json.loads(made.stdout))
        )
    shutil.copy(PROJECT / "tests/kernels/relu/right_block.py", kernels)
    run_on("kernelgate-docker", "docker", kernels, {"PREFECT_API_URL": server.url})
    (folder,) = runs_in(tmp_path, tmp_path / "back")
    verdicts = {path.parent.name: json.loads(path.read_text()) for path in folder.glob("*/verdict.json")}
    assert {name: one["tier"] for name, one in verdicts.items()} == {
        "001-kernels-denied": "rejected",
        "002-kernels-none": "rejected",
        "003-kernels-right_block": "functional",
    }
