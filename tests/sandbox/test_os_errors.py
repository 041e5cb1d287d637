"""What the operating system refused is said in words, without Python's number."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from policies.waivers import WaiverError, load_waivers
from sandbox.os_errors import reason_of


def test_the_number_and_the_path_are_left_out(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as error:
        (tmp_path / "none").read_text()
    assert reason_of(error.value) == "No such file or directory"
    assert reason_of(OSError("nobody knows why")) == "nobody knows why"
    assert reason_of(ValueError("no text")) == "no text"


def test_a_waivers_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(WaiverError, match=r"none\.yaml can't be read: No such file or directory$"):
        load_waivers(tmp_path / "none.yaml", date(2026, 11, 30))
