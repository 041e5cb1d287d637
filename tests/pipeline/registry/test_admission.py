"""What may be promoted: signed, whole, production-safe by the policy that is asked for, and by its evidence again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from gpu_evidence import device
from signed_runs import DEVICE, PRODUCTION, Signer, attestation, judged, new_signer, signed_run, source

from pipeline.attestation.keys import revoke
from pipeline.errors import PromotionDenied, StoredRunError
from pipeline.registry.admission import Named, admit, candidate_named, check_stored
from pipeline.registry.contract import Attestation
from policies.policy import Policy, load_policy
from runners.operators import OPERATORS

NAME = "001-kernels-relu"


@pytest.fixture
def run(tmp_path: Path, signer: Signer) -> Path:
    return signed_run(tmp_path / "runs", "r1", [judged(source())], signer)


def admitted(run: Path, signer: Signer, policy: Policy = PRODUCTION) -> Attestation:
    return admit(Named(run, NAME), signer.ring, OPERATORS, policy)


def test_a_signed_production_run_is_admitted_with_what_it_was_measured_on(run: Path, signer: Signer) -> None:
    made = admitted(run, signer)
    assert (made.digest, made.source, made.operator, made.entry) == (
        hashlib.sha256(source()).hexdigest(), source(), "relu", "relu",
    )  # fmt: skip
    assert (made.run, made.candidate, made.key_id) == ("r1", NAME, signer.ring.keys[0].keyid)
    assert made.evidence_digest == hashlib.sha256((run / NAME / "evidence.json").read_bytes()).hexdigest()
    assert (made.policy, made.policy_digest, made.operator_digest) == ("production", PRODUCTION.digest, "a" * 64)
    platform = made.platform
    assert (platform.device, platform.architecture, platform.cuda, platform.driver, platform.image) == (
        DEVICE, "sm_90", "13.0", "580.95.05", "i",
    )  # fmt: skip
    assert (made.numbers.device_cases, made.numbers.replayed, made.numbers.timings[0].median_ms) == (100, 100, 2.0)
    assert {made.test_result, made.summary} == {
        path.read_bytes() for path in (run / "attestations").iterdir()
    }  # fmt: skip


def denied(run: Path, signer: Signer, policy: Policy = PRODUCTION) -> str:
    with pytest.raises(PromotionDenied) as raised:
        admitted(run, signer, policy)
    return str(raised.value)


def test_a_functional_kernel_is_denied(tmp_path: Path, signer: Signer) -> None:
    ci = load_policy("ci")
    run = signed_run(tmp_path / "runs", "r1", [judged(source(), ci)], signer, ci)
    assert "is functional; production-safe is needed" in denied(run, signer, ci)


def test_a_policy_of_ones_own_is_no_production_policy(run: Path, tmp_path: Path, signer: Signer) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("extends: production\nname: production\nproperties:\n  random_cases: 1\n")
    weak = load_policy(str(own))
    weaker = signed_run(tmp_path / "runs", "r2", [judged(source(), weak)], signer, weak)
    assert admitted(weaker, signer, weak).policy_digest == weak.digest
    assert "was judged by production as it was then, and not by production as it is here" in denied(weaker, signer)


def test_a_file_that_was_changed_a_key_of_others_and_no_signature_are_denied(
    run: Path, tmp_path: Path, signer: Signer
) -> None:
    other = new_signer(tmp_path / "others")
    assert "which the keyring does not have" in denied(run, other)
    (run / NAME / "candidate.py").write_bytes(source(1))
    assert "candidate.py was changed since it was signed" in denied(run, signer)
    (run / NAME / "candidate.py").write_bytes(source())
    assert admitted(run, signer)
    for path in (run / "attestations").iterdir():
        path.unlink()
    assert "it was not signed" in denied(run, signer)


def test_evidence_that_does_not_give_the_verdict_any_more_is_denied(
    tmp_path: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signer who does not look signs anything; who promotes judges again."""
    entry = judged(source(), device=device(device=DEVICE, replayed=0))
    sound = judged(source()).verdict.model_copy(update={"evidence_digest": entry.verdict.evidence_digest})
    monkeypatch.setattr("pipeline.attestation.signing._sound", lambda one: one)
    run = signed_run(tmp_path / "runs", "r1", [type(entry)(entry.source, entry.evidence, sound)], signer)
    assert json.loads((run / NAME / "verdict.json").read_text())["tier"] == "production-safe"
    assert "its evidence gives the verdict" in denied(run, signer)


def test_evidence_without_an_architecture_is_denied(tmp_path: Path, signer: Signer) -> None:
    run = signed_run(tmp_path / "runs", "r1", [judged(source(), device_text="a GPU")], signer)
    assert "does not say on which architecture" in denied(run, signer)


def test_a_run_with_several_candidates_wants_one_named(tmp_path: Path, signer: Signer) -> None:
    run = signed_run(tmp_path / "runs", "r1", [judged(source(0)), judged(source(1))], signer)
    with pytest.raises(StoredRunError, match="has 2 candidates; name one: r1/001-kernels-relu"):
        candidate_named(tmp_path / "runs", "r1")
    second = candidate_named(tmp_path / "runs", "r1/002-kernels-relu")
    assert second == Named(run, "002-kernels-relu")
    assert candidate_named(tmp_path, str(run / NAME)) == Named(run, NAME)
    assert candidate_named(tmp_path / "runs", "0" * 8) is None
    assert admit(second, signer.ring, OPERATORS, PRODUCTION).source == source(1)


def test_what_is_stored_is_opened_again_and_a_revoked_key_is_believed_no_more(tmp_path: Path, signer: Signer) -> None:
    made = attestation(tmp_path / "runs", signer)
    check_stored(made, signer.ring, PRODUCTION)
    ring = revoke(signer.ring, made.key_id, "stolen")
    with pytest.raises(PromotionDenied, match="is revoked: stolen"):
        check_stored(made, ring, PRODUCTION)
    other = attestation(tmp_path / "runs", signer, 1)
    forged = type(made)(**{name: getattr(made, name) for name in made.__slots__} | {
        "source": other.source, "digest": other.digest,
    })  # fmt: skip
    with pytest.raises(PromotionDenied, match="is not what was signed"):
        check_stored(forged, signer.ring, PRODUCTION)
