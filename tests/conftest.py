"""What every test may ask for, and the rule that CI skips nothing that it could have run.

With KERNELGATE_FAIL_ON_SKIP=1 (`make test` sets it) a skip is a failure, at collection too. Two kinds may skip, and
only where they cannot run: tests marked `gpu`, and those that start a daemon of their own (`own_daemon`, takes root).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

FAIL_ON_SKIP = os.environ.get("KERNELGATE_FAIL_ON_SKIP") == "1"
HAS_GPU = Path("/dev/nvidiactl").exists()
CAN_START_DAEMONS = os.geteuid() == 0 and shutil.which("dockerd", path=f"{os.environ['PATH']}:/usr/sbin") is not None


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") is not None and not HAS_GPU:
        pytest.skip("needs an NVIDIA GPU, and this machine has none")


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
    return (needs_gpu and not HAS_GPU) or (needs_daemon and not CAN_START_DAEMONS)


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
    from pipeline.engine import answering_engine
    from sandbox.contract import SandboxUnavailable

    try:
        return answering_engine()
    except SandboxUnavailable as error:
        pytest.skip(f"needs a container engine (`make engine`): {error}")


@pytest.fixture(scope="session")
def runner_image(engine_url: str) -> str:
    """The id of this checkout's runner image, built when the engine lacks it."""
    from pipeline.runner_image import ensure_runner_image
    from pipeline.settings import Settings

    return ensure_runner_image(engine_url, Settings.resolve()).id
