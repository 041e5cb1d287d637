"""What became of a run's kernels when what it attests was to be stored; types alone, so that whoever prints imports
neither keys nor a database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pipeline.errors import RegistryError
from pipeline.registry.records import Event


class Outcome(StrEnum):
    """What became of one candidate of a run."""

    RENEWED = "renewed"
    THERE = "there already"
    NOT_APPROVED = "not approved"
    REVOKED = "revoked"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Renewal:
    """One candidate of a run.

    Attributes:
        candidate: Its folder in the run.
        digest: None where its files are damaged.
        why: What it was verified on where that is attested, or why it is not.
    """

    candidate: str
    digest: str | None
    outcome: Outcome
    why: str = ""
    event: Event | None = None


def some_approved(renewals: Sequence[Renewal], run: str) -> Sequence[Renewal]:
    """The same, where a kernel of the run is approved at all.

    Raises:
        RegistryError: none is, so there was nothing to renew.
    """
    if all(one.outcome is Outcome.NOT_APPROVED for one in renewals):
        raise RegistryError(f"no kernel of run {run} is approved there: kernelgate registry promote {run}")
    return renewals
