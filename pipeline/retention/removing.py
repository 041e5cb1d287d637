"""Deletes one thing: renamed first, so that nobody ever sees half of it."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pipeline.retention.contract import Decided, Fate, Found, Identity
from pipeline.retention.finding import IS_UNDER_WAY, TRASH


class _InUseError(Exception):
    pass


def remove(decided: Decided) -> Decided:
    """Deletes what was decided to go; says what became of it."""
    found = decided.found
    try:
        with _alone(found.locks):
            facts = found.path.lstat()
            if Identity(facts.st_dev, facts.st_ino) != found.identity:
                return Decided(found, Fate.FAILED, "something else is in its place now")
            if stat.S_ISREG(facts.st_mode):
                found.path.unlink()
                return Decided(found, Fate.WENT, decided.why)
            trash = _renamed(found)
        shutil.rmtree(trash)  # follows no link, and refuses to begin at one
    except _InUseError:
        return Decided(found, Fate.STAYS, IS_UNDER_WAY)
    except FileNotFoundError:
        return Decided(found, Fate.WENT, "somebody else has deleted it")
    except OSError as error:
        return Decided(found, Fate.FAILED, f"can't be deleted: {error.strerror or error}")
    return Decided(found, Fate.WENT, decided.why)


def _renamed(found: Found) -> Path:
    path = found.path
    if path.name.endswith(TRASH):
        return path  # by an earlier prune
    trash = path.with_name(f".{path.name.removeprefix('.')}{TRASH}")
    if trash.is_dir() and not trash.is_symlink():
        shutil.rmtree(trash)  # a name that was used before and freed since
    path.rename(trash)
    return trash


@contextmanager
def _alone(locks: tuple[Path, ...]) -> Iterator[None]:
    """Holds the locks of those who would use it."""
    with ExitStack() as held:
        for path in locks:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            held.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise _InUseError from None
        yield
