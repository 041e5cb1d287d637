"""Workflow commands: on the right line, and never one that an author chose."""

from __future__ import annotations

import re

import pytest
from report_runs import HOSTILE, PLACES, entry, facts, mixed, production_run, run_of, wrong

from pipeline.reports.annotations import annotations_of

COMMAND = re.compile(r"::(error|warning|notice) file=([^,:]*),line=(\d+),title=([^,:]*)::(.*)")


def parsed(text: str) -> list[tuple[str, str, str, str, str]]:
    """As the runner reads it: a command a line, nothing else; values unescaped."""
    found = []
    for line in text.split("\n")[:-1]:
        match = COMMAND.fullmatch(line)
        assert match, line
        found.append(tuple(unescaped(part) for part in match.groups()))
    return found


def unescaped(text: str) -> str:
    for code, char in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(code, char)
    return text


def test_a_finding_is_an_annotation_on_its_line_the_denied_first() -> None:
    found = parsed(annotations_of(mixed(), PLACES))
    assert [(level, path, line, title) for level, path, line, title, _ in found] == [
        ("error", "kernels/denied.py", "5", "source/host-arithmetic"),
        ("error", "kernels/denied.py", "1", "source/no-launch"),
        ("error", "kernels/wrong.py", "1", "properties/wrong-values"),
        ("warning", "kernels/lost.py", "1", "evidence/properties-missing"),
        ("notice", "kernels/waived.py", "1", "properties/wrong-values"),
    ]
    assert "waived until 2026-11-30" in found[-1][4]


def test_nothing_against_a_candidate_is_no_annotation() -> None:
    assert annotations_of(run_of(entry()), PLACES) == ""


def test_a_candidate_that_only_its_tier_denies_has_one() -> None:
    ((level, *_, message),) = parsed(annotations_of(production_run(), PLACES))
    assert level == "error"
    assert "does not let the tier" in message


@pytest.mark.parametrize(
    "attempt", [HOSTILE, "a\n::stop-commands::x", "%0A::error::x", "::error::", "x,line=9", "%", "%25"]
)
def test_hostile_text_is_one_command_and_comes_out_as_it_was(attempt: str) -> None:
    path = "kernels/" + "".join(char for char in attempt if char.isprintable() and char != "/") + ".py"
    run = run_of(entry(path, denied=facts(("source/host-arithmetic", 5), detail=attempt)))
    ((level, shown, line, title, message),) = parsed(annotations_of(run, PLACES))
    assert (level, shown, line, title) == ("error", path, "5", "source/host-arithmetic")
    assert run.judged[0].verdict.findings[0].message in message


def test_a_message_of_several_lines_stays_in_its_command() -> None:
    assert len(parsed(annotations_of(run_of(entry(failure=wrong("a\r\nb"))), PLACES))) == 1
