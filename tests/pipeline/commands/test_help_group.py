"""The help on narrow terminals: nothing is cut off; and flags are shown without a value."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from typer.main import get_command

from pipeline.cli import app

WORDS: dict[str, Sequence[str]] = {
    "root": (), "verify": ("verify",), "generate": ("generate",), "group": ("registry",),
    "nested": ("registry", "promote"),
}  # fmt: skip


def helped(words: Sequence[str], columns: int) -> str:
    """As a user gets it: whether the terminal is narrow is asked anew in each process."""
    program = "from pipeline.cli import main; main()"
    done = subprocess.run(
        (sys.executable, "-c", program, *words, "--help"),
        env={"COLUMNS": str(columns), "TERMINAL_WIDTH": str(columns), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def texts_of(words: Sequence[str]) -> Iterator[str]:
    """What the parser knows of a command: its help, and that of each option."""
    command: Any = get_command(app)
    for word in words:
        command = command.commands[word]
    yield command.help
    for param in command.params:
        yield getattr(param, "help", None) or ""
    for inner in getattr(command, "commands", {}).values():
        yield inner.help.split("\n\n")[0]


def squeezed(text: str) -> str:
    return "".join(text.replace(r"\[", "[").split())


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_a_narrow_terminal_cuts_no_word_off(words: Sequence[str]) -> None:
    text = helped(words, 40)
    assert [one for one in texts_of(words) if squeezed(one) not in squeezed(text)] == []
    assert r"\[" not in text


def test_an_example_is_one_line_on_a_narrow_terminal() -> None:
    lines = [line.strip() for line in helped(("rules",), 40).splitlines()]
    assert "kernelgate rules properties/wrong-values" in lines


@pytest.mark.parametrize("columns", [40, 100])
def test_a_flag_is_shown_without_a_value_and_an_option_with_its_own(columns: int) -> None:
    text = helped(("verify",), columns)
    assert "<bool>" not in text
    assert ("--quiet" in text, "<path>" in text) == (True, True)


def test_a_wide_terminal_has_panels() -> None:
    assert "╭─ Options" in helped(("verify",), 100)
