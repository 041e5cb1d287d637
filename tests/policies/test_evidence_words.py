"""Evidence in words: no marks of JSON, what is long is counted, what is missing says why."""

from __future__ import annotations

from typing import Any

import pytest

from policies.evidence_words import SHOWN_COLUMNS, in_words

WORDS = {
    "missing": ({"kind": "missing", "reason": "no GPU", "ours": False}, "not made: no GPU"),
    "failure": (
        {"kind": "wrong_values", "case": {"id": 1}, "wrong": 10, "nonfinite": False, "first": [{"a": 1}], "line": None},
        "wrong values; wrong: 10; nonfinite: no; first: 1 entry",
    ),
    "names": (["float32", "float16"], "float32, float16"),
    "records": ([{"a": 1}, {"a": 2}], "2 entries"),
    "map": ({"killed_by": {"wrong_values": 2}}, "killed by: wrong_values 2"),
    "nothing": (None, "nothing"),
    "number": (0.1234567891, "0.123457"),
}


@pytest.mark.parametrize(("value", "words"), WORDS.values(), ids=WORDS)
def test_evidence_is_told_without_the_marks_of_json(value: Any, words: str) -> None:
    assert in_words(value) == words


def test_what_is_long_is_cut_to_a_line() -> None:
    assert len(in_words({"detail": "x" * 1000})) == SHOWN_COLUMNS
