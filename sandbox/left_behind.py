"""What a program has running and lying about when it is ended, seen through the host's /proc.

`/proc/<pid>/root` shows the file systems of another process, those in memory too, to whoever may look into it: root on
the machine where it runs, not an ordinary user, and not through a network. gVisor's files live in its own kernel, so
nothing of them is seen here.

The folder is reached by descriptors, no link in it is followed and no file in it is opened: its content is the
program's. The process number must be one that cannot be reused meanwhile or whose control group was looked at.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Final

from sandbox.usage import NAME_COLUMNS, NAMES_CAP, FolderLeft

PROC: Final = Path("/proc")
LISTED_CAP: Final = 4096
START_FIELD: Final = 19  # of what follows the name, which may hold anything
WRITABLE: Final = ("/tmp", "/cache")


def names_beside(pids: Sequence[int], ours: int, proc: Path = PROC) -> tuple[str, ...]:
    """Returns the names of processes that are not the first `ours` of a worker, in the order of their starts.

    Args:
        ours: How many were started before the program could start any: inits, and the program itself.
    """
    started = sorted(filter(None, (_started(pid, proc) for pid in pids)))
    return tuple(name[:NAME_COLUMNS] for _, _, name in started[ours : ours + NAMES_CAP])


def folders_left(pid: int, paths: Sequence[str] = WRITABLE, proc: Path = PROC) -> tuple[FolderLeft, ...] | None:
    """Returns what lies in the writable places of a process; None where nobody could look."""
    try:
        with _opened(str(proc / str(pid) / "root")) as root:
            return tuple(_left(root, path) for path in paths)
    except OSError:
        return None


def _left(root: int, path: str) -> FolderLeft:
    with _opened(path.lstrip("/"), at=root) as folder:
        space = os.fstatvfs(folder)
        with os.scandir(folder) as listed:
            names = sorted(entry.name for entry in islice(listed, LISTED_CAP))
    return FolderLeft(
        path=path,
        used_bytes=(space.f_blocks - space.f_bfree) * space.f_frsize,
        entries=max(0, space.f_files - space.f_ffree - 1),  # without the folder itself
        names=tuple(_readable(name) for name in names[:NAMES_CAP]),
    )


@contextmanager
def _opened(path: str, at: int | None = None) -> Iterator[int]:
    """A folder; `at` is where it lies, and then it is no link."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (os.O_NOFOLLOW if at is not None else 0)
    descriptor = os.open(path, flags, dir_fd=at)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _started(pid: int, proc: Path) -> tuple[int, int, str] | None:
    with suppress(OSError, ValueError, IndexError):
        text = (proc / str(pid) / "stat").read_bytes().decode(errors="replace")
        name, _, rest = text.partition("(")[2].rpartition(")")
        return int(rest.split()[START_FIELD]), pid, name
    return None


def _readable(name: str) -> str:
    """Bytes that are no text came as lone surrogates, which JSON can't carry."""
    return name[:NAME_COLUMNS].encode("utf-8", "backslashreplace").decode()
