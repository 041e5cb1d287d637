"""Explanations in a terminal: what is alike is told once, and lines after the first of a paragraph are indented."""

from __future__ import annotations

import io

import pytest
from page_subjects import PRODUCTION, access, denied, subject, survived, wrong
from rich.console import Console
from whole_evidence import evidence

from pipeline.rendering.explained import print_explanation
from pipeline.report_pages.subject import Subject
from pipeline.runs.explained import Explained
from pipeline.runs.rejudging import Rejudged
from policies.explaining import explain
from policies.policy import load_policy
from runners.evidence import Missing

DEV = load_policy("dev")


def told(one: Subject, width: int = 140) -> str:
    judged = one.judged
    why = explain(judged.evidence, one.policy, judged.verdict)
    entry = Explained(Rejudged("001-softmax", judged, judged.verdict), why)
    to = io.StringIO()
    print_explanation(entry, Console(file=to, width=width, highlight=False))
    return to.getvalue()


def without_gpu() -> Subject:
    return subject(evidence(device=Missing(reason="this machine has no GPU", ours=False)), policy=PRODUCTION)


def test_checks_that_are_missing_for_one_reason_are_one_block() -> None:
    text = told(without_gpu())
    assert text.count("evidence/gpu-check-missing, 5 times:") == 1
    assert text.count("was not made on a GPU") == 5
    assert text.count("from      device: not made: this machine has no GPU") == 1


def test_a_finding_that_stands_alone_is_not_called_a_group() -> None:
    text = told(access())
    assert "decided memory/out-of-bounds-load (line 14): a load reads" in text
    assert "times:" not in text


def test_lines_of_the_source_against_one_rule_are_one_block_and_another_rule_is_another() -> None:
    text = told(denied())
    assert text.count("decided source/host-arithmetic") == 1
    assert text.count("decided source/no-launch") == 1


@pytest.mark.parametrize("make", [wrong, access, denied, survived, without_gpu])
def test_evidence_is_told_in_words(make: object) -> None:
    assert callable(make)
    text = told(make())
    assert [mark for mark in ('{"', '": ', "[{", "null") if mark in text] == []


@pytest.mark.parametrize("width", [40, 80, 140])
def test_no_line_but_the_first_falls_to_the_left_edge(width: int) -> None:
    for one in (wrong(), denied(), without_gpu()):
        lines = told(one, width).splitlines()
        assert [line for line in lines[1:] if not line.startswith("  ")] == []
        assert max(map(len, lines)) <= width


def test_limits_that_no_policy_requires_are_counted_and_none_is_said_to_be_required() -> None:
    made = evidence()
    assert "33 limits proven, the policy requires none" in told(subject(made, policy=DEV))
    assert "33 of 33 required limits proven" in told(subject(made, policy=load_policy("ci")))
