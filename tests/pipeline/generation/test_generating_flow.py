"""The flow of generation against a real Prefect server and the local provider; runners are scripted.

Run as a program, this file is a flow in a process of its own, for the test that kills one.
"""

from __future__ import annotations

import gc
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from generation_requests import KEY, MODEL, Shared, serving
from prefect_here import talking_to
from scripted_flow import FakeSupply, small_policy
from waiting import wait_until

from pipeline.errors import GenerationError
from pipeline.generating.result import Generated
from pipeline.generating.run import Place
from pipeline.generating.wanted import Wanted
from pipeline.generation.budgets import Budget
from pipeline.generation.content import Proposal
from pipeline.generation.local_server.script import Received, Say
from pipeline.orchestration.prefect_environment import TemporaryServer
from pipeline.settings import Settings
from runners.operators import OPERATORS

PROJECT = Path(__file__).parents[3]
STAYED_S = 2.0  # so long a run measures before it is killed
SLOW_S = 0.1  # before each piece of an answer; there are several

# Prefect leaves the idle connections of its HTTP clients to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def server(prefect_server: TemporaryServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Prefect's server, talked to; yields its address."""
    with talking_to(prefect_server, tmp_path_factory.mktemp("storage")):
        yield prefect_server.url
        gc.collect()  # while the warnings of this file's filter are still ignored


@pytest.fixture
def supply(monkeypatch: pytest.MonkeyPatch) -> FakeSupply:
    made = FakeSupply()
    monkeypatch.setattr("pipeline.generating.run.supply_for", lambda *_: made)
    return made


def kernel(operator: str, comment: str) -> str:
    header = f'# /// kernel\n# operator = "{operator}"\n# language = "triton"\n# ///\n'
    return f"{header}# {comment}\nimport torch\n\n\ndef {operator}(x):\n    return torch.empty_like(x)\n"


def answering(*comments: str, pause_s: float = 0.0) -> Callable[[Received], Say]:
    """One answer after the other for each operator; the last one again and again."""
    counts: dict[str, int] = {}

    def script(received: Received) -> Say:
        operator = "gelu" if "operator: gelu" in json.dumps(received.body).lower() else "relu"
        number = counts[operator] = counts.get(operator, 0) + 1
        comment = comments[min(number, len(comments)) - 1]
        return Say(Proposal(plan="p", code=kernel(operator, comment)).model_dump_json(), pause_s=pause_s)

    return script


def roles(folder: Path, url: str, **about: object) -> Path:
    more = "".join(f", {name}: {value}" for name, value in about.items())
    path = folder / "roles.yaml"
    path.write_text(
        f"author: {{provider: far, model: {MODEL}, patience_s: 0, max_output_tokens: 2000}}\n"
        f"providers:\n  far: {{kind: messages, base_url: '{url}', key_variable: FAR_KEY{more}}}\n"
    )
    return path


def wanted(folder: Path, local: Shared, *operators: str, **changes: Any) -> Wanted:
    about = changes.pop("provider", {})
    given: dict[str, Any] = {"budget": Budget(rounds=8), "strategies": 1}
    return Wanted(operators or ("relu",), roles(folder, local.messages_url, **about), **(given | changes))


def begin(what: Wanted, folder: Path, environment: dict[str, str] | None = None) -> Generated:
    from pipeline.generating.flow import generate_with_flow

    settings = Settings.resolve(runs=folder / "runs", workers=1)
    keys = {"FAR_KEY": KEY} if environment is None else environment
    return generate_with_flow(what, small_policy(), Place(settings, keys, OPERATORS, str))


def artifact(key: str) -> Any:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    return max(found, key=lambda one: one.created).data


def shown_parameters() -> tuple[Any, ...]:
    """What Prefect's page says that the latest run was started with."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.sorting import FlowRunSort

    with get_client(sync_client=True) as client:
        (run,) = client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)
    return run.parameters["operators"], run.parameters["strategies"], run.parameters["lessons"]


def task_runs() -> list[str]:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return [run.name for run in client.read_task_runs(limit=200)]


@pytest.mark.usefixtures("server")
class TestFlow:
    def test_operators_at_once_each_with_its_attempts_and_one_budget(self, tmp_path: Path, supply: FakeSupply) -> None:
        with serving(script=answering("wrong", "right")) as local:
            generated = begin(wanted(tmp_path, local, "relu", "gelu", lessons=False), tmp_path)
            assert len(local.received) == 4
        relu, gelu = generated.finished.operators
        assert (relu.best and relu.best.number, relu.exit_code) == (2, 0)
        assert (gelu.best, gelu.stopped.reason, gelu.exit_code) == (None, "out-of-strategies", 1)
        assert (generated.finished.exit_code, generated.finished.used.rounds) == (1, 4)
        folders = sorted(path.name for path in generated.folder.iterdir() if path.is_dir())
        assert folders == ["001-generated-relu-001", "002-generated-relu-002", "003-generated-gelu-001",
                           "004-generated-gelu-002"]  # fmt: skip
        assert shown_parameters() == (["relu", "gelu"], 1, False)
        wait_until(lambda: {"relu, attempt 1", "relu, attempt 2", "gelu, attempt 2"} <= set(task_runs()))

    def test_the_pages_show_tree_verdicts_and_cost_and_nothing_that_a_model_wrote(
        self, tmp_path: Path, supply: FakeSupply
    ) -> None:
        with serving(script=answering("wrong [click](http://evil)", "right")) as local:
            begin(wanted(tmp_path, local), tmp_path)
        rows = json.loads(artifact("kernelgate-attempts"))
        assert [(row["attempt"], row["after"], row["verdict"], row["tokens"]) for row in rows] == [
            (1, "–", "rejected", 1420), (2, 1, "functional", 1420),
        ]  # fmt: skip
        tree = artifact("kernelgate-generation")
        assert tree.splitlines()[:3] == [
            "- **relu**: attempt 2 stands (stands)",
            "  - attempt 1 (write): properties/wrong-values: Results are wrong",
            "    - attempt 2 (mend): functional",
        ]
        assert "evil" not in json.dumps(rows) + tree

    def test_a_provider_gets_no_more_calls_at_once_than_its_slots(self, tmp_path: Path, supply: FakeSupply) -> None:
        came: list[float] = []
        answers = answering("right", pause_s=SLOW_S)

        def script(received: Received) -> Say:
            came.append(time.monotonic())
            return answers(received)

        with serving(script=script) as local:
            begin(wanted(tmp_path, local, "relu", "gelu", provider={"at_once": 1}), tmp_path)
        assert len(came) == 3
        assert min(later - earlier for earlier, later in itertools.pairwise(came)) > SLOW_S
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            limit = client.read_global_concurrency_limit_by_name("kernelgate-provider-far")
        assert (limit.limit, limit.active_slots) == (1, 0)

    def test_what_our_side_failed_to_measure_is_tried_again_and_paid_for_once(self, tmp_path: Path) -> None:
        failing = FakeSupply(failing=(1,))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("pipeline.generating.run.supply_for", lambda *_: failing)
            patch.setattr("pipeline.generating.flow.attempt.retry_delay_seconds", [0.0, 0.0])
            with serving(script=answering("right")) as local:
                generated = begin(wanted(tmp_path, local), tmp_path)
                assert len(local.received) == 1
        assert (generated.finished.exit_code, generated.finished.used.rounds) == (0, 1)
        assert failing.taken > 1

    def test_what_it_can_never_measure_ends_the_run_as_incomplete(self, tmp_path: Path) -> None:
        failing = FakeSupply(failing=range(1, 99))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("pipeline.generating.run.supply_for", lambda *_: failing)
            patch.setattr("pipeline.generating.flow.attempt.retry_delay_seconds", [0.0, 0.0])
            with serving(script=answering("right")) as local:
                generated = begin(wanted(tmp_path, local), tmp_path)
                assert len(local.received) == 1
        (relu,) = generated.finished.operators
        assert (relu.stopped.reason, generated.finished.exit_code, relu.attempts) == ("unmeasured", 3, ())
        assert "the engine does not answer" in relu.stopped.detail

    def test_a_key_may_stand_in_a_secret_block(self, tmp_path: Path, supply: FakeSupply) -> None:
        from prefect.blocks.system import Secret

        with serving(script=answering("right")) as local:
            with pytest.raises(GenerationError, match="FAR_KEY is not set"):
                begin(wanted(tmp_path, local), tmp_path, {})
            Secret(value=KEY).save("far-key", overwrite=True)
            try:
                assert begin(wanted(tmp_path, local), tmp_path, {}).finished.exit_code == 0
            finally:
                Secret.delete("far-key")
        files = [path for path in (tmp_path / "runs").rglob("*") if path.is_file()]
        assert not any(KEY.encode() in path.read_bytes() for path in files)

    def test_a_run_that_prefect_starts_again_goes_on_and_pays_for_nothing_twice(
        self, tmp_path: Path, supply: FakeSupply, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from prefect.client.orchestration import get_client
        from prefect.flow_engine import run_flow

        from pipeline.generating.flow import generate_and_verify

        monkeypatch.setenv("KERNELGATE_RUNS", str(tmp_path / "runs"))
        monkeypatch.setenv("FAR_KEY", KEY)
        monkeypatch.setattr("pipeline.generating.flow.load_policy", lambda name: small_policy())
        with serving(script=answering("wrong", "right")) as local:
            given = {"operators": ["relu"], "roles": roles(tmp_path, local.messages_url), "budget": Budget(rounds=8),
                     "policy": "ci", "strategies": 1}  # fmt: skip
            with get_client(sync_client=True) as client:
                flow_run = client.create_flow_run(generate_and_verify, parameters={})
            with monkeypatch.context() as patched:
                patched.setattr(supply, "take", interrupt_now)
                with pytest.raises(KeyboardInterrupt):
                    run_flow(generate_and_verify, flow_run=flow_run, parameters=given)
            assert len(local.received) == 1
            supply.closed = False
            assert run_flow(generate_and_verify, flow_run=flow_run, parameters=given) == 0
            assert len(local.received) == 2
        (run_id,) = (path.name for path in (tmp_path / "runs/generation").iterdir())
        assert (tmp_path / "runs" / run_id / "generation.json").exists()


def interrupt_now() -> None:
    raise KeyboardInterrupt


def test_a_run_that_was_killed_goes_on_by_its_id(server: str, tmp_path: Path, supply: FakeSupply) -> None:
    with serving(script=answering("wrong", "right")) as local:
        what = wanted(tmp_path, local)
        environment = {"PREFECT_API_URL": server, "PYTHONPATH": f"{PROJECT}:{PROJECT}/tests/support", "FAR_KEY": KEY}
        with subprocess.Popen(
            [sys.executable, "-P", __file__, str(tmp_path), str(what.roles)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
            start_new_session=True,
        ) as child:
            assert child.stdout is not None
            assert any("measuring" in line for line in child.stdout)
            time.sleep(STAYED_S + 1.5)
            os.killpg(child.pid, signal.SIGKILL)
        (run_id,) = (path.name for path in (tmp_path / "runs/generation").iterdir())
        generated = begin(wanted(tmp_path, local, resume=run_id), tmp_path)
        assert len(local.received) == 2
    assert (generated.finished.id, generated.finished.exit_code) == (run_id, 0)
    assert generated.finished.used.tokens == 2 * 1420
    assert generated.finished.used_s > STAYED_S  # what the killed process used is counted


def main(folder: str, roles_file: str) -> None:
    """A flow that never comes to the end of its first candidate."""
    import pipeline.generating.run

    def stays() -> None:
        sys.stdout.write("measuring\n")
        sys.stdout.flush()
        time.sleep(3600)

    supply: Any = FakeSupply(on_run=stays)
    pipeline.generating.run.supply_for = lambda *_: supply
    begin(Wanted(("relu",), Path(roles_file), Budget(rounds=8), strategies=1), Path(folder), dict(os.environ))


if __name__ == "__main__":
    main(*sys.argv[1:])
