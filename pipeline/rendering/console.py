"""Where a person sees it: stdout, with colour only on a terminal (NO_COLOR and FORCE_COLOR are heard).

Both consoles print what they colour themselves and no other control character, whatever a text holds: rich passes
escape sequences in a text on to the terminal. Where a foreign text must also stay in its line, it goes through
`sandbox.printable`. A runner of GitHub Actions obeys any line that begins with '::', and '##[' anywhere; a wrapped text
could put them there, so both are broken up.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Final, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

PLAIN_WIDTH: Final = 140  # where no terminal says how wide it is: a log, a pipe


class GuardedConsole(Console):
    """A console on which no text acts: what a terminal would obey is shown as U+FFFD."""

    def on_broken_pipe(self) -> None:
        """Leaves it to the commands: rich would end with exit code 1, which means that something was denied."""
        raise

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Renders like every console, without control characters in what is text."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(_guarded(segment.text), segment.style)


def _guarded(text: str) -> str:
    if text.lstrip().startswith("::") or "##[" in text:
        text = text.replace("::", ": :").replace("##[", "## [")
    if text.isprintable() or text == "\n":
        return text
    return "".join(char if char == "\n" or char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def output() -> Console:
    """The console for data: stdout."""
    return console_on(sys.stdout)


def console_on(stream: TextIO) -> Console:
    """The console on `stream`: as wide as its terminal, or as COLUMNS says, or `PLAIN_WIDTH`."""
    known = stream.isatty() or os.environ.get("COLUMNS", "").isdecimal()
    return GuardedConsole(file=stream, width=None if known else PLAIN_WIDTH, highlight=False)
