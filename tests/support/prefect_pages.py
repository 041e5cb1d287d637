"""Prefect's own pages in a real Chromium, at a server of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pages_in_a_browser import chromium
from playwright.sync_api import Page

SHOWN_MS = 30_000.0


@contextmanager
def shown(address: str, *texts: str) -> Iterator[Page]:
    """A page, once it shows these texts."""
    with chromium() as browser:
        page = browser.new_context(viewport={"width": 1400, "height": 860}).new_page()
        page.goto(address)
        for text in texts:
            page.get_by_text(text).first.wait_for(timeout=SHOWN_MS)
        yield page
