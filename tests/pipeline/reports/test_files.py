"""The files of reports: looked at before anything is measured, written whole, and never half."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from report_runs import PLACES, mixed, run_of

from pipeline.errors import ReportError, UsageError
from pipeline.reports.files import ReportFiles, write_whole
from pipeline.reports.sarif import sarif_of
from pipeline.reports.writing import write_reports


def test_every_report_is_written_where_it_was_asked_for(tmp_path: Path) -> None:
    files = ReportFiles(*(tmp_path / name for name in ("s.sarif", "j.xml", "s.md", "a.txt")))
    files.check()
    assert list(tmp_path.iterdir()) == []
    write_reports(files, mixed(), PLACES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "j.xml", "s.md", "s.sarif"]
    assert (tmp_path / "s.sarif").read_text() == sarif_of(mixed(), PLACES)


def test_the_summary_is_appended_and_the_others_are_replaced(tmp_path: Path) -> None:
    for name in ("j.xml", "s.md"):
        (tmp_path / name).write_text("# earlier\n")
    write_reports(ReportFiles(junit=tmp_path / "j.xml", summary=tmp_path / "s.md"), run_of(), PLACES)
    assert "earlier" not in (tmp_path / "j.xml").read_text()
    assert (tmp_path / "s.md").read_text().startswith("# earlier\n## kernelgate")


@pytest.mark.parametrize("name", ["none/x.sarif", "file/x.sarif", "folder", "pipe"])
def test_what_can_not_be_written_is_said_before(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match=f"--sarif .*{name}"):
        ReportFiles(sarif=tmp_path / name).check()


def test_two_reports_in_one_file_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "x")
    with pytest.raises(UsageError, match="--sarif and --junit name the same file"):
        ReportFiles(sarif=tmp_path / "x", junit=tmp_path / "link").check()


def test_a_file_that_can_not_be_written_afterwards_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("old")
    with pytest.raises(ReportError, match="can't be written"):
        write_whole(tmp_path / "gone" / "x", "new")
    with pytest.raises(UnicodeEncodeError):
        write_whole(tmp_path / "x", "\ud800")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_text() == "old"


def test_a_link_is_followed_and_the_mode_stays(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "real").chmod(0o640)
    (tmp_path / "link").symlink_to("real")
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o640
