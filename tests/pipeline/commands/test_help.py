"""The help of every command: examples that its own parser takes, and panels in which each command has its place."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands.help_pages import TITLE, Panel, examples

ROOT: Any = typer.main.get_command(app)
WIDEST = 78  # so that an example stays in one line of 80


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        if not hasattr(command, "commands") or command.invoke_without_command:
            yield (*path, name), command


COMMANDS = dict(commands(ROOT))


def examples_of(command: Any) -> list[str]:
    title, *lines = (command.epilog or "").replace(r"\[", "[").splitlines()
    assert title == TITLE
    return [line.strip() for line in lines]


def words_of(example: str) -> list[str]:
    words = shlex.split(example, comments=True)
    return words[: words.index(">")] if ">" in words else words


def parse(words: list[str]) -> tuple[str, ...]:
    """Gives words to the parsers of the command line, and calls no command; returns the command that they reach."""
    command, path, rest = ROOT, (), words
    while True:
        context = command.make_context("kernelgate", list(rest))
        left = [*context._protected_args, *context.args]
        if not hasattr(command, "commands") or not left:
            assert not left
            return path
        name, command, rest = command.resolve_command(context, left)
        path = (*path, name)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_examples_that_its_parser_takes(path: tuple[str, ...]) -> None:
    given = examples_of(COMMANDS[path])
    assert 1 <= len(given) <= 3
    for example in given:
        program, *words = words_of(example)
        assert program == "kernelgate"
        assert parse(words) == path
        assert len(example) <= WIDEST, example


@pytest.mark.parametrize("wrong", [
    ["verify"], ["verify", "k.py", "--polic", "ci"], ["attest", "sgn", "r"], ["operators", "check"],
    ["judge", "a", "b"],
])  # fmt: skip
def test_an_example_that_went_stale_would_be_found(wrong: list[str]) -> None:
    with pytest.raises(Exception, match=r"(?i)missing|no such|unexpected"):
        parse(wrong)


def test_every_command_is_in_a_panel_and_panels_come_in_order() -> None:
    done = CliRunner().invoke(app, ["--help"])
    assert done.exit_code == 0
    places = [done.stdout.index(f" {panel.value} ─") for panel in Panel]
    assert places == sorted(places)
    assert "─ Commands ─" not in done.stdout


@pytest.mark.parametrize("path", [(), *COMMANDS], ids=" ".join)
def test_help_keeps_an_example_a_line(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*path, "--help"], env={"TERMINAL_WIDTH": "80", "COLUMNS": "80"})
    assert done.exit_code == 0
    lines = [line.strip() for line in done.stdout.splitlines()]
    command = COMMANDS[path] if path else ROOT
    assert [example for example in examples_of(command) if example not in lines] == []


def test_brackets_of_an_example_are_no_markup() -> None:
    assert examples("kernelgate x a[cel]").endswith(r"a\[cel]")


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        (["registry", "list", "--help"], {0}),
        (["serve", "--wrong"], {2}),
        (["rules"], {0}),
        (["registry", "list", "--registry", "none.db"], {2}),
        (["audit", "--runs", "none"], {2}),
        (["prune", "--older-than", "9000w", "--dry-run", "--runs", "none"], {0}),
        (["status", "--runs", "none"], {0, 3}),  # what is wrong with the machine is another test's
        (["doctor"], {0, 3}),
    ],
)
def test_what_needs_no_torch_does_not_wait_for_it(words: list[str], codes: set[int]) -> None:
    """It takes seconds to import."""
    program = (
        "import atexit, sys; from pipeline.cli import app; "
        "atexit.register(lambda: print('torch' in sys.modules)); app(sys.argv[1:])"
    )
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    assert done.returncode in codes, done.stderr
    assert done.stdout.endswith("False\n")
