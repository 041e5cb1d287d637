"""JUnit XML, read back by a parser that others use."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase
from report_runs import HOSTILE, PLACES, entry, facts, mixed, production_run, run_of

from pipeline.gate.judged import Judged
from pipeline.reports.junit import _fit, junit_of
from pipeline.runs.finished import Run


def cases_of(run: Run) -> dict[str, TestCase]:
    suites = JUnitXml.fromstring(junit_of(run, PLACES).encode())
    (suite,) = suites
    return {case.name: case for case in suite}


def test_a_candidate_is_a_test_case_and_its_standing_is_the_result() -> None:
    cases = cases_of(mixed())
    kinds = {name.removeprefix("kernels/"): [type(one) for one in case.result] for name, case in cases.items()}
    assert kinds == {
        "right.py": [], "waived.py": [Skipped], "lost.py": [Error], "denied.py": [Failure], "wrong.py": [Failure],
    }  # fmt: skip
    assert {case.classname for case in cases.values()} == {"relu"}


def test_a_failure_names_its_rule_and_says_all_findings() -> None:
    (failure,) = cases_of(mixed())["kernels/denied.py"].result
    assert (failure.type, failure.message) == ("source/host-arithmetic", "source/host-arithmetic: why")
    assert "source/host-arithmetic (line 5): why\n  what to do: " in failure.text
    assert "source/no-launch: why" in failure.text


def test_an_error_says_what_was_missing() -> None:
    (error,) = cases_of(mixed())["kernels/lost.py"].result
    assert error.message == "evidence/properties-missing: the engine does not answer"


def test_a_waived_one_is_skipped_with_the_reason() -> None:
    (skipped,) = cases_of(mixed())["kernels/waived.py"].result
    assert skipped.message.endswith("(waived until 2026-11-30: known since May)")


def test_a_candidate_that_only_its_tier_denies_is_a_failure() -> None:
    (failure,) = cases_of(production_run())["kernels/k.py"].result
    assert "does not let the tier 'functional' through" in failure.message


def test_the_suite_counts_and_times() -> None:
    (suite,) = JUnitXml.fromstring(junit_of(mixed(), PLACES).encode())
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (5, 2, 1, 1)
    assert suite.time == pytest.approx(3.75)  # three ran, 1.25 s each
    (empty,) = JUnitXml.fromstring(junit_of(run_of(), PLACES).encode())
    assert empty.tests == 0


def hostile() -> Judged:
    return entry("kernels/a&<\"'>]]>.py", denied=facts(("source/host-arithmetic", 5), detail=HOSTILE + "]]><!--&x;"))


def test_hostile_text_stays_text() -> None:
    text = junit_of(run_of(hostile()), PLACES)
    (case,) = ET.fromstring(text).iter("testcase")
    assert case.get("name") == hostile().evidence.candidate.path
    assert [child.tag for child in case.iter()] == ["testcase", "failure"]
    assert "]]><!--&x;" in (case[0].text or "")


@pytest.mark.parametrize("char", ["\0", "\x08", "\x0b", "\x1b", "\ud800", "\ufffe", "\uffff"])
def test_what_xml_has_no_place_for_is_dropped(char: str) -> None:
    assert _fit(f"a{char}b") == "ab"
    assert _fit("tab\t, line\n, é, \U0001f600") == "tab\t, line\n, é, \U0001f600"
