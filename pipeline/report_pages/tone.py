"""How bad something is, as the style sheet's classes name it; a word stands beside each: colour alone says nothing."""

from __future__ import annotations

from typing import Final, Literal

from pipeline.gate.judged import Judged
from pipeline.reports.standing import Standing, standing_of
from policies.verdict import Severity

Tone = Literal["bad", "warn", "good", "info", "none"]
OF_SEVERITY: Final[dict[Severity, Tone]] = {"error": "bad", "incomplete": "warn", "capped": "info", "waived": "info"}
SEVERITY_WORDS: Final[dict[Severity, str]] = {
    "error": "against it",
    "incomplete": "not shown",
    "capped": "limits the tier",
    "waived": "waived",
}
_OF_STANDING: Final[dict[Standing, Tone]] = {
    Standing.DENIED: "bad",
    Standing.INCOMPLETE: "warn",
    Standing.WAIVED: "info",
    Standing.ALLOWED: "good",
}
_WORDS: Final[dict[Standing, str]] = {
    Standing.DENIED: "denied",
    Standing.INCOMPLETE: "not let through: evidence is missing",
    Standing.WAIVED: "let through by a waiver",
    Standing.ALLOWED: "allowed",
}


def tone_of(judged: Judged) -> Tone:
    """Returns the tone of a verdict."""
    return _OF_STANDING[standing_of(judged)]


def standing_word(judged: Judged) -> str:
    """Returns what a verdict means for the candidate."""
    return _WORDS[standing_of(judged)]
