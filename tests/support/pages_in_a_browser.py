"""A real Chromium for pages: offline, and what it asked for, said and threw is kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SHAPE = """() => [...document.querySelectorAll('*')].map(
    one => one.tagName + ' ' + [...one.attributes].map(a => a.name).join(' '))"""
FOCUSABLE = "a[href], summary, button, input, select, textarea, [tabindex='0']"


@dataclass
class Seen:
    """What a page did."""

    page: Page
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    @property
    def shape(self) -> list[str]:
        """Every element with the names of its attributes, in order."""
        found: list[str] = self.page.evaluate(SHAPE)
        return found


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, path: Path, *, scheme: str = "light", width: int = 1280) -> Iterator[Seen]:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        offline=True,  # type: ignore[arg-type]
    )
    page = context.new_page()
    seen = Seen(page)
    page.on("request", lambda request: seen.asked.append(request.url))
    page.on("console", lambda message: seen.said.append(message.text))
    page.on("pageerror", lambda error: seen.said.append(str(error)))

    def dialog(one: object) -> None:
        seen.dialogs.append(one.message)  # type: ignore[attr-defined]
        one.dismiss()  # type: ignore[attr-defined]

    page.on("dialog", dialog)
    try:
        page.goto(path.as_uri())
        yield seen
    finally:
        context.close()
