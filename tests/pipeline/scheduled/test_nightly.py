"""Kernels every night: a real Prefect server and the local provider, with scripted runners."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from generation_requests import KEY, MODEL, serving
from pydantic import ValidationError
from scripted_flow import HEADER, FakeSupply, small_policy

from pipeline.generation.content import Proposal
from pipeline.generation.local_server.script import Received, Say
from pipeline.scheduled.parameters import Gate, Kernels, Limits

# Prefect leaves the idle connections of its HTTP clients to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def night(supply: FakeSupply, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs the flow against a provider at an address; returns its state."""
    from pipeline.scheduled.nightly import nightly

    monkeypatch.setenv("FAR_KEY", KEY)
    monkeypatch.setattr("pipeline.generating.run.supply_for", lambda *_: supply)
    monkeypatch.setattr("pipeline.scheduled.nightly.load_policy", lambda name: small_policy())

    def run(url: str) -> Any:
        roles = tmp_path / "roles.yaml"
        roles.write_text(
            f"author: {{provider: far, model: {MODEL}, patience_s: 0, max_output_tokens: 2000}}\n"
            f"providers:\n  far: {{kind: messages, base_url: '{url}', key_variable: FAR_KEY}}\n"
        )
        kernels = Kernels(operators=["relu"], roles=roles, strategies=1)
        return nightly(kernels, Limits(rounds=4), Gate(runs=tmp_path / "runs"), return_state=True)

    return run


def answering(comment: str) -> Callable[[Received], Say]:
    code = f"{HEADER}# {comment}\nimport torch\n\n\ndef relu(x):\n    return torch.empty_like(x)\n"
    return lambda received: Say(Proposal(plan="p", code=code).model_dump_json())


def test_a_night_leaves_a_page_with_verdicts_cost_and_reports(night: Callable[..., Any]) -> None:
    from scheduled_runs import page

    with serving(script=answering("right")) as local:
        state = night(local.messages_url)
    assert (state.name, state.message) == ("Completed", "relu: attempt 1 stands; cost unknown")
    shown = page("kernelgate-night")
    assert "| `generated/relu-001.py` | functional | – |" in shown
    assert "### Cost" in shown
    assert "| relu | 1 | 1420 | unknown |" in shown


def test_a_night_without_a_kernel_is_no_failure_and_one_without_a_key_is(
    night: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(script=answering("wrong")) as local:
        state = night(local.messages_url)
        assert state.name == "Completed"
        assert state.message.startswith("relu: no candidate stands")
        monkeypatch.delitem(os.environ, "FAR_KEY")
        stopped = night(local.messages_url)
    assert stopped.name == "Failed"
    assert "FAR_KEY" in stopped.message


def test_a_night_without_a_limit_is_refused() -> None:
    with pytest.raises(ValidationError, match="a night needs a limit"):
        Limits()
