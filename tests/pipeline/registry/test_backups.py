"""Backups: a registry in one file, from one moment; restored, it refuses and serves as the first did."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from signed_runs import variant

from pipeline.errors import PromotionDenied, RegistryError, RegistryUnavailable
from pipeline.registry.backups import LEAP, back_up, restore
from pipeline.registry.contract import Attestation, Registry, open_registry
from pipeline.registry.progress import Progress

ME = "somebody"


def silent(text: str) -> None:
    pass


@pytest.fixture
def filled(registry: Registry, attested: Attestation) -> tuple[Attestation, Attestation, Attestation]:
    """Three kernels: one serves, one is revoked, one served before."""
    bad, before = variant(attested, 1), variant(attested, 2, "sm_80")
    for one in (before, bad, attested):
        registry.promote(one, "stable", actor=ME, reason="why")
    registry.revoke(bad.digest, "wrong", ME)
    registry.rollback("relu", "sm_80", "stable", "slow", ME)
    registry.record("mismatch", attested.digest, actor="app", reason="3 of 9", case=b"case")
    return attested, bad, before


def everything(registry: Registry, last: int) -> tuple[object, ...]:
    events = tuple(event for event in registry.events() if event.number <= last)
    return registry.places(), tuple(registry.all_approved(revoked=True)), events


@pytest.mark.parametrize("into", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_what_was_backed_up_comes_back_whole_in_either_database(
    where: str, registry: Registry, filled: tuple[Attestation, ...], tmp_path: Path, into: str,
    new_database: Callable[[str], str],
) -> None:  # fmt: skip
    backup, new = tmp_path / "backup", new_database(into)
    copied = back_up(where, backup, silent)
    last = registry.events(newest=True, limit=1)[0]
    assert (copied.kernels, copied.events, copied.last_event, copied.last_at) == (3, 6, last.number, last.at)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("backup")) == ["backup"]
    with closing(open_registry(str(backup))) as opened:
        assert everything(opened, last.number) == everything(registry, last.number)
    restore(backup, new, ME, silent)
    with closing(open_registry(new)) as again:
        assert everything(again, last.number) == everything(registry, last.number)
        assert again.case(again.events(kind="mismatch")[0].case_digest or "") == b"case"
        noted = again.events(newest=True, limit=1)[0]
        assert (noted.kind, noted.number) == ("restored", last.number + LEAP)
        assert f"from backup, whose log ends with event {last.number}" in noted.reason
        with pytest.raises(PromotionDenied, match="is revoked"):
            again.promote(filled[1], "stable", actor=ME)
        moved = again.promote(variant(filled[0], 9), "stable", actor=ME)
        assert moved.event is not None
        assert moved.event.number > noted.number
        assert again.rollback("relu", "sm_90", "stable", "", ME).now == filled[0].digest


def test_what_was_revoked_since_the_backup_is_taken_over(
    where: str, registry: Registry, filled: tuple[Attestation, ...], tmp_path: Path
) -> None:
    """Else a restored registry serves what was found to be wrong."""
    right, _, _ = filled
    back_up(where, tmp_path / "backup", silent)
    later = variant(right, 7)
    registry.promote(later, "stable", actor=ME)
    registry.revoke(later.digest, "wrong, too", ME)
    registry.revoke(right.digest, "wrong beyond 2**31", ME)
    copied = restore(tmp_path / "backup", str(tmp_path / "without.db"), ME, silent)
    with closing(open_registry(str(tmp_path / "without.db"))) as again:
        found = again.serving("relu", "sm_90", "stable")
        assert found is not None
        assert found.digest == right.digest
    copied = restore(tmp_path / "backup", str(tmp_path / "new.db"), ME, silent, revoked_in=where)
    assert set(copied.revoked_since) == {right.digest, later.digest}
    with closing(open_registry(str(tmp_path / "new.db"))) as again:
        assert again.serving("relu", "sm_90", "stable") is None
        assert again.is_revoked(right.digest)
        with pytest.raises(PromotionDenied, match="is revoked"):
            again.promote(later, "stable", actor=ME)
        assert [event.reason for event in again.events(kind="revoked")][-2:] == ["wrong, too", "wrong beyond 2**31"]


def test_who_follows_the_log_by_number_sees_what_comes_after_a_restore(
    where: str, registry: Registry, filled: tuple[Attestation, ...], tmp_path: Path
) -> None:
    back_up(where, tmp_path / "backup", silent)
    for _ in range(5):
        registry.record("fallback", None, actor="app", reason="")
    seen = registry.events(newest=True, limit=1)[0].number
    restore(tmp_path / "backup", str(tmp_path / "new.db"), ME, silent)
    with closing(open_registry(str(tmp_path / "new.db"))) as again:
        again.revoke(filled[0].digest, "wrong", ME)
        assert [event.kind for event in again.events(after=seen)] == ["restored", "revoked", "rolled-back"]


def test_nothing_is_overwritten(where: str, filled: tuple[Attestation, ...], tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    back_up(where, backup, silent)
    before = backup.read_bytes()
    with pytest.raises(RegistryError, match="a backup is never overwritten"):
        back_up(where, backup, silent)
    with pytest.raises(RegistryError, match="is not empty: a backup is restored into a new one"):
        restore(backup, where, ME, silent)
    assert backup.read_bytes() == before
    with pytest.raises(RegistryError, match="there is no registry at"):
        restore(tmp_path / "none", str(tmp_path / "new.db"), ME, silent)
    assert not (tmp_path / "new.db").exists()
    (tmp_path / "text").write_text("no backup")
    with pytest.raises(RegistryError, match=r"holds no registry|is no database"):
        restore(tmp_path / "text", str(tmp_path / "new.db"), ME, silent)
    with pytest.raises(RegistryUnavailable, match="can't be written: No such file"):
        back_up(where, tmp_path / "no/such/folder", silent)


def test_a_backup_without_room_leaves_no_file_and_no_registry(
    tmp_path: Path, attested: Attestation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.registry.making import make_registry

    make_registry(str(tmp_path / "r.db"))
    with closing(open_registry(str(tmp_path / "r.db"))) as registry:
        registry.promote(attested, "stable", actor=ME)
        registry.record("mismatch", None, actor=ME, reason="", case=os.urandom(300_000))
    connect = sqlite3.connect

    def limited(name: str, **options: object) -> sqlite3.Connection:
        made = connect(name, **options)  # type: ignore[call-overload]
        if "mode=rw" in name and "r.db" not in name:
            made.execute("PRAGMA max_page_count = 60")
        return made  # type: ignore[no-any-return]

    monkeypatch.setattr(sqlite3, "connect", limited)
    with pytest.raises(RegistryUnavailable, match=r"full.*free some space"):
        back_up(str(tmp_path / "r.db"), tmp_path / "backup", silent)
    assert [path.name for path in tmp_path.iterdir() if "backup" in path.name] == []


def test_a_long_copy_says_how_far_it_is(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.registry.progress.SILENT_S", 0)
    Progress(quiet=False)("registry_kernels: 500 rows")
    Progress(quiet=True)("registry_kernels: 1000 rows")
    assert capsys.readouterr().err == "registry: registry_kernels: 500 rows\n"
