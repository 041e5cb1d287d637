"""What `kernelgate serve` refuses before anything is served: a night that can't work, and options that say nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from candidate_sources import candidate
from typer.main import get_command
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands.serve import SAYS

PROGRAM = Path(sys.executable).with_name("kernelgate")
ROLES = "author: {provider: openai, model: one}\n"
PRICES = (
    "date: 2026-11-30\nsource: a page\nprices:\n"
    "  - {provider: openai, model: one, input_usd: 1, cached_usd: 1, written_usd: 1, output_usd: 1}\n"
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a corpus and a roles file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "k.py").write_text(candidate())
    (tmp_path / "corpus" / "labels.toml").write_text('["k.py"]\nlabel = "right"\noperator = "relu"\n')
    (tmp_path / "roles.yaml").write_text(ROLES)
    return tmp_path


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--corpus", "corpus", "--verify-cron", "0 3 * * *"], "--verify-cron says nothing without --reverify"),
        (["--corpus", "corpus", "--budget-usd", "5"], "--budget-usd says nothing without --generate"),
        (["--reverify", "--policy", "ci"], "--policy says nothing without --generate or --corpus"),
        (["--corpus", "corpus", "--sign-key", "key.pem"], "--sign-key says nothing without --reverify"),
        (["--reverify", "--keyring", "keys.json"], "--keyring says nothing without --sign-key"),
        (["--generate", "relu"], "--generate needs a limit of a night: --budget-usd, --rounds or --minutes"),
        (["--generate", "relu", "--rounds", "3", "--roles", "no.yaml"], "/no.yaml: it says who writes"),
        (["--generate", "relu", "--budget-usd", "5"], "no price table was given: add it (prices.yaml beside"),
    ],
)
def test_what_no_night_could_use_is_one_message(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["serve", *arguments])
    assert (done.exit_code, said in done.stderr) == (2, True), done.stderr


def test_each_option_is_about_everything_or_says_what_it_is_about() -> None:
    everything = {"timezone", "reports_url", "operators", "runs", "quiet"}
    known = {one.name for one in get_command(app).commands["serve"].params}  # type: ignore[attr-defined]  # a group
    assert known - everything - {"generate", "reverify", "corpus", "help"} == set(SAYS)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--generate", "relu", "--budget-usd", "5", "--generate-cron", "0 1 * * *", "--policy", "dev"],
        ["--corpus", "corpus", "--corpus-cron", "0 5 * * *", "--policy", "dev"],
    ],
)
def test_what_a_night_can_use_lacks_a_server_alone_also_where_the_variable_is_empty(
    place: Path, arguments: list[str]
) -> None:
    (place / "prices.yaml").write_text(PRICES)
    done = subprocess.run(
        [PROGRAM, "serve", *arguments], cwd=place, env=os.environ | {"PREFECT_API_URL": ""},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, "start one with 'prefect server start'" in done.stderr) == (2, True), done.stderr
