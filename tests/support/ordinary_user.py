"""Runs a command as a user without rights, where the tests themselves run as root.

Python and the checkout may lie below folders that are closed to others (/root). Then the command gets a mount namespace
in which such a folder is replaced by an empty one that holds only what is needed, at its own place: nothing on the
machine is opened to anybody.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

USER = 12345
KEEP = "/mnt"  # covered by an empty file system in that namespace


def as_ordinary_user(command: Iterable[str], needs: Iterable[Path]) -> list[str]:
    """Returns `command` for an ordinary user who can read `needs`; unchanged when this is one already."""
    if os.geteuid() != 0:
        return list(command)
    drop = ["setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups", "--", *command]
    script = "\n".join(_opened(sorted({Path(sys.base_prefix), Path(sys.prefix), *needs})))
    return ["unshare", "--mount", "sh", "-ec", f'{script}\nexec "$@"', "sh", *drop]


def _opened(needs: list[Path]) -> Iterable[str]:
    closed = {path: _outermost_closed(path) for path in needs}
    hidden = [path for path, folder in closed.items() if folder is not None]
    if not hidden:
        return
    yield f"mount -t tmpfs -o mode=755 kept {KEEP}"
    for number, path in enumerate(hidden):
        yield f"mkdir {KEEP}/{number} && mount --bind '{path}' {KEEP}/{number}"
    for folder in sorted({str(closed[path]) for path in hidden}):
        yield f"mount -t tmpfs -o mode=755 opened '{folder}'"
    for number, path in enumerate(hidden):
        yield f"mkdir -p '{path}' && mount --bind {KEEP}/{number} '{path}'"


def _outermost_closed(path: Path) -> Path | None:
    for folder in reversed((path, *path.parents)):
        if not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None
