"""What is read of a worker from outside: counters of both versions of control groups, processes, writable places."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.contract import Limits, Program, Reply, Sandbox
from sandbox.docker_engine import EngineFacts, _logging
from sandbox.docker_sandbox import DockerSandbox
from sandbox.group_counters import counters_of, pids_in
from sandbox.kernel_log import why_refusals_are_unknown
from sandbox.left_behind import folders_left, names_beside
from sandbox.looking import look_at
from sandbox.namespace_sandbox import NamespaceSandbox
from sandbox.outcomes import Finished, OutOfMemory
from sandbox.python_view import HostView
from sandbox.seccomp import profile_text
from sandbox.usage import UNSEEN, FolderLeft, RefusedCall, Usage

V1 = {
    "memory/memory.max_usage_in_bytes": "104857600\n",
    "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    "pids/pids.peak": "9\n",
    "pids/pids.events": "max 3\n",
    "cpuacct/cpuacct.usage": "1500000000\n",
}
V2 = {
    "memory.peak": "104857600\n",
    "memory.events": "low 0\nhigh 0\nmax 8\noom 2\noom_kill 2\noom_group_kill 0\n",
    "pids.peak": "9\n",
    "pids.events": "max 3\n",
    "cpu.stat": "usage_usec 1500000\nuser_usec 1000000\n",
}
SEEN = Usage(memory_peak_bytes=104857600, oom_kills=2, tasks_peak=9, refused_forks=3, cpu_s=1.5)


def group(tmp_path: Path, files: dict[str, str], version: int) -> Callable[[str], list[Path]]:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return lambda controller: [tmp_path / controller if version == 1 else tmp_path]


@pytest.mark.parametrize(("files", "version"), [(V1, 1), (V2, 2)], ids=["v1", "v2"])
def test_counters_of_both_versions_say_the_same(tmp_path: Path, files: dict[str, str], version: int) -> None:
    assert counters_of(group(tmp_path, files, version)) == SEEN


@pytest.mark.parametrize("text", ["", "max\n", "-1\n", "1e9\n", "\x00\n", "é\n"])
def test_a_counter_that_is_no_number_is_unknown(tmp_path: Path, text: str) -> None:
    odd = group(tmp_path, {"memory.peak": text, "memory.events": f"oom_kill {text}", "pids.peak": "9\n"}, 2)
    assert counters_of(odd) == Usage(tasks_peak=9)


def test_a_group_that_is_gone_or_of_an_old_kernel_is_unknown(tmp_path: Path) -> None:
    assert counters_of(lambda controller: [tmp_path / "gone"]) == UNSEEN
    assert counters_of(lambda controller: []) == UNSEEN
    assert not UNSEEN.was_seen
    assert SEEN.was_seen


def test_processes_of_another_namespace_are_left_out(tmp_path: Path) -> None:
    assert pids_in(group(tmp_path, {"cgroup.procs": "0\n12\n0\n-3\nx\n7\n"}, 2)) == (12, 7)
    assert pids_in(lambda controller: []) == ()


def test_two_looks_say_together_what_either_saw() -> None:
    left = (FolderLeft("/tmp", 1, 1, ("a",)),)
    early = Usage(memory_peak_bytes=5, tasks_peak=9, processes_left=("sleep",), folders=left)
    late = Usage(memory_peak_bytes=8, oom_kills=1, stderr_bytes=3)
    assert early.joined(late) == replace(early, memory_peak_bytes=8, oom_kills=1, stderr_bytes=3)
    assert UNSEEN.joined(early) == early


def stat_of(tmp_path: Path, **processes: tuple[str, int]) -> list[int]:
    for number, (name, start) in processes.items():
        folder = tmp_path / number.removeprefix("p")
        folder.mkdir()
        fields = " ".join(["S", *["0"] * 18, str(start), "0"])
        (folder / "stat").write_bytes(f"{folder.name} ({name}) {fields}\n".encode())
    return [int(number.removeprefix("p")) for number in processes]


def test_what_runs_beside_the_program_is_named_in_the_order_of_its_start(tmp_path: Path) -> None:
    pids = stat_of(
        tmp_path, p30=("late) S 0 0 (\n", 900), p20=("docker-init", 500), p21=("python3", 500), p7=("early", 700)
    )
    assert names_beside(pids, 2, tmp_path) == ("early", "late) S 0 0 (\n")
    assert names_beside([*pids, 99], 4, tmp_path) == ()


def test_at_most_so_many_processes_are_named(tmp_path: Path) -> None:
    pids = stat_of(tmp_path, **{f"p{number}": (f"n{number}", number) for number in range(100, 200)})
    assert len(names_beside(pids, 2, tmp_path)) == 32


@pytest.fixture
def rooted(tmp_path: Path) -> tuple[Path, Path]:
    """A process folder whose root is a folder of ours: the place of `/proc/4711/root`, and that root."""
    root = tmp_path / "root"
    (root / "tmp").mkdir(parents=True)
    (tmp_path / "proc" / "4711").mkdir(parents=True)
    (tmp_path / "proc" / "4711" / "root").symlink_to(root)
    return tmp_path / "proc", root


def test_names_in_a_writable_place_are_bounded_and_carry_any_bytes(rooted: tuple[Path, Path]) -> None:
    proc, root = rooted
    os.mkfifo(root / "tmp" / "a-fifo")  # would hang whoever opens it
    (root / "tmp" / "b\n\x1b[2J").touch()
    Path(os.fsdecode(os.fsencode(root) + b"/tmp/c\xff")).touch()
    for number in range(300):
        (root / "tmp" / f"x{number:03d}").touch()
    (folder,) = folders_left(4711, ("/tmp",), proc) or ()
    assert folder.names[:3] == ("a-fifo", "b\n\x1b[2J", "c\\udcff")
    assert len(folder.names) == 32
    json.dumps(folder.names).encode()


def test_a_place_that_is_a_link_is_not_followed(rooted: tuple[Path, Path], tmp_path: Path) -> None:
    proc, root = rooted
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "secret").touch()
    (root / "linked").symlink_to(tmp_path / "host")
    assert folders_left(4711, ("/linked",), proc) is None
    assert folders_left(4711, ("/missing",), proc) is None
    assert folders_left(4712, ("/tmp",), proc) is None


def test_a_number_that_the_group_does_not_list_is_not_looked_into(tmp_path: Path) -> None:
    listed = group(tmp_path, V2 | {"cgroup.procs": f"{os.getpid()}\n"}, 2)
    assert look_at(os.getpid(), listed, ours=1).folders is not None or os.geteuid() != 0
    assert look_at(1, listed, ours=1) == SEEN


def runtime(*flags: str, key: str = "supportedFlags") -> dict[str, object]:
    features = json.dumps({"linux": {"seccomp": {key: flags}}})
    return {"path": "runc", "status": {"org.opencontainers.runtime-spec.features": features}}


def test_only_a_runtime_that_says_so_is_asked_to_log() -> None:
    log = "SECCOMP_FILTER_FLAG_LOG"
    runtimes = {
        "new": runtime("SECCOMP_FILTER_FLAG_TSYNC", log),
        "other flag": runtime("SECCOMP_FILTER_FLAG_TSYNC"),
        "knows only": runtime(log, key="knownFlags"),
        "old engine": {"path": "runc"},
        "broken": {"status": {"org.opencontainers.runtime-spec.features": "{"}},
        "odd": {"status": {"org.opencontainers.runtime-spec.features": "[]"}},
        "odder": None,
    }
    assert list(_logging(runtimes)) == ["new"]


def test_a_profile_has_the_flag_only_where_it_is_asked_for() -> None:
    assert json.loads(profile_text(logs_refusals=True))["flags"] == ["SECCOMP_FILTER_FLAG_LOG"]
    assert "flags" not in json.loads(profile_text())
    assert not EngineFacts("20", "1.41", "runc", ("runc",), "1", "6", ()).logging_runtimes


# In real workers from here on.

BUSY = r"""
import ctypes, os, socket, struct, subprocess, sys, threading, time
open("/tmp/left\n\x1b[2J", "w").write("x" * 100_000)
os.mkdir("/cache/deep"); open("/cache/deep/inner", "w").close()
child = subprocess.Popen(["sleep", "600"])
os.write(2, b"a word to stderr")
try: socket.socket()
except OSError: pass
time.sleep(0.1)  # the log's times are those of the last tick
def say(payload):
    os.write(1, struct.pack("<Q", len(payload)) + payload)
say(b"ready")
while head := sys.stdin.buffer.read(8):
    for _ in range(30): threading.Thread(target=int).start()
    sys.stdin.buffer.read(struct.unpack("<Q", head)[0]); ctypes.CDLL(None).ptrace(0, 0, 0, 0)
    kept = bytearray(os.urandom(1 << 16) * 640); say(b"ok")
"""
ATTEMPTS = 4
LOG_RATE_S = 5.0
SMALL = Limits(memory_bytes=192 << 20, processes=64, tmp_bytes=16 << 20, tmp_inodes=256)


def busy(sandbox: Sandbox, image: str, *, logs_refusals: bool = False) -> Usage:
    program = Program(image, ("python3", "-I", "-c", BUSY), SMALL, logs_refusals=logs_refusals)
    worker = sandbox.start(program)
    assert worker.exchange([b""], deadline_s=20.0, cap_bytes=100) == Reply(b"ok")
    assert worker.usage == UNSEEN, "nothing is known before the end"
    assert worker.end() == Finished()
    return worker.usage


def check_left(usage: Usage) -> None:
    assert usage.processes_left == ("sleep",)
    assert usage.folders is not None
    assert {folder.path: (folder.used_bytes, folder.entries, folder.names) for folder in usage.folders} == {
        "/tmp": (102400, 1, ("left\n\x1b[2J",)),
        "/cache": (0, 2, ("deep",)),
    }
    assert (usage.stdout_bytes, usage.stderr_bytes) == (8 + 5 + 8 + 2, 16)


def check_counters(usage: Usage) -> None:
    assert usage.memory_peak_bytes is not None
    assert 40 << 20 < usage.memory_peak_bytes <= SMALL.memory_bytes
    assert usage.oom_kills == 0
    assert usage.tasks_peak is None or 3 <= usage.tasks_peak <= 8
    assert usage.cpu_s is None or 0 < usage.cpu_s < 20


def needs_sight() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may look into the processes of a worker")


def test_what_a_container_used_and_left_is_seen(docker_sandbox: DockerSandbox, runner_image: str) -> None:
    needs_sight()
    usage = busy(docker_sandbox, runner_image)
    check_left(usage)
    check_counters(usage)
    assert usage.refused_calls is None


def test_what_an_embedded_worker_used_and_left_is_seen(
    namespace_sandbox: NamespaceSandbox, host_view: HostView
) -> None:
    needs_sight()
    usage = busy(namespace_sandbox, host_view.image)
    check_left(usage)
    check_counters(usage)
    assert usage.refused_calls is None


def test_without_control_groups_the_most_that_a_look_saw_is_known(
    ungrouped_sandbox: NamespaceSandbox, host_view: HostView
) -> None:
    needs_sight()
    usage = busy(ungrouped_sandbox, host_view.image)
    check_left(usage)
    assert usage.memory_peak_bytes is not None
    assert usage.tasks_peak is None


def test_refused_calls_are_told_where_the_kernel_logs_them(
    namespace_sandbox: NamespaceSandbox, host_view: HostView
) -> None:
    logged = why_refusals_are_unknown() is None
    for _ in range(ATTEMPTS if logged else 1):
        usage = busy(namespace_sandbox, host_view.image, logs_refusals=True)
        if usage.refused_calls or not logged:
            break
        time.sleep(LOG_RATE_S)  # the kernel drops lines when many come, of whomever
    if not logged:
        assert usage.refused_calls is None
        return
    assert usage.refused_calls is not None
    assert RefusedCall("ptrace", 1) in usage.refused_calls
    assert "socket" not in {refused.call for refused in usage.refused_calls}, "nothing counts before it was ready"
    assert "clone3" not in {refused.call for refused in usage.refused_calls}


def test_an_engine_that_cannot_have_refusals_logged_still_starts_workers(
    docker_sandbox: DockerSandbox, runner_image: str
) -> None:
    """runc before 1.2 refuses to start a container whose profile has flags."""
    usage = busy(docker_sandbox, runner_image, logs_refusals=True)
    assert (usage.stdout_bytes, usage.stderr_bytes) == (23, 16)


def test_a_worker_that_ran_out_of_memory_is_seen_after_its_end(
    namespace_sandbox: NamespaceSandbox, host_view: HostView
) -> None:
    hog = Program(host_view.image, ("python3", "-I", "-c", "x = bytearray(1 << 30)"), SMALL)
    worker = namespace_sandbox.start(hog)
    assert isinstance(worker.greeting(), OutOfMemory)
    if worker.usage.oom_kills is None:
        pytest.skip("needs a control group with a memory controller")
    assert worker.usage.oom_kills == 1
    assert worker.usage.memory_peak_bytes == SMALL.memory_bytes
