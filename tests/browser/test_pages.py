"""Pages in a real browser: accessible, offline, by keyboard, on paper, on a phone; and hostile text stays text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_subjects import access, denied, everything, generated, on_gpu, run, said_by_strangers, survived, wrong
from pages_in_a_browser import FOCUSABLE, chromium, opened
from playwright.sync_api import Browser

from pipeline.report_pages.rendering import candidate_html, run_html
from pipeline.report_pages.subject import Subject

pytestmark = pytest.mark.browser

KINDS = {
    "wrong": wrong, "access": access, "denied": denied, "gpu": on_gpu, "survived": survived, "generated": generated,
}  # fmt: skip
ATTACK = (
    '"><img src=x onerror="alert(1)"></style></pre></title><script>alert(2)</script><svg onload=alert(3)>'
    "' onfocus='alert(4)' [a](javascript:alert(5)) {{ 7*7 }} {% raw %} --> ]]> &lt;b&gt; "
    "\u202e\u2066\u200b\x00\x1b[31m"
)
HONEST = "a plain sentence in the place of an attack, with nothing in it that means anything to anybody"
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    "resultTypes": ["violations"],
}
COLOURS = {"runOnly": ["color-contrast"], "resultTypes": ["violations"]}  # all else is the same in the dark


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of a run with one candidate of each kind, as a run folder has them."""
    folder = tmp_path_factory.mktemp("pages")
    for name, make in KINDS.items():
        (folder / name).mkdir()
        (folder / name / "report.html").write_text(candidate_html(make()), encoding="utf-8")
    (folder / "hostile").mkdir()
    (folder / "hostile" / "report.html").write_text(candidate_html(said_by_strangers(ATTACK)), encoding="utf-8")
    (folder / "report.html").write_text(run_html(everything()), encoding="utf-8")
    return folder


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["", *KINDS, "hostile"])
def test_no_page_breaks_a_rule_of_wcag_and_none_asks_for_anything(
    browser: Browser, pages: Path, name: str, scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    path = pages / name / "report.html"
    with opened(browser, path, scheme=scheme) as seen:
        seen.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        rules = RULES if scheme == "light" else COLOURS
        found = Axe().run(seen.page, options=rules).response["violations"]
        told = [(one["id"], one["impact"], one["nodes"][0]["html"][:200]) for one in found]
        assert told == []
        assert seen.asked == [path.as_uri()]
        assert (seen.said, seen.dialogs) == ([], [])


def test_what_is_not_accessible_would_be_noticed(browser: Browser, pages: Path, tmp_path: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe

    text = (pages / "wrong" / "report.html").read_text(encoding="utf-8")
    (tmp_path / "x.html").write_text(text.replace('<html lang="en">', "<html>"), encoding="utf-8")
    with opened(browser, tmp_path / "x.html") as seen:
        assert [one["id"] for one in Axe().run(seen.page, options=RULES).response["violations"]] == ["html-has-lang"]


@pytest.mark.parametrize("name", ["", *KINDS])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_is_as_wide_as_the_window(browser: Browser, pages: Path, name: str, width: int) -> None:
    with opened(browser, pages / name / "report.html", width=width) as seen:
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


OUTSIDE = """width => [...document.querySelectorAll('.stacks tbody th, .stacks tbody td, caption')]
    .filter(one => one.checkVisibility())
    .map(one => [one.textContent.trim(), one.getBoundingClientRect()])
    .filter(([_, at]) => at.width > 0 && (at.left < 0 || at.right > width)).map(([text]) => text)"""


@pytest.mark.parametrize("name", ["", *KINDS])
def test_on_a_phone_each_cell_of_the_first_tables_is_in_view_with_its_heading(
    browser: Browser, pages: Path, name: str
) -> None:
    labels = (
        "[...document.querySelectorAll('.stacks [data-label]')].map(one => getComputedStyle(one, '::before').content)"
    )
    with opened(browser, pages / name / "report.html", width=375) as seen:
        assert seen.page.evaluate(OUTSIDE, 375) == []
        told = seen.page.evaluate(labels)
        assert told
        assert "none" not in told
    with opened(browser, pages / name / "report.html") as seen:
        assert set(seen.page.evaluate(labels)) == {"none"}  # a wide page has headings above the columns


def test_a_table_beyond_the_view_would_be_noticed(browser: Browser, pages: Path, tmp_path: Path) -> None:
    text = (pages / "wrong" / "report.html").read_text(encoding="utf-8")
    (tmp_path / "x.html").write_text(
        text.replace("overflow-wrap: anywhere; }\n  .stacks > tbody > tr > :empty", "min-width: 40rem; }\n  .x")
    )
    with opened(browser, tmp_path / "x.html", width=375) as seen:
        assert seen.page.evaluate(OUTSIDE, 375) != []


@pytest.mark.parametrize("name", ["", "wrong", "denied"])
def test_everything_can_be_reached_and_seen_by_keyboard(browser: Browser, pages: Path, name: str) -> None:
    with opened(browser, pages / name / "report.html") as seen:
        page = seen.page
        wanted = page.evaluate(
            f"[...document.querySelectorAll(`{FOCUSABLE}`)].filter(one => one.checkVisibility()).length"
        )
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        assert page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
        reached = 0
        for _ in range(wanted):
            style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert style == "solid", page.evaluate("document.activeElement.outerHTML")
            reached += 1
            page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || document.activeElement.className === 'skip'")
        assert reached == wanted > 5


def test_a_summary_opens_by_keyboard_and_the_skip_link_skips(browser: Browser, pages: Path) -> None:
    with opened(browser, pages / "wrong" / "report.html") as seen:
        seen.page.keyboard.press("Tab")
        seen.page.keyboard.press("Enter")
        assert seen.page.url.endswith("#main")
        seen.page.locator("summary").first.focus()
        seen.page.keyboard.press("Enter")
        assert seen.page.locator("details").first.get_attribute("open") is not None


def test_paper_shows_what_is_closed_on_the_screen(browser: Browser, pages: Path) -> None:
    shown = (
        "one => one.checkVisibility({contentVisibilityAuto: true, visibilityProperty: true}) && one.offsetHeight > 0"
    )
    with opened(browser, pages / "generated" / "report.html") as seen:
        inside = seen.page.locator("#isolation details:not([open]) table").first
        assert not inside.evaluate(shown)
        seen.page.emulate_media(media="print")
        assert inside.evaluate(shown)
        pdf = seen.page.pdf()
    assert pdf.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) > 3


def test_links_lead_to_places_and_pages_that_are_there(browser: Browser, pages: Path) -> None:
    broken = "[...document.querySelectorAll('a[href^=\"#\"]')].filter(a => !document.getElementById(a.hash.slice(1)))"
    ids = "[...document.querySelectorAll('[id]')].map(one => one.id)"
    for name in ("", *KINDS, "hostile"):
        with opened(browser, pages / name / "report.html") as seen:
            assert seen.page.evaluate(f"{broken}.map(a => a.outerHTML)") == [], name
            found = seen.page.evaluate(ids)
            assert len(found) == len(set(found)), name
    with opened(browser, pages / "report.html") as seen:
        link = seen.page.locator("#candidates a").first.get_attribute("href")
        assert link == "./001-kernels-softmax/report.html"


def test_hostile_text_makes_no_element_no_request_and_no_dialog(browser: Browser, tmp_path: Path) -> None:
    shapes = {}
    for name, text in (("hostile", ATTACK), ("honest", HONEST)):
        made = said_by_strangers(text)
        for kind, html in (("candidate", candidate_html(made)), ("run", run_html(run(made)))):
            path = tmp_path / f"{name}-{kind}.html"
            path.write_text(html, encoding="utf-8")
            with opened(browser, path) as seen:
                seen.page.wait_for_timeout(200)
                shapes[name, kind] = seen.shape
                assert (seen.asked, seen.said, seen.dialogs) == ([path.as_uri()], [], [])
                if name == "hostile":
                    assert "<script>alert(2)</script>" in seen.page.inner_text("main")
    for kind in ("candidate", "run"):
        assert shapes["hostile", kind] == shapes["honest", kind]


def test_markup_that_got_through_would_be_noticed(browser: Browser, tmp_path: Path) -> None:
    html = candidate_html(said_by_strangers(ATTACK))
    bare = html.replace("&lt;", "<").replace("&gt;", ">").replace("&#34;", '"')
    path = tmp_path / "bare.html"
    path.write_text(bare, encoding="utf-8")
    with opened(browser, path) as seen:  # the page's own policy is the second wall
        seen.page.wait_for_timeout(200)
        whole = seen.shape
        assert seen.dialogs == []
        assert any("Content Security Policy" in text for text in seen.said)
    (tmp_path / "none.html").write_text(re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", bare))
    with opened(browser, tmp_path / "none.html") as seen:
        seen.page.wait_for_timeout(200)
        assert seen.dialogs
        assert len(seen.asked) > 1
    (tmp_path / "right.html").write_text(html, encoding="utf-8")
    with opened(browser, tmp_path / "right.html") as seen:
        assert seen.shape != whole


def test_the_largest_page_opens(browser: Browser, tmp_path: Path) -> None:
    made: Subject = denied(count=1000)
    path = tmp_path / "large.html"
    path.write_text(candidate_html(made), encoding="utf-8")
    with opened(browser, path) as seen:
        assert seen.page.locator("#findings li").count() == 300
