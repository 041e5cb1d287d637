"""Lessons of the tutorial, followed as a reader does: files written, commands run by bash, what is shown compared.

A page shows one run; another one has other ids, times, numbers of cases and values. An id that a page shows for the
first time stands for the one that came out, also in later commands, as a reader takes it from their own output. Numbers
may differ, but not those of lines and exit codes. A line of '…' stands for lines that a page leaves out.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from git_folders import QUIET
from markdown_pages import Block, blocks

from pipeline.settings import PROJECT

LESSONS = [
    PROJECT / "docs" / "tutorial" / name for name in ("first-kernel.md", "gate-a-branch.md", "sign-a-verdict.md")
]
DEADLINE_S = 280  # of one block
KEPT = "\n".join(
    ["trap 'export -p >\"$LESSON_STATE\"' EXIT", 'if [ -f "$LESSON_STATE" ]; then . "$LESSON_STATE"; fi', ""]
)
PIECE = re.compile(
    r"(?P<run>\b\d{8}-\d{6}-[0-9a-f]{8}\b)|(?P<digest>\b[0-9a-f]{12,64}\b)|(?P<kept>\b(?:line|exit code) \d+)"
    r"|(?P<values>\[(?:\d+(?:, )?)*\]|\((?:\d+(?:, )?)+\))|(?P<number>(?<![\w/])-?(?:\d[\d.]*(?:e[+-]?\d+)?|nan|inf)\b)"
    r"|(?P<left_out>\s*^…$\s*)|(?P<space>\s+)",
    re.M,
)
PATTERNS = {
    "run": r"\d{8}-\d{6}-[0-9a-f]{8}",
    "digest": r"[0-9a-f]{%d}",
    "values": r"(?:\[[\d, ]*\]|\([\d, ]*\))",
    "number": r"-?(?:\d[\d.]*(?:e[+-]?\d+)?|nan|inf)",
    "left_out": r"(?:\s.*\s|\s+)",
    "space": r"\s+",
}


@dataclass
class Reader:
    """Follows lessons in one folder.

    Attributes:
        folder: Where files are written and commands run.
        state: A file beside it that carries exported variables from block to block, as a terminal does.
        ids: What an id that a page shows is here.
        told: What the last block wrote to stderr.
    """

    folder: Path
    state: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    told: str = ""
    _new: dict[str, str] = field(default_factory=dict)

    def write(self, block: Block) -> None:
        """Writes the file that a block shows."""
        assert block.file is not None, block
        path = self.folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")

    def edit(self, block: Block) -> None:
        """Replaces the lines with '-' by those with '+' in the file that a block is said to be about."""
        assert block.file is not None, block
        lines = block.text.splitlines()
        old = "".join(f"{line[1:]}\n" for line in lines if line[0] in " -")
        new = "".join(f"{line[1:]}\n" for line in lines if line[0] in " +")
        path = self.folder / block.file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{block}: not once in {block.file}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def run(self, block: Block, cwd: Path | None = None) -> str:
        """Runs the commands of a block and returns what they print on stdout."""
        script = block.text
        for shown, here in self.ids.items():
            script = script.replace(shown, here)
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-c", KEPT + script],
            cwd=cwd or self.folder,
            env={**os.environ, **self.environment, "LESSON_STATE": str(self.state)},
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE_S,
        )
        assert "command not found" not in done.stderr, done.stderr
        self.told = done.stderr
        return done.stdout

    def compare(self, shown: Block, printed: str) -> None:
        """Fails where what was printed is not what the page shows; remembers the ids."""
        pattern = "".join(self._pieces(f"{shown.text.strip()}\n"))
        found = re.fullmatch(pattern, f"{printed.strip()}\n", re.S)
        assert found, f"{shown} shows\n{shown.text}\nand this was printed:\n{printed}\n{self.told}"
        for name, value in found.groupdict().items():
            self.ids[self._new[name]] = value

    def _pieces(self, text: str) -> list[str]:
        self._new = {}
        named: dict[str, str] = {}
        pieces: list[str] = []
        at = 0
        for found in PIECE.finditer(text):
            pieces.append(re.escape(text[at : found.start()]))
            at = found.end()
            kind, piece = found.lastgroup or "", found[0]
            if kind == "kept":
                pieces.append(re.escape(piece))
            elif kind in ("run", "digest"):
                pieces.append(self._id(kind, piece, named))
            else:
                pieces.append(PATTERNS[kind])
        return [*pieces, re.escape(text[at:])]

    def _id(self, kind: str, shown: str, named: dict[str, str]) -> str:
        if shown in self.ids:
            return re.escape(self.ids[shown])
        if shown in named:
            return f"(?P={named[shown]})"
        named[shown] = f"id{len(self._new)}"
        self._new[named[shown]] = shown
        pattern = PATTERNS["run"] if kind == "run" else PATTERNS["digest"] % len(shown)
        return f"(?P<{named[shown]}>{pattern})"


def new_reader(folder: Path) -> Reader:
    """Returns a reader in an empty folder below `folder`, with nothing of this machine's git configuration."""
    (folder / "work").mkdir(parents=True)
    here = {name: value for name, value in QUIET.items() if name != "HOME"}
    return Reader(folder / "work", folder / "state", {**here, "COLUMNS": "140"})


def follow(reader: Reader, page: Path, see: Callable[[Block, str], None]) -> None:
    """Does what a page says, block by block; `see` gets each block of output with what was printed."""
    printed = ""
    for block in blocks(page):
        if block.kind == "sh" and "make " in block.text:
            reader.run(block if _environment_is_current() else _dry(block), cwd=PROJECT)
        elif block.kind == "sh":
            printed = reader.run(block)
        elif block.kind == "text":
            see(block, printed)
        elif block.kind == "diff":
            reader.edit(block)
        else:
            reader.write(block)


def _environment_is_current() -> bool:
    """Whether `make venv` has nothing to do here: following a lesson changes no environment."""
    return subprocess.run(["make", "--question", "venv"], cwd=PROJECT, capture_output=True, check=False).returncode == 0


def _dry(block: Block) -> Block:
    return replace(block, text=block.text.replace("make ", "make --dry-run "))
