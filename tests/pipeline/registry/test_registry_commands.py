"""`kernelgate registry`, from a signed run to a revoked kernel: what is printed, and with which exit code it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from signed_runs import PRODUCTION, Signer, judged, signed_run, source
from typer.testing import CliRunner
from whole_evidence import WRONG as WRONG_VALUES
from whole_evidence import properties

from pipeline.cli import app
from policies.policy import load_policy


@pytest.fixture
def place(tmp_path: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with signed runs, the keyring, and a registry."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.delenv("KERNELGATE_REGISTRY", raising=False)
    monkeypatch.delenv("KERNELGATE_RUNS", raising=False)
    Path("kernelgate-keys.json").write_bytes(signer.keyring.read_bytes())
    for number in range(2):
        signed_run(Path("runs"), f"r{number}", [judged(source(number))], signer)
    return tmp_path


def kernelgate(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["registry", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert "Traceback" not in done.stderr
    return done.exit_code, done.stdout, " ".join(done.stderr.split())


def told(*arguments: str) -> str:
    code, shown, said = kernelgate(*arguments)
    assert code == 0, said
    return shown


def test_from_a_signed_run_to_a_revoked_kernel(place: Path) -> None:
    assert "registry kernelgate-registry.db: made" in told("init")
    assert "there already" in told("init")
    assert "nothing serves" in told("list")
    assert "no event" in told("log")
    first, second = (judged(source(number)).evidence.candidate.digest for number in range(2))
    assert f"canary of relu on sm_90 serves kernel {first[:12]}; event 1" in told("promote", "r0")
    assert "already" in told("promote", "runs/r0/001-kernels-relu")
    assert "serves kernel" in told(
        "promote", first[:10], "--channel", "stable", "--actor", "somebody", "--reason", "ok"
    )
    assert f"before: {first[:12]}" in told("promote", "r1", "--channel", "stable")
    lines = told("list").splitlines()
    assert [line.split()[:4] for line in lines[1:]] == [
        ["relu", "sm_90", "canary", first[:12]], ["relu", "sm_90", "stable", second[:12]],
    ]  # fmt: skip
    assert "driver 580.95.05" in lines[1]
    shown = told("show", second[:8])
    assert all(
        part in shown for part in (second, "stable on sm_90", "run r1", "production,", "NVIDIA H200", "promoted")
    )
    back = told("rollback", "relu", "--architecture", "sm_90", "--reason", "slower")
    assert f"stable of relu on sm_90 serves kernel {first[:12]}; before: {second[:12]}" in back
    revoked = told("revoke", first[:9], "--reason", "wrong beyond 2**31")
    assert f"kernel {first[:12]} is revoked" in revoked
    assert revoked.count("serves nothing") == 2
    code, _, said = kernelgate("promote", "r0")
    assert (code, "is revoked: the log says why" in said) == (1, True)
    log = told("log")
    assert [line.split()[3] for line in log.splitlines()[1:]] == [
        "promoted", "promoted", "promoted", "rolled-back", "revoked", "rolled-back", "rolled-back",
    ]  # fmt: skip
    assert all(part in log for part in ("somebody", "slower", "wrong beyond 2**31", "ok"))
    assert told("log", "--kernel", second[:8]).count("\n") == 3
    moved = told("show", first[:8])  # it left stable for another one, served there again, and was revoked
    assert [line.split()[0] for line in moved.splitlines() if line[:1].isdigit()] == ["1", "2", "3", "4", "5", "6", "7"]
    assert "revoked" in told("show", first[:8])


def test_json_has_whole_digests_and_no_bytes(place: Path) -> None:
    told("init")
    told("promote", "r0")
    digest = judged(source()).evidence.candidate.digest
    (serving,) = json.loads(told("list", "--format", "json"))["serving"]
    assert (serving["digest"], serving["channel"], serving["platform"]["driver"]) == (digest, "canary", "580.95.05")
    shown = json.loads(told("show", digest, "--format", "json"))
    assert (shown["digest"], shown["revoked"], shown["approved"][0]["policy_digest"]) == (
        digest, False, PRODUCTION.digest,
    )  # fmt: skip
    (event,) = map(json.loads, told("log", "--after", "0", "--format", "jsonl").splitlines())
    assert (event["number"], event["kind"], event["serves"]) == (1, "promoted", digest)


def test_what_may_not_be_promoted_ends_with_one(place: Path, signer: Signer) -> None:
    told("init")
    ci = load_policy("ci")
    signed_run(Path("runs"), "ci", [judged(source(), ci)], signer, ci)
    code, shown, said = kernelgate("promote", "ci")
    assert (code, shown, "is functional; production-safe is needed" in said) == (1, "", True)
    Path("runs/r0/001-kernels-relu/more.txt").write_text("x")
    code, _, said = kernelgate("promote", "r0")
    assert (code, "more.txt was added since it was signed" in said) == (1, True)
    assert "no event" in told("log")


def test_a_new_finding_is_attached_to_the_revocation(place: Path, signer: Signer) -> None:
    told("init")
    told("promote", "r0")
    digest = judged(source()).evidence.candidate.digest
    wrong = judged(source(), properties=properties(failure=WRONG_VALUES, failed_at=1))
    found = signed_run(Path("runs"), "found", [wrong], signer)
    code, _, said = kernelgate("revoke", digest, "--reason", "x", "--finding", "runs/r0")
    assert (code, "it shows nothing against it" in said) == (2, True)
    code, _, said = kernelgate("revoke", digest, "--reason", "x", "--finding", "runs/r1")
    assert (code, "is not about kernel" in said) == (2, True)
    code, _, said = kernelgate("revoke", digest, "--reason", "x", "--finding", "kernelgate-keys.json")
    assert (code, "no file of a case" in said) == (2, True)
    assert "serves nothing" in told("revoke", digest, "--reason", "wrong values", "--finding", "runs/found")
    (case,) = found.glob("*/cases/*.json")
    from pipeline.registry.contract import open_registry

    registry = open_registry("kernelgate-registry.db")
    (event,) = registry.events(kind="revoked")
    assert event.run == "found"
    assert registry.case(event.case_digest or "") == case.read_bytes()
    registry.close()


def test_a_backup_and_a_restore_are_two_commands(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told("init")
    told("promote", "r0")
    assert "1 kernels and 1 events in kernels.backup; its log ends with event 1 of" in told("backup", "kernels.backup")
    monkeypatch.setenv("KERNELGATE_REGISTRY", "new.db")
    restored = told("restore", "kernels.backup")
    assert "--revoked-in takes revocations over" in restored
    assert "canary" in told("list", "--registry", "new.db")
    told("revoke", judged(source()).evidence.candidate.digest, "--reason", "x")
    again = told("restore", "kernels.backup", "--registry", "newer.db", "--revoked-in", "new.db")
    assert "revoked since, and revoked again: 1" in again
    assert "nothing serves" in told("list", "--registry", "newer.db")


@pytest.mark.parametrize(("arguments", "code", "says"), [
    (("list",), 2, "there is no registry at kernelgate-registry.db: kernelgate registry init makes one"),
    (("list", "--registry", "mysql://u:secret@h/d"), 2, "a registry is a path, sqlite:///PATH or postgresql://"),
    (("list", "--registry", "postgresql://u:secret@127.0.0.1:1/d"), 3, "gives no connection"),
    (("init", "--registry", "no/such/folder/r.db"), 2, "the folder of the registry no/such/folder/r.db is not there"),
    (("log", "--limit", "0"), 2, "limit"),
    (("promote", "none", "--keyring", "none.json"), 2, "there is no keyring none.json"),
    (("promote", "r0", "--policy", "none.yaml"), 2, "none.yaml"),
    (("rollback", "relu"), 2, "architecture"),
])  # fmt: skip
def test_what_the_user_got_wrong_is_one_message(place: Path, arguments: tuple[str, ...], code: int, says: str) -> None:
    done, _, said = kernelgate(*arguments)
    assert (done, says in said) == (code, True), said
    assert "secret" not in said
    assert not Path("kernelgate-registry.db").exists()


def test_what_is_not_there_is_said(place: Path) -> None:
    told("init")
    told("promote", "r0")
    for arguments, says in (
        (("show", "ffff"), "no kernel of the registry kernelgate-registry.db begin"),
        (("promote", "none"), "there is no run 'none' in runs, and it is no digest"),
        (("rollback", "gelu", "--architecture", "sm_90"), "stable of gelu on sm_90 serves nothing"),
        (("promote", judged(source()).evidence.candidate.digest, "--architecture", "sm_80"), "was verified on sm_90"),
    ):
        code, _, said = kernelgate(*arguments)
        assert (code, says in said) == (2, True), said


def test_the_contract_is_light(tmp_path: Path) -> None:
    """An application that serves kernels imports it at start; completion and --help go through the commands."""
    program = (
        "import sys\nimport pipeline.registry.contract, pipeline.commands.registry\n"
        "heavy = {'sqlalchemy', 'alembic', 'psycopg', 'torch', 'prefect', 'pydantic', 'securesystemslib'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.stdout == "[]\n"


def test_a_missing_package_is_said_with_the_extra() -> None:
    program = (
        "import sys\nsys.modules['sqlalchemy'] = None\n"
        "from pipeline.commands.frame import errors_in_words\n"
        "from pipeline.extras import needing_extra\n"
        "from pipeline.registry.contract import open_registry\n"
        "with errors_in_words(), needing_extra('registry'):\n    open_registry('r.db')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert "kernelgate: a registry needs the package 'sqlalchemy': pip install 'kernelgate[registry]'" in done.stderr
