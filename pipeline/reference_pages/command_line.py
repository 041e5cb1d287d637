"""The reference of the command line as Markdown, from the commands themselves; `pipeline.reference_pages` writes it.

Texts are those that `--help` shows, so nothing is said twice or forgotten. Hidden commands are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from pipeline.cli import app

Command = TyperCommand | TyperGroup


class Named(NamedTuple):
    """A command, and what a user types to get it."""

    words: str
    command: Command


def commands() -> tuple[Named, ...]:
    """Returns every command that a user can find, groups before what is in them, in the order of `--help`."""
    root = get_command(app)
    assert isinstance(root, TyperGroup)  # it has commands
    return tuple(_below(Named("kernelgate", root)))


def cli_page(made: str) -> str:
    """Returns the page; `made` says by what it was made."""
    (_, root), *others = commands()
    parts = ["# Command line", made, *_help_of(root), *_table(Named("kernelgate", root))]
    for named in others:
        parts += [f"## {named.words}", *_help_of(named.command), f"```text\n{_usage(named)}\n```", *_table(named)]
    return "\n\n".join(parts) + "\n"


def _below(named: Named) -> Iterator[Named]:
    yield named
    if isinstance(named.command, TyperGroup):
        for word, command in named.command.commands.items():
            assert isinstance(command, Command)  # typer makes no others
            if not command.hidden:
                yield from _below(Named(f"{named.words} {word}", command))


def _help_of(command: Command) -> Iterator[str]:
    yield _plain(command.help or "")


def _usage(named: Named) -> str:
    return " ".join(named.command.get_usage(_context(named)).removeprefix("Usage: ").split())


def _table(named: Named) -> Iterator[str]:
    context = _context(named)
    records = [param.get_help_record(context) for param in named.command.params]
    rows = [f"| `{_cell(record[0])}` | {_cell(_plain(record[1]))} |" for record in records if record is not None]
    if rows:
        yield "\n".join(["| argument or option | meaning |", "|---|---|", *rows])


def _context(named: Named) -> typer.Context:
    return typer.Context(named.command, info_name=named.words)


def _plain(text: str) -> str:
    """Returns a help text as Markdown: what rich takes for markup and is escaped for it stands as it is."""
    return text.replace("\\[", "[").replace("<", "\\<").replace("*", "\\*").strip()


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
