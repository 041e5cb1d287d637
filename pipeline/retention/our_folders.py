"""Whether a folder is one that kernelgate made and may delete: plain files and folders, on one file system, named and
filled as a run is. Nothing is followed: what a link points to is somebody else's.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from pipeline.runs.summary import RunSummary

RUN_ID: Final = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{8}", re.ASCII)
SUMMARY_CAP_BYTES: Final = 64 << 20
CAP_ENTRIES: Final = 1_000_000


def why_no_run(path: Path) -> str | None:
    """Says why this is no run folder of ours; None where it is one."""
    return why_no_folder(path, RUN_ID) or _why_no_summary(path) or why_not_plain(path)


def why_no_journal(path: Path) -> str | None:
    """Says why this is no folder of a run of generation; None where it is one."""
    problem = why_no_folder(path, RUN_ID)
    if problem is None and not any(_is_file(one / "terms.json") for one in _folders_in(path)):
        problem = "holds no operator with terms.json"
    return problem or why_not_plain(path)


def why_no_folder(path: Path, named: re.Pattern[str]) -> str | None:
    """Says why this is no folder of such a name; None where it is one."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return "is a link"
    if not stat.S_ISDIR(mode):
        return "is no folder"
    return None if named.fullmatch(path.name) else "has another name than kernelgate gives"


def why_not_plain(folder: Path) -> str | None:
    """Says what in a folder is neither a file nor a folder of this file system; None where all is."""
    device = folder.lstat().st_dev
    for number, path in enumerate(_all_in(folder)):
        facts = path.lstat()
        inside = path.relative_to(folder)
        if number == CAP_ENTRIES:
            return f"holds more than {CAP_ENTRIES} files"
        if facts.st_dev != device:
            return f"holds another file system: {inside}"
        if not stat.S_ISREG(facts.st_mode) and not stat.S_ISDIR(facts.st_mode):
            return f"holds a link or a special file: {inside}"
    return None


def _all_in(folder: Path) -> Iterator[Path]:
    """Everything below a folder; no link is followed, and no other file system entered."""
    device = folder.lstat().st_dev
    left = [folder]
    while left:
        with os.scandir(left.pop()) as entries:
            for entry in entries:
                path = Path(entry.path)
                yield path
                if entry.is_dir(follow_symlinks=False) and path.lstat().st_dev == device:
                    left.append(path)


def _why_no_summary(path: Path) -> str | None:
    file = path / "run.json"
    if not _is_file(file):
        return "holds no run.json"
    try:
        summary = RunSummary.model_validate_json(file.read_bytes()[:SUMMARY_CAP_BYTES])
    except ValidationError:
        return "its run.json is not what this version of kernelgate writes"
    return None if summary.run == path.name else "its run.json is that of another run"


def _folders_in(path: Path) -> list[Path]:
    return [one for one in path.iterdir() if stat.S_ISDIR(one.lstat().st_mode)]


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False
