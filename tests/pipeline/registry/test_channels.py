"""What a registry does, in SQLite and in Postgres: channels move as they say, and what is revoked never serves."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from signed_runs import variant

from pipeline.errors import PromotionDenied, RegistryError
from pipeline.registry.contract import CASE_CAP_BYTES, Attestation, Place, Proof, Registry

ME = "somebody"


def served(registry: Registry, channel: str = "stable") -> str | None:
    found = registry.serving("relu", "sm_90", channel)  # type: ignore[arg-type]
    return None if found is None else found.digest


def test_what_was_promoted_serves_with_its_bytes_and_all_that_was_attested(
    registry: Registry, attested: Attestation
) -> None:
    moved = registry.promote(attested, "canary", actor=ME, reason="first")
    found = registry.serving("relu", "sm_90", "canary")
    assert found is not None
    assert (found.attestation, found.revoked) == (attested, False)
    assert hashlib.sha256(found.source).hexdigest() == attested.digest
    assert (moved.before, moved.now) == (None, attested.digest)
    assert [registry.serving(*other) for other in (
        ("relu", "sm_90", "stable"), ("relu", "sm_80", "canary"), ("gelu", "sm_90", "canary"),
    )] == [None] * 3  # type: ignore[arg-type]  # fmt: skip
    assert registry.approved(attested.digest) == found
    assert registry.approved(attested.digest, "sm_80") is None
    assert registry.find(attested.digest[:7]) == attested.digest
    (place,) = registry.places()
    assert (place.place, place.digest, place.platform) == (
        Place("relu", "sm_90", "canary"), attested.digest, attested.platform,
    )  # fmt: skip
    assert place.platform.text == "NVIDIA H200, sm_90, CUDA 13.0, driver 580.95.05, torch 2, triton 3"
    (event,) = registry.events()
    assert event == moved.event
    assert (event.kind, event.actor, event.reason, event.serves, event.replaced, event.run) == (
        "promoted", ME, "first", attested.digest, None, attested.run,
    )  # fmt: skip


def test_the_same_again_changes_nothing(registry: Registry, attested: Attestation) -> None:
    registry.promote(attested, "canary", actor=ME)
    assert registry.promote(attested, "canary", actor=ME).event is None
    assert registry.promote_stored(attested.digest, "sm_90", "canary", actor=ME).event is None
    assert len(registry.events()) == 1


def test_a_canary_becomes_stable_by_its_digest(registry: Registry, attested: Attestation) -> None:
    registry.promote(attested, "canary", actor=ME)
    registry.promote_stored(attested.digest, "sm_90", "stable", actor=ME)
    assert (served(registry), served(registry, "canary")) == (attested.digest, attested.digest)
    with pytest.raises(RegistryError, match="has no attestation as relu on sm_80"):
        registry.promote_stored(attested.digest, "sm_80", "stable", actor=ME)
    with pytest.raises(RegistryError, match="has no kernel 000000000000"):
        registry.promote_stored("0" * 64, "sm_80", "stable", actor=ME)


def test_a_rollback_walks_back_what_served_and_ends_at_nothing(registry: Registry, attested: Attestation) -> None:
    first, second = variant(attested, 1), variant(attested, 2)
    for one in (attested, first, second):
        registry.promote(one, "stable", actor=ME)
    seen = []
    for _ in range(3):
        moved = registry.rollback("relu", "sm_90", "stable", "slow", ME)
        seen.append((moved.before, moved.now, served(registry)))
    assert seen == [
        (second.digest, first.digest, first.digest), (first.digest, attested.digest, attested.digest),
        (attested.digest, None, None),
    ]  # fmt: skip
    with pytest.raises(RegistryError, match="stable of relu on sm_90 serves nothing"):
        registry.rollback("relu", "sm_90", "stable", "slow", ME)
    registry.promote_stored(first.digest, "sm_90", "stable", actor=ME)
    assert registry.rollback("relu", "sm_90", "stable", "slow", ME).now is None


def test_a_rollback_never_ends_where_it_began(registry: Registry, attested: Attestation) -> None:
    other = variant(attested, 1)
    for one in (attested, other, attested):
        registry.promote(one, "stable", actor=ME)
    registry.revoke(other.digest, "wrong", ME)
    assert served(registry) == attested.digest
    assert registry.rollback("relu", "sm_90", "stable", "slow", ME).now is None


def test_of_several_who_see_one_kernel_fail_one_rolls_it_back(registry: Registry, attested: Attestation) -> None:
    bad = variant(attested, 1)
    for one in (attested, bad):
        registry.promote(one, "stable", actor=ME)
    first = registry.rollback("relu", "sm_90", "stable", "mismatch", ME, serving=bad.digest, case=b"case")
    second = registry.rollback("relu", "sm_90", "stable", "mismatch", ME, serving=bad.digest, case=b"case")
    assert (first.now, first.event is not None) == (attested.digest, True)
    assert (second.now, second.event) == (attested.digest, None)
    assert first.event is not None
    assert registry.case(first.event.case_digest or "") == b"case"


def test_what_is_revoked_leaves_every_channel_at_once_and_never_comes_back(
    registry: Registry, attested: Attestation
) -> None:
    bad, elsewhere = variant(attested, 1), variant(attested, 1, "sm_80")
    registry.promote(attested, "stable", actor=ME)
    for one, channel in ((bad, "stable"), (bad, "canary"), (elsewhere, "stable")):
        registry.promote(one, channel, actor=ME)  # type: ignore[arg-type]
    revocation = registry.revoke(bad.digest, "wrong beyond 2**31", ME, Proof(case=b"{}", run="r7"))
    assert {(moved.place.architecture, moved.place.channel): moved.now for moved in revocation.moved} == {
        ("sm_90", "stable"): attested.digest, ("sm_90", "canary"): None, ("sm_80", "stable"): None,
    }  # fmt: skip
    assert (served(registry), served(registry, "canary")) == (attested.digest, None)
    assert registry.is_revoked(bad.digest)
    assert not registry.is_revoked(attested.digest)
    assert not registry.is_revoked("0" * 64)
    assert [one.digest for one in registry.all_approved()] == [attested.digest]
    assert {one.digest for one in registry.all_approved(revoked=True)} == {attested.digest, bad.digest}
    assert (revocation.event.reason, revocation.event.run) == ("wrong beyond 2**31", "r7")
    for again in (
        lambda: registry.promote(bad, "canary", actor=ME),
        lambda: registry.promote_stored(bad.digest, "sm_90", "canary", actor=ME),
        lambda: registry.renew(replace(bad, summary=b"newer"), actor=ME),
    ):
        with pytest.raises(PromotionDenied, match="is revoked"):
            again()
    with pytest.raises(RegistryError, match="is revoked already"):
        registry.revoke(bad.digest, "again", ME)
    kinds = [event.kind for event in registry.events(digest=bad.digest)]
    assert kinds == ["promoted"] * 3 + ["revoked"] + ["rolled-back"] * 3


def test_a_rollback_passes_over_what_was_revoked_meanwhile(registry: Registry, attested: Attestation) -> None:
    bad, newest = variant(attested, 1), variant(attested, 2)
    for one in (attested, bad, newest):
        registry.promote(one, "stable", actor=ME)
    registry.revoke(bad.digest, "wrong", ME)
    assert served(registry) == newest.digest
    assert registry.rollback("relu", "sm_90", "stable", "slow", ME).now == attested.digest


def test_evidence_that_was_made_again_is_served_with_the_kernel(registry: Registry, attested: Attestation) -> None:
    registry.promote(attested, "stable", actor=ME)
    newer = replace(attested, summary=b"newer", platform=replace(attested.platform, driver="590.1"))
    event = registry.renew(newer, actor="drift", reason="driver")
    assert event is not None
    assert (event.kind, event.digest) == ("verified-again", attested.digest)
    assert registry.renew(newer, actor="drift") is None
    found = registry.serving("relu", "sm_90", "stable")
    assert found is not None
    assert (found.digest, found.platform.driver) == (attested.digest, "590.1")
    assert registry.attestations(attested.digest, "sm_90") == (newer, attested)
    assert [one.platform.driver for one in registry.all_approved()] == ["590.1"]
    assert [one.platform.driver for one in registry.places()] == ["590.1"]
    newest = replace(newer, summary=b"newest")
    moved = registry.promote(newest, "stable", actor=ME)
    assert moved.event is not None
    assert (moved.before, moved.now, moved.event.kind) == (attested.digest, attested.digest, "verified-again")
    assert registry.rollback("relu", "sm_90", "stable", "slow", ME).now is None
    with pytest.raises(RegistryError, match="has no kernel"):
        registry.renew(variant(attested, 5), actor=ME)


@pytest.mark.parametrize("tier", ["functional", "inconclusive", "rejected"])
def test_less_than_production_safe_is_not_stored(registry: Registry, attested: Attestation, tier: str) -> None:
    with pytest.raises(PromotionDenied, match=f"is {tier}, and not production-safe"):
        registry.promote(replace(attested, tier=tier), "canary", actor=ME)
    assert list(registry.all_approved(revoked=True)) == []
    assert registry.events() == ()


def test_bytes_that_have_another_digest_are_not_stored(registry: Registry, attested: Attestation) -> None:
    with pytest.raises(PromotionDenied, match="has another digest"):
        registry.promote(replace(attested, source=attested.source + b"#"), "canary", actor=ME)
    registry.promote(attested, "canary", actor=ME)
    with pytest.raises(RegistryError, match="is there as relu"):
        registry.promote(replace(attested, operator="gelu", summary=b"other"), "canary", actor=ME)


def test_the_runtime_adds_events_with_cases_that_are_stored_once(registry: Registry, attested: Attestation) -> None:
    registry.promote(attested, "canary", actor=ME)
    place = Place("relu", "sm_90", "canary")
    made = [
        registry.record("mismatch", attested.digest, actor="app-1", reason="3 of 9", place=place, case=b"case")
        for _ in range(3)
    ]
    assert len({event.number for event in made}) == 3
    assert {registry.case(event.case_digest or "") for event in made} == {b"case"}
    assert registry.record("fallback", None, actor="app-1", reason="no registry").digest is None
    with pytest.raises(RegistryError, match="is larger than 1 MiB; nothing was stored"):
        registry.record("mismatch", None, actor="app-1", reason="", case=b"x" * (CASE_CAP_BYTES + 1))
    assert len(registry.events()) == 5
    assert registry.events(kind="mismatch", limit=2) == tuple(made[:2])
    assert registry.events(kind="mismatch", limit=2, newest=True) == tuple(made[1:])
    assert [event.kind for event in registry.events(after=made[-1].number)] == ["fallback"]
    with pytest.raises(RegistryError, match="has no case"):
        registry.case("0" * 64)


def test_a_beginning_that_is_not_one_kernels_finds_none(registry: Registry, attested: Attestation) -> None:
    registry.promote(attested, "canary", actor=ME)
    for wrong in ("", "%", "_", "zz", "f" * 64):
        with pytest.raises(RegistryError, match="no kernel of the registry"):
            registry.find(wrong)


def test_all_that_is_approved_comes_a_page_at_a_time(
    registry: Registry, attested: Attestation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("store", "rows"):
        monkeypatch.setattr(f"pipeline.registry.{module}.PAGE", 2)
    made = [variant(attested, number) for number in range(5)]
    for one in made:
        registry.promote(one, "canary", actor=ME)
    found = []
    for one in registry.all_approved():  # while somebody else writes
        found.append(one.digest)
        registry.record("exported", one.digest, actor=ME, reason="")
    assert found == [one.digest for one in made]
