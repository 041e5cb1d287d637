"""What is particular to namespaces: what a program sees of the host, what is left when somebody dies, what is told."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from waiting import wait_until

from pipeline.settings import PROJECT
from sandbox.contract import Limits, Program, Reply, SandboxUnavailable, Worker
from sandbox.control_groups import ControlGroup, ControlGroups
from sandbox.namespace_inside import Orders
from sandbox.namespace_sandbox import NamespaceSandbox
from sandbox.outcomes import Finished, OutOfMemory, SandboxFault, TimedOut
from sandbox.probe_inside import CHECKS
from sandbox.python_view import HostView

MIB = 1 << 20
LIMITS = Limits(memory_bytes=256 * MIB, processes=64, tmp_bytes=16 * MIB, tmp_inodes=256, start_deadline_s=60.0)
TELL = """
import json, os, signal, socket, struct, sys, time
def tell(what):
    data = json.dumps(what).encode()
    sys.stdout.buffer.write(struct.pack("<Q", len(data)) + data)
    sys.stdout.buffer.flush()
def tried(attempt):
    try:
        return repr(attempt())
    except OSError as error:
        return type(error).__name__ if error.errno is None else os.strerror(error.errno)
"""
WAIT = "\nsys.stdin.buffer.read()"

Run = Callable[[str], Worker]


@pytest.fixture(params=["namespace_sandbox", "ungrouped_sandbox"])
def sandbox(request: pytest.FixtureRequest) -> NamespaceSandbox:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, NamespaceSandbox)
    return found


@pytest.fixture
def run(sandbox: NamespaceSandbox, host_view: HostView) -> Iterator[Run]:
    started: list[Worker] = []

    def begin(source: str) -> Worker:
        argv = ("python3", "-I", "-u", "-c", TELL + source + WAIT)
        started.append(sandbox.start(Program(host_view.image, argv, LIMITS)))
        return started[-1]

    yield begin
    for worker in started:
        worker.end()


def told(worker: Worker) -> object:
    answer = worker.greeting()
    assert isinstance(answer, Reply), (answer, worker.last_words())
    return json.loads(answer.payload)


def test_of_the_host_only_what_is_named_is_there(run: Run) -> None:
    seen = told(run("tell([sorted(os.listdir('/')), sorted(os.listdir('/etc')), sorted(os.listdir('/opt'))])"))
    assert isinstance(seen, list)
    expected = {"bin", "cache", "dev", "etc", "lib", "lib64", "opt", "proc", "tmp", "usr", "var", "sys"}
    top = Path(sys.base_prefix).parts[1]
    assert set(seen[0]) - {top} <= expected
    assert seen[1:] == [["ld.so.cache"], ["kernelgate"]]


@pytest.mark.parametrize("secret", ["/etc/shadow", "/etc/passwd", "/root/.ssh", "/home", __file__, "/var/run", "/run"])
def test_what_may_hold_a_secret_is_not_there(run: Run, secret: str) -> None:
    assert told(run(f"tell(tried(lambda: os.stat({secret!r})))")) == "No such file or directory"


def test_no_variable_of_the_judge_comes_in(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "secret")
    names = told(run("tell(sorted(os.environ))"))
    assert isinstance(names, list)
    assert "API_KEY" not in names
    assert set(names) <= {"HOME", "LANG", "LC_CTYPE", "OMP_NUM_THREADS", "PATH", "PYTHONDONTWRITEBYTECODE", "TMPDIR",
                          "TRITON_CACHE_DIR"}  # fmt: skip


def test_only_the_packages_that_are_named_can_be_imported(run: Run) -> None:
    source = "import importlib.util as u\ntell([u.find_spec(n) is not None for n in %r])"
    names = ["torch", "triton", "numpy", "pydantic", "runners.wire", "docker", "hypothesis", "pipeline", "policies"]
    assert told(run(source % names)) == [True] * 5 + [False] * 4


@pytest.mark.parametrize("place", ["/usr/bin/x", "/opt/kernelgate/x", "/etc/x", "/dev/x", "/x", "/var/tmp/x"])
def test_nothing_outside_its_own_two_folders_can_be_written(run: Run, place: str) -> None:
    assert told(run(f"tell(tried(lambda: open({place!r}, 'w')))")) in ("Read-only file system", "Permission denied")


@pytest.mark.parametrize("place", ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/kernel/hostname"])
def test_the_kernel_cannot_be_configured(run: Run, place: str) -> None:
    source = f"tell(tried(lambda: os.write(os.open({place!r}, os.O_WRONLY), b'x')))"
    assert told(run(source)) in ("Read-only file system", "Permission denied", "No such file or directory")


@pytest.mark.parametrize("name", ["kcore", "keys", "timer_list", "kpagecount"])
def test_what_tells_of_the_host_reads_empty(run: Run, name: str) -> None:
    source = f"tell(tried(lambda: open('/proc/{name}', 'rb').read(10)))"
    assert told(run(source)) in ("b''", "No such file or directory", "Permission denied")


def test_its_own_folders_can_be_written_and_are_its_own(run: Run) -> None:
    first, second = (
        run("open('/tmp/mine', 'x').close(); tell([os.listdir('/tmp'), os.listdir('/cache')])") for _ in "12"
    )
    assert told(first) == told(second) == [["mine"], []]


def test_sockets_of_the_network_do_not_exist(run: Run) -> None:
    families = "[socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET, 40]"
    source = f"tell([tried(lambda: socket.socket(f)) for f in {families}])"
    assert told(run(source)) == ["Operation not permitted"] * 5


def test_a_socket_without_a_file_of_the_host_is_out_of_reach(run: Run) -> None:
    name = f"\0kernelgate-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as host:
        host.bind(name)
        host.listen()
        source = f"tell(tried(lambda: socket.socket(socket.AF_UNIX).connect({name!r})))"
        assert told(run(source)) in ("Connection refused", "Operation not permitted")


@pytest.mark.parametrize("entry", ["mem", "fd", "environ", "cwd", "root"])
def test_its_init_cannot_be_looked_into(run: Run, entry: str) -> None:
    look = "os.listdir" if entry == "fd" else "os.readlink" if entry in ("cwd", "root") else "open"
    assert told(run(f"tell(tried(lambda: {look}('/proc/1/{entry}')))")) == "Permission denied"


def test_its_init_cannot_be_killed(run: Run) -> None:
    numbers = [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, signal.SIGINT, signal.SIGSEGV]
    worker = run(f"for n in {list(map(int, numbers))}: os.kill(1, n)\ntime.sleep(0.2); tell('still here')")
    assert told(worker) == "still here"
    assert worker.end() == Finished()


def test_what_it_leaves_in_the_background_dies_with_it(run: Run) -> None:
    mark = f"left-by-{os.getpid()}-{time.monotonic_ns()}"
    worker = run(
        f"if os.fork() == 0:\n  os.setsid()\n  [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]\n"
        f"  if os.fork() == 0: os.execvp('sleep', [{mark!r}, '600'])\n  os._exit(0)\n"
        "os.wait(); time.sleep(0.3); tell(1)"
    )
    told(worker)
    assert processes_with(mark)
    assert worker.end() == Finished()
    assert not processes_with(mark)


def processes_with(mark: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if mark.encode() in line:
                found.append(entry.name)
    return found


START_AND_DIE = """
import os, signal, sys
from pipeline.machine.host_view import runner_view
from pipeline.settings import PROJECT
from sandbox.contract import Limits, Program
from sandbox.control_groups import ControlGroups
from sandbox.namespace_sandbox import NamespaceSandbox
view = runner_view(PROJECT)
groups = ControlGroups.of_this_machine() if sys.argv[1] == "True" else ControlGroups()
argv = ("python3", "-I", "-c", "import time; time.sleep(600)", sys.stdin.readline().strip())
worker = NamespaceSandbox(view, groups).start(Program(view.image, argv, Limits()))
print(worker.name, flush=True)
sys.stdin.readline()
os.kill(os.getpid(), signal.SIGKILL)
"""


def start_elsewhere(grouped: bool, mark: str) -> tuple[subprocess.Popen[str], str]:
    """Starts an owner with one program that has `mark` among its arguments; it dies when it reads a line."""
    owner = subprocess.Popen(
        # The mark goes through standard input and not through the arguments, where it would be found, too.
        [sys.executable, "-c", START_AND_DIE, str(grouped)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    assert owner.stdin is not None
    assert owner.stdout is not None
    owner.stdin.write(f"{mark}\n")
    owner.stdin.flush()
    return owner, owner.stdout.readline().strip()


def folders_of(name: str) -> list[Path]:
    folders = ControlGroup(name, ControlGroups.of_this_machine().places).folders
    return [folder for folder in folders if folder.exists()]


@pytest.mark.parametrize("grouped", [True, False])
def test_a_killed_owner_takes_the_program_with_it_and_its_groups_are_reaped(
    namespace_sandbox: NamespaceSandbox, grouped: bool
) -> None:
    mark = f"orphan-of-{os.getpid()}-{time.monotonic_ns()}"
    owner, name = start_elsewhere(grouped, mark)
    with owner:
        assert processes_with(mark)
        owner.communicate("die\n", timeout=60)
    wait_until(lambda: not processes_with(mark), within_s=10.0)
    left = folders_of(name)
    assert bool(left) == (grouped and bool(ControlGroups.of_this_machine().places))
    assert namespace_sandbox.reap() >= bool(left)
    assert folders_of(name) == []


def test_the_program_of_another_living_owner_stays(namespace_sandbox: NamespaceSandbox) -> None:
    mark = f"kept-by-{os.getpid()}-{time.monotonic_ns()}"
    owner, name = start_elsewhere(True, mark)
    with owner:
        before = folders_of(name)
        namespace_sandbox.reap()
        stayed, folders = processes_with(mark), folders_of(name)
        owner.communicate("die\n", timeout=60)
    wait_until(lambda: not processes_with(mark), within_s=10.0)
    namespace_sandbox.reap()
    assert stayed
    assert folders == before
    assert folders_of(name) == []


def test_an_init_that_is_killed_from_outside_is_a_fault_of_ours(run: Run) -> None:
    worker = run("tell(os.getpid())")
    told(worker)
    os.kill(init_of_the_youngest(), signal.SIGKILL)
    answer = worker.exchange([b"x"], deadline_s=20.0, cap_bytes=10)
    assert isinstance(answer, SandboxFault)
    assert "outside" in answer.reason


def init_of_the_youngest() -> int:
    """The process 1 of the sandbox that this process started last."""
    threads = Path("/proc/self/task").iterdir()
    ours = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    unshare = max(pid for pid in ours if Path(f"/proc/{pid}/comm").read_text() == "unshare\n")
    (init,) = Path(f"/proc/{unshare}/task/{unshare}/children").read_text().split()
    return int(init)


def test_an_abort_reaches_who_waits_in_another_thread(run: Run) -> None:
    worker = run("tell(1); time.sleep(600)")
    told(worker)
    timer = threading.Timer(0.3, worker.abort)
    timer.start()
    assert isinstance(worker.exchange([b"x"], deadline_s=250.0, cap_bytes=10), SandboxFault)
    timer.join()


def test_memory_that_forked_processes_share_counts_once(run: Run) -> None:
    source = "kept = bytearray(os.urandom(1 << 16) * 1600)\nfor _ in range(8):\n  if os.fork() == 0: time.sleep(600)\n"
    worker = run(source + "time.sleep(1.0); tell(1)")
    assert told(worker) == 1
    assert worker.end() == Finished()


def test_memory_is_counted_over_all_processes(run: Run) -> None:
    source = (
        "for _ in range(8):\n  if os.fork() == 0:\n    kept = bytearray(os.urandom(1 << 16) * 1600); time.sleep(600)\n"
    )
    worker = run(source + "tell(1); time.sleep(600)")
    assert worker.exchange([b"x"], deadline_s=60.0, cap_bytes=10) == OutOfMemory(LIMITS.memory_bytes)


def test_a_stopped_program_times_out(run: Run) -> None:
    worker = run("tell(1); os.kill(os.getpid(), signal.SIGSTOP)")
    told(worker)
    assert worker.exchange([b"x"], deadline_s=0.5, cap_bytes=10) == TimedOut(0.5)


def test_another_image_than_the_view_is_refused(sandbox: NamespaceSandbox) -> None:
    with pytest.raises(SandboxUnavailable, match="no image sha256:0"):
        sandbox.start(Program("sha256:0", ("true",), LIMITS))


def test_a_program_that_is_not_there_is_told_at_the_start(sandbox: NamespaceSandbox, host_view: HostView) -> None:
    with pytest.raises(SandboxUnavailable, match="/no/such/program can't be started"):
        sandbox.start(Program(host_view.image, ("/no/such/program",), LIMITS))


def test_a_start_that_fails_leaves_nothing(
    sandbox: NamespaceSandbox, host_view: HostView, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, places = open_descriptors(), ControlGroups.of_this_machine().places
    monkeypatch.setattr("sandbox.namespaces.UNSHARE", ("unshare", "--no-such-option"))
    with pytest.raises(SandboxUnavailable, match=r"on this machine \(unshare: .*no-such-option"):
        sandbox.start(Program(host_view.image, ("true",), LIMITS))
    assert open_descriptors() == before
    left = [f for place in places for f in place.parent.glob(f"kernelgate.{os.getpid()}.*")]
    assert left == []


UNDER_LOWER_LIMITS = """
from pipeline.machine.host_view import runner_view
from pipeline.settings import PROJECT
from sandbox.contract import Limits, Program
from sandbox.control_groups import ControlGroups
from sandbox.namespace_sandbox import NamespaceSandbox
view = runner_view(PROJECT)
proof = NamespaceSandbox(view, ControlGroups()).prove(Program(view.image, ("unused",), Limits(processes=64)))
print(proof.missing)
"""


def test_limits_that_are_lower_around_us_stay(namespace_sandbox: NamespaceSandbox) -> None:
    done = subprocess.run(
        ["prlimit", "--nofile=512:512", "--fsize=67108864:67108864", "choom", "-n", "900", "--", sys.executable,
         "-c", UNDER_LOWER_LIMITS],
        env={**os.environ, "PYTHONPATH": str(PROJECT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "('memory', 'cpus')\n", done.stderr


def open_descriptors() -> set[Path]:
    return {path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}


def test_without_unshare_the_message_says_what_to_install(
    host_view: HostView, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sandbox.namespace_sandbox.TOOLS_PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable, match=r"needs unshare and sh.*install util-linux"):
        NamespaceSandbox(host_view, ControlGroups())


@pytest.mark.parametrize(("release", "fine"), [("5.13.0-generic", False), ("4.19.0", False), ("5.14.1", True)])
def test_an_older_kernel_is_refused(
    host_view: HostView, monkeypatch: pytest.MonkeyPatch, release: str, fine: bool
) -> None:
    monkeypatch.setattr("platform.release", lambda: release)
    if fine:
        NamespaceSandbox(host_view, ControlGroups())
        return
    with pytest.raises(SandboxUnavailable, match=f"5.14 or newer, this is {release}"):
        NamespaceSandbox(host_view, ControlGroups())


class Loosened(NamespaceSandbox):
    """Orders with some fields replaced: what the proof must notice."""

    def __init__(self, view: HostView, **fields: object) -> None:
        super().__init__(view, ControlGroups.of_this_machine())
        self._fields = fields

    def _orders(self, program: Program, group: ControlGroup) -> Orders:
        return super()._orders(program, group)._replace(**self._fields)


ALLOW_ALL = base64.b64encode(struct.pack("<HBBI", 0x06, 0, 0, 0x7FFF0000)).decode()
LOOSENED = {
    "no filter": (
        {"seccomp": ALLOW_ALL},
        {"system call: ptrace", "system call: keyctl", "system call: memfd_create", "system call: clone3"},
    ),
    "unbounded files": (
        {"tmpfs": [["/tmp", 1 << 30, 100_000, True], ["/cache", 1 << 30, 100_000, True]]},
        {"tmp not executable", "tmp size", "tmp inodes"},
    ),
    "no resource limits": (
        {"resources": [("CORE", 1 << 20), ("NOFILE", 4096)]},
        {"open files", "core files", "file size"},
    ),
    "another writable place": ({"tmpfs": [["/tmp", 1 << 20, 99, False], ["/cache", 1 << 20, 99, True],
                                          ["/more", 1 << 20, 99, False]]}, {"writable places"}),
    "a variable": ({"environment": {"PATH": "/opt/kernelgate/bin", "API_KEY": "x"}}, {"environment"}),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "must_not_hold"), LOOSENED.values(), ids=LOOSENED)
def test_the_proof_says_which_limit_loosened_namespaces_lack(
    host_view: HostView, namespace_sandbox: NamespaceSandbox, fields: dict[str, object], must_not_hold: set[str]
) -> None:
    proof = Loosened(host_view, **fields).prove(Program(host_view.image, ("unused",), LIMITS))
    assert must_not_hold <= set(proof.missing)


def test_the_proof_is_about_every_limit_and_says_what_it_is_of(
    namespace_sandbox: NamespaceSandbox, host_view: HostView
) -> None:
    proof = namespace_sandbox.prove(Program(host_view.image, ("unused",), LIMITS))
    assert {limit.name for limit in proof.limits} == set(CHECKS)
    assert (proof.isolation, proof.image) == ("namespace", host_view.image)
    assert proof.engine.startswith("Linux ")
    assert "util-linux" in proof.runtime


def test_where_no_control_group_can_be_had_processes_are_limited_for_each_program_alone(
    ungrouped_sandbox: NamespaceSandbox, host_view: HostView
) -> None:
    source = "n = 0\ntry:\n  while os.fork(): n += 1\n  time.sleep(600)\nexcept OSError: tell(n)"
    argv = ("python3", "-I", "-u", "-c", TELL + source + WAIT)
    program = Program(host_view.image, argv, LIMITS)
    with ungrouped_sandbox.start(program) as first, ungrouped_sandbox.start(program) as second:
        assert told(first) == told(second)
