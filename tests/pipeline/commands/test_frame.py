"""What commands share: a package of an extra that is missing is said, a module of ours that is missing is a bug."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import SdkUnavailable
from pipeline.extras import needing_extra

PROJECT = Path(__file__).parents[3]


def test_a_missing_package_says_what_to_install() -> None:
    says = r"needs the package 'no_such_package': pip install 'kernelgate\[attest\]'"
    with pytest.raises(SdkUnavailable, match=says), needing_extra("attest"):
        import no_such_package  # noqa: F401


def test_a_module_of_our_own_that_is_missing_is_no_matter_of_installing() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"), needing_extra("generate"):
        import pipeline.no_such_module  # noqa: F401


@pytest.mark.parametrize(
    ("command", "package", "extra"),
    [
        (["attest", "keygen"], "securesystemslib", "attest"),
        (["generate", "relu", "--rounds", "1"], "jinja2", "generate"),
    ],
)
def test_a_command_without_its_extra_exits_3(command: list[str], package: str, extra: str, tmp_path: Path) -> None:
    script = f"import sys; sys.modules[{package!r}] = None; from pipeline.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, *command], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(PROJECT), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert (done.returncode, f"pip install 'kernelgate[{extra}]'" in done.stderr) == (3, True), done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], ""),
        (["--flow"], "what was measured is kept: run the same command again, and it goes on\n"),
        (
            ["--flow", "--fresh"],
            "what was measured is kept: run the same command again without --fresh, and it goes on\n",
        ),
    ],
)
def test_an_interrupted_flow_says_that_it_goes_on(
    options: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.verification.verify.verify", interrupted)
    (tmp_path / "k.py").write_text("x = 1\n")
    done = CliRunner(env={"COLUMNS": "400"}).invoke(
        app, ["verify", str(tmp_path / "k.py"), "--runs", str(tmp_path / "runs"), *options]
    )
    assert (done.exit_code, done.stderr) == (3, f"{says}kernelgate: interrupted: the run was not stored\n")
