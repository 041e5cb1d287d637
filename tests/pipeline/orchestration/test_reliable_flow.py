"""A flow that is killed, robbed of its server, its clock or its storage: nothing is lost and nothing done twice."""

from __future__ import annotations

import contextvars
import gc
import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flow_child import Child, child_environment
from prefect_here import new_home, talking_to
from scripted_flow import CASES, HEADER, FakeSupply, Item, small_policy, tiers, verify
from waiting import wait_until

from pipeline.orchestration.prefect_environment import TemporaryServer
from policies.policy import Tier
from runners.candidate import read_candidate
from runners.evidence import Evidence

# Prefect leaves the idle connections of its HTTP clients to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]
KILLS = 2


@pytest.fixture(scope="module")
def server(prefect_server: TemporaryServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Prefect's server, talked to, with result storage of this file's own; yields where that is."""
    storage = tmp_path_factory.mktemp("storage")
    with talking_to(prefect_server, storage):
        yield storage
        gc.collect()  # while the warnings of this file's filter are still ignored


@pytest.fixture
def kernels(tmp_path: Path) -> Callable[..., list[Item]]:
    def write(*names: str) -> list[Item]:
        paths = [tmp_path / f"{name}.py" for name in names]
        for path in paths:
            path.write_text(f"{HEADER}# {path}\ndef relu(x):\n    return x\n")
        return [read_candidate(path) for path in paths]

    return write


def kept_in(storage: Path) -> set[str]:
    """The names of the candidates whose evidence is kept whole."""
    names = set()
    for path in storage.glob("kernelgate-*"):
        try:
            evidence = Evidence.model_validate_json(json.loads(json.loads(path.read_text())["result"]))
        except ValueError:  # half-written, by the process that was killed
            continue
        names.add(Path(evidence.candidate.path).stem)
    return names


def flow_runs() -> list[Any]:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.sorting import FlowRunSort

    with get_client(sync_client=True) as client:
        return client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=50)


def test_killed_at_any_moment_and_run_again_it_repeats_nothing_and_loses_nothing(server: Path, kernels: Any) -> None:
    items = kernels(*(f"slow{number}" for number in range(8)))
    paths, chance = [Path(item.facts.path) for item in items], random.Random()
    for _ in range(KILLS):
        kept = kept_in(server)
        child = Child(CASES, paths, child_environment(server))
        child.wait_for("measuring")
        time.sleep(chance.uniform(0, 3))
        os.killpg(child.process.pid, signal.SIGKILL)
        measured = {line.split()[1] for line in child.rest() if line.startswith("measuring")}
        assert not measured & kept, "finished work was done again"
        assert kept <= kept_in(server), "finished work was lost"
    kept, supply = kept_in(server), FakeSupply()
    judged = verify(items, supply)
    assert tiers(judged) == [Tier.FUNCTIONAL] * len(items)
    assert {Path(one.evidence.candidate.path).stem for one in judged if one.reused} == kept & {p.stem for p in paths}
    assert len(supply.measured) == sum(not one.reused for one in judged)
    last, *killed = flow_runs()[: KILLS + 1]
    assert last.state.is_completed()
    assert [run.state.name for run in killed] == ["Crashed"] * KILLS
    assert all("was killed; run it again" in run.state.message for run in killed)


@pytest.mark.usefixtures("server")
def test_a_run_that_goes_on_beside_another_is_not_taken_for_dead(kernels: Any) -> None:
    (slow,), (quick,) = kernels("one"), kernels("two")
    begun, end = threading.Event(), threading.Event()

    def waits() -> None:
        begun.set()
        assert end.wait(100)

    supply = FakeSupply(on_run=waits)
    thread = threading.Thread(target=contextvars.copy_context().run, args=(verify, [slow], supply))
    thread.start()
    assert begun.wait(100)
    verify([quick], FakeSupply())
    states = [run.state.name for run in flow_runs()[:2]]
    end.set()
    thread.join(100)
    assert sorted(states) == ["Completed", "Running"]


@pytest.mark.usefixtures("server")
def test_a_deadline_ends_the_work_and_the_next_run_goes_on_from_there(kernels: Any) -> None:
    items, supply = kernels("a", "b", "c"), FakeSupply()

    def slow() -> None:
        if len(supply.measured) > 1:
            time.sleep(0.5)

    supply._on_run = slow
    judged = verify(items, supply, small_policy(cases=100), deadline_s=8)
    assert supply.closed
    in_time, *late = sorted(judged, key=lambda one: one.verdict.tier is Tier.INCONCLUSIVE)
    assert tiers([in_time, *late]) == [Tier.FUNCTIONAL, Tier.INCONCLUSIVE, Tier.INCONCLUSIVE]
    for one in late:
        assert "the run's deadline of 8 s had passed" in one.verdict.findings[0].message
    taken = supply.taken
    time.sleep(1.5)
    assert supply.taken == taken, "the work went on behind the report"
    again = FakeSupply()
    assert tiers(verify(items, again, small_policy(cases=100), deadline_s=600)) == [Tier.FUNCTIONAL] * 3
    assert len(again.measured) == 2


def retry_delays() -> list[float]:
    """How long the tasks of the latest flow run waited before they were tried again, in seconds."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    with get_client(sync_client=True) as client:
        mine = FlowRunFilter(id=FlowRunFilterId(any_=[flow_runs()[0].id]))
        states = [
            state
            for run in client.read_task_runs(flow_run_filter=mine)
            for state in client.read_task_run_states(run.id)
        ]
    waits = [state for state in states if state.name == "AwaitingRetry"]
    return [(one.state_details.scheduled_time - one.timestamp).total_seconds() for one in waits]


@pytest.mark.usefixtures("server")
def test_what_failed_at_once_is_not_tried_again_at_once(kernels: Any) -> None:
    count = 8
    items = kernels(*(f"k{number}" for number in range(count)))
    judged = verify(items, FakeSupply(failing=range(1, count + 1)), workers=count)
    assert tiers(judged) == [Tier.FUNCTIONAL] * count
    wait_until(lambda: len(retry_delays()) == count)
    delays = retry_delays()
    assert max(delays) - min(delays) > 0.1
    assert max(delays) < 1.6


def test_whatever_is_tried_again_waits_so() -> None:
    from pipeline.fleet.tasks import check_on_gpu, verify_elsewhere
    from pipeline.generating.flow import attempt
    from pipeline.orchestration.flow import verify_candidate

    for task in (verify_candidate, verify_elsewhere, check_on_gpu, attempt):
        assert (task.retries, task.retry_delay_seconds, task.retry_jitter_factor) == (2, [1.0, 2.0], 0.5), task.name


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("jump_s", [86_400.0, -86_400.0])
def test_a_clock_that_jumps_ends_nothing_early_and_keeps_nothing_waiting(
    kernels: Any, monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    clock = time.time

    def jumps() -> None:
        monkeypatch.setattr(time, "time", lambda: clock() + jump_s)

    judged = verify(kernels("a", "b"), FakeSupply(on_run=jumps), workers=2, deadline_s=600)
    assert abs(time.time() - clock()) > 80_000, "the clock did not jump"
    assert tiers(judged) == [Tier.FUNCTIONAL] * 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk on which no evidence has room."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small disk")
    path = tmp_path / "disk"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(path)], check=True)
    yield path
    subprocess.run(["umount", str(path)], check=True)


@pytest.mark.usefixtures("server")
def test_storage_that_fails_half_way_costs_what_it_should_keep_and_no_verdict(kernels: Any, small_disk: Path) -> None:
    from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings

    items, supply = kernels("a", "b"), FakeSupply()
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: small_disk}):
        assert tiers(verify(items, supply)) == [Tier.FUNCTIONAL] * 2
        assert [path.stat().st_size for path in small_disk.iterdir()], "nothing was written half-way"
        assert kept_in(small_disk) == set()
        subprocess.run(["mount", "-o", "remount,size=1m", str(small_disk)], check=True)
        again = verify(items, supply)
        kept = verify(items, supply)
    assert tiers(again) == tiers(kept) == [Tier.FUNCTIONAL] * 2
    assert [one.reused for one in (*again, *kept)] == [False, False, True, True]


def test_a_server_that_is_restarted_in_a_run_is_gone_on_with(
    tmp_path: Path, migrated: Path, server: Path, kernels: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    from pipeline.orchestration import prefect_environment

    home = new_home(tmp_path / "home", migrated)
    monkeypatch.setenv("PREFECT_HOME", str(home))
    first = prefect_environment.temporary_server.__wrapped__()
    first.wait_ready()
    paths = [Path(item.facts.path) for item in kernels(*(f"slow{number}" for number in range(4)))]
    child = Child(CASES, paths, child_environment(server) | {"PREFECT_API_URL": first.url})
    child.wait_for("measuring")
    first.process.kill()
    first.process.wait()
    listener = socket.create_server(("127.0.0.1", first.port), backlog=64)
    with (home / "log").open("wb") as log:
        second = prefect_environment._start(listener, log.fileno())
    listener.close()
    try:
        assert child.rest()[-1] == f"verdicts {['functional'] * 4}"
        assert child.process.returncode == 0
        from prefect.settings import PREFECT_API_URL, temporary_settings

        with temporary_settings({PREFECT_API_URL: first.url}):
            wait_until(lambda: [run.state.name for run in flow_runs()] == ["Completed"])
    finally:
        second.terminate()
        second.wait()
        second.stdin.close()
