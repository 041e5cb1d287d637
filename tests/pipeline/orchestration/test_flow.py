"""The flow against a real Prefect server. Runners are scripted, everything above them is real."""

from __future__ import annotations

import gc
import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ailing_server import ailing_server
from fake_device import FakeDevice
from fake_device import relu as device_relu
from flow_child import WORKERS_OF_A_CHILD, Child, child_environment, temporary_server_in
from prefect_here import new_home, talking_to
from scripted_flow import CASES, HEADER, ISOLATION, WAIVED, FakeSupply, Item, small_policy, tiers, verify
from scripted_gpu import ScriptedGpu, gpu_policy
from waiting import wait_until

from pipeline.errors import FlowUnavailable
from pipeline.gate.judged import Judged
from pipeline.orchestration.prefect_environment import TemporaryServer
from policies.policy import Tier
from policies.waivers import DatedWaivers, Waiver
from runners.candidate import read_candidate
from runners.evidence import LimitEvidence

# Prefect leaves the idle connections of its HTTP clients to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def server(prefect_server: TemporaryServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Prefect's server, talked to, with result storage of this file's own; yields where that is."""
    storage = tmp_path_factory.mktemp("storage")
    with talking_to(prefect_server, storage):
        yield storage
        gc.collect()  # while the warnings of this file's filter are still ignored


@pytest.fixture
def kernels(tmp_path: Path) -> Callable[..., list[Item]]:
    """Writes kernels whose content no other test has, and reads them back."""

    def write(*names: str, body: str = "") -> list[Item]:
        paths = [tmp_path / f"{name}.py" for name in names]
        for path in paths:
            path.write_text(f"{HEADER}# {path}{body}\ndef relu(x):\n    return x\n")
        return [read_candidate(path) for path in paths]

    return write


def test_the_key_holds_all_that_evidence_depends_on(kernels: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.gate.content_key import content_key

    (item,), policy = kernels("right"), small_policy()
    unproven = LimitEvidence(name="network", holds=False, observed="1")
    keys = [
        content_key(item, policy, ISOLATION),
        content_key(*kernels("right", body=" changed"), policy, ISOLATION),
        content_key(item, small_policy(cases=3), ISOLATION),
        content_key(item, policy, ISOLATION.model_copy(update={"image": "sha256:2"})),
        content_key(item, policy, ISOLATION.model_copy(update={"runtime": "runsc"})),
        content_key(item, policy, ISOLATION.model_copy(update={"limits": (unproven,)})),
        content_key(item, policy, ISOLATION.model_copy(update={"layers": (unproven,)})),
    ]
    monkeypatch.setattr("pipeline.gate.content_key.operator_digest", lambda operator: "another")
    keys.append(content_key(item, policy, ISOLATION))
    monkeypatch.setattr("pipeline.gate.content_key.metadata.version", lambda name: f"another {name}")
    keys.append(content_key(item, policy, ISOLATION))
    assert None not in keys
    assert len(set(keys)) == 9


def test_the_key_does_not_hold_what_differs_between_two_proofs_of_one_sandbox(kernels: Any) -> None:
    from pipeline.gate.content_key import content_key

    (item,) = kernels("right")
    seen_again = LimitEvidence(name="network", holds=True, observed="2")
    again = ISOLATION.model_copy(update={"limits": (seen_again,)})
    assert content_key(item, small_policy(), ISOLATION) == content_key(item, small_policy(), again)


@pytest.mark.usefixtures("server")
class TestKeptEvidence:
    def test_a_second_run_measures_nothing_and_gives_the_same_verdicts(self, kernels: Any, tmp_path: Path) -> None:
        items, supply = kernels("right", "wrong"), FakeSupply()
        copy = tmp_path / "copy.py"
        copy.write_bytes(items[0].source)
        first, second = verify(items, supply), verify([*items, read_candidate(copy)], supply)
        assert tiers(first) == tiers(second[:2]) == [Tier.FUNCTIONAL, Tier.REJECTED]
        assert [entry.verdict for entry in first] == [entry.verdict for entry in second[:2]]
        assert len(supply.measured) == 2
        assert [entry.reused for entry in (*first, *second)] == [False, False, True, True, True]
        assert second[2].evidence.candidate.path == str(copy)  # same content, so reused, but under its own path

    def test_fresh_measures_again_and_keeps_the_new_evidence(self, kernels: Any) -> None:
        items, supply = kernels("right"), FakeSupply()
        (old,), (new,) = verify(items, supply), verify(items, supply, fresh=True)
        (again,) = verify(items, supply)
        assert len(supply.measured) == 2
        assert old.evidence.properties.seed != new.evidence.properties.seed == again.evidence.properties.seed

    def test_another_policy_or_image_is_measured(self, kernels: Any) -> None:
        items, supply = kernels("right"), FakeSupply()
        verify(items, supply)
        verify(items, supply, small_policy(cases=3))
        supply.isolation = ISOLATION.model_copy(update={"image": "sha256:2"})
        assert not verify(items, supply)[0].reused
        assert len(supply.measured) == 3

    def test_nothing_is_kept_while_the_isolation_is_unknown(self, kernels: Any) -> None:
        items, supply = kernels("right"), FakeSupply()
        supply.isolation = None
        verify(items, supply)
        verify(items, supply)
        assert len(supply.measured) == 2

    def test_evidence_about_another_candidate_is_none(self, kernels: Any, server: Path) -> None:
        """Somebody who writes to the storage puts what is kept of a right kernel in a wrong one's place."""
        items = kernels("right-of-two", "wrong-of-two")
        supply = FakeSupply()
        assert tiers(verify(items, supply)) == [Tier.FUNCTIONAL, Tier.REJECTED]
        right, wrong = (
            next(path for path in server.glob("kernelgate-*") if item.facts.digest in path.read_text())
            for item in items
        )
        wrong.write_bytes(right.read_bytes())
        assert tiers(verify(items, supply)) == [Tier.FUNCTIONAL, Tier.REJECTED]
        assert len(supply.measured) == 3

    @pytest.mark.parametrize("damage", [b'{"metadata"', b"{}"])
    def test_a_half_written_result_is_measured_again(self, kernels: Any, server: Path, damage: bytes) -> None:
        items, supply = kernels("right"), FakeSupply()
        before = set(server.iterdir()) if server.exists() else set()
        verify(items, supply)
        (kept,) = {path for path in server.iterdir() if path.name.startswith("kernelgate-")} - before
        kept.write_bytes(damage)
        (judged,) = verify(items, supply)
        assert judged.verdict.tier is Tier.FUNCTIONAL
        assert len(supply.measured) == 2
        assert verify(items, supply)[0].reused


@pytest.mark.usefixtures("server")
class TestFailures:
    def test_a_fault_of_ours_is_tried_again(self, kernels: Any) -> None:
        supply = FakeSupply(failing=(1,))
        (judged,) = verify(kernels("right"), supply)
        assert judged.verdict.tier is Tier.FUNCTIONAL
        assert supply.taken == 2

    def test_a_lasting_fault_is_inconclusive_not_kept_and_spares_the_others(self, kernels: Any) -> None:
        items, supply = kernels("a", "b", "c"), FakeSupply()
        supply.lost = b"/b.py"
        judged = verify(items, supply)
        supply.lost = None
        assert tiers(judged) == [Tier.FUNCTIONAL, Tier.INCONCLUSIVE, Tier.FUNCTIONAL]
        assert judged[1].verdict.findings[0].rule == "evidence/properties-missing"
        assert "the engine does not answer" in judged[1].verdict.findings[0].message
        assert tiers(verify(items, supply)) == [Tier.FUNCTIONAL] * 3
        assert len(supply.measured) == 3

    def test_a_gpu_in_quarantine_is_no_fact_about_a_candidate(self, kernels: Any, tmp_path: Path) -> None:
        items, supply, quarantine = kernels("right"), FakeSupply(), tmp_path / "gpu0.quarantine"
        quarantine.write_text("a known kernel gave a wrong result\n")

        def once() -> Judged:
            with ScriptedGpu(FakeDevice(device_relu), tmp_path) as gpu:
                (judged,) = verify(items, supply, gpu_policy(), gpu=gpu)
            return judged

        ill = once()
        assert ill.verdict.tier is Tier.INCONCLUSIVE
        assert "GPU 0 is quarantined" in ill.verdict.findings[0].message
        assert len(supply.measured) == 1  # what was not done on the GPU was not done again
        quarantine.unlink()
        well, again = once(), once()
        assert [(one.verdict.tier, one.reused) for one in (well, again)] == [
            (Tier.FUNCTIONAL, False),
            (Tier.FUNCTIONAL, True),
        ]

    def test_a_wrong_candidate_is_a_result_and_not_tried_again(self, kernels: Any) -> None:
        supply = FakeSupply()
        (judged,) = verify(kernels("wrong"), supply)
        assert judged.verdict.tier is Tier.REJECTED
        assert judged.verdict.findings[0].rule == "properties/wrong-values"
        assert len(supply.measured) == 1

    def test_what_is_denied_by_its_source_needs_no_runner(self, kernels: Any, tmp_path: Path) -> None:
        junk, denied = tmp_path / "junk.py", tmp_path / "denied.py"
        junk.write_text("nothing here\n")
        denied.write_text(f"{HEADER}import os\ndef relu(x):\n    return x\n")
        supply = FakeSupply()
        judged = verify([read_candidate(junk), read_candidate(denied)], supply)
        assert tiers(judged) == [Tier.REJECTED] * 2
        assert [entry.verdict.findings[0].rule for entry in judged] == [
            "candidate/no-header",
            "source/import-not-allowed",
        ]
        assert supply.taken == 0

    def test_our_own_bug_is_raised_and_not_a_verdict(self, kernels: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        from pipeline.orchestration.flow import NoEvidenceError

        def bug(*_: object, **__: object) -> None:
            raise ZeroDivisionError("a bug")

        monkeypatch.setattr("pipeline.orchestration.flow.measure", bug)
        with pytest.raises(NoEvidenceError, match=r"right\.py") as caught:
            verify(kernels("right"), FakeSupply())
        assert "a bug" in repr(caught.value.__cause__)

    def test_a_task_that_prefect_could_not_begin_is_begun_again(
        self, kernels: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("prefect.task_engine._concurrency", refused(times=1))
        assert tiers(verify(kernels("a", "b"), FakeSupply())) == [Tier.FUNCTIONAL] * 2

    def test_a_server_that_refuses_each_task_is_said_to_be_at_fault(
        self, kernels: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("prefect.task_engine._concurrency", refused(times=2))
        with pytest.raises(FlowUnavailable, match=r"503 Service Unavailable.*run the same command again"):
            verify(kernels("right"), FakeSupply())

    def test_a_server_that_does_not_answer_is_said(self, kernels: Any) -> None:
        from prefect.settings import PREFECT_API_URL, temporary_settings

        url = "http://127.0.0.1:9/api"
        with temporary_settings({PREFECT_API_URL: url}), pytest.raises(FlowUnavailable, match=url):
            verify(kernels("right"), FakeSupply())

    @pytest.mark.parametrize("gone", [False, True])
    def test_a_server_that_fails_once_it_was_ready_is_said(self, kernels: Any, gone: bool) -> None:
        """A disk that fills at that moment, or a server that is killed then: Prefect calls that a RuntimeError."""
        from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

        with ailing_server(gone=gone) as url:
            settings = {PREFECT_API_URL: url, PREFECT_CLIENT_MAX_RETRIES: 0}
            with temporary_settings(settings), pytest.raises(FlowUnavailable, match="run the same command again"):
                verify(kernels("right"), FakeSupply())


@pytest.mark.usefixtures("server")
class TestWhatPrefectShows:
    def test_order_progress_task_names_and_artifacts(self, kernels: Any) -> None:
        items, heard = kernels("d", "wrong", "a", "c"), []
        judged = verify(
            items,
            FakeSupply(),
            workers=3,
            progress=lambda path, entry: heard.append((path, entry)),
        )
        paths = [item.facts.path for item in items]
        assert [entry.evidence.candidate.path for entry in judged] == paths
        assert sorted(path for path, _ in heard) == sorted(paths)
        assert set(task_names(len(paths))) == set(paths)
        table, summary = artifacts()
        assert [(row["candidate"], row["verdict"]) for row in table] == [
            (f"`{path}`", entry.verdict.tier.value) for path, entry in zip(paths, judged, strict=True)
        ]
        assert "3 functional" in summary
        assert f"`{paths[1]}`: properties/wrong-values" in summary

    @pytest.mark.usefixtures("own_machine")
    def test_the_flow_can_be_started_by_itself(
        self, kernels: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from pipeline.orchestration.flow import verify_kernels

        supply = FakeSupply()
        monkeypatch.setattr("pipeline.orchestration.flow.supply_for", lambda settings, policy, report: supply)
        monkeypatch.setenv("KERNELGATE_RUNS", str(tmp_path / "runs"))
        (tmp_path / "small.yaml").write_text(
            "extends: dev\nname: small\n"
            f"properties: {{pairwise_cases: {CASES}, special_cases: 0, block_cases: 0, huge_cases: 0,\n"
            f"  random_cases: 0, dtypes: [float32], controls: []}}\nsource: {{waived_rules: [{', '.join(WAIVED)}]}}\n"
            "compile: {required_targets: [], informative_targets: []}\n"
        )
        kernels("right", "wrong")
        found = verify_kernels(paths=sorted(tmp_path.glob("*.py")), policy=str(tmp_path / "small.yaml"))
        assert found == ("functional", "rejected")
        assert supply.closed
        assert len(list((tmp_path / "runs").glob("*/run.json"))) == 1


def latest_flow_run() -> Any:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.sorting import FlowRunSort

    with get_client(sync_client=True) as client:
        return client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)[0]


def task_names(count: int) -> list[str]:
    """The names of the tasks of the latest flow run; Prefect stores them a moment after they ended."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    flow_run = latest_flow_run()
    until = time.monotonic() + 120  # a busy machine takes its time
    with get_client(sync_client=True) as client:
        while time.monotonic() < until:
            runs = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run.id])))
            if len(runs) == count and all(run.state and run.state.is_final() for run in runs):
                return [run.name for run in runs]
            time.sleep(0.2)
    pytest.fail(f"{count} finished tasks did not show up")


def artifacts() -> tuple[list[dict[str, str]], str]:
    from prefect.artifacts import Artifact

    table = Artifact.get("kernelgate-verdicts")
    summary = Artifact.get("kernelgate-summary")
    assert table is not None
    assert summary is not None
    return json.loads(table.data), summary.data


def refused(times: int) -> Callable[..., Any]:
    """What Prefect acquires a task's slots with, from a server that can't do it for the first `times`."""
    import httpx
    from prefect.concurrency._asyncio import ConcurrencySlotAcquisitionError

    left = iter(range(times))

    @contextmanager
    def acquire(**_: object) -> Iterator[None]:
        if next(left, None) is not None:
            request = httpx.Request("POST", "http://127.0.0.1/api")
            answer = httpx.Response(503, request=request)
            fault = httpx.HTTPStatusError("503 Service Unavailable", request=request, response=answer)
            raise ConcurrencySlotAcquisitionError("no slots") from fault
        yield

    return acquire


A_DEAD_SERVER_S = 150  # bounded; Prefect's own client would add seven for each event


@pytest.mark.usefixtures("server")
def test_waivers_are_held_against_evidence_that_was_kept(kernels: Any) -> None:
    items, supply = kernels("wrong"), FakeSupply()
    (before,) = verify(items, supply)
    waiver = Waiver(rule="properties/wrong-values", digest=items[0].facts.digest, reason="r", expires=date(2026, 12, 1))
    (after,) = verify(items, supply, waivers=DatedWaivers(day=date(2026, 12, 1), waivers=(waiver,)))
    assert (before.verdict.allowed, after.verdict.allowed, after.reused) == (False, True, True)
    assert tiers([before, after]) == [Tier.REJECTED] * 2


@pytest.fixture
def own_home(tmp_path: Path, migrated: Path) -> Path:
    """A home for the temporary server of a child."""
    return new_home(tmp_path / "home", migrated)


def test_a_flow_that_was_killed_goes_on_where_it_was(server: Path, kernels: Any) -> None:
    items = kernels("a", "b", "slow", "d")
    paths = [Path(item.facts.path) for item in items]
    stored = len(list(server.glob("*")))
    first = Child(CASES, paths, child_environment(server))
    first.wait_for("measuring slow")
    wait_until(lambda: len(list(server.glob("*"))) == stored + 3)
    os.killpg(first.process.pid, signal.SIGKILL)
    first.rest()

    supply = FakeSupply()
    judged = verify(items, supply)
    assert [entry.reused for entry in judged] == [True, True, False, True]
    assert tiers(judged) == [Tier.FUNCTIONAL] * 4
    assert len(supply.measured) == 1


def test_sigterm_ends_the_flow_and_reaches_the_caller(server: Path, kernels: Any) -> None:
    items = kernels("slow", "slow_b", "slow_c")
    child = Child(5000, [Path(item.facts.path) for item in items], child_environment(server))
    child.wait_for("measuring slow")
    child.process.send_signal(signal.SIGTERM)
    assert child.rest()[-1] == "interrupted; supply closed: True"
    assert sum(line.startswith("measuring") for line in child.said) <= WORKERS_OF_A_CHILD
    assert latest_flow_run().state.type.value == "CRASHED"


def test_ctrl_c_ends_a_flow_on_the_temporary_server_and_the_server(own_home: Path, kernels: Any) -> None:
    child = Child(5000, [Path(item.facts.path) for item in kernels("slow", "b")], temporary_server_in(own_home))
    child.wait_for("measuring slow")
    os.killpg(child.process.pid, signal.SIGINT)  # as a terminal does: to the whole group
    assert child.rest()[-1] == "interrupted; supply closed: True"
    (server_said,) = [line for line in child.said if line.startswith("server ")]
    with pytest.raises(ProcessLookupError):
        os.kill(int(server_said.split()[1]), 0)
    with closing(sqlite3.connect(own_home / "prefect.db")) as database:
        assert database.execute("select state_type from flow_run order by start_time").fetchall()[-1] == ("CRASHED",)


def test_a_server_that_dies_in_the_middle_costs_no_verdict_and_no_time(own_home: Path, kernels: Any) -> None:
    names = ["slow", *(f"k{number}" for number in range(40))]
    child = Child(CASES, [Path(item.facts.path) for item in kernels(*names)], temporary_server_in(own_home))
    child.wait_for("measuring slow")
    (server_said,) = [line for line in child.said if line.startswith("server ")]
    os.kill(int(server_said.split()[1]), signal.SIGKILL)
    killed_at = time.monotonic()
    assert child.rest()[-1] == f"verdicts {['functional'] * 41}"
    assert time.monotonic() - killed_at < A_DEAD_SERVER_S
    assert child.process.returncode == 0


def test_a_server_that_can_no_longer_write_costs_no_verdict(own_home: Path, kernels: Any) -> None:
    impatient = {"PREFECT_API_REQUEST_TIMEOUT": "2"}
    paths = [Path(item.facts.path) for item in kernels("slow", "b")]
    child = Child(CASES, paths, temporary_server_in(own_home) | impatient)
    child.wait_for("measuring slow")
    with closing(sqlite3.connect(own_home / "prefect.db", isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        assert child.rest()[-1] == "verdicts ['functional', 'functional']"
    assert child.process.returncode == 0
