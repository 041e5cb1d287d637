"""Every command with what it can't use: one message on stderr, exit 2 or 3, and never a traceback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from candidate_sources import candidate
from typer.testing import CliRunner

from pipeline.cli import app

SURROGATE = os.fsdecode(b"\xff\xfe.yaml")
ENGINE = "unix:///nonexistent"
# What each command needs before what is tried: the argument or option that names something is left for the end.
PLACES: dict[str, list[str]] = {
    "verify": ["verify"],
    "verify --policy": ["verify", "k.py", "--policy"],
    "verify --operators": ["verify", "k.py", "--operators"],
    "verify --waivers": ["verify", "k.py", "--waivers"],
    "verify --workers": ["verify", "k.py", "--workers"],
    "verify --deadline": ["verify", "k.py", "--deadline"],
    "verify --seed": ["verify", "k.py", "--seed"],
    "verify --changed-since": ["verify", "k.py", "--changed-since"],
    "verify --sarif": ["verify", "k.py", "--sarif"],
    "demo --workers": ["demo", "--workers"],
    "measure": ["measure"],
    "replay": ["replay", "--mode", "cpu", "case"],
    "report": ["report"],
    "report --output": ["report", "r", "--output"],
    "audit": ["audit"],
    "audit --candidate": ["audit", "--candidate"],
    "audit --since": ["audit", "--since"],
    "audit --only": ["audit", "--only"],
    "judge": ["judge"],
    "judge --policy": ["judge", "r", "--policy"],
    "waive": ["waive", "--reason", "why", "--expires", "2027-01-01"],
    "waive --expires": ["waive", "r", "--reason", "why", "--expires"],
    "policy check": ["policy", "check"],
    "policy diff": ["policy", "diff", "ci"],
    "policy explain": ["policy", "explain"],
    "operators --operators": ["operators", "--operators"],
    "operators check": ["operators", "check"],
    "operators check --kernels": ["operators", "check", "relu", "--degenerate-only", "--mutants"],
    "rules": ["rules"],
    "export": ["export", "--to", "package"],
    "export --to": ["export", "00", "--to"],
    "export --keyring": ["export", "00", "--to", "package", "--keyring"],
    "replay --registry": ["replay", "00", "00", "--registry"],
    "attest keys": ["attest", "keys", "--keyring"],
    "attest verify": ["attest", "verify"],
    "attest sign": ["attest", "sign", "r", "--key"],
    "attest sign --keyring": ["attest", "sign", "r", "--key", "k.py", "--keyring"],
    "attest keygen --key": ["attest", "keygen", "--keyring", "ring.json", "--key"],
    "attest revoke": ["attest", "revoke", "k", "--reason", "why", "--keyring"],
    "registry init": ["registry", "init", "--registry"],
    "registry list": ["registry", "list", "--registry"],
    "registry show": ["registry", "show"],
    "registry promote": ["registry", "promote"],
    "registry renew": ["registry", "renew"],
    "registry rollback": ["registry", "rollback", "--architecture", "sm_90"],
    "registry revoke": ["registry", "revoke", "k", "--reason", "why", "--finding"],
    "registry log": ["registry", "log", "--after"],
    "registry backup": ["registry", "backup"],
    "registry restore": ["registry", "restore", "--registry", "new.db"],
    "generate --roles": ["generate", "relu", "--rounds", "1", "--roles"],
    "generate --rounds": ["generate", "relu", "--rounds"],
    "lessons": ["lessons"],
    "experiments": ["experiments"],
    "alerts --block": ["alerts", "--block"],
    "worker --workers": ["worker", "--workers"],
    "serve --corpus": ["serve", "--corpus"],
    "serve --generate": ["serve", "--rounds", "1", "--generate"],
    "serve --registry": ["serve", "--reverify", "--registry"],
    "serve --sign-key": ["serve", "--reverify", "--registry", "r.db", "--sign-key"],
    "serve --policy": ["serve", "--corpus", "folder", "--policy"],
    "serve --corpus-cron": ["serve", "--corpus", "folder", "--corpus-cron"],
    "serve --timezone": ["serve", "--corpus", "folder", "--timezone"],
    "serve --every-days": ["serve", "--reverify", "--registry", "r.db", "--every-days"],
    "serve --reports-url": ["serve", "--corpus", "folder", "--reports-url"],
    "doctor --sandbox": ["doctor", "--sandbox"],
    "--log-format": ["--log-format"],
    "status --last": ["status", "--last"],
    "status --runs": ["status", "--sandbox", "embedded", "--runs"],
    "image prune --keep": ["image", "prune", "--dry-run", "--keep"],
    "image prune --older-than": ["image", "prune", "--dry-run", "--older-than"],
    "prune --older-than": ["prune", "--older-than"],
    "prune --larger-than": ["prune", "--larger-than"],
    "prune --registry": ["prune", "--older-than", "90d", "--dry-run", "--registry"],
    "prune --runs": ["prune", "--older-than", "90d", "--dry-run", "--runs"],
}
VALUES = {
    "missing": "no/such/thing", "a folder": "folder", "bytes": "binary", "an empty file": "empty", "nothing": "",
    "a huge number": "9" * 40, "a negative number": "-5", "a surrogate": SURROGATE, "a nul": "a\x00b",
    "a folder above": "../..//", "an escape": "\x1b[2Jx",
}  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", ENGINE)
    monkeypatch.delenv("KERNELGATE_RUNS", raising=False)
    Path("folder").mkdir()
    Path("binary").write_bytes(bytes(range(256)) * 9)
    Path("empty").touch()
    Path("k.py").write_text(candidate())
    return tmp_path


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("where", PLACES)
def test_a_wrong_argument_is_one_message(where: str, value: str, place: Path) -> None:
    done = CliRunner().invoke(app, [*PLACES[where], value])
    told = done.stdout + done.stderr
    assert done.exception is None or isinstance(done.exception, SystemExit), (told, done.exception)
    assert "Traceback" not in told
    assert "bug of kernelgate" not in told
    assert "\x1b[2J" not in told
    assert done.exit_code in (0, 1, 2, 3)
    if done.exit_code > 1:
        assert told.strip()


def command_names(group: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    for name, command in group.commands.items():
        inner = hasattr(command, "commands")
        yield from command_names(command, (*path, name)) if inner else [" ".join((*path, name))]


def test_no_command_that_takes_something_is_left_out() -> None:
    without = {"policy schema", "attest keygen", "attest rotate", "image build"}  # they read no file that is there
    named = {" ".join(word for word in where.split() if not word.startswith("--")) for where in PLACES}
    assert set(command_names(typer.main.get_command(app))) - without <= named
