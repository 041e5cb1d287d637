"""Draws docs/images/report-candidate.png: the first screen and the map of a candidate's page; `make pictures` calls it.

The candidate is one of `page_subjects`: a softmax whose padding counts. Its evidence is made up, its page is not.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from page_subjects import wrong
from pages_in_a_browser import chromium, opened

from pipeline.report_pages.rendering import candidate_html

IMAGES = Path(__file__).parents[2] / "docs" / "images"


def draw() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        path = Path(folder) / "report.html"
        path.write_text(candidate_html(wrong()), encoding="utf-8")
        with opened(browser, path) as seen:
            seen.page.screenshot(path=IMAGES / "report-candidate.png")
            seen.page.evaluate("document.getElementById('case').scrollIntoView()")
            seen.page.screenshot(path=IMAGES / "report-case.png")


if __name__ == "__main__":
    draw()
