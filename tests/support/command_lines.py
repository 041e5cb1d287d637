"""Command lines that documents show, held against the real program: commands, options, arguments, their types."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from markdown_pages import blocks
from typer import Context
from typer.core import TyperGroup
from typer.main import get_command

from pipeline.cli import app
from pipeline.reference_pages.command_line import Command
from pipeline.settings import PROJECT

SHELL = {"sh", "bash", "console", ""}
SHOWN = re.compile(r"^(?:\$ )?(kernelgate .*)$", re.M)
SPAN = re.compile(r"(?<!`)`(kernelgate [^`]*)`(?!`)")
OPTION = re.compile(r"--[a-z][\w-]*")
MAKE = re.compile(r"(?:^|`|\$ )make ((?:[a-z-]+ ?)+)", re.M)


def shown_commands(page: Path) -> Iterator[str]:
    """Yields the whole command lines in a page's blocks of shell."""
    for block in blocks(page):
        if block.kind in SHELL:
            yield from SHOWN.findall(block.text.replace("\\\n", " "))


def spoken_commands(page: Path) -> Iterator[str]:
    """Yields the commands that a page's text names; arguments may be left out there."""
    text = re.sub(r"^(?:```|~~~).*?^(?:```|~~~)$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    yield from (" ".join(found.split()) for found in SPAN.findall(text))


def make_targets(page: Path) -> set[str]:
    """Returns the targets of `make` that a page names."""
    return {target for found in MAKE.findall(page.read_text(encoding="utf-8")) for target in found.split()}


def parse(line: str) -> None:
    """Parses a command line as the program does, without running it.

    Raises:
        Exception: the program would refuse it; what typer raises says why.
    """
    command, name, rest = command_of(shlex.split(line, comments=True))
    command.make_context(name, list(rest))


def unknown_options(line: str) -> list[str]:
    """Returns the options of a line that its command does not have."""
    command, name, _ = command_of(line.split())
    known = {option for param in command.get_params(Context(command, info_name=name)) for option in param.opts}
    return [option for option in OPTION.findall(line) if option not in known]


def command_of(words: list[str]) -> tuple[Command, str, list[str]]:
    """Returns the command that words name, its whole name, and what is left of them."""
    command: Command = get_command(app)  # type: ignore[assignment]  # typer makes no others
    name, rest = words[0], words[1:]
    while isinstance(command, TyperGroup) and rest and rest[0] in command.commands:
        command = command.commands[rest[0]]  # type: ignore[assignment]  # likewise
        name, rest = f"{name} {rest[0]}", rest[1:]
    if isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        raise ValueError(f"'{name}' has no command '{rest[0]}'")
    return command, name, rest


def targets_of_the_makefile() -> set[str]:
    """Returns the targets that the Makefile has."""
    return set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.M))
