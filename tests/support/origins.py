"""Origins of a candidate's text, and a policy that asks for all of it."""

from __future__ import annotations

from policies.origin_rules import OriginRules, References
from runners.evidence import Missing
from runners.origin.evidence import (
    ComparisonEvidence,
    Licence,
    LicenceExpression,
    MatchedFile,
    MatchedLines,
    NoLicence,
    NotAnExpression,
    OriginEvidence,
)

DIGEST = "a" * 64
MIT, GPL = LicenceExpression(expression="MIT"), LicenceExpression(expression="GPL-3.0-only")
NOT_COMPARED = Missing(reason="the policy names no references", ours=False)
ASKING = OriginRules(
    references=References(folder="/references", digest=DIGEST), required=True, max_share=0.5, licence_share=0.2,
    reference_licences=("MIT",), candidate_licences=("MIT", "Apache-2.0"),
)  # fmt: skip


def matched(share: float = 0.8, licence: Licence = MIT, fingerprints: int = 40) -> MatchedFile:
    """A reference with two ranges, the second of which is the longer one."""
    lines = (
        MatchedLines(first=4, last=6, there_first=41, there_last=43),
        MatchedLines(first=10, last=30, there_first=50, there_last=70),
    )
    return MatchedFile(path="theirs/k.py", licence=licence, fingerprints=fingerprints, share=share, lines=lines)


def compared(*files: MatchedFile, digest: str = DIGEST) -> ComparisonEvidence:
    found = max((file.fingerprints for file in files), default=0)
    return ComparisonEvidence(
        references_digest=digest, references=7, fingerprints=50, passed_over=9, found=found, files=files
    )


def origin(*files: MatchedFile, licence: Licence = MIT) -> OriginEvidence:
    return OriginEvidence(licence=licence, comparison=compared(*files))


EVERY: dict[str, tuple[OriginEvidence | Missing, str]] = {
    "a_copy": (origin(matched()), "origin/copied"),
    "part_of_a_foreign_file": (origin(matched(0.3, GPL)), "origin/reference-licence"),
    "part_of_a_file_without_licence": (origin(matched(0.3, NoLicence())), "origin/reference-licence"),
    "part_of_a_file_with_odd_words": (origin(matched(0.3, NotAnExpression(text="free"))), "origin/reference-licence"),
    "another_licence": (origin(licence=GPL), "origin/candidate-licence"),
    "no_licence": (origin(licence=NoLicence()), "origin/no-licence"),
    "odd_words": (origin(licence=NotAnExpression(text="do what you want")), "origin/not-an-expression"),
    "never_looked_at": (Missing(reason="nobody asked", ours=False), "evidence/origin-missing"),
    "not_compared": (OriginEvidence(licence=MIT, comparison=NOT_COMPARED), "evidence/origin-missing"),
    "another_set": (
        OriginEvidence(licence=MIT, comparison=compared(matched(), digest="b" * 64)), "evidence/origin-missing",
    ),
}  # fmt: skip
