"""What a user calls a run, or a candidate of one: its id, the path of its folder, either with `/CANDIDATE`.

All commands that read stored runs take the same names, and the folder of runs is looked at before the working folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import StoredRunError
from pipeline.runs.stored import StoredRun, read_run

RUN_FILES: Final = ("run.json", "policy.json")
VERDICT: Final = "verdict.json"
PARTIAL: Final = ".partial"  # what is being written
UNDER_WAY: Final = "generation"  # the folder of runs of generation, with their journals, among the run folders


@dataclass(frozen=True, slots=True)
class RunPlace:
    """A run folder; `candidate` is the folder of the one candidate that is meant, None where all of them are."""

    folder: Path
    candidate: str | None = None


def is_run(path: Path) -> bool:
    """Whether a folder is that of a run: one of the files that every run has is there."""
    return any((path / name).is_file() for name in RUN_FILES)


def place_of(runs: Path, text: str) -> RunPlace:
    """Finds the run or candidate that is called `text`; a verdict.json stands for its candidate.

    Raises:
        StoredRunError: there is no such run.
    """
    for path in (runs / text, Path(text)):
        if is_run(path):
            return RunPlace(path)
        folder = path.parent if path.name == VERDICT else path
        if is_run(folder.parent) and (folder.is_dir() or "/" in text):
            return RunPlace(folder.parent, folder.name)
    raise StoredRunError(f"there is no run '{text}' in {runs}")


def read_place(runs: Path, text: str) -> StoredRun:
    """Reads the run, or of it the candidate, that is called `text`; a run about no candidate is one, too.

    Raises:
        StoredRunError: there is no such run or candidate, or the run's policy can't be read.
    """
    place = place_of(runs, text)
    return read_run(place.folder.parent, place.folder.name, place.candidate, may_be_empty=True)
