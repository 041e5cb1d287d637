"""The documentation builds without a warning, and its pages fetch nothing from anywhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from documents import IN_DOCS

from pipeline.settings import PROJECT

DOCS = PROJECT / "docs"
# What a browser would fetch by itself; a link is followed by a person.
FETCHED = re.compile(
    r"<(?:script|img|iframe|source|video|audio|object|embed)\b[^>]*?\b(?:src|data)=\"(?P<a>(?:https?:)?//[^\"]+)\""
    r"|<link\b[^>]*?\bhref=\"(?P<b>(?:https?:)?//[^\"]+)\"|(?:url\(|@import )['\"]?(?P<c>(?:https?:)?//[^)'\"]+)"
)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", "--jobs", "2",
         "--builder", "html", DOCS, folder],
        cwd=PROJECT, capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def fetched_from_outside(text: str) -> list[str]:
    return [found for match in FETCHED.finditer(text) for found in match.groups() if found]


def test_every_page_is_built(site: Path) -> None:
    assert [str(page) for page in IN_DOCS if not (site / page.relative_to(DOCS)).with_suffix(".html").is_file()] == []


def test_no_page_fetches_anything_from_outside(site: Path) -> None:
    files = [path for suffix in ("html", "css", "js") for path in site.rglob(f"*.{suffix}")]
    assert len(files) > len(IN_DOCS)
    found = {
        str(path): outside for path in files if (outside := fetched_from_outside(path.read_text(encoding="utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    "text",
    ['<script async src="https://example.org/a.js">', '<link rel="stylesheet" href="//example.org/a.css" />',
     "@font-face { src: url(https://example.org/a.woff2) }", '@import "https://example.org/a.css"'],
)  # fmt: skip
def test_what_a_page_would_fetch_is_found(text: str) -> None:
    assert fetched_from_outside(text)


def test_a_link_for_people_fetches_nothing() -> None:
    assert fetched_from_outside('<a class="reference external" href="https://example.org">x</a>') == []
