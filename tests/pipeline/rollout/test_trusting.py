"""Nothing that a believed key has not signed is loaded; each refusal says why, and the honest kernel passes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from served_kernels import ARCHITECTURE, CARD, PRODUCTION, RIGHT, Team, attested, team
from whole_evidence import WRONG, properties

from pipeline.attestation.keys import Keyring, load_keyring, make_key, revoke
from pipeline.attestation.pairs import Pair, opened_pair
from pipeline.registry.contract import Approved, Attestation
from pipeline.rollout import trusting
from pipeline.rollout.here import Here
from pipeline.rollout.trusting import Refused, Trusted, platform_lacks, trust, verified_dtypes
from pipeline.supply.platforms import platform_text
from runners.operators import OPERATORS
from runners.operators.model import FLOATS

SOFTMAX = OPERATORS["softmax"]
HERE = Here("gpu", ARCHITECTURE, platform_text(CARD, "2", "3"))


@pytest.fixture(scope="module")
def vouching(tmp_path_factory: pytest.TempPathFactory) -> Team:
    return team(tmp_path_factory.mktemp("team"))


@pytest.fixture(scope="module")
def signed(vouching: Team) -> Attestation:
    return attested(vouching, RIGHT)


@pytest.fixture
def ring(vouching: Team) -> Keyring:
    return load_keyring(vouching.keyring)


def approved(attestation: Attestation, **changes: object) -> Approved:
    return Approved(dataclasses.replace(attestation, **changes), attestation.signed_at, revoked=False)  # type: ignore[arg-type]


def why(looked: Trusted | Refused) -> str:
    assert isinstance(looked, Refused)
    return looked.why


def test_what_was_signed_is_trusted_on_the_platform_of_its_evidence(signed: Attestation, ring: Keyring) -> None:
    looked = trust(approved(signed), SOFTMAX, ring, HERE, None)
    assert isinstance(looked, Trusted)
    assert looked.candidate.source == RIGHT.read_bytes()
    assert isinstance(trust(approved(signed), SOFTMAX, ring, HERE, [PRODUCTION.digest]), Trusted)


def test_other_bytes_under_the_same_digest_are_refused(signed: Attestation, ring: Keyring) -> None:
    other = approved(signed, source=RIGHT.read_bytes() + b"\nimport os\n")
    assert "digests differ" in why(trust(other, SOFTMAX, ring, HERE, None))


def test_other_bytes_are_not_even_read(signed: Attestation, ring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trusting, "parse_candidate", lambda *_: pytest.fail("it was parsed"))
    other = approved(signed, source=b"(" * 200_000)
    assert "the digests differ" in why(trust(other, SOFTMAX, ring, HERE, None))


def test_a_key_that_the_application_does_not_have_is_not_believed(signed: Attestation, tmp_path: Path) -> None:
    make_key(tmp_path / "key.pem", tmp_path / "keys.json", {})
    other = load_keyring(tmp_path / "keys.json")
    assert "which the keyring does not have" in why(trust(approved(signed), SOFTMAX, other, HERE, None))


def test_a_revoked_key_is_not_believed(signed: Attestation, ring: Keyring) -> None:
    stolen = revoke(ring, signed.key_id, "stolen")
    assert "revoked: stolen" in why(trust(approved(signed), SOFTMAX, stolen, HERE, None))


def test_an_envelope_with_one_other_byte_is_not_believed(signed: Attestation, ring: Keyring) -> None:
    said = json.loads(signed.test_result)
    said["payload"] = said["payload"][:-8] + ("A" if said["payload"][-8] != "A" else "B") + said["payload"][-7:]
    changed = json.dumps(said, indent=1, sort_keys=True).encode() + b"\n"
    assert "not believed" in why(trust(approved(signed, test_result=changed), SOFTMAX, ring, HERE, None))


def test_what_the_registry_says_beside_the_envelopes_counts_for_nothing(signed: Attestation, ring: Keyring) -> None:
    moved = dataclasses.replace(signed.platform, device="another GPU", torch="9")
    lied = approved(signed, platform=moved, tier="rejected", operator="gelu", entry="nothing", policy="mine")
    assert isinstance(trust(lied, SOFTMAX, ring, HERE, None), Trusted)
    there = Here("gpu", ARCHITECTURE, platform_text("another GPU", "9", "3"))
    assert "its verdict holds for NVIDIA H200" in why(trust(lied, SOFTMAX, ring, there, None))


@pytest.mark.parametrize(
    "here",
    [
        Here("gpu", ARCHITECTURE, platform_text(CARD.replace("580.95", "590.00"), "2", "3")),
        Here("gpu", ARCHITECTURE, platform_text(CARD, "2.1", "3")),
        Here("gpu", ARCHITECTURE, platform_text(CARD, "2", "3.1")),
        Here("gpu", "sm_80", platform_text(CARD.replace("sm_90", "sm_80"), "2", "3")),
        Here("interpreter", ARCHITECTURE, platform_text("cpu riscv", "2", "3")),
    ],
)
def test_another_driver_torch_triton_or_card_is_refused(signed: Attestation, ring: Keyring, here: Here) -> None:
    assert f"here is {here.platform}" in why(trust(approved(signed), SOFTMAX, ring, here, None))


def test_a_policy_that_is_not_enough_here_is_refused(signed: Attestation, ring: Keyring) -> None:
    assert "judged by the policy" in why(trust(approved(signed), SOFTMAX, ring, HERE, ["f" * 64]))


def test_a_kernel_of_another_operator_is_refused(signed: Attestation, ring: Keyring) -> None:
    looked = trust(approved(signed), OPERATORS["gelu"], ring, HERE, None)
    assert "softmax" in why(looked)


def test_a_verdict_that_is_not_production_safe_is_refused(vouching: Team, ring: Keyring) -> None:
    text = RIGHT.read_bytes().replace(b"One pass", b"1 pass")
    rejected = attested(vouching, text, properties=properties(failure=WRONG, failed_at=1))
    assert "its signed verdict is rejected, and not allowed" in why(
        trust(approved(rejected), SOFTMAX, ring, HERE, None)
    )


def test_an_attestation_that_does_not_say_on_what_is_refused(signed: Attestation, ring: Keyring) -> None:
    """As earlier versions signed."""
    pair = opened_pair(signed.candidate, signed.test_result, signed.summary, ring)
    facts = pair.test_result.predicate.kernelgate.model_copy(update={"platforms": None})
    predicate = pair.test_result.predicate.model_copy(update={"kernelgate": facts})
    earlier = Pair(pair.test_result.model_copy(update={"predicate": predicate}), pair.summary, pair.keyid)
    assert "sign the run again" in str(platform_lacks(earlier, HERE))
    assert platform_lacks(pair, HERE) is None


def test_an_attestation_that_does_not_say_in_which_dtypes_is_refused(signed: Attestation, ring: Keyring) -> None:
    """As earlier versions signed."""
    pair = opened_pair(signed.candidate, signed.test_result, signed.summary, ring)
    facts = pair.test_result.predicate.kernelgate.model_copy(update={"dtypes": None})
    predicate = pair.test_result.predicate.model_copy(update={"kernelgate": facts})
    earlier = Pair(pair.test_result.model_copy(update={"predicate": predicate}), pair.summary, pair.keyid)
    assert "sign the run again" in str(verified_dtypes(earlier))
    assert verified_dtypes(pair) == FLOATS
