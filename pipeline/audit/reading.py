"""Run folders, read one candidate at a time; what is damaged is said in a line, left out, and counted.

A folder is a run where it holds a `run.json` or a `policy.json`; anything else among the runs (those of generation
that are under way, half-written ones) is passed over. When a run was is read off its id.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from pipeline.audit.events import AuditEvent, Fact, Kind
from pipeline.audit.facts import facts_in
from pipeline.errors import StoredRunError, UsageError
from pipeline.reporting import Report
from pipeline.runs.places import is_run
from pipeline.runs.stored import Damaged, StoredCandidate, candidates_of
from sandbox.printable import printable

STAMP: Final = "%Y%m%d-%H%M%S"
STAMP_COLUMNS: Final = 15
SHORTEST_DIGEST: Final = 6
QUIET_S: Final = 2.0  # so long nobody needs to be told that it goes on; and so often afterwards


@dataclass(frozen=True, slots=True)
class Selection:
    """Which candidates and facts are asked for; what is None or empty leaves nothing out.

    Attributes:
        runs: Ids or paths.
        digest: What the candidate's digest begins with.
        since: The day of the earliest run, UTC; a run whose day nobody knows is taken.
    """

    runs: tuple[str, ...] = ()
    digest: str | None = None
    since: date | None = None
    operator: str | None = None
    only: frozenset[Kind] = frozenset()

    def takes(self, candidate: StoredCandidate) -> bool:
        """Whether this candidate is asked for."""
        facts = candidate.evidence.candidate
        return facts.digest.startswith(self.digest or "") and self.operator in (None, facts.operator)

    def takes_kind(self, fact: Fact) -> bool:
        """Whether this fact is asked for."""
        return not self.only or fact.kind in self.only


@dataclass(frozen=True, slots=True)
class Audited:
    """One candidate with the facts that were asked for."""

    run: str
    time: datetime | None
    stored: StoredCandidate
    facts: tuple[Fact, ...]

    @property
    def events(self) -> Iterator[AuditEvent]:
        """The facts as lines of the export."""
        evidence, verdict = self.stored.evidence, self.stored.verdict
        for fact in self.facts:
            yield AuditEvent(
                **dict(fact),
                run=self.run,
                folder=self.stored.name,
                time=self.time,
                candidate=evidence.candidate.digest,
                path=evidence.candidate.path,
                operator=evidence.candidate.operator,
                verdict=verdict.tier,
                allowed=verdict.allowed,
            )


@dataclass(slots=True)
class Audit:
    """A reading of run folders; `candidates` may be used once.

    Attributes:
        damaged: How many runs and candidates could not be read.
        audited: How many candidates were asked for and read.
    """

    folders: tuple[Path, ...]
    selection: Selection
    report: Report
    damaged: int = 0
    audited: int = 0
    runs: int = 0
    clock: Callable[[], float] = field(default=time.monotonic)

    def candidates(self) -> Iterator[Audited]:
        """Yields what is asked for, the earliest run first; tells of what is damaged, and that it goes on."""
        told_s = self.clock()
        for number, folder in enumerate(self.folders):
            when = time_of(folder.name)
            if not self._is_recent(when):
                continue
            self.runs += 1
            for stored in self._stored(folder):
                if self.clock() - told_s > QUIET_S:
                    told_s = self.clock()
                    self.report(f"{number} of {len(self.folders)} runs read, {self.audited} candidates so far")
                if self.selection.takes(stored):
                    self.audited += 1
                    facts = tuple(filter(self.selection.takes_kind, facts_in(stored.evidence)))
                    yield Audited(folder.name, when, stored, facts)

    def _stored(self, folder: Path) -> Iterator[StoredCandidate]:
        try:
            for stored in candidates_of(folder):
                if isinstance(stored, Damaged):
                    self._leave_out(f"{folder.name}/{stored.name}", stored.problem)
                else:
                    yield stored
        except StoredRunError as error:
            self._leave_out(folder.name, str(error))

    def _leave_out(self, name: str, problem: str) -> None:
        self.damaged += 1
        self.report(printable(f"left out: {name}: {problem}"))

    def _is_recent(self, when: datetime | None) -> bool:
        since = self.selection.since
        return since is None or when is None or when.date() >= since


def begin_audit(runs: Path, selection: Selection, report: Report) -> Audit:
    """Returns what reads the runs that are asked for; nothing but their names is read yet.

    Args:
        runs: The folder of the run folders.
        report: Hears what is damaged and, while it takes long, how far it got.

    Raises:
        StoredRunError: a run that was named is not there.
        UsageError: the digest is none, or there is no run.
    """
    if selection.digest is not None and not re.fullmatch(rf"[0-9a-f]{{{SHORTEST_DIGEST},64}}", selection.digest):
        raise UsageError(
            f"'{selection.digest}' is not the beginning of a digest: {SHORTEST_DIGEST} to 64 digits and letters a to f "
            "are needed, as in run.json"
        )
    folders = tuple(_named(runs, run) for run in selection.runs) or tuple(sorted(filter(_is_run, _entries(runs))))
    if not folders:
        raise UsageError(f"there is no run in {runs}; --runs or KERNELGATE_RUNS names the folder of the run folders")
    return Audit(tuple(dict.fromkeys(folders)), selection, report)


def time_of(run: str) -> datetime | None:
    """When a run was, by its id; None where the name is none that a run is given."""
    try:
        return datetime.strptime(run[:STAMP_COLUMNS], STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def _named(runs: Path, run: str) -> Path:
    found = next((path for path in (runs / run, Path(run)) if _is_run(path)), None)
    if found is None:
        raise StoredRunError(f"there is no run '{run}' in {runs}")
    return found


def _entries(runs: Path) -> list[Path]:
    try:
        return list(runs.iterdir())
    except OSError:
        return []


def _is_run(path: Path) -> bool:
    return not path.name.startswith(".") and is_run(path)
