"""What was verified again on another driver is signed by the machine, renewed, and then loads there.

Real are Prefect's server, the registry, keys and envelopes, and the run folder; the verdicts are made from evidence of
a GPU that is not here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from signed_runs import DEVICE, PRODUCTION, Signer, judged, new_signer, signed_run, source
from typer.testing import CliRunner
from whole_evidence import WRONG, properties

from pipeline.attestation.keys import revoke, save_keyring
from pipeline.cli import app
from pipeline.gate.judged import Judged
from pipeline.registry.admission import Named, admit
from pipeline.registry.contract import Attestation, Registry, open_registry
from pipeline.registry.making import make_registry
from pipeline.rollout.here import Here
from pipeline.rollout.trusting import Refused, Trusted, trust
from pipeline.runs.finished import Run
from pipeline.runs.folder import write_run
from pipeline.supply.platforms import platform_text
from runners.digests import operator_digest
from runners.operators import OPERATORS

# Prefect leaves the idle connections of its HTTP clients to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("server", "own_machine"),
]
RELU = OPERATORS["relu"]
NEWER = DEVICE.replace("580.95.05", "590.10")
THERE = Here("gpu", "sm_90", platform_text(NEWER, "2", "3"))


def measured(number: int, device_text: str = NEWER, **changes: object) -> Judged:
    return judged(source(number), device_text=device_text, operator_digest=operator_digest(RELU), **changes)


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    """The key of the machine that verifies again."""
    return new_signer(tmp_path / "machine")


@pytest.fixture
def approved(tmp_path: Path, signer: Signer) -> Iterator[tuple[Registry, list[Attestation]]]:
    """Two kernels that were promoted on driver 580."""
    make_registry(str(tmp_path / "registry.db"))
    made = []
    with closing(open_registry(str(tmp_path / "registry.db"))) as registry:
        for number in range(2):
            run = signed_run(tmp_path / "promoted", f"r{number}", [measured(number, DEVICE)], signer)
            made.append(admit(Named(run, "001-kernels-relu"), signer.ring, OPERATORS, PRODUCTION))
            registry.promote(made[-1], "stable", actor="a person")
        yield registry, made


@pytest.fixture
def reverified(
    approved: tuple[Registry, list[Attestation]], server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Runs the flow on a machine whose driver is 590, where it comes to the verdicts that it is given."""
    from pipeline.scheduled.parameters import Approvals, ProductionGate, Signing
    from pipeline.scheduled.reverify import reverify

    monkeypatch.setenv("PREFECT_API_URL", server)
    verdicts: dict[str, Judged] = {}

    @contextmanager
    def gpu(*_: object) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(platform=THERE.platform, isolation=None)

    def verify(items: Sequence[Any], policy: Any, settings: Any, options: Any, listener: Any, run_id: str) -> Run:
        made = tuple(verdicts[item.facts.digest] for item in items)
        for item, one in zip(items, made, strict=True):
            listener.judged(item.facts.path, one)
        return Run(run_id, write_run(settings.runs, run_id, policy, made), policy, made)

    monkeypatch.setattr("pipeline.scheduled.reverify.gpu_for", gpu)
    monkeypatch.setattr("pipeline.scheduled.reverify.verify", verify)

    def run(*found: Judged, **signing: object) -> Any:
        verdicts.update({one.evidence.candidate.digest: one for one in found})
        gate, about = ProductionGate(runs=tmp_path / "runs"), Approvals(registry=str(tmp_path / "registry.db"))
        return reverify(about, gate, Signing(**signing), return_state=True)

    return run


def test_what_was_verified_again_is_signed_renewed_and_loads_on_the_new_driver(
    reverified: Callable[..., Any], approved: tuple[Registry, list[Attestation]], signer: Signer
) -> None:
    registry, (first, second) = approved
    before = registry.approved(first.digest)
    assert before is not None
    assert isinstance(trust(before, RELU, signer.ring, THERE, None), Refused)
    wrong = measured(1, properties=properties(failure=WRONG, failed_at=1))
    state = reverified(measured(0), wrong, key=signer.key, keyring=signer.keyring)
    assert state.message.endswith("; 1 approved kernel verified again; 1 signed and renewed")
    after = registry.approved(first.digest)
    assert after is not None
    assert isinstance(trust(after, RELU, signer.ring, THERE, [PRODUCTION.digest]), Trusted)
    assert [one.platform.driver for one in registry.attestations(first.digest, "sm_90")] == ["590.10", "580.95.05"]
    assert (registry.is_revoked(first.digest), registry.is_revoked(second.digest)) == (False, True)
    assert len(registry.attestations(second.digest, "sm_90")) == 1
    serving = registry.serving("relu", "sm_90", "stable")
    assert serving is not None
    assert serving.digest == first.digest
    again = reverified(key=signer.key, keyring=signer.keyring)
    assert (again.name, again.message) == ("Completed", "1 approved kernel not due")


def test_where_nobody_signs_the_message_says_what_a_person_has_to_do_and_that_does_it(
    reverified: Callable[..., Any], approved: tuple[Registry, list[Attestation]], signer: Signer, tmp_path: Path
) -> None:
    registry, made = approved
    state = reverified(measured(0), measured(1))
    assert state.name == "Completed"
    _, _, commands = state.message.partition("to have it loaded on this platform: ")
    assert commands
    options = {"attest": ["--key", str(signer.key)], "registry": ["--registry", str(tmp_path / "registry.db")]}
    for command in commands.split(", "):
        words = command.split()[1:]
        more = ["--keyring", str(signer.keyring), "--runs", str(tmp_path / "runs"), *options[words[0]]]
        done = CliRunner().invoke(app, [*words, *more])
        assert done.exit_code == 0, done.stderr
    for one in made:
        found = registry.approved(one.digest)
        assert found is not None
        assert isinstance(trust(found, RELU, signer.ring, THERE, None), Trusted)


@pytest.mark.parametrize("key", ["revoked", "of others", "gone"])
def test_a_key_that_is_not_believed_costs_no_verdict_and_the_next_night_tries_again(
    reverified: Callable[..., Any],
    approved: tuple[Registry, list[Attestation]],
    signer: Signer,
    tmp_path: Path,
    key: str,
) -> None:
    registry, (first, _) = approved
    ring = tmp_path / "ring.json"
    keyid = signer.ring.keys[0].keyid
    save_keyring(ring, revoke(signer.ring, keyid, "stolen") if key == "revoked" else signer.ring)
    private = {"revoked": signer.key, "of others": new_signer(tmp_path / "o").key, "gone": tmp_path / "none.pem"}[key]
    says = {"revoked": "signs no more: stolen", "of others": "nobody would believe", "gone": "there is no key"}[key]
    state = reverified(measured(0), measured(1), key=private, keyring=ring)
    assert state.name == "Failed"
    assert "2 approved kernels verified again; 0 signed and renewed; 2 not signed:" in state.message
    assert says in state.message
    assert len(registry.attestations(first.digest, "sm_90")) == 1
    mended = reverified(key=signer.key, keyring=signer.keyring)
    assert mended.message == "2 approved kernels verified again; 2 signed and renewed"


def test_a_key_without_a_keyring_is_refused() -> None:
    from pipeline.scheduled.parameters import Signing

    with pytest.raises(ValueError, match="needs both: key and keyring"):
        Signing(key=Path("key.pem"))
