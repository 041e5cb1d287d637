"""An interrupt ends a command in words, wherever it comes."""

from __future__ import annotations

import pytest
import typer
from pydantic import BaseModel, field_serializer

from pipeline.commands.frame import errors_in_words
from pipeline.exit_codes import INCOMPLETE


class Saying(BaseModel):
    """A model whose serializer is interrupted, or has a bug."""

    fails_with: str

    @field_serializer("fails_with")
    def fail(self, value: str) -> str:
        raise {"an interrupt": KeyboardInterrupt, "a bug": ValueError}[value]


def test_an_interrupt_that_pydantic_made_an_error_of_is_no_bug(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as left, errors_in_words():
        Saying(fails_with="an interrupt").model_dump_json()
    assert left.value.exit_code == INCOMPLETE
    assert capfd.readouterr().err == "kernelgate: interrupted: the run was not stored\n"


def test_any_other_error_of_a_serializer_is_a_bug_and_shows_where(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as left, errors_in_words():
        Saying(fails_with="a bug").model_dump_json()
    assert left.value.exit_code == INCOMPLETE
    said = capfd.readouterr().err
    assert said.startswith("Traceback")
    assert said.endswith("this is a bug of kernelgate; no verdict follows from it\n")
