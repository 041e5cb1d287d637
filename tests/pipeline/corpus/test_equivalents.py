"""Mutants listed as equivalent: read beside the kernel, with a reason each."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.corpus.equivalents import NAME, known_equivalents
from pipeline.errors import LabelsError


def test_a_list_gives_the_reasons_of_the_file_asked_for(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('["a.py"]\n"3:1-4 < to <=" = "masked by the store"\n["b.py"]\n"1:1-2 x" = "y"\n')
    assert known_equivalents(tmp_path / "a.py") == {"3:1-4 < to <=": "masked by the store"}


def test_without_a_list_nothing_is_equivalent(tmp_path: Path) -> None:
    assert known_equivalents(tmp_path / "a.py") == {}


@pytest.mark.parametrize("text", ['["a.py"]\n"3:1" = ""', '["a.py"]\n"3:1" = 3', '"a.py" = "x"', "[", "\x00"])
def test_a_list_without_reasons_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    with pytest.raises(LabelsError, match=NAME):
        known_equivalents(tmp_path / "a.py")
