from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.machine.host_view import runner_view
from pipeline.settings import PROJECT
from sandbox.contract import Program, SandboxUnavailable
from sandbox.control_groups import ControlGroups
from sandbox.docker_engine import DockerEngine
from sandbox.docker_sandbox import DockerSandbox
from sandbox.namespace_sandbox import NamespaceSandbox
from sandbox.python_view import HostView


@pytest.fixture(scope="session")
def engine(engine_url: str) -> Iterator[DockerEngine]:
    with DockerEngine(engine_url) as engine:
        yield engine


@pytest.fixture(scope="session")
def docker_sandbox(engine: DockerEngine) -> DockerSandbox:
    return DockerSandbox(engine)


@pytest.fixture(scope="session")
def host_view() -> HostView:
    return runner_view(PROJECT)


@pytest.fixture(scope="session")
def namespace_sandbox(host_view: HostView) -> NamespaceSandbox:
    """With the control groups that can be had here."""
    return in_namespaces(host_view, ControlGroups.of_this_machine())


@pytest.fixture(scope="session")
def ungrouped_sandbox(host_view: HostView) -> NamespaceSandbox:
    """As on a machine that gives no control group."""
    return in_namespaces(host_view, ControlGroups())


def in_namespaces(view: HostView, groups: ControlGroups) -> NamespaceSandbox:
    try:
        sandbox = NamespaceSandbox(view, groups)
        sandbox.start(Program(view.image, ("true",))).end()
    except SandboxUnavailable as error:
        pytest.skip(f"needs a kernel that allows user namespaces: {error}")
    return sandbox
