"""What a Markdown page holds for a test: blocks of code, with the file that each is said to be, links, anchors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

PARSER = MarkdownIt("commonmark").enable("table")
NAMED = re.compile(r"(?:In )?`(?P<file>[\w./-]+)`:$")


@dataclass(frozen=True)
class Block:
    """A fenced block; `file` is the path that the paragraph before it ends with, as "`kernels/a.py`:"."""

    page: Path
    line: int
    kind: str
    text: str
    file: str | None = None

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> tuple[Block, ...]:
    """Returns the fenced blocks of a page, in order."""
    return tuple(_blocks(page, PARSER.parse(page.read_text(encoding="utf-8"))))


def links(page: Path) -> tuple[str, ...]:
    """Returns where the links and pictures of a page lead, as written."""
    return tuple(_targets(PARSER.parse(page.read_text(encoding="utf-8"))))


def anchors(page: Path) -> frozenset[str]:
    """Returns the anchors of a page's headings, as GitHub makes them."""
    tokens = PARSER.parse(page.read_text(encoding="utf-8"))
    titles = [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]
    return frozenset(re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles)


def _blocks(page: Path, tokens: list[Token]) -> Iterator[Block]:
    before = ""
    for token in tokens:
        if token.type == "inline":
            before = token.content
        elif token.type == "fence" and token.map is not None:
            named = NAMED.search(before)
            yield Block(page, token.map[0] + 1, token.info.strip(), token.content, named and named["file"])
            before = ""


def _targets(tokens: list[Token]) -> Iterator[str]:
    for token in tokens:
        for child in token.children or ():
            target = child.attrGet("href" if child.type == "link_open" else "src")
            if target is not None:
                yield str(target)
