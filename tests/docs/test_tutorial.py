"""The tutorial, followed to the letter by a reader in an empty folder: every file, every command, everything shown."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from git_folders import QUIET
from lessons import Reader
from markdown_pages import Block, blocks

from pipeline.settings import PROJECT

LESSONS = [
    PROJECT / "docs" / "tutorial" / name for name in ("first-kernel.md", "gate-a-branch.md", "sign-a-verdict.md")
]
KINDS = {"sh", "text", "python", "diff"}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    folder = tmp_path_factory.mktemp("tutorial")
    (folder / "work").mkdir()
    here = {name: value for name, value in QUIET.items() if name != "HOME"}
    return Reader(folder / "work", folder / "state", {**here, "COLUMNS": "140"})


def changes_nothing() -> bool:
    """Whether `make venv` has nothing to do here; a test changes no environment."""
    return subprocess.run(["make", "--question", "venv"], cwd=PROJECT, capture_output=True, check=False).returncode == 0


def follow(reader: Reader, page: Path) -> None:
    printed = ""
    for block in blocks(page):
        if block.kind == "sh" and "make " in block.text:
            told = reader.run(block, cwd=PROJECT) if changes_nothing() else reader.run(dry(block), cwd=PROJECT)
            assert told is not None
        elif block.kind == "sh":
            printed = reader.run(block)
        elif block.kind == "text":
            reader.compare(block, printed)
        elif block.kind == "diff":
            reader.edit(block)
        else:
            reader.write(block)


def dry(block: Block) -> Block:
    return Block(block.page, block.line, block.kind, block.text.replace("make ", "make --dry-run "), block.file)


def test_every_block_of_a_lesson_is_followed() -> None:
    found = [block for page in LESSONS for block in blocks(page)]
    assert {block.kind for block in found} == KINDS
    assert [str(block) for block in found if block.kind in ("python", "diff") and block.file is None] == []


@pytest.mark.parametrize("page", LESSONS, ids=lambda page: page.stem)
def test_a_reader_of_the_lessons_gets_what_they_show(reader: Reader, page: Path, runner_image: str) -> None:
    follow(reader, page)
