"""A flow whose tasks run on workers: separate processes, each with containers of its own, one of them killed."""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import pytest
from candidate_sources import HEADER, candidate
from fleet_processes import scheduler, worker
from object_store import object_store
from otlp_collector import collecting
from prefect_here import talking_to
from waiting import wait_until

from pipeline.errors import FlowUnavailable
from pipeline.gate.judged import Judged
from pipeline.orchestration.prefect_environment import TemporaryServer
from pipeline.settings import Settings
from policies.policy import Policy, Tier, load_policy
from runners.candidate import Candidate, Unreadable, read_candidate

# Prefect leaves the idle connections of its HTTP clients to the garbage collector, and so does Dask.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]
RIGHT = 4


@pytest.fixture
def server(prefect_server: TemporaryServer, tmp_path: Path) -> Iterator[None]:
    with talking_to(prefect_server, tmp_path / "prefect"):
        yield
        gc.collect()


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with scheduler(tmp_path) as found:
        yield found


@pytest.fixture
def items(tmp_path: Path) -> list[Candidate | Unreadable]:
    """Right ones that take their time, a wrong one, one that is denied by its source, one that is no candidate."""
    sources = [candidate(at_call=f"time.sleep(0.4)  # {number}") for number in range(RIGHT)]
    sources += [candidate(at_call="y += 1"), candidate(at_import="import socket"), "nothing = 1\n"]
    paths = [tmp_path / f"k{number}.py" for number in range(len(sources))]
    for path, source in zip(paths, sources, strict=True):
        path.write_text(source.replace(HEADER, f"{HEADER}# {path}\n"))
    return [read_candidate(path) for path in paths]


@pytest.fixture
def settings(tmp_path: Path, address: str) -> Iterator[Settings]:
    made = Settings.resolve(runs=tmp_path / "runs", workers=1)
    with object_store() as bucket:
        yield replace(made, scheduler=address, storage=f"{bucket}/gate", outage_s=120)
    fsspec.filesystem("s3").clear_instance_cache()


@pytest.fixture
def few_cases(tmp_path: Path, quick_policy: Path) -> Policy:
    path = tmp_path / "few.yaml"
    path.write_text(
        quick_policy.read_text().replace("name: quick", "name: few").replace("random_cases: 2", "random_cases: 0")
        + "  special_cases: 0\n  block_cases: 0\n  huge_cases: 0\n  dtypes: [float32]\n  controls: []\n"
        "compile: {required_targets: [], informative_targets: []}\n"
    )
    return load_policy(str(path))


def tiers(judged: tuple[Judged, ...]) -> list[Tier]:
    return [one.verdict.tier for one in judged]


def verify(items: Any, policy: Policy, settings: Settings, **options: Any) -> tuple[Judged, ...]:
    from pipeline.fleet.work import verify_on_workers

    options = {"fresh": False, "progress": lambda path, judged: None, **options}
    return verify_on_workers(items, policy, settings, **options)


@pytest.mark.usefixtures("server", "runner_image")
def test_of_two_workers_one_is_killed_in_the_middle_and_every_verdict_comes(
    items: Any, address: str, settings: Settings, few_cases: Policy, containers_of: Callable[[int], list[Any]]
) -> None:
    owned: dict[int, set[str]] = {}
    with (
        collecting() as collector,
        worker(address, "--workers", "1") as one,
        worker(address, "--workers", "1", **collector.environment) as other,
    ):

        def kill_one() -> None:
            wait_until(lambda: all(containers_of(process.pid) for process in (one, other)), within_s=250)
            for process in (one, other):
                owned[process.pid] = {container.id for container in containers_of(process.pid)}
            one.send_signal(signal.SIGKILL)

        killer = threading.Thread(target=kill_one)
        killer.start()
        judged = verify(items, few_cases, settings)
        killer.join()
        assert other.poll() is None
        again = verify(items, few_cases, settings)
        other.terminate()
        other.wait(60)
        # A worker sends what it starts, whoever ordered it.
        assert collector.total("kernelgate.container.start.duration", kernelgate__isolation="docker") >= RIGHT / 2
        last = {str(attributes): amount for attributes, amount in collector.points("kernelgate.containers")}
        assert set(last.values()) == {0}, "one is left"
        assert {metric.name for metric in collector.metrics} == {
            "kernelgate.containers", "kernelgate.container.start.duration",
        }  # fmt: skip
    assert tiers(judged) == [Tier.FUNCTIONAL] * RIGHT + [Tier.REJECTED] * 3
    assert [entry.verdict for entry in judged] == [entry.verdict for entry in again]
    assert all(entry.reused for entry in again), "what was finished was done again"
    assert not owned[one.pid] & owned[other.pid]
    for container in containers_of(one.pid):  # the next worker of that machine would do that
        container.remove(force=True)
    assert containers_of(other.pid) == []


@pytest.mark.usefixtures("server")
def test_a_worker_with_another_torch_is_given_nothing(
    items: Any, address: str, settings: Settings, few_cases: Policy, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "torch-2.12.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.12.0\n")
    with worker(address, PYTHONPATH=f"{other.parent}:{Path(__file__).parents[3]}") as process:
        assert any("offers" in line for line in process.stderr)
        impatient = replace(settings, outage_s=1)
        with pytest.raises(FlowUnavailable, match=r"no worker of 1 at .* offers 'cpu' with torch 2\.13"):
            verify(items, few_cases, impatient)
