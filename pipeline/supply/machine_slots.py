"""How many candidates this machine measures at once, over all runs of one user.

A CI host starts many runs at a time, and each believes that the cores are its own: cases then miss deadlines that they
keep when they are alone. So whoever measures holds one of as many slots as there are cores, and the others wait; a slot
is a file that the kernel locks, and it is free again however its holder ends. Who waits holds a shared lock besides, by
which holders know to give way.

For the same reason no more runners are warmed at a time than there are cores. Who has warmed one waits with the others
before it warms the next: a run over candidates that fail at once needs a runner a second, and would otherwise take each
place again at the moment at which it is free. Measured so: 1,942 times, before another run had its first.

Runs of other users, and other programs, are not seen.
"""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final, Protocol

from sandbox.contract import SandboxUnavailable

POLL_S: Final = 0.1
WAITING: Final = "waiting"
WAITING_TO_WARM: Final = "waiting-to-warm"


class Slots(Protocol):
    """Slots of a machine; thread-safe."""

    @property
    def are_wanted(self) -> bool:
        """Whether somebody waits for one."""
        ...

    def hold(self, go_on: Callable[[], object]) -> AbstractContextManager[None]:
        """Waits for a slot and holds it; `go_on` is called while it waits and may raise."""
        ...

    def spare(self) -> AbstractContextManager[bool]:
        """Holds a slot that nobody wants, where there is one; says whether."""
        ...

    def warming(self, go_on: Callable[[], object]) -> AbstractContextManager[None]:
        """Waits until there is a core for one more to be warmed, and holds it; `go_on` as in `hold`."""
        ...


class OwnMachine:
    """For runs that share the machine with no other; tests, experiments."""

    are_wanted = False

    def hold(self, go_on: Callable[[], object]) -> AbstractContextManager[None]:
        """There is always room."""
        return nullcontext()

    def spare(self) -> AbstractContextManager[bool]:
        """There is always room."""
        return nullcontext(True)

    def warming(self, go_on: Callable[[], object]) -> AbstractContextManager[None]:
        """Nobody else warms."""
        return nullcontext()


def folder_of_this_user() -> Path:
    """Returns where this user's runs on this machine, of whatever checkout, find each other."""
    return Path(tempfile.gettempdir()) / f"kernelgate-{os.geteuid()}"


def make_own(folder: Path) -> None:
    """Makes a folder that no other user writes to, where it is missing.

    Raises:
        SandboxUnavailable: it can't be made, or is somebody else's.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = folder.lstat()
    except OSError as error:
        raise SandboxUnavailable(f"{folder} can't be made: {error.strerror}; set TMPDIR to another place") from None
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o022:
        raise SandboxUnavailable(f"{folder} is not a folder of this user alone; set TMPDIR to another place")


class SharedMachine:
    """Slots in a folder of lock files."""

    def __init__(self, folder: Path, count: int) -> None:
        """Makes the folder where it is missing.

        Raises:
            SandboxUnavailable: it can't be made, or is somebody else's.
        """
        self._folder = folder
        self._count = count
        make_own(folder)
        self._warming = os.cpu_count() or 1
        names = [f"slot-{number}" for number in range(count)] + [f"warming-{number}" for number in range(self._warming)]
        for name in (WAITING, WAITING_TO_WARM, *names):
            os.close(self._descriptor(name))  # now: later the disk may be full

    @classmethod
    def of_this_user(cls, at_least: int) -> SharedMachine:
        """As many slots as there are cores, or `at_least` so many: whoever asks for more workers has reasons."""
        return cls(folder_of_this_user(), max(os.cpu_count() or 1, at_least))

    @property
    def are_wanted(self) -> bool:
        """Whether another run waits for a slot."""
        return self._has_waiting(WAITING)

    def _has_waiting(self, queue: str) -> bool:
        with self._open(queue) as descriptor:
            return not _locked(descriptor, fcntl.LOCK_EX)

    def hold(self, go_on: Callable[[], object]) -> AbstractContextManager[None]:
        """Waits for a slot and holds it."""
        return self._one_of("slot", self._count, WAITING, go_on)

    @contextmanager
    def spare(self) -> Iterator[bool]:
        """Holds a slot where one is free and nobody waits."""
        mine = None if self.are_wanted else self._first_free("slot", self._count)
        try:
            yield mine is not None
        finally:
            if mine is not None:
                os.close(mine)

    def warming(self, go_on: Callable[[], object]) -> AbstractContextManager[None]:
        """Holds one of the locks of those that warm a runner."""
        return self._one_of("warming", self._warming, WAITING_TO_WARM, go_on)

    @contextmanager
    def _one_of(self, name: str, count: int, queue: str, go_on: Callable[[], object]) -> Iterator[None]:
        mine = None if self._has_waiting(queue) else self._first_free(name, count)  # not before those that wait
        if mine is None:
            with self._open(queue) as waiting:
                fcntl.flock(waiting, fcntl.LOCK_SH)
                while mine is None:
                    go_on()
                    time.sleep(POLL_S)
                    mine = self._first_free(name, count)
        try:
            yield
        finally:
            os.close(mine)

    def _first_free(self, name: str, count: int) -> int | None:
        for number in range(count):
            descriptor = self._descriptor(f"{name}-{number}")
            if _locked(descriptor, fcntl.LOCK_EX):
                return descriptor
            os.close(descriptor)
        return None

    @contextmanager
    def _open(self, name: str) -> Iterator[int]:
        descriptor = self._descriptor(name)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _descriptor(self, name: str) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        path = self._folder / f"{name}.lock"
        try:
            return os.open(path, flags, 0o600)
        except OSError as error:
            raise SandboxUnavailable(f"{path} can't be opened: {error.strerror}") from None


def _locked(descriptor: int, how: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        return True
    return False
