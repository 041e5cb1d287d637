"""The tutorial, followed to the letter by a reader in an empty folder: every file, every command, everything shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from lessons import LESSONS, Reader, follow, new_reader
from markdown_pages import blocks

KINDS = {"sh", "text", "python", "diff"}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return new_reader(tmp_path_factory.mktemp("tutorial"))


def test_every_block_of_a_lesson_is_followed() -> None:
    found = [block for page in LESSONS for block in blocks(page)]
    assert {block.kind for block in found} == KINDS
    assert [str(block) for block in found if block.kind in ("python", "diff") and block.file is None] == []


@pytest.mark.parametrize("page", LESSONS, ids=lambda page: page.stem)
def test_a_reader_of_the_lessons_gets_what_they_show(reader: Reader, page: Path, runner_image: str) -> None:
    follow(reader, page, reader.compare)
