"""What there is that may be deleted, and what of it must stay."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pipeline.audit.reading import time_of
from pipeline.machine.caches import KEPT_RESULT
from pipeline.machine.disk_use import disk_use
from pipeline.observing.under_way import is_held
from pipeline.registry.approved import Approved
from pipeline.retention.contract import Found, Identity, Kind
from pipeline.retention.our_folders import RUN_ID, why_no_folder, why_no_journal, why_no_run, why_not_plain
from pipeline.retention.resting import files_in, rests_on
from pipeline.runs.places import PARTIAL, UNDER_WAY

TRASH: Final = ".trash"
WHEELS: Final = re.compile(r"cp[0-9]+-[A-Za-z0-9_]+-[0-9a-f]{12}", re.ASCII)
OURS_HIDDEN: Final = re.compile(
    rf"\.(?:{RUN_ID.pattern}{re.escape(PARTIAL)}"
    rf"|(?:{RUN_ID.pattern}(?:{re.escape(PARTIAL)})?|{WHEELS.pattern}){re.escape(TRASH)})",
    re.ASCII,
)
IS_UNDER_WAY: Final = "is under way"
IS_APPROVED: Final = "an approved kernel rests on it"


@dataclass(frozen=True, slots=True)
class Places:
    """Where to look.

    Attributes:
        runs: The run folders; `results` kept results, `wheels` wheels for images.
        building: The file that whoever builds an image holds a lock on.
    """

    runs: Path
    results: Path
    wheels: Path
    building: Path


@dataclass(frozen=True, slots=True)
class Protected:
    """What must stay: what the registry approves, and the runs that are under way."""

    approved: Approved
    under_way: frozenset[str]


def find(places: Places, protected: Protected) -> Iterator[Found]:
    """Yields all there is: runs, journals, results, wheels, what was left over, and what is not ours among the runs."""
    yield from _each(places.runs, lambda path: _among_runs(path, protected))
    if not (places.runs / UNDER_WAY).is_symlink():  # among the runs it was called a link
        yield from _each(places.runs / UNDER_WAY, lambda path: _among_journals(path, places.runs, protected))
    yield from _each(places.results, lambda path: _among_results(path, protected))
    yield from _each(places.wheels, lambda path: _among_wheels(path, places.building))


def is_needed(found: Found, runs: Path, approved: Approved) -> bool:
    """Whether something that was to go must stay after all, because the registry has approved more since."""
    protected = Protected(approved, frozenset())
    match found.kind:
        case Kind.RUN:
            return _stays(found.path, protected, None) is not None
        case Kind.JOURNAL:
            return any(_stays(path, protected, None) is not None for path in (found.path, runs / found.name))
        case Kind.RESULT:
            return rests_on([found.path], approved)
        case _:
            return False


def _each(folder: Path, look: Callable[[Path], Found | None]) -> Iterator[Found]:
    """Looks at everything in a folder; what goes away meanwhile is nobody's any more."""
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return
    for path in paths:
        try:
            found = look(path)
        except FileNotFoundError:
            continue
        if found is not None:
            yield found


def _among_runs(path: Path, protected: Protected) -> Found | None:
    if path.name == UNDER_WAY and stat.S_ISDIR(path.lstat().st_mode):
        return None  # looked at by itself
    if OURS_HIDDEN.fullmatch(path.name):
        return _left_over(path)
    problem = _tried(why_no_run, path)
    if problem is not None:
        return _foreign(path, problem)
    stays = _stays(path, protected, IS_UNDER_WAY if path.name in protected.under_way else None)
    return _found(Kind.RUN, path, stays=stays, at=(path, path / "run.json"))


def _among_journals(path: Path, runs: Path, protected: Protected) -> Found | None:
    if OURS_HIDDEN.fullmatch(path.name):
        return _left_over(path)
    problem = _tried(why_no_journal, path)
    if problem is not None:
        return _foreign(path, problem)
    locks = tuple(sorted(path.glob("*/lock")))
    worked_on = path.name in protected.under_way or any(map(is_held, locks))
    stays = _stays(path, protected, IS_UNDER_WAY if worked_on else None)
    own_run = runs / path.name
    if stays is None and _tried(why_no_run, own_run) is None:
        stays = _stays(own_run, protected, None)  # how an approved kernel came about
    written = (path, *path.glob("*/attempts/*"), *path.glob("clock"))
    return _found(Kind.JOURNAL, path, stays=stays, at=written, locks=locks)


def _among_results(path: Path, protected: Protected) -> Found | None:
    if not KEPT_RESULT.fullmatch(path.name) or not stat.S_ISREG(path.lstat().st_mode):
        return None  # Prefect keeps others' results in the same folder
    try:
        stays = IS_APPROVED if rests_on([path], protected.approved) else None
    except OSError as error:
        stays = f"can't be read: {error.strerror}"
    return _found(Kind.RESULT, path, stays=stays, at=(path,))


def _among_wheels(path: Path, building: Path) -> Found | None:
    if OURS_HIDDEN.fullmatch(path.name):
        return _left_over(path)
    if _tried(lambda one: why_no_folder(one, WHEELS) or why_not_plain(one), path) is not None:
        return None  # pip's log, and what is being fetched
    stays = "an image is being built" if is_held(building) else None
    return _found(Kind.WHEELS, path, stays=stays, at=(path,), locks=(building,) if building.exists() else ())


def _left_over(path: Path) -> Found:
    mode = path.lstat().st_mode
    if not stat.S_ISDIR(mode):
        return _foreign(path, "is a link" if stat.S_ISLNK(mode) else "is no folder")
    if path.name.endswith(TRASH):
        return _found(Kind.LEFT_OVER, path, stays=None, at=(path,))
    # Between the making and the locking of a folder its writer holds a lock on the one around it.
    locks = (path.parent.resolve(), path)
    stays = "is being written" if is_held(path) else None
    return _found(Kind.LEFT_OVER, path, stays=stays, at=(path,), locks=locks)


def _foreign(path: Path, problem: str) -> Found:
    return _found(Kind.FOREIGN, path, stays=f"not a run folder of kernelgate: {problem}", at=())


def _stays(folder: Path, protected: Protected, otherwise: str | None) -> str | None:
    """Why a folder must stay; `otherwise` where no approved kernel is the reason."""
    approved = protected.approved
    try:
        if folder.name in approved.runs or rests_on(files_in(folder), approved):
            return IS_APPROVED
    except OSError as error:
        return f"can't be read: {error.strerror}"
    return otherwise


def _tried(why_not: Callable[[Path], str | None], path: Path) -> str | None:
    try:
        return why_not(path)
    except OSError as error:
        return f"can't be read: {error.strerror}"


def _found(kind: Kind, path: Path, *, stays: str | None, at: tuple[Path, ...], locks: tuple[Path, ...] = ()) -> Found:
    facts = path.lstat()
    times = [datetime.fromtimestamp(one.lstat().st_mtime, UTC) for one in (path, *at)]
    begun = time_of(path.name)
    return Found(
        kind=kind, name=path.name, path=path, identity=Identity(facts.st_dev, facts.st_ino),
        last_used=max([*times, *([begun] if begun is not None else [])]),
        size_bytes=disk_use(path).size_bytes if kind is not Kind.FOREIGN else 0, stays=stays, locks=locks,
    )  # fmt: skip
