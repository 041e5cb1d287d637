"""What was found out about where a candidate's text comes from. Facts: whether it is a copy, a policy decides."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from runners.missing import Missing
from runners.record import Record


class NoLicence(Record):
    """No comment of the file has an SPDX-License-Identifier."""

    kind: Literal["none"] = "none"


class NotAnExpression(Record):
    """There is one, and what stands behind it is no SPDX expression.

    Attributes:
        text: What stands there.
    """

    kind: Literal["not_an_expression"] = "not_an_expression"
    text: str


class LicenceExpression(Record):
    """An SPDX expression, with the names as SPDX writes them.

    Attributes:
        expression: The expression.
    """

    kind: Literal["expression"] = "expression"
    expression: str


Licence = Annotated[NoLicence | NotAnExpression | LicenceExpression, Field(discriminator="kind")]


class MatchedLines(Record):
    """Lines `first` to `last` of the candidate that stand in the reference from `there_first` to `there_last`.

    Counted from 1, both ends included; tokens in between may differ.

    Attributes:
        first: First line in the candidate.
        last: Last line in the candidate.
        there_first: First line in the reference.
        there_last: Last line in the reference.
    """

    first: int
    last: int
    there_first: int
    there_last: int


class MatchedFile(Record):
    """A reference that has some of the candidate's fingerprints.

    Attributes:
        path: Within the folder of references.
        licence: What the reference declares.
        fingerprints: How many of the candidate's own it has.
        share: `fingerprints` over all of the candidate's own.
        lines: The longest matches, in the candidate's order.
    """

    path: str
    licence: Licence
    fingerprints: int = Field(ge=1)
    share: float = Field(gt=0, le=1)
    lines: tuple[MatchedLines, ...]


class ComparisonEvidence(Record):
    """The candidate, compared with a set of references.

    Attributes:
        references_digest: SHA-256 of the set's paths and bytes.
        references: How many files the set has.
        fingerprints: The candidate's own: different ones, without idioms of the language and what is common in the set.
        passed_over: Fingerprints that are idioms of the language or common in the set.
        found: How many of its own stand anywhere in the set.
        files: Those with the most, first.
        more_files: How many files share less and are not listed.
    """

    kind: Literal["comparison"] = "comparison"
    references_digest: str
    references: int
    fingerprints: int
    passed_over: int
    found: int
    files: tuple[MatchedFile, ...]
    more_files: int = 0


class OriginEvidence(Record):
    """Where a candidate's text comes from, as far as its text says.

    Attributes:
        licence: What the file declares.
        comparison: With the references that the policy names.
    """

    kind: Literal["origin"] = "origin"
    licence: Licence
    comparison: Annotated[ComparisonEvidence | Missing, Field(discriminator="kind")]
