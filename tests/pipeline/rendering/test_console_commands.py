"""What is printed commands no runner of GitHub Actions, wherever a table wraps it."""

from __future__ import annotations

import io

import pytest
from report_runs import entry, facts

from pipeline.rendering.console import GuardedConsole
from pipeline.rendering.verdict_table import verdict_table


@pytest.mark.parametrize("width", range(60, 140, 7))
@pytest.mark.parametrize("command", ["::stop-commands::x", "::set-output name=a::b", "##[error]x"])
def test_a_hostile_message_is_no_command_in_any_width(width: int, command: str) -> None:
    printed = io.StringIO()
    given = [entry(f"{command}.py".replace("/", ""), denied=facts(("source/no-launch", 1), detail=f"{command} " * 9))]
    GuardedConsole(file=printed, width=width).print(verdict_table(given))
    lines = printed.getvalue().splitlines()
    assert not [line for line in lines if line.lstrip().startswith("::") or "##[" in line]
