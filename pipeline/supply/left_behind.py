"""What a process keeps elsewhere while it lives, so that somebody can end it for a process that was killed.

A flow run on Prefect's server and a lease of a slot outlive the process that began them: the server learns of its end
from nobody, and believes for minutes, or for ever, that it goes on. So whoever begins one leaves a mark in a folder of
this machine and user: a file that says what it is, locked for as long as the process lives. The kernel ends the lock
however the process ends; who finds a mark that nobody locks knows that its process is dead, whatever its id is today,
and ends what it began.

A mark is written and locked under another name before it appears, and removed by whoever holds its lock: two that look
at the same time do not end the same thing twice. It does not say on which server the thing is: the temporary server of
a command has another address each time. A server that does not know the thing leaves the mark to others, for a week.
What a machine that lost its power began is not found here; leases and heartbeats end it on the server.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.supply.machine_slots import folder_of_this_user, make_own

Kind = Literal["flow-run", "lease"]
SUFFIX: Final = ".mark"
MARK_CAP_BYTES: Final = 4096
OLD_S: Final = 7 * 86_400.0


class Mark(BaseModel):
    """What a process began.

    Attributes:
        id: The server's id of it, a UUID.
        about: For people: the name of the slot, of the flow.
        attempt: Which one, where the server may begin the same thing again in another process.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    id: str
    about: str
    attempt: int = 1


class Marks:
    """The marks in a folder."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder where it is missing.

        Raises:
            SandboxUnavailable: it can't be made, or is somebody else's.
        """
        make_own(folder)
        self._folder = folder

    @classmethod
    def of_this_user(cls) -> Marks:
        """The marks of this user on this machine, of whatever checkout."""
        return cls(folder_of_this_user())

    @contextmanager
    def kept(self, mark: Mark) -> Iterator[None]:
        """Keeps the mark for as long as the block, or the process, lasts.

        Raises:
            OSError: it can't be written.
        """
        name = f"{mark.kind}-{secrets.token_hex(8)}"
        partial = self._folder / f".{name}"
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            os.write(descriptor, mark.model_dump_json().encode())
            path = partial.rename(self._folder / f"{name}{SUFFIX}")
        except BaseException:
            os.close(descriptor)
            partial.unlink()
            raise
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            os.close(descriptor)

    def end_left(self, kind: Kind, end: Callable[[Mark], bool]) -> None:
        """Calls `end` for each mark of this kind whose process is gone.

        Args:
            end: Returns whether the thing has ended, and the mark goes; what it raises is raised, and the mark stays.
        """
        for path in sorted(self._folder.glob(f"{kind}-*{SUFFIX}")):
            with _left_alone(path) as mark:
                if mark is not None and (end(mark) or _is_old(path)):
                    path.unlink(missing_ok=True)


def _is_old(path: Path) -> bool:
    with suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime > OLD_S
    return False


@contextmanager
def _left_alone(path: Path) -> Iterator[Mark | None]:
    """Yields what the mark says where nobody holds it, locked meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:  # ended by somebody else
        yield None
        return
    try:
        yield _read(descriptor) if _locked(descriptor) else None
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _read(descriptor: int) -> Mark | None:
    try:
        return Mark.model_validate_json(os.read(descriptor, MARK_CAP_BYTES))
    except (ValidationError, OSError):
        return None
