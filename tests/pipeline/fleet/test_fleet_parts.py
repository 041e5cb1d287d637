"""Which part of a candidate goes where, and what comes back: Dask is real and in this process, runners are scripted."""

from __future__ import annotations

import contextvars
import copy
import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_device import FakeDevice
from fake_device import relu as device_relu
from otlp_collector import collecting
from prefect_here import talking_to
from scripted_flow import HEADER, FakeSupply, Item, tiers
from scripted_gpu import ScriptedGpu, gpu_policy
from waiting import wait_until

from pipeline.errors import FlowUnavailable, SettingsError
from pipeline.orchestration.prefect_environment import TemporaryServer
from pipeline.settings import Mode, Settings
from pipeline.telemetry.contract import Unrecorded
from policies.policy import Tier
from runners.candidate import read_candidate
from runners.evidence import DeviceEvidence

# Prefect leaves the idle connections of its HTTP clients to the garbage collector, and so does Dask.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("own_machine"),
]


class Fleet:
    """One worker of this process that offers both parts, and what it was given."""

    def __init__(self, address: str, storage: Path, state: Path) -> None:
        self.settings = replace(Settings.resolve(workers=1), scheduler=address, storage=str(storage), outage_s=1)
        self.supply = FakeSupply()
        self.quarantine = state / "gpu0.quarantine"
        self.on_gpu: list[str] = []
        self._state = state

    @contextmanager
    def gpu_for(self, *_: Any) -> Iterator[ScriptedGpu]:
        with ScriptedGpu(FakeDevice(device_relu), self._state) as gpu:
            yield gpu

    def verify(self, items: list[Item], **options: Any) -> Any:
        from pipeline.fleet.work import verify_on_workers

        options = {"fresh": False, "progress": lambda path, judged: None, **options}
        return verify_on_workers(items, gpu_policy(), self.settings, **options)


@pytest.fixture
def fleet(prefect_server: TemporaryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    with talking_to(prefect_server, tmp_path / "prefect"):
        from distributed import LocalCluster

        from pipeline.fleet import workplace
        from pipeline.fleet.identity import judge_here, resource

        here = judge_here()
        offers = {resource("cpu", here): 1, resource("gpu", here): 1}
        options = {"processes": False, "threads_per_worker": 2, "dashboard_address": ":0", "resources": offers}
        with LocalCluster(n_workers=1, **options) as cluster:
            made = Fleet(cluster.scheduler_address, tmp_path / "shared", tmp_path)
            monkeypatch.setattr(workplace, "supply_for", lambda *_: made.supply)
            monkeypatch.setattr(workplace, "gpu_for", made.gpu_for)
            yield made
            workplace.WORKPLACES.close()
        gc.collect()


@pytest.fixture
def kernels(tmp_path: Path) -> Callable[..., list[Item]]:
    def write(*names: str) -> list[Item]:
        paths = [tmp_path / f"{name}.py" for name in names]
        for path in paths:
            path.write_text(f"{HEADER}# {path}\ndef relu(x):\n    return x\n")
        return [read_candidate(path) for path in paths]

    return write


def test_what_agreed_goes_on_to_a_gpu_and_what_was_denied_does_not(fleet: Fleet, kernels: Any) -> None:
    judged = fleet.verify(kernels("right", "wrong"))
    assert tiers(judged) == [Tier.FUNCTIONAL, Tier.REJECTED]
    assert [isinstance(one.evidence.device, DeviceEvidence) for one in judged] == [True, False]
    again = fleet.verify(kernels("right", "wrong"))
    assert [one.reused for one in again] == [True, True]
    assert len(fleet.supply.measured) == 2


def test_the_time_on_a_gpu_is_recorded_where_the_gpu_is(fleet: Fleet, kernels: Any, tmp_path: Path) -> None:
    """And not where the run was ordered, which knows neither host nor number."""
    from pipeline.fleet.workplace import WORKPLACES
    from pipeline.observing.listeners import LogListener, observed
    from pipeline.runs.facts import RunFacts

    heard: list[tuple[int, float]] = []

    class Told(Unrecorded):
        def had_gpu(self, number: int, wall_s: float) -> None:
            heard.append((number, wall_s))

    facts = RunFacts("20261130-120000-0a0b0c0d", "verify", "few", "0", 2)
    WORKPLACES.recorded_by(Told())
    try:
        with collecting() as collector, pytest.MonkeyPatch.context() as patch:
            for name, value in collector.environment.items():
                patch.setenv(name, value)
            with observed(facts, tmp_path / "runs", LogListener(lambda text: None, pytest.fail)) as listener:
                fleet.verify(kernels("right", "wrong"), progress=listener.judged)
            assert collector.total("kernelgate.verdicts") == 2
            assert collector.points("kernelgate.gpu.time") == []
    finally:
        WORKPLACES.recorded_by(Unrecorded())
    ((number, wall_s),) = heard
    assert number == 0
    assert wall_s > 0


def test_a_limit_of_the_tag_keeps_gpu_checks_waiting_and_nothing_else(fleet: Fleet, kernels: Any) -> None:
    """A limit over all hosts, as `prefect concurrency-limit create kernelgate-gpu 1` makes it, whose slot is taken."""
    from prefect.client.orchestration import get_client
    from prefect.concurrency import services
    from prefect.concurrency.sync import concurrency

    from pipeline.fleet.tasks import GPU_TAG

    items, judged = kernels("right", "wrong"), []
    progress: dict[str, Tier] = {}
    with get_client(sync_client=True) as client:
        client.create_concurrency_limit(tag=GPU_TAG, concurrency_limit=1)
        services._no_limits_cache.clear()  # a process knows for 5 s that a tag had none; other tests ran tasks with it
        try:
            with concurrency(f"tag:{GPU_TAG}", occupy=1, strict=True):
                run = threading.Thread(
                    target=contextvars.copy_context().run,
                    args=(lambda: judged.append(fleet.verify(
                        items, progress=lambda path, one: progress.update({Path(path).stem: one.verdict.tier})
                    )),),
                )  # fmt: skip
                run.start()
                wait_until(lambda: "wrong" in progress and len(fleet.supply.measured) == 2)
                time.sleep(2)
                taken = client.read_global_concurrency_limit_by_name(f"tag:{GPU_TAG}")
                assert "right" not in progress, f"it was on the GPU without a slot; the server says {taken!r}"
            run.join(120)
        finally:
            client.delete_concurrency_limit_by_tag(GPU_TAG)
    assert progress == {"right": Tier.FUNCTIONAL, "wrong": Tier.REJECTED}
    assert isinstance(judged[0][0].evidence.device, DeviceEvidence)


def test_a_gpu_that_fails_us_costs_its_part_alone(fleet: Fleet, kernels: Any) -> None:
    fleet.quarantine.write_text("a known kernel gave a wrong result\n")
    (ill,) = fleet.verify(kernels("right"))
    assert ill.verdict.tier is Tier.INCONCLUSIVE
    assert "GPU 0 is quarantined" in ill.verdict.findings[0].message
    fleet.quarantine.unlink()
    (well,) = fleet.verify(kernels("right"))
    assert (well.verdict.tier, len(fleet.supply.measured)) == (Tier.FUNCTIONAL, 1)


def test_a_fault_of_ours_on_a_worker_is_tried_again_and_then_said(fleet: Fleet, kernels: Any) -> None:
    fleet.supply.lost = b"/b.py"
    judged = fleet.verify(kernels("a", "b"))
    assert tiers(judged) == [Tier.FUNCTIONAL, Tier.INCONCLUSIVE]
    assert "the engine does not answer" in judged[1].verdict.findings[0].message


def test_a_deadline_ends_the_work_of_workers(fleet: Fleet, kernels: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.fleet.tasks.LOOK_UP_S", 0.1)
    fleet.supply._on_run = lambda: time.sleep(1)
    (late,) = fleet.verify(kernels("late"), deadline_s=2, mode=Mode.CPU)
    assert late.verdict.tier is Tier.INCONCLUSIVE
    assert "the run's deadline of 2 s had passed" in late.verdict.findings[0].message


def test_an_order_for_another_judge_is_refused(fleet: Fleet, kernels: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.fleet.identity import Judge

    monkeypatch.setattr("pipeline.fleet.work.judge_here", lambda: Judge("2.12.0", "3.9.0", "another"))
    with pytest.raises(FlowUnavailable, match=r"no worker of 1 at .* offers 'cpu' with torch 2\.12\.0"):
        fleet.verify(kernels("right"))
    assert fleet.supply.taken == 0


def test_workers_without_a_storage_are_a_wrong_setting(fleet: Fleet, kernels: Any) -> None:
    fleet.settings = replace(fleet.settings, storage=None)
    with pytest.raises(SettingsError, match="KERNELGATE_STORAGE"):
        fleet.verify(kernels("right"))


def test_a_fault_comes_whole_from_another_process() -> None:
    import pipeline.orchestration.prefect_connection  # noqa: F401
    from pipeline.orchestration.flow_work import InfrastructureFault

    there = InfrastructureFault("the engine is gone", "{}", again=False)
    here = copy.copy(there)  # as pickle makes it
    assert (str(here), here.evidence, here.again) == ("the engine is gone", "{}", False)
