"""What a page is about: one candidate of a run, or the run."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.gate.judged import Judged
from policies.policy import Policy


@dataclass(frozen=True, slots=True)
class Subject:
    """One candidate of a run.

    Attributes:
        run: The run's id.
        folder: The candidate's folder in the run.
        policy: The one that the run was judged by.
        provenance: The text of its provenance.json; None where nobody knows where it is from.
    """

    run: str
    folder: str
    policy: Policy
    judged: Judged
    provenance: str | None = None


@dataclass(frozen=True, slots=True)
class Unusable:
    """A candidate of a run whose files can't be used, and why."""

    folder: str
    problem: str


@dataclass(frozen=True, slots=True)
class RunSubject:
    """A run.

    Attributes:
        unpaged: Folders of candidates that have no page, because it could not be made.
        generation: The text of its generation.json, where models wrote its candidates.
    """

    run: str
    policy: Policy
    candidates: tuple[Subject | Unusable, ...]
    unpaged: frozenset[str] = frozenset()
    generation: str | None = None
