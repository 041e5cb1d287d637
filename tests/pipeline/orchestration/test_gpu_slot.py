"""A GPU's slot on a real Prefect server, the temporary one that a run starts. What is on the GPU is scripted.

Run as a program, this file is a flow that stays on the GPU, for the tests that kill it.
"""

from __future__ import annotations

import contextvars
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ailing_server import ailing_server
from fake_device import FakeDevice, relu
from prefect_here import new_home, started_in, talking_to
from scripted_flow import HEADER, FakeSupply, tiers, verify
from scripted_gpu import ScriptedGpu, gpu_policy
from waiting import wait_until

from pipeline.errors import SlotUnavailable
from pipeline.orchestration.prefect_environment import TemporaryServer
from pipeline.supply.machine_slots import folder_of_this_user
from policies.policy import Tier
from runners.candidate import read_candidate
from runners.evidence import DeviceEvidence
from sandbox.contract import SandboxUnavailable

PROJECT = Path(__file__).parents[3]
LEASE_LASTS_S = 40  # at least: a minute, of which a third may be over when it is renewed
SOON_S = 20
# Prefect leaves the idle connections of its HTTP clients to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[Path]:
    """Prefect's home for this file."""
    yield new_home(tmp_path_factory.mktemp("prefect"), migrated)
    gc.collect()  # while the warnings of this file's filter are still ignored


@contextmanager
def server_in(home: Path) -> Iterator[TemporaryServer]:
    """A server of its own on the home's database, talked to within the block."""
    with started_in(home) as server, talking_to(server, home / "storage"):
        yield server


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[TemporaryServer]:
    with server_in(home) as running:
        yield running


@pytest.fixture
def kernels(tmp_path: Path) -> Callable[..., list[Any]]:
    def write(*names: str) -> list[Any]:
        paths = [tmp_path / f"{name}.py" for name in names]
        for path in paths:
            path.write_text(f"{HEADER}# {path}\ndef relu(x):\n    return x\n")
        return [read_candidate(path) for path in paths]

    return write


def slot(number: int = 0) -> Any:
    from pipeline.orchestration.prefect_slot import gpu_slot

    return gpu_slot(number)


def limit(number: int = 0) -> Any:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return client.read_global_concurrency_limit_by_name(slot(number).name)


class Crowd:
    """Counts who is on a GPU at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0

    def __enter__(self) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._now -= 1


@pytest.mark.usefixtures("server")
def test_who_is_on_the_gpu_has_the_only_slot(kernels: Any, tmp_path: Path) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate

    with get_client(sync_client=True) as client:  # somebody had other ideas
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=slot().name, limit=5, active=False))
    crowd, occupied = Crowd(), []

    def seen(x: Any) -> Any:
        with crowd:
            if not occupied:
                occupied.append(limit())
            time.sleep(0.05)
            return relu(x)

    with ScriptedGpu(FakeDevice(seen, relu), tmp_path) as gpu:
        judged = verify(kernels("a", "b", "c"), FakeSupply(), gpu_policy(), workers=3, gpu=gpu)
    assert tiers(judged) == [Tier.FUNCTIONAL] * 3
    assert all(isinstance(entry.evidence.device, DeviceEvidence) for entry in judged)
    assert crowd.most == 1
    assert [(one.limit, one.active, one.active_slots) for one in occupied] == [(1, True, 1)]
    assert limit().active_slots == 0


@pytest.mark.usefixtures("server")
def test_two_checkouts_of_one_host_share_the_slot(tmp_path: Path) -> None:
    crowd = Crowd()
    slot(1).make()

    def on_the_gpu(state: Path) -> None:
        gpu = ScriptedGpu(FakeDevice(relu), state, number=1)
        gpu.hold_also(slot(1))
        for _ in range(2):
            with gpu.turn(), crowd:
                time.sleep(0.5)

    threads = [
        threading.Thread(target=contextvars.copy_context().run, args=(on_the_gpu, tmp_path / name)) for name in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert (crowd.most, limit(1).active_slots) == (1, 0)


@pytest.mark.usefixtures("server")
def test_the_servers_events_name_the_task_that_is_on_the_gpu(kernels: Any, tmp_path: Path) -> None:
    from prefect.client.orchestration import get_client

    (item,) = kernels("shown")
    with ScriptedGpu(FakeDevice(relu), tmp_path) as gpu:
        verify([item], FakeSupply(), gpu_policy(), gpu=gpu)

    def named() -> bool:
        with get_client(sync_client=True) as client:
            body = {"filter": {"event": {"prefix": ["prefect.concurrency-limit."]}}}
            events = client.request("POST", "/events/filter", json=body).json()["events"]
        names = {one["event"].rpartition(".")[2] for one in events if item.facts.path in str(one["related"])}
        return names == {"acquired", "released"}

    wait_until(named)


@pytest.mark.usefixtures("server")
def test_a_limit_that_somebody_deleted_is_made_again() -> None:
    from prefect.client.orchestration import get_client

    slot(2).make()
    with get_client(sync_client=True) as client:
        client.delete_global_concurrency_limit_by_name(slot(2).name)
    with slot(2).hold(lambda: None):
        assert limit(2).active_slots == 1


@pytest.mark.usefixtures("server")
def test_an_interrupt_ends_the_wait_for_the_slot_and_for_the_lock(tmp_path: Path) -> None:
    slot(3).make()
    waiting = [ScriptedGpu(FakeDevice(relu), tmp_path / state, number=3) for state in ("other", "same")]
    for gpu in waiting:
        gpu.hold_also(slot(3))
    ended: list[str] = []

    def wait_for(gpu: ScriptedGpu) -> None:
        with pytest.raises(SandboxUnavailable) as caught, gpu.turn():
            pass
        ended.append(str(caught.value))

    holder = ScriptedGpu(FakeDevice(relu), tmp_path / "same", number=3)
    holder.hold_also(slot(3))
    with holder.turn():
        threads = [threading.Thread(target=contextvars.copy_context().run, args=(wait_for, gpu)) for gpu in waiting]
        for thread in threads:
            thread.start()
        time.sleep(2)
        assert not ended
        for gpu in waiting:
            gpu.close()
        for thread in threads:
            thread.join(SOON_S)
        assert ended == ["the run was ended"] * 2


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(("gone", "says"), [(False, "it answers 500"), (True, "RemoteProtocolError")])
def test_a_server_that_fails_is_waited_for_once_and_then_said(
    monkeypatch: pytest.MonkeyPatch, gone: bool, says: str
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    patience_s = 6.0
    monkeypatch.setattr("pipeline.orchestration.prefect_slot.PATIENCE_S", patience_s)
    one = slot()
    with ailing_server(gone=gone) as url, temporary_settings({PREFECT_API_URL: url}):
        waits = []
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(SlotUnavailable, match=says), one.hold(lambda: None):
                pass
            waits.append(time.monotonic() - began)
    assert patience_s <= waits[0]
    assert max(waits[1:]) < patience_s  # the others need not wait, too


@pytest.mark.usefixtures("server")
def test_a_slot_that_is_never_free_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.orchestration.prefect_slot.QUEUE_S", 1.5)
    slot(4).make()
    with (
        slot(4).hold(lambda: None),
        pytest.raises(SlotUnavailable, match=f"prefect gcl update {slot(4).name} --active-slots 0"),
        slot(4).hold(lambda: None),
    ):
        pass


def test_a_server_that_dies_costs_no_candidate_that_is_on_the_gpu_and_lets_none_through_after(
    home: Path, server: TemporaryServer, kernels: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.orchestration.prefect_slot.PATIENCE_S", 2.0)
    items = kernels("a", "b")
    with server_in(home) as mortal:

        def kills(x: Any) -> Any:
            mortal.process.kill()
            return relu(x)

        with ScriptedGpu(FakeDevice(kills, relu), tmp_path) as gpu:
            judged = verify(items, FakeSupply(), gpu_policy(), gpu=gpu)
    on_it, later = sorted(judged, key=lambda entry: entry.verdict.tier is Tier.INCONCLUSIVE)
    assert tiers([on_it, later]) == [Tier.FUNCTIONAL, Tier.INCONCLUSIVE]
    (found, *_) = later.verdict.findings
    assert found.rule == "evidence/gpu-check-missing"
    assert "Prefect's server does not give the slot" in found.message


@pytest.mark.parametrize("machine_is_gone", [False, True])
def test_the_slot_of_a_killed_holder_is_free_again(
    home: Path, kernels: Any, tmp_path: Path, machine_is_gone: bool, own_machine: None
) -> None:
    """Who waits on the same machine ends the lease; where the machine is gone, the server does, in time."""
    (item,) = kernels("stays")
    state = tmp_path / "state"
    with server_in(home) as mortal:
        environment = {
            "PREFECT_API_URL": mortal.url,
            "PREFECT_LOCAL_STORAGE_PATH": str(home / "storage"),
            "PYTHONPATH": f"{PROJECT}:{PROJECT}/tests/support",
        }
        with subprocess.Popen(
            [sys.executable, "-P", __file__, str(state), item.facts.path],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
            start_new_session=True,
        ) as child:
            assert any("on the GPU" in line for line in child.stdout)
            os.killpg(child.pid, signal.SIGKILL)
        assert limit().active_slots == 1
        mortal.process.kill()  # as the temporary server of a run that is killed
    if machine_is_gone:
        for mark in folder_of_this_user().glob("*.mark"):
            mark.unlink()
        let_leases_end(home)
    with server_in(home), ScriptedGpu(FakeDevice(relu), state) as gpu:
        began = time.monotonic()
        (judged,) = verify([item], FakeSupply(), gpu_policy(), gpu=gpu)
        assert judged.verdict.tier is Tier.FUNCTIONAL
        assert time.monotonic() - began < LEASE_LASTS_S
        assert limit().active_slots == 0


def test_a_lease_that_ends_while_its_holder_lives_is_said_and_the_lock_still_keeps_others_out(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The server's clock jumps: for it each lease is over, and the slot is free."""
    monkeypatch.setattr("pipeline.orchestration.prefect_slot.RENEWAL_S", 8.0)  # after the server has looked
    entered = threading.Event()
    with server_in(home):
        holder, other = (ScriptedGpu(FakeDevice(relu), tmp_path, number=6) for _ in range(2))
        slot(6).make()
        holder.hold_also(slot(6))
        other.hold_also(slot(6))

        def wait_for_it() -> None:
            with other.turn():
                entered.set()

        waiting = threading.Thread(target=contextvars.copy_context().run, args=(wait_for_it,))
        with holder.turn():
            let_leases_end(home)
            wait_until(lambda: limit(6).active_slots == 0)
            waiting.start()
            wait_until(lambda: "was lost: Prefect's server shows it as free" in caplog.text)
            assert not entered.is_set()
        waiting.join(SOON_S)
        assert entered.is_set()


def let_leases_end(home: Path) -> None:
    """Moves the end of each lease into the past: a minute has passed, or the server's clock has jumped."""
    past = "2020-01-01T00:00:00+00:00"
    for path in (home / "concurrency_leases").glob("*.json"):
        stored = json.loads(path.read_text())
        changed = dict.fromkeys(stored, past) if path.name == "expirations.json" else stored | {"expiration": past}
        path.write_text(json.dumps(changed))


def main(state: str, path: str) -> None:
    """A flow whose candidate never leaves the GPU."""

    def stays(x: Any) -> Any:
        sys.stdout.write("on the GPU\n")
        sys.stdout.flush()
        time.sleep(3600)
        return relu(x)

    verify([read_candidate(Path(path))], FakeSupply(), gpu_policy(), gpu=ScriptedGpu(FakeDevice(stays), Path(state)))


if __name__ == "__main__":
    main(*sys.argv[1:])
