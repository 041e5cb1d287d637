"""The help of all commands, set out for the terminal that it is read on.

Typer's panels cut words off where a column gets narrow, so a narrow terminal gets the plain help, which breaks lines
and cuts nothing. A flag takes no value, and none is shown behind it.
"""

from __future__ import annotations

import shutil
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

PANEL_COLUMNS: Final = 80  # the narrowest terminal whose panels are wide enough


class HelpGroup(TyperGroup):
    """The program's commands, each with its help set out before it is asked for."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Returns the command, as typer does."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            _set_out(command, ctx)
        if _is_narrow():
            ctx.terminal_width = _columns()  # what is plain would be at least 50 wide
        return command

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Writes the help of the program itself."""
        _set_out(self, ctx)
        if _is_narrow():
            formatter.width = _columns()
        super().format_help(ctx, formatter)


def _columns() -> int:
    return shutil.get_terminal_size().columns


def _is_narrow() -> bool:
    return _columns() < PANEL_COLUMNS


def _set_out(command: Any, ctx: typer.Context) -> None:
    for param in (*command.params, command.get_help_option(ctx)):
        if isinstance(param, TyperOption) and param.is_flag:
            param.metavar = ""
    if _is_narrow() and command.rich_markup_mode is not None:
        _made_plain(command)
    if isinstance(command, TyperGroup) and not isinstance(command, HelpGroup):
        for inner in command.commands.values():
            _set_out(inner, ctx)


def _made_plain(command: TyperCommand | TyperGroup) -> None:
    command.rich_markup_mode = None
    for param in command.params:
        text = getattr(param, "help", None)
        if text:
            param.help = text.replace(r"\[", "[")  # type: ignore[attr-defined]
    if command.help:
        command.help = command.help.replace(r"\[", "[")
    for inner in command.commands.values() if isinstance(command, TyperGroup) else ():
        inner.short_help = (inner.help or "").split("\n\n")[0].replace(r"\[", "[")
    if command.epilog:  # the first line keeps click from filling up the others
        command.epilog = "\b\n" + command.epilog.replace(r"\[", "[")
