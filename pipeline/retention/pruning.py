"""Puts a prune together: what the registry approves, what there is, what goes; one prune at a time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import UnavailableError, UserError
from pipeline.machine.caches import kept_results_folder, wheels_folder
from pipeline.machine.exclusive import exclusive
from pipeline.observing.under_way import runs_under_way
from pipeline.registry.approved import Approved, RegistryUnread, approved_in, last_event_in, registry_here
from pipeline.reporting import Report
from pipeline.retention.contract import Decided, Fate, Pruned
from pipeline.retention.deciding import decide
from pipeline.retention.finding import IS_APPROVED, Places, Protected, find, is_needed
from pipeline.retention.limits import Limits
from pipeline.retention.removing import remove
from pipeline.settings import Settings
from pipeline.supply.machine_slots import folder_of_this_user, make_own


def prune(
    settings: Settings, limits: Limits, report: Report, *, dry_run: bool, environment: Mapping[str, str] = os.environ
) -> Pruned:
    """Deletes what is beyond the limits and may go; an interrupt ends it between two things, and is no error.

    Raises:
        RegistryUnread: a registry is named and can't be read; nothing was deleted.
        SandboxUnavailable: the folder where runs find each other can't be used.
    """
    folder = folder_of_this_user()
    make_own(folder)
    with exclusive(folder / "prune.lock", report, "prunes"):
        asked = _ask(registry_here(environment, Path.cwd()), report)
        if asked.url is None:
            report(
                "no registry is named or here (--registry, KERNELGATE_REGISTRY): nothing is kept for approved kernels"
            )
        places = Places(
            settings.runs, kept_results_folder(settings), wheels_folder(settings), settings.state / "image.lock"
        )
        report(f"looking at {places.runs.absolute()} and the caches")
        under_way = frozenset(one.run for one in runs_under_way())
        decided = decide(tuple(find(places, Protected(asked.approved, under_way))), limits, datetime.now(UTC))
        return Pruned(decided, dry_run) if dry_run else _carried_out(decided, asked, settings.runs, report)


@dataclass(slots=True)
class _Asked:
    """What the registry approved when it was asked, and how far its log was: others promote meanwhile."""

    url: str | None
    report: Report
    last: int
    approved: Approved

    def again(self) -> None:
        """Asks it again where its log went on.

        Raises:
            RegistryUnread: it can't be read any more.
        """
        last = last_event_in(self.url, self.report)
        if last != self.last:
            self.approved, self.last = approved_in(self.url, self.report), last


def _ask(url: str | None, report: Report) -> _Asked:
    try:
        return _Asked(url, report, last_event_in(url, report), approved_in(url, report))
    except (UnavailableError, UserError) as error:
        raise RegistryUnread(f"nothing was deleted, because nobody knows which kernels are approved: {error}") from None


def _carried_out(decided: tuple[Decided, ...], asked: _Asked, runs: Path, report: Report) -> Pruned:
    going = [number for number, one in enumerate(decided) if one.fate is Fate.GOES]
    if going:
        report(f"deleting {len(going)} of {len(decided)}")
    ended, first = list(decided), asked.approved
    try:
        for number in going:
            ended[number] = _removed(decided[number], asked, first, runs)
    except KeyboardInterrupt:
        left = [replace(one, fate=Fate.STAYS, why="interrupted") if one.fate is Fate.GOES else one for one in ended]
        return Pruned(tuple(left), dry_run=False, interrupted=True)
    return Pruned(tuple(ended), dry_run=False)


def _removed(decided: Decided, asked: _Asked, first: Approved, runs: Path) -> Decided:
    """Deletes it, unless the registry has approved since what rests on it; `first` is what it approved at first."""
    found = decided.found
    try:
        asked.again()
        if asked.approved is not first and is_needed(found, runs, asked.approved):
            return Decided(found, Fate.STAYS, IS_APPROVED)
    except RegistryUnread as error:
        return Decided(found, Fate.FAILED, f"nobody knows any more which kernels are approved: {error}")
    except OSError as error:
        return Decided(found, Fate.FAILED, f"can't be read: {error.strerror or error}")
    return remove(decided)
