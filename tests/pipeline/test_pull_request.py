"""A pull request through the command line: real repositories, candidates that their source denies, no container."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from candidate_sources import candidate
from click.testing import Result
from git_folders import commit, git, new_repository, write
from junitparser import JUnitXml
from typer.testing import CliRunner

from pipeline.cli import app
from policies.waivers import load_waivers

DENIED = candidate(at_call="y = y + 1\n").replace("import os, sys, time\n", "")
TODAY = datetime.now(UTC).date()
SOON = TODAY + timedelta(days=2)  # not past, should midnight come in between


def kernelgate(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "400"}).invoke(app, arguments)


def verify(*arguments: str) -> tuple[int, dict[str, Any], str]:
    """The exit code, the document on stdout, and what stderr said."""
    done = kernelgate("verify", "--policy", "dev", "--format", "json", *arguments)
    return done.exit_code, json.loads(done.stdout) if done.exit_code < 2 else {}, done.stderr


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A branch that adds a kernel which its source denies."""
    folder = new_repository(tmp_path / "repository")
    commit(folder, {"kernels/old.py": DENIED + "# old\n", ".gitignore": "runs/\n"})
    git(folder, "checkout", "-q", "-b", "work")
    monkeypatch.chdir(folder)
    return folder


def test_only_what_changed_is_verified_and_every_report_is_written(repository: Path, tmp_path: Path) -> None:
    commit(repository, {"kernels/new.py": DENIED})
    reports = [f"--{name}={tmp_path / name}" for name in ("sarif", "junit", "summary", "annotations")]
    code, document, said = verify("kernels", "--changed-since=main", *reports)
    assert code == 1
    assert [one["path"] for one in document["candidates"]] == ["kernels/new.py"]
    assert "1 candidate changed since main" in said
    (run,) = json.loads((tmp_path / "sarif").read_text())["runs"]
    assert run["invocations"][0]["exitCode"] == 1
    stored = Path(document["folder"])
    assert (stored / "report.sarif").read_bytes() == (tmp_path / "sarif").read_bytes()
    assert (stored / "junit.xml").read_bytes() == (tmp_path / "junit").read_bytes()
    line = run["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"]
    assert (repository / "kernels/new.py").read_text().splitlines()[line - 1].strip() == "y = y + 1"
    assert [case.name for suite in JUnitXml.fromfile(str(tmp_path / "junit")) for case in suite] == ["kernels/new.py"]
    assert "1 denied" in (tmp_path / "summary").read_text()
    assert f"::error file=kernels/new.py,line={line}," in (tmp_path / "annotations").read_text()


def test_no_changed_kernel_says_so_and_exits_0_with_whole_reports(repository: Path, tmp_path: Path) -> None:
    code, document, said = verify("kernels", "--changed-since=main", f"--sarif={tmp_path / 's'}")
    assert (code, document["candidates"]) == (0, [])
    assert "no kernel changed since main" in said
    assert json.loads((tmp_path / "s").read_text())["runs"][0]["results"] == []
    table = kernelgate("verify", "kernels", "--policy", "dev", "--changed-since", "main")
    assert table.exit_code == 0
    assert "nothing to verify" in table.stdout


WRONG_CALLS = [
    (("--changed-since", "gone"), "git knows no commit 'gone'"),
    (("--changed-since", "--help"), "'--help' is not a revision"),
    (("--sarif", "none/x"), "--sarif none/x can't be written"),
    (("--junit", "kernels"), "--junit kernels is not a plain file"),
    (("--waivers", "none.yaml"), "none.yaml can't be read"),
]


@pytest.mark.parametrize(("arguments", "says"), WRONG_CALLS)
def test_a_wrong_call_is_one_message_and_exit_2_before_anything_is_measured(
    repository: Path, arguments: tuple[str, ...], says: str
) -> None:
    code, _, said = verify("kernels", *arguments)
    assert code == 2
    assert says in said
    assert len(said.splitlines()) == 1
    assert not (repository / "runs").exists()


def waive(*arguments: str) -> Result:
    run = max(Path("runs").iterdir(), key=lambda folder: folder.stat().st_mtime_ns)  # two may have begun in one second
    return kernelgate("waive", run.name, "--reason", "until the rewrite: #3", *arguments)


def test_a_baseline_of_what_is_denied_lets_it_through_until_it_changes(repository: Path) -> None:
    write(repository, {"waivers.yaml": "# ours\n"})
    assert verify("kernels")[0] == 1
    until = TODAY + timedelta(days=30)
    done = waive("--expires", str(until))
    assert (done.exit_code, "1 waiver added to waivers.yaml" in done.stdout) == (0, True)
    text = (repository / "waivers.yaml").read_text()
    assert text.startswith("# ours\n# kernels/old.py\n- rule: source/host-arithmetic\n")

    code, document, said = verify("kernels", "--waivers=waivers.yaml")
    (found,) = document["candidates"]
    assert (code, found["tier"], found["allowed"]) == (0, "rejected", True)
    assert found["findings"][0]["waiver"]["reason"] == "until the rewrite: #3"
    assert f"waivers in force: 1, the first of them until {until}" in said
    table = kernelgate("verify", "kernels", "--policy=dev", "--waivers=waivers.yaml").stdout
    assert "rejected (waived)" in table
    assert "1 of them let through by waivers" in table

    again = waive("--expires", str(until))
    assert (again.exit_code, again.stdout.strip()) == (0, "nothing to waive: no finding denied a candidate of this run")
    (repository / "kernels/old.py").write_text(DENIED + "# other\n")
    code, document, said = verify("kernels", "--waivers=waivers.yaml")
    assert code == 1
    assert "waivers of candidates that are not in this run" in said


def test_an_expired_waiver_denies_and_says_so(repository: Path) -> None:
    verify("kernels")
    waive("--expires", str(SOON))
    text = Path("waivers.yaml").read_text().replace(str(SOON), str(TODAY - timedelta(days=1)))
    Path("waivers.yaml").write_text(text)
    code, document, said = verify("kernels", "--waivers=waivers.yaml")
    assert code == 1
    assert [one["rule"] for one in document["candidates"][0]["findings"]] == [
        "source/host-arithmetic", "waiver/expired"]  # fmt: skip
    assert "waivers that have expired, and deny: source/host-arithmetic of" in said


def test_what_can_not_be_waived_is_named_and_stays_denied(repository: Path) -> None:
    write(repository, {"kernels/old.py": candidate("import socket"), "kernels/none.py": "x = 1\n"})
    verify("kernels")
    done = waive("--expires", str(SOON))
    assert done.exit_code == 1
    assert "kernels/none.py: candidate/no-header can't be waived; mend it: Begin the file with" in " ".join(
        done.stdout.split()
    )
    assert not Path("waivers.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--expires", "2020-01-01"), "is past"),
        (("--expires", "tomorrow"), "'tomorrow' is no day; it is written YYYY-MM-DD"),
        (("--expires", str(SOON), "--file", "flow.yaml"), "can't be added at the end of flow.yaml"),
        (("--expires", str(SOON), "--file", "none/w.yaml"), "can't be written"),
        (("--expires", str(SOON), "--reason", " "), "kernelgate: reason: a reason is needed"),
    ],
)
def test_a_waiver_that_can_not_be_written_is_said(repository: Path, arguments: tuple[str, ...], says: str) -> None:
    verify("kernels")
    write(
        repository, {"flow.yaml": f"[{{rule: properties/raised, digest: {'ab' * 32}, reason: r, expires: {SOON}}}]\n"}
    )
    done = waive(*arguments)
    assert done.exit_code == 2
    assert says in done.stderr
    shutil.rmtree("runs")
    assert kernelgate("waive", "gone", "--reason", "r", "--expires", str(SOON)).exit_code == 2


def test_a_second_baseline_leaves_what_is_there_alone(repository: Path) -> None:
    verify("kernels")
    waive("--expires", str(SOON))
    before = Path("waivers.yaml").read_text()
    done = waive("--expires", str(TODAY + timedelta(days=9)))
    assert "is waived until" in done.stdout
    assert Path("waivers.yaml").read_text() == before
    assert len(load_waivers(Path("waivers.yaml"), TODAY).waivers) == 1


def test_a_folder_without_a_kernel_beside_others_is_said(repository: Path) -> None:
    write(repository, {"docs/guide.md": "x\n", "empty/__init__.py": ""})
    _, document, said = verify("kernels", "docs", "empty")
    assert [one["path"] for one in document["candidates"]] == ["kernels/old.py"]
    told = [line for line in said.splitlines() if line.startswith("no candidate in ")]
    assert told == [
        f"no candidate in {name}: it holds no Python file, or only empty ones" for name in ("docs", "empty")
    ]
    assert "no candidate in" not in verify("kernels")[2]
