"""A candidate's text beside a team's references: how much of it stands there, and in which lines.

What is compared is fingerprints (`fingerprints`), of texts without what authors can change for nothing (`tokens`),
idioms of the language (`idioms`) and what is common in the set (`references`). A share is of what is left: of a kernel
that is nothing but idioms nothing is left, and nobody's copy it is.

No library does this: copydetect winnows, too, and brings matplotlib, numpy and a guess at the encoding of what it reads
from paths; it compares all with all and says nothing of lines but coloured HTML. The algorithm is a page.

Time is linear in the candidate's text and in how much of the set shares fingerprints with it: measured 3.5 s for the
worst text of 256 KiB, 20 ms for a kernel. A text that does not parse is not compared: the standard tokenizer takes
quadratic time for some, and the contract denies it anyway.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from runners.contract.parsing import parse
from runners.evidence import Missing, SourceFact
from runners.origin.evidence import ComparisonEvidence, MatchedFile, MatchedLines, OriginEvidence
from runners.origin.fingerprints import GRAM
from runners.origin.idioms import idioms
from runners.origin.licences import declared_licence
from runners.origin.references import Marks, Place, Reference, ReferenceSet, marks_of

FILES_TOLD: Final = 50
LINES_TOLD: Final = 20
REACH: Final = 2 * GRAM  # tokens between two fingerprints of one match: a changed name of a library, a line put in


def origin_of(text: str, references: ReferenceSet | Missing) -> OriginEvidence | Missing:
    """Returns what the text says about where it comes from.

    Args:
        references: What it is compared with, or why with nothing.
    """
    tree = parse(text)
    if isinstance(tree, SourceFact):
        return Missing(reason=f"the source does not parse, so it was not compared: {tree.detail}", ours=False)
    comparison = references if isinstance(references, Missing) else _compared(marks_of(text), references)
    return OriginEvidence(licence=declared_licence(text), comparison=comparison)


def _compared(marks: Marks, references: ReferenceSet) -> ComparisonEvidence:
    own = marks.places.keys() - idioms() - references.common
    holders = {value: references.holders[value] for value in own if value in references.holders}
    counts = Counter(number for numbers in holders.values() for number in numbers)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ComparisonEvidence(
        references_digest=references.digest,
        references=len(references.files),
        fingerprints=len(own),
        passed_over=len(marks.places) - len(own),
        found=len(holders),
        files=tuple(
            _matched(marks.places, references.files[number], frozenset(holders), count / len(own))
            for number, count in ranked[:FILES_TOLD]
        ),
        more_files=max(0, len(ranked) - FILES_TOLD),
    )


def _matched(
    places: Mapping[int, Sequence[Place]], reference: Reference, found: frozenset[int], share: float
) -> MatchedFile:
    there = reference.marks.places
    shared = found & there.keys()
    runs = list(_runs(places, there, shared))
    longest = sorted(runs, key=lambda run: -run.fingerprints)[:LINES_TOLD]
    return MatchedFile(
        path=reference.path,
        licence=reference.licence,
        fingerprints=len(shared),
        share=share,
        lines=tuple(run.lines for run in sorted(longest, key=lambda run: run.first.at)),
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """Fingerprints that follow each other here and there."""

    first: Place
    last: Place
    there_first: Place
    there_last: Place
    fingerprints: int

    @property
    def lines(self) -> MatchedLines:
        return MatchedLines(
            first=self.first.first_line,
            last=self.last.last_line,
            there_first=self.there_first.first_line,
            there_last=self.there_last.last_line,
        )


def _runs(
    places: Mapping[int, Sequence[Place]], there: Mapping[int, Sequence[Place]], shared: frozenset[int]
) -> Iterator[_Run]:
    run: _Run | None = None
    for place, value in sorted((place, one) for one in shared for place in places[one]):
        beyond = None if run is None else _next(there[value], run.there_last)
        if run is not None and beyond is not None and place.at - run.last.at <= REACH:
            run = replace(run, last=place, there_last=beyond, fingerprints=run.fingerprints + 1)
            continue
        if run is not None:
            yield run
        begins = there[value][0]
        run = _Run(place, place, begins, begins, 1)
    if run is not None:
        yield run


def _next(options: Sequence[Place], last: Place) -> Place | None:
    """Returns the place that goes on after `last`, if there is one near."""
    number = bisect_right(options, last)
    return options[number] if number < len(options) and options[number].at - last.at <= REACH else None
