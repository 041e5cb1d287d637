from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.docker_engine import DockerEngine
from sandbox.docker_sandbox import DockerSandbox


@pytest.fixture(scope="session")
def engine(engine_url: str) -> Iterator[DockerEngine]:
    with DockerEngine(engine_url) as engine:
        yield engine


@pytest.fixture(scope="session")
def docker_sandbox(engine: DockerEngine) -> DockerSandbox:
    return DockerSandbox(engine)
