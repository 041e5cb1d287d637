from __future__ import annotations

import http.server
import json
import os
import signal
import socketserver
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.machine import dockerd
from pipeline.machine.debian import Machine, install
from pipeline.machine.dockerd import Daemon
from pipeline.machine.engine import answering_engine, ensure_engine, stop_engine
from pipeline.machine.gvisor import gvisor_runtimes
from sandbox.contract import SandboxUnavailable
from sandbox.docker_engine import DockerEngine
from sandbox.runtimes import GVISOR

DEBIAN = 'ID=debian\nVERSION_ID="12"\n'


@pytest.fixture
def bare(tmp_path: Path) -> Machine:
    """A Debian machine with nothing on PATH, no engine, and a user who is root."""
    release = tmp_path / "os-release"
    release.write_text(DEBIAN)
    tools = tmp_path / "bin"
    tools.mkdir()
    return BareMachine(True, {"PATH": str(tools)}, release, tmp_path / "docker.sock")


class BareMachine(Machine):
    """A machine whose system folders hold no daemon either."""

    __slots__ = ()

    @property
    def search_path(self) -> str:
        return self.environment["PATH"]


def put_tool(machine: Machine, name: str, script: str) -> None:
    path = Path(machine.environment["PATH"]) / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


class FakeEngine(http.server.BaseHTTPRequestHandler):
    """Answers like an engine as far as one must to be taken for one."""

    root = "/var/lib/docker"

    def do_GET(self) -> None:
        body = json.dumps({"Version": "1", "ApiVersion": "1.44", "DockerRootDir": self.root, "Runtimes": {}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def engine_at(path: Path) -> Iterator[None]:
    with socketserver.ThreadingUnixStreamServer(str(path), FakeEngine) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def test_docker_host_that_answers_is_used(bare: Machine, tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/other.sock"
    with engine_at(tmp_path / "other.sock"):
        assert ensure_engine(tmp_path / "state", pytest.fail, _with_host(bare, url)) == url


def test_docker_host_that_is_dead_is_an_error_even_where_an_engine_answers(bare: Machine, tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/dead.sock"
    with engine_at(bare.default_socket), pytest.raises(SandboxUnavailable) as caught:
        ensure_engine(tmp_path / "state", pytest.fail, _with_host(bare, url))
    assert url in str(caught.value)
    assert "unset DOCKER_HOST" in str(caught.value)


def test_docker_host_with_a_scheme_that_cannot_be_used_is_refused_with_the_reason(
    bare: Machine, tmp_path: Path
) -> None:
    with pytest.raises(SandboxUnavailable, match="only unix:// and plain tcp://"):
        ensure_engine(tmp_path / "state", pytest.fail, _with_host(bare, "ssh://somewhere"))


def test_default_socket_that_answers_is_used_without_a_word(bare: Machine, tmp_path: Path) -> None:
    with engine_at(bare.default_socket):
        assert ensure_engine(tmp_path / "state", pytest.fail, bare) == f"unix://{bare.default_socket}"
        assert answering_engine(bare) == f"unix://{bare.default_socket}"
    assert not (tmp_path / "state").exists()


def test_a_rootless_engine_of_this_user_is_used_where_the_default_socket_is_silent(
    bare: Machine, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    machine = replace(bare, is_root=False, environment={**bare.environment, "XDG_RUNTIME_DIR": str(run)})
    with engine_at(run / "docker.sock"):
        assert answering_engine(machine) == f"unix://{run}/docker.sock"
        assert ensure_engine(tmp_path / "state", pytest.fail, machine) == f"unix://{run}/docker.sock"
        with engine_at(bare.default_socket):
            assert answering_engine(machine) == f"unix://{bare.default_socket}"
    with pytest.raises(SandboxUnavailable, match="no container engine answers"):
        answering_engine(machine)


def test_asking_for_an_engine_never_starts_one(bare: Machine, tmp_path: Path) -> None:
    put_tool(bare, "dockerd", f"touch {tmp_path}/started")
    with pytest.raises(SandboxUnavailable, match="make engine"):
        answering_engine(bare)
    assert not (tmp_path / "started").exists()


def test_user_who_is_not_root_gets_one_message(bare: Machine, tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="only root may start one") as caught:
        ensure_engine(tmp_path / "state", pytest.fail, replace(bare, is_root=False))
    assert "DOCKER_HOST" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_system_that_is_not_debian_gets_no_package(bare: Machine, tmp_path: Path) -> None:
    put_tool(bare, "apt-get", f"touch {tmp_path}/ran")
    bare.os_release.write_text("ID=fedora\n")
    with pytest.raises(SandboxUnavailable, match="neither Debian nor made from it"):
        ensure_engine(tmp_path / "state", pytest.fail, bare)
    assert not (tmp_path / "ran").exists()


def test_debian_without_apt_get_gets_the_reason(bare: Machine, tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="no apt-get on PATH"):
        ensure_engine(tmp_path / "state", pytest.fail, bare)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DEBIAN, True),
        ("ID=ubuntu\nID_LIKE=debian\n", True),
        ('ID=mint\nID_LIKE="ubuntu debian"\n', True),
        ("NAME=debian\nID=arch\n", False),
        ("", False),
    ],
)
def test_debian_like_is_what_os_release_says(bare: Machine, text: str, expected: bool) -> None:
    bare.os_release.write_text(text)
    assert bare.is_like_debian() is expected


def test_machine_without_os_release_is_not_debian(bare: Machine) -> None:
    bare.os_release.unlink()
    assert not bare.is_like_debian()


def test_installation_takes_only_the_package_and_is_announced(bare: Machine, tmp_path: Path) -> None:
    put_tool(bare, "apt-get", f'echo "$@" >> {tmp_path}/calls')
    said: list[str] = []
    _as_path(bare, lambda: install(bare, ("docker.io",), tmp_path / "apt.log", said.append))
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[0].endswith("update")
    assert calls[1].endswith("install --no-install-recommends docker.io")
    assert said
    assert "docker.io" in said[0]


def test_failed_installation_shows_the_end_of_its_log(bare: Machine, tmp_path: Path) -> None:
    put_tool(bare, "apt-get", "echo E: unable to locate package; exit 100")
    with pytest.raises(SandboxUnavailable, match="unable to locate package"):
        _as_path(bare, lambda: install(bare, ("docker.io",), tmp_path / "apt.log", lambda text: None))


def test_daemon_that_dies_at_once_is_reported_with_its_log(bare: Machine, tmp_path: Path) -> None:
    put_tool(bare, "dockerd", "echo failed to start: cgroups are not mounted")
    put_tool(bare, "setsid", 'shift; exec "$@"')
    with pytest.raises(SandboxUnavailable, match="cgroups are not mounted"):
        _as_path(bare, lambda: ensure_engine(tmp_path / "state", lambda text: None, bare))


def test_stopping_leaves_a_foreign_engine_alone(tmp_path: Path, bare: Machine) -> None:
    foreign = _sleeping("dockerd", "--data-root=/somewhere/else")
    try:
        state = tmp_path / "state"
        state.mkdir()
        (state / "docker.pid").write_text(str(foreign.pid))  # a stale file whose number is somebody else's now
        stop_engine(state, bare)
        assert foreign.poll() is None
        assert not (state / "docker.pid").exists()
    finally:
        foreign.kill()
        foreign.wait()


def test_stopping_ends_the_engine_of_this_state(tmp_path: Path, bare: Machine) -> None:
    daemon = Daemon((tmp_path / "state").resolve(), bare.default_socket)
    ours = _sleeping("dockerd", *daemon.arguments())
    reaper = threading.Thread(target=ours.wait)
    reaper.start()
    assert [process.pid for process in dockerd.processes(daemon)] == [ours.pid]
    assert stop_engine(tmp_path / "state", bare)
    reaper.join()
    assert ours.returncode == -signal.SIGTERM
    assert not stop_engine(tmp_path / "state", bare)


def test_containerd_that_a_killed_daemon_left_is_found(tmp_path: Path, bare: Machine) -> None:
    daemon = Daemon((tmp_path / "state").resolve(), bare.default_socket)
    left = _sleeping("containerd", "--config", f"{daemon.exec_root}/containerd/containerd.toml")
    reaper = threading.Thread(target=left.wait)
    reaper.start()
    assert stop_engine(tmp_path / "state", bare)
    reaper.join()
    assert left.returncode == -signal.SIGKILL


def test_program_that_only_reads_the_state_is_not_taken_for_the_engine(tmp_path: Path, bare: Machine) -> None:
    daemon = Daemon((tmp_path / "state").resolve(), bare.default_socket)
    reader = _sleeping("tail", str(daemon.exec_root), f"--data-root={daemon.data_root}")
    try:
        assert dockerd.processes(daemon) == []
    finally:
        reader.kill()
        reader.wait()


def test_sockets_of_an_engine_fit_however_deep_the_checkout_lies(tmp_path: Path) -> None:
    deep = Daemon(tmp_path.joinpath(*["deep"] * 40), tmp_path / "docker.sock")
    assert len(str(deep.exec_root / "containerd/containerd.sock.ttrpc")) < 108
    assert deep.exec_root != Daemon(tmp_path, tmp_path / "docker.sock").exec_root


@pytest.mark.usefixtures("own_daemon")
def test_engine_is_started_survives_being_killed_and_leaves_nothing(tmp_path: Path) -> None:
    state = tmp_path / "state"
    machine = replace(Machine.this(), environment={"PATH": os.environ["PATH"]}, default_socket=tmp_path / "d.sock")
    daemon = Daemon(state.resolve(), machine.default_socket)
    said: list[str] = []
    try:
        url = ensure_engine(state, said.append, machine)
        assert "make engine-stop" in said[0]
        assert ensure_engine(state, pytest.fail, machine) == url
        for process in dockerd.processes(daemon):
            if process.program == "dockerd":
                os.kill(process.pid, signal.SIGKILL)
        while any(process.program == "dockerd" for process in dockerd.processes(daemon)):
            time.sleep(0.01)
        assert daemon.pid_file.exists()
        assert ensure_engine(state, said.append, machine) == url
    finally:
        stop_engine(state, machine)
    assert dockerd.processes(daemon) == []
    assert not daemon.exec_root.exists()
    assert not daemon.pid_file.exists()
    assert not machine.default_socket.exists()
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()


@pytest.mark.usefixtures("own_daemon")
def test_gvisor_is_made_known_to_an_engine_of_ours_that_runs_already(tmp_path: Path, bare: Machine) -> None:
    put_tool(bare, "runsc", "exit 0")  # a name and a program are all that an engine asks for
    path = f"{bare.environment['PATH']}:{os.environ['PATH']}"
    state = tmp_path / "state"
    machine = replace(Machine.this(), environment={"PATH": path}, default_socket=tmp_path / "d.sock")
    daemon = Daemon(state.resolve(), machine.default_socket)
    try:
        url = ensure_engine(state, lambda text: None, machine)
        assert GVISOR in _runtimes(url)
        before = dockerd.processes(daemon)
        dockerd.configure(daemon, ())
        while GVISOR in _runtimes(url):
            time.sleep(0.05)
        ensure_engine(state, pytest.fail, machine)
        assert GVISOR in _runtimes(url)
        assert dockerd.processes(daemon) == before
    finally:
        stop_engine(state, machine)


def test_a_machine_that_takes_no_packages_goes_without_gvisor(bare: Machine, tmp_path: Path) -> None:
    assert gvisor_runtimes(bare, tmp_path / "apt.log", pytest.fail) == ()


def test_gvisor_that_cannot_be_installed_is_said_once(bare: Machine, tmp_path: Path) -> None:
    put_tool(bare, "apt-get", "echo E: unable to locate package; exit 100")
    said: list[str] = []
    _as_path(bare, lambda: gvisor_runtimes(bare, tmp_path / "apt.log", said.append))
    assert "unable to locate package" in said[-1]
    assert said[-1].startswith("going on without gVisor")
    assert gvisor_runtimes(bare, tmp_path / "apt.log", pytest.fail) == ()


def test_gvisor_that_is_there_is_given_its_orders(bare: Machine, tmp_path: Path) -> None:
    put_tool(bare, "runsc", "exit 0")
    (runtime,) = gvisor_runtimes(bare, tmp_path / "apt.log", pytest.fail)
    assert runtime.program == Path(bare.environment["PATH"]) / "runsc"
    assert "--oci-seccomp" in runtime.arguments


@pytest.mark.usefixtures("own_daemon")
def test_engine_of_a_removed_checkout_is_replaced(tmp_path: Path) -> None:
    machine = replace(Machine.this(), environment={"PATH": os.environ["PATH"]}, default_socket=tmp_path / "d.sock")
    removed, state = tmp_path / "removed" / ".engine", tmp_path / "new" / ".engine"
    said: list[str] = []
    try:
        ensure_engine(removed, said.append, machine)
        subprocess.run(["rm", "-rf", str(removed.parent)], stderr=subprocess.DEVNULL, check=False)
        ensure_engine(state, said.append, machine)
        assert any("checkout that was removed" in text for text in said)
        assert dockerd.processes(Daemon(removed, machine.default_socket)) == []
        assert dockerd.processes(Daemon(state, machine.default_socket))
    finally:
        stop_engine(removed, machine)
        stop_engine(state, machine)


def test_engine_in_use_answers_and_its_socket_is_one(engine_url: str) -> None:
    assert answering_engine() == engine_url
    if engine_url.startswith("unix://"):
        assert stat.S_ISSOCK(Path(engine_url.removeprefix("unix://")).stat().st_mode)


def _runtimes(url: str) -> tuple[str, ...]:
    with DockerEngine(url) as engine:
        return engine.facts.runtimes


def _with_host(machine: Machine, url: str) -> Machine:
    return replace(machine, environment={**machine.environment, "DOCKER_HOST": url})


def _as_path(machine: Machine, act: Callable[[], object]) -> None:
    """Runs `act` while the process finds programs where `machine` does, then in the usual places."""
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{machine.environment['PATH']}:{before}"
    try:
        act()
    finally:
        os.environ["PATH"] = before


def _sleeping(name: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Starts a process of that name and command line that does nothing."""
    command = [name, "-I", "-S", "-c", "import time; time.sleep(60)", *arguments]
    return subprocess.Popen(command, executable=sys.executable)
