"""What every test may ask for, and the rule that CI skips nothing that it could have run.

With KERNELGATE_FAIL_ON_SKIP=1 (`make test` sets it) a skip is a failure, at collection too. Five kinds may skip, and
only where they cannot run: tests marked `gpu`, those that start a daemon of their own (`own_daemon`, takes root), those
marked `browser` where Chromium is not and `make browser` can't install it, those marked `postgres` where its programs
are not (CI installs them), and those marked `gvisor` on an engine that this checkout did not start. One that it did
start has gVisor, or they fail.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from functools import cache
from pathlib import Path

import pytest
from postgres_here import NO_BINARIES, binaries

FAIL_ON_SKIP = os.environ.get("KERNELGATE_FAIL_ON_SKIP") == "1"
HAS_GPU = Path("/dev/nvidiactl").exists()
HAS_CHROMIUM = shutil.which("chromium") is not None
CAN_INSTALL = os.geteuid() == 0 and shutil.which("apt-get") is not None
CAN_START_DAEMONS = os.geteuid() == 0 and shutil.which("dockerd", path=f"{os.environ['PATH']}:/usr/sbin") is not None


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") is not None and not HAS_GPU:
        pytest.skip("needs an NVIDIA GPU, and this machine has none")
    if item.get_closest_marker("browser") is not None and not HAS_CHROMIUM:
        pytest.skip("needs Chromium on PATH (`make browser` installs Debian's)")
    if item.get_closest_marker("postgres") is not None and binaries() is None:
        pytest.skip(NO_BINARIES)
    if item.get_closest_marker("gvisor") is not None and not _engine_has_gvisor():
        pytest.skip("needs an engine that knows gVisor as the runtime 'runsc' (`make engine` starts one)")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if FAIL_ON_SKIP and not _may_skip(item):
        _skip_is_failure(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if FAIL_ON_SKIP:
        _skip_is_failure(report)
    return report


def _may_skip(item: pytest.Item) -> bool:
    needs_gpu = item.get_closest_marker("gpu") is not None
    needs_daemon = "own_daemon" in getattr(item, "fixturenames", ())
    needs_gvisor = item.get_closest_marker("gvisor") is not None
    needs_browser = item.get_closest_marker("browser") is not None
    needs_postgres = item.get_closest_marker("postgres") is not None
    return (
        (needs_gpu and not HAS_GPU)
        or (needs_browser and not HAS_CHROMIUM and not CAN_INSTALL)
        or (needs_postgres and binaries() is None)
        or (needs_daemon and not CAN_START_DAEMONS)
        or (needs_gvisor and not _engine_was_started_here())
    )


@cache
def _engine_has_gvisor() -> bool:
    from pipeline.machine.engine import answering_engine
    from sandbox.contract import SandboxUnavailable
    from sandbox.docker_engine import DockerEngine
    from sandbox.runtimes import GVISOR

    try:
        with DockerEngine(answering_engine()) as engine:
            return GVISOR in engine.facts.runtimes
    except SandboxUnavailable:
        return False


@cache
def _engine_was_started_here() -> bool:
    from pipeline.machine import dockerd
    from pipeline.machine.debian import Machine
    from pipeline.settings import Settings

    machine = Machine.this()
    daemon = dockerd.Daemon(Settings.resolve().state, machine.default_socket)
    return not machine.environment.get("DOCKER_HOST") and bool(dockerd.processes(daemon))


def _skip_is_failure(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, and nothing may be skipped here: {reason}"


@pytest.fixture
def own_daemon() -> None:
    """For tests that start and end a daemon of their own."""
    if not CAN_START_DAEMONS:
        pytest.skip("needs root and dockerd, to start a second engine beside the one in use")


@pytest.fixture(scope="session")
def engine_url() -> str:
    """The URL of the engine that answers; nothing is installed or started by a test."""
    from pipeline.machine.engine import answering_engine
    from sandbox.contract import SandboxUnavailable

    try:
        return answering_engine()
    except SandboxUnavailable as error:
        pytest.skip(f"needs a container engine (`make engine`): {error}")


@pytest.fixture(scope="session")
def runner_image(engine_url: str) -> str:
    """The id of this checkout's runner image, built when the engine lacks it."""
    from pipeline.machine.runner_image import ensure_runner_image
    from pipeline.settings import Settings

    return ensure_runner_image(engine_url, Settings.resolve()).id
