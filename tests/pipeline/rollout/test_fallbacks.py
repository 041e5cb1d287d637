"""Whatever is in the way of a kernel, an application gets the reference, and reads once why."""

from __future__ import annotations

import logging
import pydoc
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import torch
from served_kernels import RIGHT, Team, promoted, team

import kernelgate
from pipeline.errors import SettingsError, UsageError
from pipeline.registry import opening
from pipeline.rollout import loading
from pipeline.rollout.here import Here
from pipeline.rollout.serving import Counts
from policies.errors import PolicyError

X = torch.randn(3, 5)


@pytest.fixture(scope="module")
def vouching(tmp_path_factory: pytest.TempPathFactory) -> Team:
    made = team(tmp_path_factory.mktemp("team"))
    promoted(made, RIGHT)
    return made


@pytest.fixture(autouse=True)
def _on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here is a GPU that no evidence is about; what a kernel would run on is not reached in these tests."""
    for name in ("KERNELGATE_REGISTRY", "KERNELGATE_KEYRING"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(loading, "look_here", lambda architecture: Here("gpu", architecture or "sm_90", "another GPU"))


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "no registry was named: set KERNELGATE_REGISTRY"),
        ({"registry": "here"}, "no keyring was named, so nobody is believed"),
        ({"registry": "here", "keyring": "absent.json"}, "there is no keyring absent.json"),
        (
            {"registry": "absent.db", "keyring": "keys"},
            "the registry can't be asked: there is no registry at absent.db",
        ),
        ({"registry": "postgresql://nobody@127.0.0.1:9/kernels", "keyring": "keys"}, "the registry can't be asked"),
        ({"registry": "here", "keyring": "keys", "architecture": "sm_80"}, "has no kernel for sm_80 on stable"),
        ({"registry": "here", "keyring": "keys"}, "its verdict holds for NVIDIA H200"),
        ({"registry": "here", "keyring": "keys", "policies": ("dev",)}, "judged by the policy"),
    ],
)
def test_what_is_in_the_way_is_said_once_and_the_reference_serves(
    vouching: Team, given: dict[str, object], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    places = {"here": vouching.registry, "keys": vouching.keyring}
    named = {name: places.get(value, value) if isinstance(value, str) else value for name, value in given.items()}
    with caplog.at_level(logging.WARNING, "kernelgate.rollout"):
        served = kernelgate.load("softmax", canary_share=0.0, **named)  # type: ignore[arg-type]
        again = kernelgate.load("softmax", canary_share=0.0, **named)  # type: ignore[arg-type]
    assert again is served
    assert served.serves == "reference"
    assert why in served.why
    assert torch.equal(served(X), torch.softmax(X, -1))
    assert torch.equal(served(x=X), torch.softmax(X, -1))
    assert [served.why in record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [True]


ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
HOSTILE = {
    "a source that is text": ("UPDATE registry_kernels SET source = CAST(source AS TEXT)",),
    "numbers that are none": ("UPDATE registry_attestations SET numbers = 'x'",),
    "numbers without an end": ("UPDATE registry_attestations SET numbers = printf('%.*c', 100000, '[')",),
    "a time that is none": ("UPDATE registry_attestations SET signed_at = 'yesterday'",),
    "a source larger than any": ("UPDATE registry_kernels SET source = zeroblob(40000000)",),
    "a kernel that is revoked, which a channel points to": ("UPDATE registry_kernels SET revoked = 1",),
    "a view without an end": (
        "ALTER TABLE registry_channels RENAME TO hidden",
        f"CREATE VIEW registry_channels AS {ENDLESS} SELECT hidden.* FROM hidden, c WHERE c.x < 0",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_whatever_stands_in_a_registry_the_reference_serves_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """As whoever owns the file can; the kernel would serve."""
    made = team(tmp_path)
    promoted(made, RIGHT)
    monkeypatch.setattr(opening, "ANSWER_S", 1)
    monkeypatch.setattr(loading, "trust", lambda approved, *_: pytest.fail(f"{approved.digest} was served"))
    with closing(sqlite3.connect(made.registry)) as raw, raw:
        for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            raw.execute(f"DROP TRIGGER {name}")
        for statement in HOSTILE[what]:
            raw.execute(statement)
    served = kernelgate.load("softmax", registry=made.registry, keyring=made.keyring, canary_share=0.0)
    assert "the registry can't be asked" in served.why or "has no kernel for sm_90" in served.why
    assert torch.equal(served(X), torch.softmax(X, -1))


def test_a_kernel_that_was_refused_stands_in_the_log_of_the_registry(tmp_path: Path) -> None:
    import threading

    made = team(tmp_path)
    digest = promoted(made, RIGHT).digest
    kernelgate.load("softmax", registry=made.registry, keyring=made.keyring)
    for thread in threading.enumerate():
        if thread.name == "kernelgate-incident":
            thread.join()
    event = made.events[-1]
    assert (event.kind, event.digest) == ("fallback", digest)
    assert "its verdict holds for NVIDIA H200" in event.reason


def test_a_reference_of_the_callers_own_is_called_instead() -> None:
    served = kernelgate.load("softmax", fallback=lambda x: x * 0)
    assert torch.equal(served(X), torch.zeros(3, 5))


def test_a_flag_may_ask_for_the_reference() -> None:
    from openfeature import api
    from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

    api.set_provider(InMemoryProvider({"kernelgate.softmax": InMemoryFlag("x", {"x": "reference"})}))
    try:
        assert "a feature flag asks" in kernelgate.load("softmax", flags=api.get_client(), key="k").why
    finally:
        api.clear_providers()


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"operator": "softmaxx"}, UsageError, "'softmaxx' is not an operator; known are"),
        ({"operator": "softmax", "canary_share": 1.5}, SettingsError, "a number from 0 to 1"),
        ({"operator": "softmax", "watch_s": -1.0}, SettingsError, "a number of seconds"),
        (
            {"operator": "softmax", "policies": ("nope",), "registry": "r", "keyring": "k"},
            PolicyError,
            "there is no policy 'nope'",
        ),
    ],
)
def test_a_wrong_call_raises(given: dict[str, object], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        kernelgate.load(**given)  # type: ignore[arg-type]


def test_a_reference_counts_nothing_as_a_kernel_counts_its_samples() -> None:
    served = kernelgate.load("softmax")
    assert (served.serves, served.counts) == (
        "reference",
        Counts(judged=0, dropped=0, beyond=0, refused=0, unverified=0),
    )


def test_the_help_of_load_fits_on_a_page() -> None:
    assert len(pydoc.render_doc(kernelgate.load)) < 5000
