"""From a proposal to a candidate: whether what a model calls code is one file for the operator that was asked for.

Nothing is mended but a Markdown fence around the whole, which says nothing about the code. What a file has to be is
`runners.candidate`'s to say; here is only what goes wrong with models and not with files: nothing at all, several files
at once, and an answer to another question. What comments and strings say is never read: to the gate they are bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pipeline.generation.content import Proposal
from runners.candidate import BLOCK_OPENS, SOURCE_CAP_BYTES, Candidate, Unreadable, parse_candidate
from runners.operators import OPERATORS, Operator

_FENCE: Final = re.compile(r"^[ \t]*```[^\n]*$", re.MULTILINE)


class Problem(StrEnum):
    """Why a proposal is no candidate."""

    NO_CODE = "no-code"
    SEVERAL_FILES = "several-files"
    OTHER_OPERATOR = "other-operator"
    UNREADABLE = "unreadable"  # no candidate by the rules for files


@dataclass(frozen=True, slots=True)
class Unusable:
    """A proposal that is no candidate.

    Attributes:
        detail: What is the matter and what is wanted instead; for the author's next attempt and for people.
    """

    problem: Problem
    detail: str


def candidate_of(
    proposal: Proposal, wanted: Operator, path: str, operators: Mapping[str, Operator] = OPERATORS
) -> Candidate | Unusable:
    """Returns the candidate that the proposal holds, or why it holds none; never raises for what the model wrote.

    Args:
        wanted: The operator that was asked for.
        path: What the candidate is called in evidence.
        operators: Those that a header may name.
    """
    code = _unfenced(proposal.code)
    if code is None:
        return Unusable(Problem.SEVERAL_FILES, "the code holds several Markdown blocks; one Python file is wanted")
    if code.count(f"\n{BLOCK_OPENS}\n") + code.startswith(f"{BLOCK_OPENS}\n") > 1:
        return Unusable(Problem.SEVERAL_FILES, f"the code holds several '{BLOCK_OPENS}' blocks; one file is wanted")
    if len(code) <= SOURCE_CAP_BYTES and not any(map(_is_code, code.splitlines())):
        return Unusable(Problem.NO_CODE, "there is no line of code; the whole Python file is wanted, not a description")
    read = parse_candidate(code.encode("utf-8", "surrogatepass"), path, operators)
    if isinstance(read, Unreadable):
        return Unusable(Problem.UNREADABLE, f"{read.problem.rule}: {read.problem.detail}")
    if read.operator.name != wanted.name:
        detail = f"the header names the operator '{read.operator.name}'; '{wanted.name}' is wanted"
        return Unusable(Problem.OTHER_OPERATOR, detail)
    return read


def _unfenced(code: str) -> str | None:
    """Returns the code without a fence around it; None where there are several blocks."""
    fences = list(_FENCE.finditer(code))
    if not fences:
        return code
    if len(fences) > 2:
        return None
    end = fences[1].start() if len(fences) == 2 else len(code)
    return code[fences[0].end() + 1 : end]


def _is_code(line: str) -> bool:
    text = line.strip()
    return bool(text) and not text.startswith("#")
