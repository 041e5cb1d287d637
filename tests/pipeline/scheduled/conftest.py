from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from prefect_here import talking_to
from scripted_flow import FakeSupply, small_policy

from pipeline.orchestration.prefect_environment import TemporaryServer


@pytest.fixture(scope="module")
def server(prefect_server: TemporaryServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Prefect's server, talked to; yields its address."""
    with talking_to(prefect_server, tmp_path_factory.mktemp("storage")):
        yield prefect_server.url
        gc.collect()  # while the warnings of the files' filters are still ignored


@pytest.fixture
def supply(server: str, own_machine: None, monkeypatch: pytest.MonkeyPatch) -> FakeSupply:
    """Scripted runners for whatever is verified, under a policy with few cases."""
    made = FakeSupply()

    def opened(*_: object) -> FakeSupply:
        made.closed = False
        return made

    monkeypatch.setenv("PREFECT_API_URL", server)  # so that no other is started
    monkeypatch.setattr("pipeline.verification.verify.supply_for", opened)
    monkeypatch.setattr("pipeline.orchestration.flow.verify_candidate.retry_delay_seconds", [0.0, 0.0])
    for module in ("reverify", "corpus_watch"):
        monkeypatch.setattr(f"pipeline.scheduled.{module}.load_policy", lambda name: small_policy())
    return made
