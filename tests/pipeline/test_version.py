"""`kernelgate --version`: what a reviewer has to check out, and nothing that git does not say of this checkout."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

from git_folders import commit, new_repository, write
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.git_repository import commit_of


def test_the_version_is_printed_and_no_command_is_needed() -> None:
    done = CliRunner().invoke(app, ["--version"])
    said = rf"kernelgate {re.escape(metadata.version('kernelgate'))}( \(commit [0-9a-f]{{40}}(-dirty)?\))?\n"
    assert done.exit_code == 0
    assert re.fullmatch(said, done.output)


def test_the_commit_is_that_of_the_checkout_and_marked_where_it_was_changed(tmp_path: Path) -> None:
    folder = new_repository(tmp_path / "checkout")
    assert commit_of(folder) is None, "there is no commit yet"
    made = commit(folder, {"a.py": "x = 1\n", "inside/b.py": ""})
    assert commit_of(folder) == made
    write(folder, {"a.py": "x = 2\n"})
    assert commit_of(folder) == f"{made}-dirty"
    assert commit_of(folder / "inside") is None, "a folder in somebody's repository is not its checkout"
    assert commit_of(tmp_path) is None
