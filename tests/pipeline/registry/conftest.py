from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from postgres_here import Postgres, started_postgres
from signed_runs import Signer, attestation, new_signer

from pipeline.registry.contract import Attestation, Registry, open_registry
from pipeline.registry.making import make_registry


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests of this process."""
    with started_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new registry, in each of the two databases."""
    url = str(tmp_path / "registry.db")
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.emptied("postgres")
    make_registry(url)
    return url


@pytest.fixture
def registry(where: str) -> Iterator[Registry]:
    """It, opened."""
    with closing(open_registry(where)) as opened:
        yield opened


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    """A key that signs all runs of these tests."""
    return new_signer(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def attested(tmp_path_factory: pytest.TempPathFactory, signer: Signer) -> Attestation:
    """An attestation of a signed run."""
    return attestation(tmp_path_factory.mktemp("runs"), signer)


@pytest.fixture
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Names places for further registries, by the kind of the first."""

    def new(kind: str) -> str:
        if kind == "sqlite":
            return str(tmp_path / "another.db")
        server: Postgres = request.getfixturevalue("postgres")
        return server.emptied("template1")

    return new
