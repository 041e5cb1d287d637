"""What is said of a mistake: the rules' titles and remedies, and the like for answers without a candidate.

A remedy that is empty means that an author can do nothing with the lesson, so no prompt has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from policies.rules import RULES


class Saying(NamedTuple):
    """What went wrong in general, and what to do about it."""

    title: str
    remedy: str


_OTHERS: Final[Mapping[str, Saying]] = {
    "answer/truncated": Saying("The answer was cut off at the limit of tokens", "Keep plan and code short."),
    "answer/not-json": Saying("The answer was not JSON", "Answer with the JSON that is asked for, and nothing else."),
    "answer/wrong-schema": Saying("The answer's JSON had other fields", "Answer with the fields that are asked for."),
    "answer/no-code": Saying("The answer held no code", "Deliver the whole Python file, not a description."),
    "answer/several-files": Saying("The answer held several files", "Deliver one Python file, without Markdown."),
    "answer/other-operator": Saying(
        "The kernel was for another operator", "Name the operator that is asked for in the header."
    ),
    "answer/unreadable": Saying(
        "The file was no candidate", "Begin with the header block; UTF-8 text of at most the size that is said."
    ),
    "answer/too-large": Saying("The answer was too large", "Keep plan and code short."),
    "answer/refused": Saying("The model refused to answer", ""),
    "answer/filtered": Saying("The provider's filter stopped the answer", ""),
    "review/veto": Saying("A reviewer vetoed what the gate lets through", ""),
    "review/ask": Saying("A reviewer asked about what the gate lets through", ""),
}


def saying_of(rule: str) -> Saying:
    """Returns what is said of a rule; of one that is not known its id, and no remedy."""
    known = RULES.get(rule)
    return Saying(known.title, known.remedy) if known is not None else _OTHERS.get(rule, Saying(rule, ""))
