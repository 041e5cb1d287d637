from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def runs_wait_for_no_others(own_machine: None) -> None:
    """Runners are scripted here."""


@pytest.fixture(autouse=True)
def no_provider_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a developer has set for the real providers must not reach a test, nor a test them."""
    for name in ("ANTHROPIC", "OPENAI"):
        for variable in ("API_KEY", "AUTH_TOKEN", "BASE_URL", "LOG", "ORG_ID", "PROJECT_ID", "CUSTOM_HEADERS"):
            monkeypatch.delenv(f"{name}_{variable}", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
