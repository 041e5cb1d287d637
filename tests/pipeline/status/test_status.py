"""What `kernelgate status` says of runs, slots, GPUs, servers and the disk, as somebody left them."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container
from report_runs import entry, facts, mixed
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.machine.disk_use import disk_use, in_words
from pipeline.observing.listeners import LogListener, observed
from pipeline.observing.under_way import runs_under_way
from pipeline.runs.facts import RunFacts
from pipeline.runs.folder import write_run
from pipeline.settings import PROJECT, Settings
from pipeline.status.contract import State
from pipeline.status.parts import engine_parts, gpu_parts, prefect_part, registry_part, slots_part
from pipeline.status.run_folders import last_runs, unfinished_runs
from pipeline.supply.machine_slots import SharedMachine, folder_of_this_user
from policies.policy import Tier

RUN = RunFacts("20261130-120000-0a0b0c0d", "verify", "ci", "0", 3)
QUIET = LogListener(lambda text: None, lambda text: None)


@pytest.fixture(autouse=True)
def _own(own_machine: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("KERNELGATE_REGISTRY", "KERNELGATE_RUNS", "PREFECT_API_URL", "PREFECT_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_a_run_is_listed_with_its_verdicts_while_it_is_under_way(tmp_path: Path) -> None:
    assert runs_under_way() == ()
    with observed(RUN, tmp_path / "runs", QUIET) as listener:
        listener.judged("a.py", entry("a.py"))
        listener.judged("b.py", entry("b.py", denied=facts(("source/no-launch", None))))
        (one,) = runs_under_way()
        assert (one.run, one.kind, one.pid, one.candidates, one.judged) == (RUN.id, "verify", os.getpid(), 3, 2)
        assert {count.tier: count.count for count in one.verdicts} == {Tier.FUNCTIONAL: 1, Tier.REJECTED: 1}
    assert runs_under_way() == ()


def test_a_run_that_was_killed_is_not_listed_and_its_file_goes_with_the_next(tmp_path: Path) -> None:
    program = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from pipeline.observing.listeners import LogListener, observed\n"
        "from pipeline.runs.facts import RunFacts\n"
        "with observed(RunFacts('20261130-120000-00000000', 'verify', 'ci', '0', 3), Path('runs'), "
        "LogListener(print, print)):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    (left,) = (folder_of_this_user() / "runs").glob("*.json")
    assert runs_under_way() == ()
    os.utime(left, (0, 0))
    with observed(RUN, tmp_path / "runs", QUIET):
        assert not left.exists()


def test_what_somebody_else_laid_there_is_no_run() -> None:
    folder = folder_of_this_user() / "runs"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text('{"run": "x"}')
    (folder / "b.json").symlink_to("/etc/passwd")
    with (folder / "a.json").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert runs_under_way() == ()


def test_one_run_in_two_processes_waits_for_nobody_here(tmp_path: Path) -> None:
    with observed(RUN, tmp_path, QUIET), observed(RUN, tmp_path, QUIET):
        assert len(runs_under_way()) == 1


def test_the_last_runs_are_read_and_a_damaged_one_says_so(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    write_run(runs, "20261128-000000-00000001", mixed().policy, mixed().judged)
    (damaged := runs / "20261129-000000-00000002").mkdir()
    (damaged / "run.json").write_text("{}")
    (runs / ".20261130-000000-00000003.partial").mkdir()
    newest, older = last_runs(runs, 5)
    assert newest.problem == "run.json is not what this version of kernelgate writes"
    assert older.denied == 3
    assert {one.tier: one.count for one in older.verdicts} == {
        Tier.REJECTED: 3, Tier.INCONCLUSIVE: 1, Tier.FUNCTIONAL: 1,
    }  # fmt: skip
    assert last_runs(runs, 1) == (newest,)
    assert last_runs(runs, 0) == ()
    assert last_runs(tmp_path / "nowhere", 5) == ()


def test_a_run_of_generation_that_can_go_on_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "generation" / "20261130-000000-00000001" / "relu"
    folder.mkdir(parents=True)
    (folder / "terms.json").write_text("{}")
    with (folder / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert [one.is_worked_on for one in unfinished_runs(tmp_path)] == [True]
    (one,) = unfinished_runs(tmp_path)
    assert (one.operators, one.is_worked_on) == (("relu",), False)
    (tmp_path / folder.parent.name).mkdir()
    (tmp_path / folder.parent.name / "run.json").touch()
    assert unfinished_runs(tmp_path) == ()  # it has come to its end


def test_a_run_of_generation_that_ended_before_it_began_has_nothing_to_go_on_with(tmp_path: Path) -> None:
    (tmp_path / "generation" / "20261130-000000-00000002" / "relu").mkdir(parents=True)
    assert unfinished_runs(tmp_path) == ()


def test_slots_are_counted_without_being_taken() -> None:
    folder = folder_of_this_user()
    assert slots_part(folder).seen == "none was ever used"
    machine = SharedMachine(folder, 3)
    with machine.hold(lambda: None), machine.hold(lambda: None):
        assert slots_part(folder).seen == "2 of 3 taken"
        with machine.hold(lambda: None):
            asked = threading.Event()
            waiting = threading.Thread(target=lambda: _hold_once(machine, asked))
            waiting.start()
            assert asked.wait(10)
            assert slots_part(folder).seen == "3 of 3 taken; a run waits for one"
        waiting.join()
    assert slots_part(folder).seen == "0 of 3 taken"


def _hold_once(machine: SharedMachine, asked: threading.Event) -> None:
    with machine.hold(asked.set):
        pass


def test_a_gpu_is_free_busy_or_quarantined(tmp_path: Path) -> None:
    devices = tmp_path / "dev"
    devices.mkdir()
    assert [part.state for part in gpu_parts(tmp_path, devices)] == [State.ABSENT]
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (devices / name).touch()
    (tmp_path / "gpu1.quarantine").write_text("a known kernel gave a wrong result\n")
    with (tmp_path / "gpu0.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        busy, quarantined = gpu_parts(tmp_path, devices)
    assert (busy.name, busy.state, busy.seen) == ("gpu 0", State.FINE, "a candidate is on it")
    assert quarantined.state is State.TROUBLE
    assert "a known kernel gave a wrong result" in quarantined.seen
    assert next(iter(gpu_parts(tmp_path, devices))).seen == "free"


@contextmanager
def answering(status: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/api/health"
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/api"
    server.shutdown()
    server.server_close()
    thread.join()


def test_prefects_server_answers_fails_or_is_gone() -> None:
    assert prefect_part({}).state is State.ABSENT
    with answering(200) as url:
        assert prefect_part({"PREFECT_API_URL": url}).state is State.FINE
    assert prefect_part({"PREFECT_API_URL": url}).state is State.TROUBLE
    with answering(503) as url:
        part = prefect_part({"PREFECT_API_URL": url})
    assert (part.state, part.seen.endswith("its health check says 503")) == (State.TROUBLE, True)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "nowhere", "http://user:secret@127.0.0.1:1/api", "http://[/api"])
def test_an_address_that_can_not_be_used_is_trouble_and_tells_no_secret(url: str) -> None:
    part = prefect_part({"PREFECT_API_URL": url})
    assert part.state is State.TROUBLE
    assert "secret" not in part.seen


def test_a_registry_that_is_named_and_can_not_be_read_is_trouble(tmp_path: Path) -> None:
    assert registry_part({}, tmp_path).state is State.ABSENT
    assert registry_part({"KERNELGATE_REGISTRY": "sqlite:////no/such.db"}, tmp_path).state is State.TROUBLE


def test_an_engine_is_missed_only_where_candidates_are_run_on_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/engine.sock")
    assert [part.state for part in engine_parts(Settings.resolve())] == [State.TROUBLE]
    monkeypatch.setenv("KERNELGATE_SANDBOX", "embedded")
    assert [part.state for part in engine_parts(Settings.resolve())] == [State.ABSENT]


def test_containers_of_runs_are_counted(
    engine_url: str, runner_image: str, containers_of: Callable[[int], list[Container]]
) -> None:
    from sandbox.contract import Program
    from sandbox.docker_engine import DockerEngine
    from sandbox.docker_sandbox import DockerSandbox
    from sandbox.owner import Liveness

    with DockerEngine(engine_url) as engine:
        sandbox = DockerSandbox(engine)
        worker = sandbox.start(Program(runner_image, ("sleep", "60")))
        try:
            mine = [one for one in sandbox.owned() if one.pid == os.getpid()]
            engine_part, containers = engine_parts(Settings.resolve())
        finally:
            worker.end()
        assert [(one.owner, one.is_running) for one in mine] == [(Liveness.ALIVE, True)]
        assert [one for one in sandbox.owned() if one.pid == os.getpid()] == []
    assert engine_part.seen.startswith("Docker Engine")
    assert " of " in containers.seen


def test_a_folder_is_counted_as_du_does_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "file").write_bytes(b"x" * 100_000)
    (tmp_path / "inside" / "loop").symlink_to("..")
    counted = subprocess.run(["du", "-s", "-B1", tmp_path], capture_output=True, text=True, check=True).stdout.split()
    assert disk_use(tmp_path).size_bytes == int(counted[0])
    assert disk_use(tmp_path).is_whole
    assert not disk_use(tmp_path, until=0.0).is_whole


@pytest.mark.parametrize(
    ("size", "said"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (123_456, "123 kB"), (20 * 10**9, "20.0 GB")]
)
def test_sizes_in_words(size: int, said: str) -> None:
    assert in_words(size) == said


def test_the_command_says_it_as_a_table_and_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/engine.sock")
    write_run(tmp_path / "runs", "20261128-000000-00000001", mixed().policy, mixed().judged)
    asked = ["status", "--sandbox", "embedded", "--runs", str(tmp_path / "runs")]
    with observed(replace(RUN, policy="ci\x1b[2J"), tmp_path / "runs", QUIET) as listener:
        listener.judged("a.py", entry("a.py"))
        table = CliRunner().invoke(app, asked)
        told = json.loads(CliRunner().invoke(app, [*asked, "--format", "json"]).stdout)
    assert table.exit_code == 0, table.output
    assert "1 of 3: 1 functional" in table.stdout
    assert "3 rejected, 1 inconclusive, 1 functional" in table.stdout
    assert "\x1b[2J" not in table.stdout
    assert (told["fine"], told["under_way"][0]["run"], told["last"][0]["denied"]) == (True, RUN.id, 3)
    assert {one["name"] for one in told["disk"]} >= {"run folders"}


def test_what_somebody_has_to_look_at_is_exit_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/engine.sock")
    done = CliRunner().invoke(app, ["status", "--runs", str(tmp_path / "runs")])
    assert done.exit_code == 3
    assert "look" in done.stdout
