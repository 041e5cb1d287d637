"""A team's documents: Markdown files whose sections can be looked up beside what is installed.

A section is a heading and what stands below it, up to the next one of any level; headings within code are none
(markdown-it-py reads them). Documents are other people's text: they are shown to a model as data, in a frame that they
can't leave, and never as instructions.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt

from pipeline.errors import GenerationError
from pipeline.generation.knowledge.references import Reference

DOCUMENT_CAP_BYTES: Final = 1 << 20


def load_notes(folder: Path) -> tuple[Reference, ...]:
    """Returns the sections of the Markdown files in a folder, by file and place.

    Raises:
        GenerationError: it is no folder, holds no such file, or one can't be read or is too large.
    """
    if not folder.is_dir():
        raise GenerationError(f"{folder} is not a folder; notes are taken from one that holds Markdown files")
    paths = sorted(folder.glob("*.md"))
    if not paths:
        raise GenerationError(f"{folder} holds no Markdown file (*.md)")
    return tuple(section for path in paths for section in _sections(path))


def _sections(path: Path) -> Iterator[Reference]:
    lines = _text(path).splitlines()
    tokens = MarkdownIt().parse("\n".join(lines))
    headings = [
        (opened.map[0], content.content)
        for opened, content in itertools.pairwise(tokens)
        if opened.type == "heading_open" and opened.map is not None
    ]
    starts = [(0, "beginning")] if not headings or headings[0][0] > 0 else []
    places = [*starts, *headings]
    for (start, title), (end, _) in zip(places, [*places[1:], (len(lines), "")], strict=True):
        text = "\n".join(lines[start:end]).strip()
        if text:
            yield Reference(f"{path.name}: {title}", "", text, path.name)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > DOCUMENT_CAP_BYTES:
            raise GenerationError(f"{path} is larger than {DOCUMENT_CAP_BYTES >> 10} KiB; split it")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise GenerationError(f"the notes {path} can't be read: {error}") from None
