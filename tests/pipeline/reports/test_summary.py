"""The job summary: what a person reads first, and nothing that an author can put into it besides text."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from report_runs import CASE, HOSTILE, PLACES, entry, facts, mixed, production_run, run_of, wrong

from pipeline.reports.summary import ROWS, SPAN_CAP, _span, summary_of
from pipeline.runs.finished import Run

MARKDOWN = MarkdownIt("commonmark").enable("table").enable("strikethrough")
HARMLESS = {"text", "code_inline", "softbreak"}


def tokens_of(text: str) -> list[Token]:
    return MARKDOWN.parse(text)


def inline(text: str) -> list[Token]:
    return [child for token in tokens_of(text) for child in token.children or ()]


def codes(text: str) -> list[str]:
    return [token.content for token in inline(text) if token.type == "code_inline"]


def rows(run: Run) -> int:
    return sum(token.type == "tr_open" for token in tokens_of(summary_of(run, PLACES))) - 1


def test_the_denied_come_first_then_incomplete_waived_and_allowed() -> None:
    text = summary_of(mixed(), PLACES)
    assert "## kernelgate: 2 denied, 1 incomplete, 1 waived, 1 allowed" in text
    order = [text.index(f"kernels/{name}.py") for name in ("denied", "wrong", "lost", "waived", "right")]
    assert order == sorted(order)
    assert rows(mixed()) == 5


def test_a_denied_candidate_has_each_finding_what_to_do_and_how_to_replay() -> None:
    text = summary_of(mixed(), PLACES)
    assert f"replay: `kernelgate replay {mixed().id} {CASE.id}`" in text
    assert "- `source/host-arithmetic` line 5: `why`" in text
    assert "what to do: `Do arithmetic, copies and casts in a kernel.`" in text


def test_a_waived_one_says_until_when_and_why() -> None:
    assert "(waived until 2026-11-30: known since May)" in summary_of(mixed(), PLACES)


def test_nothing_to_verify_is_said() -> None:
    assert "## kernelgate: nothing to verify" in summary_of(run_of(), PLACES)


def test_a_candidate_that_only_its_tier_denies_says_so() -> None:
    assert "does not let the tier 'functional' through" in summary_of(production_run(), PLACES)


ATTEMPTS = [
    HOSTILE, "`", "``", "` `", "a`b``c", "|", "a | b \\| c \\\\| d", "\\", "<!-- ", "</td></tr></table>", "[a](b)",
    "![a](b)",
    "@someone #1", "# heading", "~~~\n```\n", "https://x.invalid www.x.invalid", "&lt;b&gt;", "a\r\nb\n\n# c", " ", "",
    "$x$", "*b* _i_ **s**", "- [ ] task", "\u2028|---|---|\u2029",
]  # fmt: skip


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_hostile_text_is_text_in_a_code_span(attempt: str) -> None:
    printable = "".join(char for char in attempt if char.isprintable() and char != "/") or "x"
    run = run_of(
        entry(f"kernels/{printable}.py", denied=facts(("source/host-arithmetic", 5), detail=attempt)),
        entry(f"kernels/{printable} 2.py", failure=wrong(attempt)),
        entry("kernels/right.py"),
    )
    text = summary_of(run, PLACES)
    assert {token.type for token in inline(text)} <= HARMLESS
    assert not [token for token in tokens_of(text) if token.type in ("html_block", "fence", "code_block")]
    assert sum(token.type == "heading_open" for token in tokens_of(text)) == 3
    assert rows(run) == 3
    cells = [token.type for token in tokens_of(text)].count("td_open")
    assert cells == 3 * 5


@pytest.mark.parametrize("text", ["plain", "a`b", "`a`", "``", " a ", "``a` b```"])
def test_a_span_shows_the_text_as_it_is(text: str) -> None:
    assert codes(f"x {_span(text)} y") == [text]


def test_a_long_text_is_cut_and_many_candidates_are_counted() -> None:
    assert len(_span("x" * 5000)) == SPAN_CAP + 3
    many = run_of(*[entry(denied=facts(("source/no-launch", 1)))] * (ROWS + 7))
    assert rows(many) == ROWS
    assert "7 more are not shown" in summary_of(many, PLACES)
