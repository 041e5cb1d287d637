"""Makes the pages of a run. One that can't be made costs no verdict and no run: it is said, and the rest is written."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from pipeline.report_pages.rendering import candidate_html, run_html
from pipeline.report_pages.run_page import PAGE as PAGE
from pipeline.report_pages.subject import RunSubject, Subject
from sandbox.printable import printable

RUN: Final = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page: `folder` is the candidate's, and empty for the run's."""

    folder: str
    html: bytes


@dataclass(frozen=True, slots=True)
class NoPage:
    """A page that could not be made, and why."""

    folder: str
    problem: str


def pages_of(run: RunSubject) -> tuple[tuple[Page, ...], tuple[NoPage, ...]]:
    """Returns the pages of a run, and those that could not be made; raises nothing."""
    made = [_candidate(one) for one in run.candidates if isinstance(one, Subject)]
    lacking = [one for one in made if isinstance(one, NoPage)]
    last = _run(replace(run, unpaged=frozenset(one.folder for one in lacking)))
    pages = tuple(one for one in (*made, last) if isinstance(one, Page))
    return pages, tuple(one for one in (*made, last) if isinstance(one, NoPage))


def _candidate(subject: Subject) -> Page | NoPage:
    try:
        return Page(subject.folder, candidate_html(subject).encode())
    except Exception as error:  # noqa: BLE001  # a bug in a page must not cost a run that took hours
        return NoPage(subject.folder, f"{type(error).__name__}: {error}")


def _run(subject: RunSubject) -> Page | NoPage:
    try:
        return Page(RUN, run_html(subject).encode())
    except Exception as error:  # noqa: BLE001  # likewise
        return NoPage(RUN, f"{type(error).__name__}: {error}")


def say_lacking(run: str, lacking: Sequence[NoPage]) -> None:
    """Says on stderr which pages of a run could not be made."""
    for one in lacking:
        of = f"{run}/{one.folder}" if one.folder else run
        sys.stderr.write(
            f"kernelgate: the report of {printable(of)} can't be made, which is a bug of kernelgate; the run and its "
            f"verdicts stand: {printable(one.problem)}\n"
        )
