"""Attestations: what is signed is believed, and nothing else; a change of any byte of any file of a run is found."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import stat
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gpu_evidence import device
from typer.testing import CliRunner
from whole_evidence import evidence, failed

from pipeline.attestation.keys import (
    KeyEntry,
    Keyring,
    distrust,
    load_keyring,
    load_signer,
    make_key,
    retire,
    revoke,
    save_keyring,
)
from pipeline.attestation.run_files import names_of
from pipeline.attestation.signing import sign_run
from pipeline.attestation.verifying import Verified, verify_run
from pipeline.cli import app
from pipeline.errors import AttestationError, StoredRunError
from pipeline.gate.judged import Judged
from pipeline.runs.folder import write_run
from pipeline.runs.stored import read_run
from policies.decide import decide
from policies.policy import load_policy
from runners.device_evidence import CertifiedKernel
from runners.evidence import Evidence
from runners.operators import OPERATORS

CI = load_policy("ci")
RIGHT, WRONG = b"x = 1\n", b"x = 2\n"
MORE = {"report.sarif": "{}\n", "junit.xml": "<a/>\n", "generation.json": "{}\n"}


def about(source: bytes, made: Evidence) -> Evidence:
    """The same about these bytes, with digests that are some."""
    kernel = CertifiedKernel(
        name="relu_kernel", digest="c" * 64, warps=4, shared_bytes=0, registers=20, spilled_bytes=0
    )
    facts = made.candidate.model_copy(update={"digest": hashlib.sha256(source).hexdigest()})
    return made.model_copy(
        update={"candidate": facts, "operator_digest": "a" * 64, "device": device(kernels=(kernel, kernel))}
    )


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    make_key(tmp_path / "key.pem", tmp_path / "keys.json", {})
    return load_keyring(tmp_path / "keys.json")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    entries = [(RIGHT, about(RIGHT, evidence())), (WRONG, about(WRONG, failed()))]
    judged = [Judged(source, made, decide(made, CI)) for source, made in entries]
    return write_run(tmp_path / "runs", "r1", CI, judged, MORE, ["{}\n", "{}\n"])


def signed(run: Path, now: datetime | None = None) -> Path:
    signer = load_signer(run.parents[1] / "key.pem", {})
    sign_run(read_run(run.parent, run.name), signer, OPERATORS, now=now)
    return run


def verified(run: Path, ring: Keyring, **options: Any) -> tuple[Verified, ...]:
    return verify_run(run, ring, OPERATORS, **options)


def problems(run: Path, ring: Keyring, **options: Any) -> list[str]:
    return [one.problem for one in verified(run, ring, **options) if one.problem is not None]


def statement(run: Path, candidate: str, number: int) -> dict[str, Any]:
    envelope = json.loads((run / "attestations" / names_of(candidate)[number]).read_bytes())
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    made: dict[str, Any] = json.loads(base64.b64decode(envelope["payload"]))
    return made


def test_what_was_signed_is_believed_denied_candidates_too(run: Path, ring: Keyring) -> None:
    found = verified(signed(run), ring, rejudges=True)
    assert [(one.problem, one.tier, one.allowed, one.rejudged) for one in found] == [
        (None, "functional", True, True), (None, "rejected", False, True),
    ]  # fmt: skip
    assert {one.keyid for one in found} == {ring.keys[0].keyid}


def test_the_statements_are_in_totos_and_name_all_that_the_verdict_rests_on(run: Path, ring: Keyring) -> None:
    signed(run)
    result, summary = (statement(run, "001-kernels-relu", number) for number in (0, 1))
    assert result["_type"] == summary["_type"] == "https://in-toto.io/Statement/v1"
    assert result["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert summary["predicateType"] == "https://slsa.dev/verification_summary/v1"
    subjects = {one["name"]: one["digest"]["sha256"] for one in result["subject"]}
    assert subjects["candidate.py"] == hashlib.sha256(RIGHT).hexdigest()
    assert subjects["cubin:relu_kernel"] == "c" * 64
    assert result["subject"] == summary["subject"]
    predicate = result["predicate"]
    assert (predicate["result"], predicate["failedTests"]) == ("PASSED", [])
    assert {one["name"] for one in predicate["configuration"]} == {"policy:ci", "operator:relu"}
    facts = predicate["kernelgate"]
    assert (facts["image"], facts["operator_digest"], facts["strength"]["killed"]) == ("i", "a" * 64, 200)
    named = {one["name"] for one in facts["files"]}
    assert named >= {"policy.json", "run.json", "report.sarif", "001-kernels-relu/evidence.json"}
    about_it = summary["predicate"]
    assert about_it["policy"]["digest"]["sha256"] == CI.digest
    assert (about_it["verificationResult"], about_it["verifiedLevels"]) == ("PASSED", ["KERNELGATE_FUNCTIONAL"])
    denied = statement(run, "002-kernels-relu", 0)["predicate"]
    assert (denied["result"], denied["failedTests"]) == ("FAILED", ["properties/wrong-values"])
    assert statement(run, "002-kernels-relu", 1)["predicate"]["verifiedLevels"] == []


def files_of(run: Path) -> list[str]:
    return sorted(path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())


def test_a_change_of_any_byte_of_any_kind_of_file_is_found(run: Path, ring: Keyring, tmp_path: Path) -> None:
    names = files_of(signed(run))
    kinds = {name.rpartition("/")[2].partition("-kernels-relu")[2] or name.rpartition("/")[2] for name in names}
    assert len(names) == 21, names
    assert len(kinds) == 13, kinds
    for name in names:
        data = (run / name).read_bytes()
        for at in {0, len(data) // 3, len(data) // 2, len(data) - 1}:
            for flip in (0x01, 0x20):
                (run / name).write_bytes(data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :])
                assert problems(run, ring), (name, at)
        (run / name).write_bytes(data)
    assert problems(run, ring) == []


@pytest.mark.parametrize("name", ["policy.json", "run.json"])
@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "was changed"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b'"policy', b'"policf').replace(b"tf32", b"tf33")),
         "was changed"),
        (lambda path: path.unlink(), "is missing"),
    ],
    ids=["cut_off", "another_field", "gone"],
)  # fmt: skip
def test_a_file_of_the_whole_run_that_can_not_be_read_is_said_in_the_table(
    run: Path, ring: Keyring, tmp_path: Path, name: str, damage: Any, what: str
) -> None:
    damage(signed(run) / name)
    code, shown, _ = kernelgate("attest", "verify", run, "--keyring", tmp_path / "keys.json", "--format", "json")
    told = [one["problem"] for one in json.loads(shown)["candidates"]]
    assert (code, told) == (1, [f"{name} {what} since it was signed"] * 2)


def test_a_candidate_that_was_taken_out_of_a_signed_run_is_missed(run: Path, ring: Keyring) -> None:
    shutil.rmtree(signed(run) / "002-kernels-relu")
    document = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(document | {"candidates": document["candidates"][:1]}))
    first, second = problems(run, ring)
    assert "run.json was changed since it was signed" in first
    assert "002-kernels-relu/candidate.py is missing since it was signed" in second


def test_every_byte_of_an_envelope_counts(run: Path, ring: Keyring) -> None:
    path = signed(run) / "attestations" / names_of("001-kernels-relu")[1]
    data = path.read_bytes()
    for at in range(0, len(data), 7):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x01]) + data[at + 1 :])
        assert problems(run, ring, only="001-kernels-relu"), at
    blank = data.replace(b'",\n', b'", \n', 1)
    assert blank != data
    path.write_bytes(blank)
    assert "is not written as kernelgate writes envelopes" in problems(run, ring)[0]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("001-kernels-relu/cases/more.json", "001-kernels-relu/cases/more.json was added since it was signed"),
        ("001-kernels-relu/.hidden", "001-kernels-relu/.hidden was added since it was signed"),
        ("notes.txt", "notes.txt was added since it was signed"),
        ("attestations/more.json", "it belongs to no candidate of the run"),
        ("003-more/candidate.py", "it belongs to no candidate of the run"),
    ],
)
def test_what_was_laid_beside_it_is_found(run: Path, ring: Keyring, path: str, says: str) -> None:
    signed(run)
    (run / path).parent.mkdir(parents=True, exist_ok=True)
    (run / path).write_text("more")
    assert says in problems(run, ring)[0]


def test_a_file_that_is_gone_and_a_link_in_its_place_are_found(run: Path, ring: Keyring, tmp_path: Path) -> None:
    path = signed(run) / "001-kernels-relu/provenance.json"
    moved = tmp_path / "elsewhere.json"
    shutil.move(path, moved)
    assert "provenance.json is missing since it was signed" in problems(run, ring)[0]
    path.symlink_to(moved)
    assert "is no plain file" in problems(run, ring)[0]


def test_attestations_of_another_candidate_or_run_fit_nowhere_else(run: Path, ring: Keyring, tmp_path: Path) -> None:
    signed(run)
    for right, wrong in zip(names_of("001-kernels-relu"), names_of("002-kernels-relu"), strict=True):
        shutil.copy(run / "attestations" / right, run / "attestations" / wrong)
    assert "is about another test result" in problems(run, ring)[0]
    other = tmp_path / "runs/r2"
    shutil.copytree(run, other)
    assert "it is about r1/001-kernels-relu, and lies in r2/" in problems(other, ring)[0]


def test_a_run_without_attestations_is_said(run: Path, ring: Keyring) -> None:
    assert len(problems(run, ring)) == 2
    assert "it was not signed (kernelgate attest sign)" in problems(run, ring)[0]


def test_another_teams_key_is_not_believed(run: Path, ring: Keyring, tmp_path: Path) -> None:
    signed(run)
    make_key(tmp_path / "other.pem", tmp_path / "others.json", {})
    assert "which the keyring does not have" in problems(run, load_keyring(tmp_path / "others.json"))[0]


def test_a_keyring_that_gives_a_key_anothers_id_is_refused(ring: Keyring, tmp_path: Path) -> None:
    make_key(tmp_path / "other.pem", tmp_path / "others.json", {})
    document = json.loads((tmp_path / "keys.json").read_text())
    document["keys"][0]["public"] = load_keyring(tmp_path / "others.json").keys[0].public
    (tmp_path / "keys.json").write_text(json.dumps(document))
    with pytest.raises(AttestationError, match="is not the one that its id names"):
        load_keyring(tmp_path / "keys.json")


def test_a_retired_key_is_believed_until_its_day_and_a_revoked_one_never(run: Path, ring: Keyring) -> None:
    today = datetime.now(UTC)
    (entry,) = ring.keys
    retired = retire(ring, entry.keyid[:8], today.date(), "rotated")
    assert problems(signed(run), retired) == []
    signed(run, today + timedelta(days=1))
    assert "was retired on" in problems(run, retired)[0]
    signed(run, today - timedelta(days=400))
    assert problems(run, retired) == []
    revoked = revoke(retired, entry.keyid, "laptop stolen")
    assert "is revoked: laptop stolen" in problems(run, revoked)[0]
    with pytest.raises(AttestationError, match="is revoked already: laptop stolen"):
        revoke(revoked, entry.keyid, "again")
    with pytest.raises(AttestationError, match="is revoked already"):
        retire(revoked, entry.keyid, today.date(), "too late")
    with pytest.raises(AttestationError, match="0 keys of the keyring begin with ''"):
        revoke(ring, "", "all of them")


def test_what_is_not_known_of_a_key_is_no_trust() -> None:
    entry = KeyEntry(keyid="0" * 64, public="0" * 64, made=date(2026, 1, 1), status="retired", until=date(2026, 2, 1))
    assert distrust(entry, date(2026, 2, 1)) is None
    assert distrust(entry, date(2026, 2, 2)) is not None


def test_a_private_key_is_its_owners_alone_and_never_overwritten(tmp_path: Path, ring: Keyring) -> None:
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    before = (tmp_path / "key.pem").read_bytes()
    with pytest.raises(AttestationError, match="a key is never overwritten"):
        make_key(tmp_path / "key.pem", tmp_path / "keys.json", {})
    assert (tmp_path / "key.pem").read_bytes() == before
    assert load_keyring(tmp_path / "keys.json") == ring


def test_a_passphrase_encrypts_it(tmp_path: Path) -> None:
    secret = {"KERNELGATE_KEY_PASSPHRASE": "correct horse"}
    make_key(tmp_path / "key.pem", tmp_path / "keys.json", secret)
    assert b"ENCRYPTED" in (tmp_path / "key.pem").read_bytes()
    load_signer(tmp_path / "key.pem", secret)
    with pytest.raises(AttestationError, match="is encrypted, and KERNELGATE_KEY_PASSPHRASE is not set"):
        load_signer(tmp_path / "key.pem", {})
    with pytest.raises(AttestationError, match="is not its passphrase"):
        load_signer(tmp_path / "key.pem", {"KERNELGATE_KEY_PASSPHRASE": "wrong"})
    (tmp_path / "none.pem").write_text("no key")
    with pytest.raises(AttestationError, match="is no private key"):
        load_signer(tmp_path / "none.pem", {})


def test_a_verdict_that_does_not_come_out_again_is_not_signed(run: Path, ring: Keyring) -> None:
    path = run / "002-kernels-relu/verdict.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"tier": "functional", "allowed": True, "findings": []}))
    with pytest.raises(AttestationError, match="its evidence gives the verdict rejected, stored is functional"):
        signed(run)
    assert not (run / "attestations").exists()


def test_who_signs_a_verdict_that_the_evidence_does_not_give_is_found_by_judging_again(
    run: Path, ring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run / "002-kernels-relu/verdict.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"tier": "functional", "allowed": True, "findings": []}))
    monkeypatch.setattr("pipeline.attestation.signing._sound", lambda entry: entry)  # a signer who does not look
    signed(run)
    assert problems(run, ring) == []
    assert "its evidence gives the verdict rejected today" in problems(run, ring, rejudges=True)[0]


def kernelgate(*arguments: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, " ".join(done.stderr.split())


def test_the_commands_from_a_key_to_a_revoked_one(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert kernelgate("attest", "keygen")[0] == 0
    (entry,) = load_keyring(Path("kernelgate-keys.json")).keys
    code, shown, _ = kernelgate("attest", "sign", run)
    assert (code, "2 signed" in shown) == (0, True)
    code, shown, _ = kernelgate("attest", "verify", run, "--rejudge")
    assert (code, "2 of 2 are believed, verdicts made again from evidence" in shown) == (0, True)
    one = run / "attestations" / names_of("001-kernels-relu")[0]
    code, shown, _ = kernelgate("attest", "verify", one, "--key", "kernelgate-keys.json", "--format", "json")
    assert (code, [each["believed"] for each in json.loads(shown)["candidates"]]) == (0, [True])
    assert kernelgate("attest", "rotate", "--retire", entry.keyid[:9], "--key", "new.pem")[0] == 0
    assert [each.status for each in load_keyring(Path("kernelgate-keys.json")).keys] == ["active", "retired"]
    assert kernelgate("attest", "verify", run)[0] == 0
    code, shown, _ = kernelgate("attest", "revoke", entry.keyid, "--reason", "stolen")
    assert (code, "stolen" in shown) == (0, True)
    code, shown, _ = kernelgate("attest", "verify", run)
    assert (code, "0 of 2 are believed" in shown) == (1, True)
    assert kernelgate("attest", "sign", run, "--key", "new.pem")[0] == 0
    assert kernelgate("attest", "verify", run)[0] == 0


@pytest.mark.parametrize("status", ["retired", "revoked"])
def test_a_key_that_signs_no_more_is_refused_and_the_active_one_named(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    monkeypatch.chdir(tmp_path)
    kernelgate("attest", "keygen")
    (old,) = load_keyring(Path("kernelgate-keys.json")).keys
    kernelgate("attest", "rotate", "--retire", old.keyid, "--key", "new.pem", "--reason", "its year is over")
    if status == "revoked":
        kernelgate("attest", "revoke", old.keyid, "--reason", "its year is over")
    active = load_keyring(Path("kernelgate-keys.json")).keys[0]
    assert active.status == "active"
    refused = f"({old.keyid[:12]}) is {status} in kernelgate-keys.json, and signs no more: its year is over; sign with "
    code, _, told = kernelgate("attest", "sign", run)
    assert (code, f"{refused}the active key {active.keyid[:12]} (--key)" in told) == (2, True), told
    assert not (run / "attestations").exists()
    assert kernelgate("attest", "sign", run, "--key", "new.pem")[0] == 0


def test_the_keyring_beside_the_key_and_one_that_is_named_are_asked(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "keys"
    place.mkdir()
    ring = place / "kernelgate-keys.json"
    assert kernelgate("attest", "keygen", "--key", place / "k.pem", "--keyring", ring)[0] == 0
    save_keyring(ring, revoke(load_keyring(ring), load_keyring(ring).keys[0].keyid, "stolen"))
    monkeypatch.chdir(tmp_path)
    code, _, told = kernelgate("attest", "sign", run, "--key", "keys/k.pem")
    assert (code, "is revoked in keys/kernelgate-keys.json" in told, "make one with" in told) == (2, True, True), told
    ring.rename(tmp_path / "team.json")
    assert kernelgate("attest", "sign", run, "--key", "keys/k.pem", "--keyring", "team.json")[0] == 2
    assert kernelgate("attest", "sign", run, "--key", "keys/k.pem", "--keyring", "none.json")[0] == 2
    assert kernelgate("attest", "sign", run, "--key", "keys/k.pem")[0] == 0, "no keyring says otherwise"


def test_a_private_key_that_git_would_add_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "git does not ignore" not in kernelgate("attest", "keygen", "--key", "none.pem")[2], "no working tree"
    subprocess.run(["git", "init", "--quiet"], check=True)
    assert "git does not ignore bare.pem" in kernelgate("attest", "keygen", "--key", "bare.pem")[2]
    Path(".gitignore").write_text("*.pem\n")
    assert "git does not ignore" not in kernelgate("attest", "keygen", "--key", "hidden.pem")[2]
    assert "git does not ignore -k" in kernelgate("attest", "keygen", "--key=-k")[2]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("verify", "nowhere"), "there is no run 'nowhere' in"),
        (("verify", ".", "--key", "nothing.json"), "there is no keyring nothing.json: name one with --keyring"),
        (
            ("sign", "nothing", "--key", "nothing.pem"),
            "there is no key nothing.pem: make one with 'kernelgate attest keygen'",
        ),
        (("keys", "--keyring", "broken.json"), "broken.json is not a keyring"),
        (("rotate", "--retire", "abc", "--key", "new.pem"), "0 keys of the keyring begin with 'abc'"),
        (("revoke", "abc", "--reason", "r"), "0 keys of the keyring begin with 'abc'"),
    ],
)
def test_what_the_user_got_wrong_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    kernelgate("attest", "keygen")
    Path("broken.json").write_text("{}x")
    code, _, told = kernelgate("attest", *arguments)
    assert (code, says in told) == (2, True), told
    assert not Path("new.pem").exists()


def test_a_measurement_is_named_by_its_digest(run: Path, ring: Keyring, tmp_path: Path) -> None:
    (tmp_path / "measured.json").write_text("{}")
    signer = load_signer(tmp_path / "key.pem", {})
    sign_run(read_run(run.parent, run.name), signer, OPERATORS, tmp_path / "measured.json")
    facts = statement(run, "001-kernels-relu", 0)["predicate"]["kernelgate"]
    assert facts["measurement"]["digest"]["sha256"] == hashlib.sha256(b"{}").hexdigest()
    with pytest.raises(AttestationError, match="can't be read"):
        sign_run(read_run(run.parent, run.name), signer, OPERATORS, tmp_path / "none.json")


def test_of_a_run_about_no_candidate_nothing_is_signed_and_nothing_believed(tmp_path: Path, ring: Keyring) -> None:
    empty = write_run(tmp_path / "runs", "r2", CI, [])
    keys = ["--key", str(tmp_path / "key.pem")]
    made = CliRunner().invoke(app, ["attest", "sign", str(empty), *keys])
    assert (made.exit_code, "nothing to sign: run r2 was about no candidate" in made.stdout) == (0, True), made.output
    assert not (empty / "attestations").exists()
    with pytest.raises(StoredRunError, match="is no run folder, or its run holds no candidate"):
        verified(empty, ring)


def test_a_run_or_one_of_its_candidates_is_signed_and_verified_by_its_id(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kernelgate("attest", "keygen")
    code, shown, _ = kernelgate("attest", "sign", "r1/001-kernels-relu")
    assert (code, "1 signed" in shown) == (0, True)
    for name, believed in (("r1", [True, False]), ("r1/001-kernels-relu", [True]), (run, [True, False]),
                           ("r1/attestations/001-kernels-relu.summary.json", [True])):  # fmt: skip
        code, shown, told = kernelgate("attest", "verify", name, "--format", "json")
        assert [one["believed"] for one in json.loads(shown)["candidates"]] == believed, told
    code, _, told = kernelgate("attest", "verify", "r1", "--runs", "elsewhere")
    assert (code, "there is no run 'r1' in elsewhere" in told) == (2, True)
