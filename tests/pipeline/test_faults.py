"""What can go wrong around a run: interrupts, a dying engine, a full disk, two runs at once, wrong usage."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess, Popen

import pytest
from candidate_sources import candidate
from relay import Relay
from waiting import wait_until

Program = Callable[..., CompletedProcess[str]]
SLOW = candidate(at_call="time.sleep(3600)")


@pytest.fixture
def slow_policy(tmp_path: Path, quick_policy: Path) -> Path:
    path = tmp_path / "slow.yaml"
    path.write_text(quick_policy.read_text().replace("case_deadline_s: 8", "case_deadline_s: 300"))
    return path


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("verify", "no/such/path.py"), "no/such/path.py does not exist"),
        (("verify", "empty"), "no candidate in empty"),
        (("verify", "fine.py", "--policy", "nope"), "there is no policy 'nope'"),
        (("verify", "fine.py", "--policy", "unknown-key.yaml"), "properties.radnom_cases"),
        (("verify", "fine.py", "--policy", "not.yaml"), "is not YAML"),
        (("verify", "fine.py", "--fresh"), "--fresh belongs to --flow"),
        (("verify", "fine.py", "--flow", "--seed", "1"), "--seed has no meaning with --flow"),
        (("verify", "fine.py", "--workers", "0"), "--workers"),
        (("verify", "fine.py", "--colour"), "--colour"),
        (("verify",), "Missing argument"),
        (("frobnicate",), "frobnicate"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_usage_exits_2_with_one_message(
    kernelgate: Program, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "fine.py").write_text(candidate())
    (tmp_path / "unknown-key.yaml").write_text("extends: ci\nname: x\nproperties:\n  radnom_cases: 3\n")
    (tmp_path / "not.yaml").write_text("a: [1\n")
    done = kernelgate(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "variable",
    [
        "KERNELGATE_WORKERS",
        "KERNELGATE_RUNNER_MIB",
        "KERNELGATE_OUTAGE_S",
        "KERNELGATE_PIP_ARGS",
        "KERNELGATE_LOG_REFUSALS",
    ],
)
def test_a_variable_of_the_environment_that_cannot_be_used_exits_2(
    kernelgate: Program, tmp_path: Path, variable: str
) -> None:
    (tmp_path / "fine.py").write_text(candidate())
    done = kernelgate("verify", "fine.py", cwd=tmp_path, **{variable: "'much"})
    assert done.returncode == 2
    assert f"{variable} is ''much'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_dead_docker_host_exits_3_and_says_what_to_do(
    kernelgate: Program, quick_policy: Path, tmp_path: Path
) -> None:
    (tmp_path / "fine.py").write_text(candidate())
    command = ("verify", "fine.py", "--policy", str(quick_policy))
    done = kernelgate(*command, cwd=tmp_path, DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert done.returncode == 3
    assert "DOCKER_HOST" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("source", "rule"),
    [("nothing = 1\n", "candidate/no-header"), (candidate() + "def (\n", "source/syntax-error")],
    ids=["no header", "syntax error"],
)
def test_candidates_denied_by_their_source_need_no_engine(
    kernelgate: Program, tmp_path: Path, source: str, rule: str
) -> None:
    (tmp_path / "bad.py").write_text(source)
    done = kernelgate("verify", "bad.py", "--format", "json", cwd=tmp_path, DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert done.returncode == 1
    assert json.loads(done.stdout)["candidates"][0]["findings"][0]["rule"] == rule


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_no_container_and_no_run_folder(
    start: Callable[..., Popen[str]],
    containers_of: Callable[[int], list[object]],
    runner_image: str,
    slow_policy: Path,
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    process = start("verify", "slow.py", "--policy", str(slow_policy), "--workers", "1", cwd=tmp_path)
    wait_until(lambda: len(containers_of(process.pid)) >= 2)  # one is taken, the pool warms the next
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "interrupted" in errors
    assert "inconclusive" not in errors
    assert "Traceback" not in errors
    assert containers_of(process.pid) == []
    assert not (tmp_path / "runs").exists()


def test_what_a_killed_run_left_is_removed_by_the_next(
    start: Callable[..., Popen[str]],
    kernelgate: Program,
    containers_of: Callable[[int], list[object]],
    runner_image: str,
    slow_policy: Path,
    tmp_path: Path,
) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "fine.py").write_text(candidate())
    process = start("verify", "slow.py", "--policy", str(slow_policy), "--workers", "1", cwd=tmp_path)
    wait_until(lambda: len(containers_of(process.pid)) >= 2)
    process.kill()
    process.communicate()
    assert containers_of(process.pid) != []
    done = kernelgate("verify", "fine.py", "--policy", str(slow_policy), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert containers_of(process.pid) == []


@pytest.fixture
def relay(engine_url: str, tmp_path: Path) -> Iterator[Relay]:
    with Relay(engine_url, tmp_path / "engine.sock") as made:
        yield made


def test_an_engine_that_dies_in_the_middle_is_our_fault_and_not_the_candidates(
    start: Callable[..., Popen[str]],
    containers_of: Callable[[int], list[object]],
    relay: Relay,
    runner_image: str,
    slow_policy: Path,
    tmp_path: Path,
) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    process = start(
        "verify", "slow.py", "--policy", str(slow_policy), "--workers", "1", "--format", "json",
        cwd=tmp_path, DOCKER_HOST=relay.url, KERNELGATE_OUTAGE_S="3",
    )  # fmt: skip
    assert process.stderr is not None
    while "verifying 1 candidate" not in process.stderr.readline():
        assert process.poll() is None
    relay.cut()
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 3, errors
    entry = json.loads(output)["candidates"][0]
    assert entry["tier"] == "inconclusive"
    assert entry["findings"][0]["rule"] == "evidence/properties-missing"
    assert "Traceback" not in errors
    for container in containers_of(process.pid):  # nothing could remove them without an engine
        container.remove(force=True)


def test_an_engine_that_is_away_for_a_moment_costs_time_and_no_verdict(
    start: Callable[..., Popen[str]],
    containers_of: Callable[[int], list[object]],
    relay: Relay,
    runner_image: str,
    quick_policy: Path,
    tmp_path: Path,
) -> None:
    (tmp_path / "steady.py").write_text(candidate(at_call="time.sleep(1)"))
    process = start(
        "verify", "steady.py", "--policy", str(quick_policy), "--workers", "1", "--format", "json",
        cwd=tmp_path, DOCKER_HOST=relay.url,
    )  # fmt: skip
    wait_until(lambda: len(containers_of(process.pid)) >= 3)  # its runner, the next, a compiler
    time.sleep(3)  # by then a case is being run; each takes two seconds
    relay.cut()
    time.sleep(2)
    relay.mend()
    output, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    (entry,) = json.loads(output)["candidates"]
    assert (entry["tier"], entry["findings"]) == ("functional", [])
    evidence = next((tmp_path / "runs").glob("*/001-*/evidence.json"))
    assert json.loads(evidence.read_text())["properties"]["lost_runners"] >= 1
    assert containers_of(process.pid) == []


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small disk")
    path = tmp_path / "disk"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(path)], check=True)
    yield path
    subprocess.run(["umount", str(path)], check=True)


def test_a_full_disk_exits_3_and_leaves_no_half_written_run(
    kernelgate: Program, runner_image: str, quick_policy: Path, tiny_disk: Path, tmp_path: Path
) -> None:
    (tmp_path / "fine.py").write_text(candidate())
    done = kernelgate("verify", "fine.py", "--policy", str(quick_policy), "--runs", str(tiny_disk), cwd=tmp_path)
    assert done.returncode == 3
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tiny_disk.iterdir()) == []


def test_two_runs_at_once_do_not_disturb_each_other(
    start: Callable[..., Popen[str]], runner_image: str, quick_policy: Path, tmp_path: Path
) -> None:
    (tmp_path / "fine.py").write_text(candidate())
    command = ("verify", "fine.py", "--policy", str(quick_policy), "--workers", "1")
    processes = [start(*command, cwd=tmp_path) for _ in range(2)]
    errors = [process.communicate(timeout=200)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    assert len(list((tmp_path / "runs").iterdir())) == 2
