"""Every link that a document has leads somewhere: a file of the repository, and a heading where it names one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from documents import DOCUMENTS, IN_DOCS, name_of
from markdown_pages import anchors, links

from pipeline.settings import PROJECT

OUTSIDE = re.compile(r"https?://|mailto:")
# A path of the repository that a text names without linking it.
NAMED = re.compile(r"(?<![\w./-])(?:docs|pipeline|policies|runners|sandbox|tests|benchmarks)/[\w./-]*[\w/]")


def dead_links(page: Path) -> Iterator[str]:
    for link in links(page):
        if OUTSIDE.match(link):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if not target.exists():
            yield f"{link}: no such file"
        elif anchor and anchor not in anchors(target):
            yield f"{link}: no such heading"


@pytest.mark.parametrize("page", DOCUMENTS, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert list(dead_links(page)) == []


def test_a_dead_link_and_a_dead_anchor_are_found(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    page.write_text(
        "# One thing\n[a](#one-thing) [b](#other) [c](b.md) [d](https://example.org/x) ![e](a.md#one-thing)\n"
    )
    assert list(dead_links(page)) == ["#other: no such heading", "b.md: no such file"]


@pytest.mark.parametrize("page", DOCUMENTS, ids=name_of)
def test_every_path_that_a_text_names_is_there(page: Path) -> None:
    named = set(NAMED.findall(page.read_text(encoding="utf-8")))
    assert sorted(path for path in named if not list(PROJECT.glob(path + "*"))) == []


def test_every_page_can_be_reached_from_the_first() -> None:
    first = PROJECT / "docs" / "index.md"
    seen, ahead = {first}, [first]
    while ahead:
        page = ahead.pop()
        places = [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if not OUTSIDE.match(link)]
        new = {place for place in places if place.suffix == ".md" and place not in seen}
        seen |= new
        ahead += new
    assert sorted(set(IN_DOCS) - seen) == []
