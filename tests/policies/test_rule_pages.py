"""Every rule teaches: why it is there, an example that trips it, how to mend it; the pages are made of the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.reference_pages.rules import write_pages
from policies.grounds import GROUNDS
from policies.policy import load_policy
from policies.rule_pages import INDEX, mending, page_of, pages
from policies.rules import PAGES, RULES, Rule, rule_of
from runners.candidate import Unreadable, parse_candidate
from runners.contract.reading import read_source

ROOT = Path(__file__).parents[2]
ALLOWANCE = load_policy("ci").source.allowance
WHOLE = {name: rule for name, rule in RULES.items() if rule.example is not None and rule.example.kind == "candidate"}


def rules_of(text: str) -> set[str]:
    candidate = parse_candidate(text.encode(), "x.py")
    if isinstance(candidate, Unreadable):
        return {candidate.problem.rule}
    return {fact.rule for fact in read_source(candidate, ALLOWANCE)}


def test_every_rule_has_a_reason_and_an_example() -> None:
    assert [name for name, rule in RULES.items() if not rule.why.endswith(".") or rule.example is None] == []


def test_every_rule_has_grounds_in_evidence() -> None:
    assert set(GROUNDS) == set(RULES)


def test_every_rule_of_the_contract_has_a_whole_file_as_its_example() -> None:
    assert {name for name in RULES if name.startswith("source/")} <= set(WHOLE)


@pytest.mark.parametrize("rule", WHOLE.values(), ids=WHOLE)
def test_an_example_trips_exactly_its_rule_and_is_right_once_mended(rule: Rule) -> None:
    assert rule.example is not None
    assert rule.example.mended is not None
    assert rules_of(rule.example.trips) == {rule.id}
    assert rules_of(rule.example.mended) == set()
    assert mending(rule.example)


def test_the_pages_are_up_to_date() -> None:
    kept = {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / PAGES).rglob("*.md")}
    assert kept == pages(), "python -m pipeline.reference_pages.rules writes them"


def test_writing_the_pages_removes_those_of_rules_that_are_no_more(tmp_path: Path) -> None:
    (tmp_path / PAGES).mkdir(parents=True)
    (tmp_path / PAGES / "gone.md").write_text("")
    assert write_pages(tmp_path) == len(RULES) + 2
    assert not (tmp_path / PAGES / "gone.md").exists()


def test_every_rule_has_a_page_that_the_index_links() -> None:
    texts = pages()
    assert {rule.page for rule in RULES.values()} <= set(texts)
    links = [line.split("](")[1].split(")")[0] for line in texts[INDEX].splitlines() if "](" in line]
    assert {f"{PAGES}/{link}" for link in links} == set(texts) - {INDEX}


def test_a_page_says_what_why_an_example_and_how_to_mend_it() -> None:
    rule = RULES["source/hook"]
    text = page_of(rule)
    assert rule.example is not None
    assert all(part in text for part in (rule.id, rule.title, rule.why, rule.example.trips, rule.remedy))


def test_rules_of_an_organisation_share_a_page() -> None:
    one, other = rule_of("organisation/spills"), rule_of("organisation/cards")
    assert one is not None
    assert other is not None
    assert one.page == other.page == f"{PAGES}/organisation.md"
