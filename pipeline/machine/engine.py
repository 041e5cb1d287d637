"""Which container engine is used, and the one case in which this project starts its own.

`DOCKER_HOST` is an order: that engine answers, or it is an error. Otherwise the engine at the default socket is used,
or this user's own rootless engine where that one does not answer. Where none answers, and only as root on a Debian-like
system, Debian's docker.io is installed and a daemon is started whose state lies in the project; gVisor is made known to
it, also when it runs already. `stop_engine` ends that daemon and no other, and no other is told about gVisor.

Deliberately not handled: contexts of the Docker command line (set DOCKER_HOST to their endpoint), and engines that
need TLS or ssh (`sandbox.docker_engine` says why).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from pipeline.errors import SettingsError
from pipeline.machine import dockerd
from pipeline.machine.debian import Machine, install, tail
from pipeline.machine.dockerd import Daemon
from pipeline.machine.exclusive import exclusive
from pipeline.machine.gvisor import gvisor_runtimes
from pipeline.reporting import Report, to_stderr
from pipeline.settings import Settings
from sandbox.contract import SandboxUnavailable
from sandbox.docker_engine import DockerEngine, engine_errors, silence_at
from sandbox.runtimes import GVISOR

START_DEADLINE_S = 60.0
# On a system with a service manager the package starts its own daemon; it gets this long to answer.
SERVICE_DEADLINE_S = 15.0
RELOAD_DEADLINE_S = 10.0
POLL_S = 0.1
SILENCE_S = 2.0


def answering_engine(machine: Machine | None = None) -> str:
    """Returns the URL of the engine that answers now; changes nothing.

    Raises:
        SandboxUnavailable: none answers; the text says where it was looked for and what to do.
    """
    machine = machine or Machine.this()
    if host := machine.environment.get("DOCKER_HOST"):
        if (problem := _problem(host)) is not None:
            raise SandboxUnavailable(
                f"DOCKER_HOST is set to {host}, but no engine can be used there: {problem}. "
                "Start that engine, or unset DOCKER_HOST."
            )
        return host
    default = _default_url(machine)
    if (problem := _problem(default)) is not None:
        if (rootless := _rootless_url(machine)) is not None:
            return rootless
        raise SandboxUnavailable(
            f"no container engine answers: {problem}. "
            "Start Docker, or set DOCKER_HOST, or run `make engine` as root on Debian or Ubuntu."
        )
    return default


def ensure_engine(state: Path, report: Report, machine: Machine | None = None) -> str:
    """Returns the URL of an engine that answers, after starting one where that is allowed.

    Args:
        state: The folder for the state of an engine that is started here.
        report: Gets a line before every step that takes long.
        machine: The machine that is looked at; this one by default.

    Raises:
        SandboxUnavailable: none answers and none could be started; the text says why and what to do.
    """
    machine = machine or Machine.this()
    if machine.environment.get("DOCKER_HOST"):
        return answering_engine(machine)
    url = _default_url(machine)
    daemon = _daemon(state, machine)
    if _problem(url) is None and _removed_checkout(url) is None:
        if machine.is_root and dockerd.processes(daemon) and not _has_runtimes(url, (GVISOR,)):
            with _lock(machine, report):
                _add_gvisor(daemon, url, machine, report)
        return url
    if (rootless := _rootless_url(machine)) is not None:
        return rootless
    if not machine.is_root or (machine.tool("dockerd") is None and machine.why_no_packages() is not None):
        raise SandboxUnavailable(f"{_why(machine)}. Start Docker yourself, or point DOCKER_HOST at an engine.")
    with _lock(machine, report):
        return _start(daemon, machine, report)


def stop_engine(state: Path, machine: Machine | None = None) -> bool:
    """Ends the engine whose state is in `state`, with its containers; returns whether there was one.

    An engine that somebody else started is left alone. The images stay in `state`.
    """
    daemon = _daemon(state, machine or Machine.this())
    return dockerd.stop(daemon)


def _start(daemon: Daemon, machine: Machine, report: Report) -> str:
    url = _default_url(machine)
    if (abandoned := _removed_checkout(url)) is not None:
        report(f"ending the engine of a checkout that was removed ({abandoned.state})")
        dockerd.stop(abandoned)
    if _problem(url) is None:
        return url  # another process started it while we waited for the lock
    if machine.tool("dockerd") is None:
        install(machine, ("docker.io",), daemon.state / "apt.log", report)
        service = Path("/run/systemd/system").exists()
        if service and _answers_within(url, SERVICE_DEADLINE_S, lambda: True):
            report(f"the system's own Docker service answers at {url}; it is used")
            return url
    report(f"starting dockerd at {url}, state in {daemon.state} (`make engine-stop` ends it)")
    program = machine.tool("dockerd")
    if program is None:
        raise SandboxUnavailable("docker.io is installed, but there is no dockerd in PATH, /usr/sbin or /sbin")
    daemon.state.mkdir(parents=True, exist_ok=True)
    dockerd.configure(daemon, gvisor_runtimes(machine, daemon.state / "apt-gvisor.log", report))
    dockerd.launch(daemon, program, machine.environment, machine.search_path)
    if not _answers_within(url, START_DEADLINE_S, lambda: bool(dockerd.processes(daemon))):
        dockerd.stop(daemon)
        raise SandboxUnavailable(
            f"dockerd was started, but does not answer at {url}; the end of {daemon.log_file}:\n"
            f"{tail(daemon.log_file)}\nStart Docker yourself, or point DOCKER_HOST at an engine."
        )
    return url


def _add_gvisor(daemon: Daemon, url: str, machine: Machine, report: Report) -> None:
    runtimes = gvisor_runtimes(machine, daemon.state / "apt-gvisor.log", report)
    names = tuple(runtime.name for runtime in runtimes)
    if not names or _has_runtimes(url, names):
        return
    dockerd.configure(daemon, runtimes)
    end = time.monotonic() + RELOAD_DEADLINE_S
    while not _has_runtimes(url, names) and time.monotonic() < end:
        time.sleep(POLL_S)
    if not _has_runtimes(url, names):
        report(f"the engine does not take up gVisor; the end of {daemon.log_file}:\n{tail(daemon.log_file)}")


def _has_runtimes(url: str, names: tuple[str, ...]) -> bool:
    try:
        with DockerEngine(url) as engine:
            return set(names) <= set(engine.facts.runtimes)
    except SandboxUnavailable:
        return False


def _answers_within(url: str, deadline_s: float, is_alive: Callable[[], bool]) -> bool:
    """Waits until the engine answers; gives up early when its process is gone for longer than a moment."""
    end = time.monotonic() + deadline_s
    seen_alive = time.monotonic()
    while (now := time.monotonic()) < end and now - seen_alive < SILENCE_S:
        if _problem(url) is None:
            return True
        if is_alive():
            seen_alive = now
        time.sleep(POLL_S)
    return False


def _problem(url: str) -> str | None:
    """Returns why no engine can be used at `url`, or None. Knocks first: that is quick, and its errors are plain."""
    if (silence := silence_at(url)) is not None:
        return silence
    try:
        DockerEngine(url).close()
    except SandboxUnavailable as error:
        return str(error)
    return None


def _removed_checkout(url: str) -> Daemon | None:
    """Returns the engine at `url` when a checkout started it that has been removed: it answers, but cannot work."""
    try:
        with DockerEngine(url) as engine, engine_errors("ask the engine for its folder", url):
            root = Path(str(engine.api.info()["DockerRootDir"]))
    except SandboxUnavailable:
        return None
    daemon = Daemon(root.parent, Path(url.removeprefix("unix://")))
    # The daemon keeps its folder mounted, so removing the checkout leaves that one, without what an engine has in it.
    gone = root.parts[-2:] == (".engine", "data") and not (root / "image").exists()
    return daemon if gone and dockerd.processes(daemon) else None


def _why(machine: Machine) -> str:
    missing = _problem(_default_url(machine))
    if not machine.is_root:
        return f"no container engine answers ({missing}), and only root may start one"
    return f"no container engine answers ({missing}), and docker.io cannot be installed: {machine.why_no_packages()}"


def _default_url(machine: Machine) -> str:
    return f"unix://{machine.default_socket}"


def _rootless_url(machine: Machine) -> str | None:
    """Returns the URL of this user's rootless engine, if one answers: its socket lies in the user's own run folder."""
    folder = machine.environment.get("XDG_RUNTIME_DIR")
    url = f"unix://{folder}/docker.sock"
    return url if folder and _problem(url) is None else None


def _daemon(state: Path, machine: Machine) -> Daemon:
    return Daemon(state.resolve(), machine.default_socket)


def _lock(machine: Machine, report: Report) -> AbstractContextManager[None]:
    """Holds the lock of everybody who wants to start an engine at this socket: it is one for the whole machine."""
    return exclusive(machine.default_socket.with_name("kernelgate.lock"), report, "is starting the engine")


def main(arguments: list[str]) -> int:
    """`python -m pipeline.machine.engine ensure|stop`, as the Makefile calls it."""
    say = to_stderr("engine")
    try:
        state = Settings.resolve().state
    except SettingsError as error:
        say(str(error))
        return 2
    match arguments:
        case ["ensure"]:
            try:
                say(f"{ensure_engine(state, say)} answers")
            except SandboxUnavailable as error:
                say(str(error))
                return 3
        case ["stop"]:
            say("stopped" if stop_engine(state) else "none of this project is running")
        case _:
            say("usage: python -m pipeline.machine.engine ensure|stop")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
