"""Evidence that was made again is attested without a channel moving: of what is approved, and of nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from signed_runs import DEVICE, PRODUCTION, Signer, attestation, judged, new_signer, signed_run, source
from typer.testing import CliRunner
from whole_evidence import WRONG as WRONG_VALUES
from whole_evidence import properties

from pipeline.cli import app
from pipeline.registry.contract import Registry
from pipeline.registry.renewals import Outcome
from pipeline.registry.renewing import Vouching, renew_run
from runners.operators import OPERATORS

NEWER = DEVICE.replace("580.95.05", "590.10")
ELSEWHERE = DEVICE.replace("sm_90", "sm_100")


@pytest.fixture
def approved(registry: Registry, tmp_path: Path, signer: Signer) -> Registry:
    """Three kernels; one of them is revoked."""
    for number in range(3):
        registry.promote(attestation(tmp_path / "first", signer, number), "stable", actor="a person")
    registry.revoke(judged(source(2)).evidence.candidate.digest, "wrong", "a person")
    return registry


def renewed(registry: Registry, run: Path, signer: Signer) -> dict[str, tuple[Outcome, str]]:
    found = renew_run(registry, run, Vouching(signer.ring, PRODUCTION, "a machine", "driver 590"), OPERATORS)
    return {one.candidate[:3]: (one.outcome, one.why) for one in found}


def test_a_run_on_another_driver_renews_what_is_approved_and_nothing_else(
    approved: Registry, tmp_path: Path, signer: Signer
) -> None:
    wrong = judged(source(1), device_text=NEWER, properties=properties(failure=WRONG_VALUES, failed_at=1))
    others = [judged(source(number), device_text=NEWER) for number in (2, 3)]
    entries = [judged(source(0), device_text=NEWER), wrong, *others]
    run = signed_run(tmp_path / "runs", "again", entries, signer)
    before, places = approved.events(), [(one.place, one.digest) for one in approved.places()]
    found = renewed(approved, run, signer)
    assert [found[name][0] for name in ("001", "002", "003", "004")] == [
        Outcome.RENEWED, Outcome.DENIED, Outcome.REVOKED, Outcome.NOT_APPROVED,
    ]  # fmt: skip
    assert "is rejected" in found["002"][1]
    (event,) = approved.events(after=before[-1].number)
    assert (event.kind, event.actor, event.reason, event.run) == ("verified-again", "a machine", "driver 590", "again")
    digest = entries[0].evidence.candidate.digest
    assert event.digest == digest
    assert [one.platform.driver for one in approved.attestations(digest, "sm_90")] == ["590.10", "580.95.05"]
    assert [(one.place, one.digest) for one in approved.places()] == places
    again = renewed(approved, run, signer)
    assert again["001"][0] is Outcome.THERE
    assert len(approved.events()) == len(before) + 1


def test_what_a_key_of_others_signed_or_somebody_changed_renews_nothing(
    approved: Registry, tmp_path: Path, signer: Signer
) -> None:
    foreign = signed_run(
        tmp_path / "runs", "foreign", [judged(source(0), device_text=NEWER)], new_signer(tmp_path / "o")
    )
    changed = signed_run(tmp_path / "runs", "changed", [judged(source(0), device_text=NEWER)], signer)
    evidence = changed / "001-kernels-relu" / "evidence.json"
    evidence.write_bytes(evidence.read_bytes().replace(b"590.10", b"590.11"))
    before = approved.events()
    assert renewed(approved, foreign, signer)["001"][0] is Outcome.DENIED
    assert renewed(approved, changed, signer)["001"][0] is Outcome.DENIED
    assert approved.events() == before


def test_another_architecture_is_for_a_promotion(approved: Registry, tmp_path: Path, signer: Signer) -> None:
    run = signed_run(tmp_path / "runs", "elsewhere", [judged(source(0), device_text=ELSEWHERE)], signer)
    outcome, why = renewed(approved, run, signer)["001"]
    assert outcome is Outcome.NOT_APPROVED
    assert "approved for sm_90, and not for sm_100; kernelgate registry promote elsewhere/001-kernels-relu" in why


class TestCommand:
    @pytest.fixture
    def place(self, tmp_path: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COLUMNS", "400")
        for name in ("KERNELGATE_REGISTRY", "KERNELGATE_RUNS"):
            monkeypatch.delenv(name, raising=False)
        Path("kernelgate-keys.json").write_bytes(signer.keyring.read_bytes())
        signed_run(Path("runs"), "first", [judged(source(0))], signer)
        signed_run(Path("runs"), "again", [judged(source(0), device_text=NEWER)], signer)
        signed_run(Path("runs"), "strange", [judged(source(9))], signer)
        for arguments in (("init",), ("promote", "first")):
            self.kernelgate(*arguments)
        return tmp_path

    def kernelgate(self, *arguments: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(app, ["registry", *arguments])
        assert "Traceback" not in done.stderr
        return done.exit_code, done.stdout, " ".join(done.stderr.split())

    @pytest.mark.usefixtures("place")
    def test_it_prints_what_was_renewed(self) -> None:
        code, shown, _ = self.kernelgate("renew", "again", "--reason", "driver 590")
        assert code == 0
        assert "001-kernels-relu" in shown
        assert "renewed" in shown
        assert "driver 590.10" in shown
        assert "driver 590" in self.kernelgate("log")[1]
        assert "there already" in self.kernelgate("renew", "again")[1]

    @pytest.mark.usefixtures("place")
    def test_a_run_about_nothing_that_is_approved_exits_2_and_one_that_does_not_stand_1(self) -> None:
        code, _, said = self.kernelgate("renew", "strange")
        assert (code, "no kernel of run strange is approved there" in said) == (2, True)
        Path("runs/again/001-kernels-relu/more.txt").write_text("x")
        code, shown, _ = self.kernelgate("renew", "again")
        assert (code, "more.txt was added since it was signed" in shown) == (1, True)
