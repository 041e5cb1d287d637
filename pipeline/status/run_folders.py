"""The runs that have ended, the newest first, and those of generation that can go on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pydantic import ValidationError

from pipeline.audit.reading import time_of
from pipeline.observing.under_way import TierCount, is_held
from pipeline.runs.places import UNDER_WAY
from pipeline.runs.summary import RunSummary
from pipeline.status.contract import LastRun, Unfinished
from policies.policy import Tier


def last_runs(runs: Path, count: int) -> tuple[LastRun, ...]:
    """Returns the newest runs; one that can't be read says why."""
    try:
        folders = sorted((path for path in runs.iterdir() if _may_be_run(path)), key=lambda path: path.name)
    except OSError:
        return ()
    return tuple(map(_read, reversed(folders[-count:] if count else [])))


def unfinished_runs(runs: Path) -> tuple[Unfinished, ...]:
    """Returns the runs of generation that are under way, or were interrupted and have no run folder yet.

    One that ended before it began with an operator, for want of a key, has nothing to go on with and is none.
    """
    try:
        folders = sorted(path for path in (runs / UNDER_WAY).iterdir() if path.is_dir())
    except OSError:
        return ()
    begun = (
        Unfinished(
            folder.name,
            tuple(sorted(path.parent.name for path in folder.glob("*/terms.json"))),
            any(is_held(lock) for lock in folder.glob("*/lock")),
        )
        for folder in folders
        if not (runs / folder.name / "run.json").exists()
    )
    return tuple(one for one in begun if one.operators or one.is_worked_on)


def _may_be_run(path: Path) -> bool:
    return not path.name.startswith(".") and (path / "run.json").is_file()


def _read(folder: Path) -> LastRun:
    began = time_of(folder.name)
    try:
        summary = RunSummary.model_validate_json((folder / "run.json").read_bytes())
    except OSError as error:
        return LastRun(folder.name, began, "-", (), 0, f"run.json can't be read: {error.strerror}")
    except ValidationError:
        return LastRun(folder.name, began, "-", (), 0, "run.json is not what this version of kernelgate writes")
    tiers = Counter(one.tier for one in summary.candidates)
    counts = tuple(TierCount(tier=tier, count=tiers[tier]) for tier in Tier if tiers[tier])
    return LastRun(folder.name, began, summary.policy, counts, sum(not one.allowed for one in summary.candidates))
