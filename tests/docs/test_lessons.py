"""Following a lesson notices what differs: a word, a line number, an exit code, a file that is not as the page says."""

from __future__ import annotations

from pathlib import Path

import pytest
from lessons import Reader
from markdown_pages import Block, blocks

SHOWN = (
    "a.py  sum  rejected  3  wrong (line 16): first at [0]: 1.5, expected -2e-05\n"
    "run 20260101-000000-00000001\nexit code 1\n"
)
PRINTED = "a.py   sum   rejected  12  wrong (line 16): first at [0, 4]:\n  nan, expected 7\nrun {run}\nexit code 1\n"
RUN = "20261130-043957-dd7641c0"


def block(text: str, kind: str = "text", file: str | None = None) -> Block:
    return Block(Path("page.md"), 1, kind, text, file)


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    (tmp_path / "work").mkdir()
    return Reader(tmp_path / "work", tmp_path / "state")


def test_numbers_ids_and_wrapping_may_differ_and_ids_are_learnt(reader: Reader) -> None:
    reader.compare(block(SHOWN), PRINTED.format(run=RUN))
    assert reader.ids == {"20260101-000000-00000001": RUN}
    assert reader.run(block("echo runs/20260101-000000-00000001", "sh")) == f"runs/{RUN}\n"
    with pytest.raises(AssertionError):
        reader.compare(block("20260101-000000-00000001"), "20261130-043957-dd7641c1")


@pytest.mark.parametrize("change", [("line 16", "line 17"), ("code 1", "code 0"), ("rejected", "functional"),
                                    ("run ", "runs "), ("exit code 1", "exit code 1\nand more")])  # fmt: skip
def test_what_differs_is_noticed(reader: Reader, change: tuple[str, str]) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:1 shows"):
        reader.compare(block(SHOWN), PRINTED.format(run=RUN).replace(*change))


def test_a_line_of_dots_stands_for_lines_and_not_for_all(reader: Reader) -> None:
    reader.compare(block("first\n…\nlast\n"), "first\none\ntwo\nlast\n")
    reader.compare(block("first\n…\n"), "first (and more)\none\ntwo")
    with pytest.raises(AssertionError):
        reader.compare(block("first\n…\nlast\n"), "one\ntwo\nlast\n")
    with pytest.raises(AssertionError):
        reader.compare(block("first\n…\n"), "one\nfirst\ntwo")


def test_variables_last_from_block_to_block(reader: Reader) -> None:
    reader.run(block("export GREETING='a b'", "sh"))
    assert reader.run(block('false\necho "$GREETING $?"', "sh")) == "a b 1\n"


def test_a_command_that_does_not_exist_is_noticed(reader: Reader) -> None:
    with pytest.raises(AssertionError, match="command not found"):
        reader.run(block("kernelgat verify", "sh"))


def test_a_change_of_a_line_that_is_not_there_is_noticed(reader: Reader) -> None:
    reader.write(block("a = 1\nb = 2\n", "python", "a.py"))
    reader.edit(block("-b = 2\n+b = 3\n", "diff", "a.py"))
    assert (reader.folder / "a.py").read_text() == "a = 1\nb = 3\n"
    with pytest.raises(AssertionError, match=r"not once in a\.py"):
        reader.edit(block("-b = 2\n+b = 3\n", "diff", "a.py"))


def test_the_file_of_a_block_is_named_before_it(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    page.write_text(
        "Write:\n\n`k/a.py`:\n\n```python\nx\n```\n\nIn `k/a.py`:\n\n```diff\n-x\n```\n\nThen\n\n```sh\nls\n```\n"
    )
    assert [(found.file, found.kind) for found in blocks(page)] == [
        ("k/a.py", "python"),
        ("k/a.py", "diff"),
        (None, "sh"),
    ]
