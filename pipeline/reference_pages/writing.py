"""Writes the pages of the reference that are made, not written: `python -m pipeline.reference_pages`, in a checkout.

They are committed, so that they can be read where no page is built; a test says when one is out of date.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipeline.exit_codes import MEANINGS
from pipeline.reference_pages.command_line import cli_page, commands
from pipeline.reference_pages.policy import policy_page
from pipeline.reference_pages.schemas import schema_pages
from pipeline.reference_pages.telemetry import telemetry_page
from pipeline.schemas.documents import FOLDER

MADE: Final = "Made by `python -m pipeline.reference_pages`; do not edit."


def reference_pages() -> dict[str, str]:
    """Returns the text of every page by its path from the root of the repository."""
    return {
        f"{FOLDER}/command-line.md": cli_page(MADE),
        f"{FOLDER}/exit-codes.md": exit_codes_page(MADE),
        f"{FOLDER}/policy-fields.md": policy_page(MADE),
        f"{FOLDER}/telemetry.md": telemetry_page(MADE),
        **schema_pages(MADE),
    }


def exit_codes_page(made: str) -> str:
    """Returns the page of the exit codes; `made` says by what it was made."""
    general = ["| code | meaning |", "|---|---|", *(f"| {code} | {meaning} |" for code, meaning in MEANINGS.items())]
    special = ["| command | what its help says |", "|---|---|", *_commands_with_codes()]
    return "\n\n".join([
        "# Exit codes",
        made,
        "They are the same for every command that decides something. What a container's program exits with decides "
        "nothing.",
        "\n".join(general),
        "## What decides, by command",
        "\n".join(special),
    ]) + "\n"  # fmt: skip


def write_pages(root: Path) -> int:
    """Writes every page below `root`, and returns how many there are."""
    pages = reference_pages()
    for name, text in pages.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return len(pages)


def _commands_with_codes() -> Iterator[str]:
    for words, command in commands()[1:]:
        told = " ".join((command.help or "").split())
        if "exit" in told.lower():
            yield f"| `{words}` | {told} |"
