"""Which kernels a registry approves, by digests: what is never deleted, and what `kernelgate status` counts.

The one place that asks a registry for whoever keeps house. A registry that is named and can't be read is an error,
never an empty one.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UnavailableError, UserError
from pipeline.registry.contract import open_registry
from pipeline.registry.naming import DEFAULT, VARIABLE
from pipeline.reporting import Report


class RegistryUnread(UnavailableError):
    """A registry that was named can't be read."""


@dataclass(frozen=True, slots=True)
class Approved:
    """What a registry has promoted, revoked kernels included: their evidence is asked for most.

    Attributes:
        sources: SHA-256 of the kernels' bytes.
        evidence: SHA-256 of the evidence files that their attestations name.
        runs: Ids of the runs that these name.
    """

    sources: frozenset[str] = frozenset()
    evidence: frozenset[str] = frozenset()
    runs: frozenset[str] = frozenset()


def registry_here(environment: Mapping[str, str], here: Path) -> str | None:
    """Returns which registry there is: the one that is named, or the default one where it lies in the folder `here`."""
    named = environment.get(VARIABLE)
    default = here / DEFAULT
    return named or (str(default) if default.exists() else None)


def approved_in(url: str | None, report: Report | None = None) -> Approved:
    """Returns what the registry at `url` approves; nothing where none is named. `report` hears what is waited for.

    Raises:
        RegistryUnread: it can't be read.
    """
    if url is None:
        return Approved()
    sources, evidence, runs = set[str](), set[str](), set[str]()
    try:
        with closing(open_registry(url, report)) as registry:
            sources |= registry.digests()
            for one in registry.all_approved(revoked=True):
                evidence.add(one.attestation.evidence_digest)
                runs.add(one.attestation.run)
    except (UnavailableError, UserError) as error:
        raise RegistryUnread(str(error)) from None
    return Approved(frozenset(sources), frozenset(evidence), frozenset(runs))


def last_event_in(url: str | None, report: Report | None = None) -> int:
    """Returns how far the registry's log is, which tells whether anything was promoted since; 0 where none is named.

    Raises:
        RegistryUnread: it can't be read.
    """
    if url is None:
        return 0
    try:
        with closing(open_registry(url, report)) as registry:
            return max((one.number for one in registry.events(limit=1, newest=True)), default=0)
    except (UnavailableError, UserError) as error:
        raise RegistryUnread(str(error)) from None
