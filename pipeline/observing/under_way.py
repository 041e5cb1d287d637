"""Which runs are under way on this machine: a small file each, locked by its run, in the folder where runs find each
other.

The lock ends with its process, however that ends, so what a killed run left is told by that; the next run removes it.
Beside who runs what, the file holds how many verdicts there are: it is written again with each, in place. A reader that
comes in between reads it again. A file that can't be written costs a run nothing: it is not shown, that is all.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from pipeline.gate.judged import Judged
from pipeline.runs.facts import RunFacts, RunKind
from pipeline.supply.machine_slots import folder_of_this_user, make_own
from policies.policy import Tier
from sandbox.contract import SandboxUnavailable

FOLDER: Final = "runs"
CAP_BYTES: Final = 1 << 16
ABANDONED_S: Final = 60.0  # between its making and its locking a file is nobody's for a moment
TRIES: Final = 3


class TierCount(BaseModel):
    """How many verdicts of one tier there are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tier: Tier
    count: int


class UnderWay(BaseModel):
    """A run that has begun.

    Attributes:
        runs: Where its run folder will be.
        candidates: How many there are; None where nobody knows yet.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    kind: RunKind
    policy: str
    pid: int
    began: AwareDatetime
    runs: str
    candidates: int | None
    verdicts: tuple[TierCount, ...] = ()

    @property
    def judged(self) -> int:
        """How many candidates have their verdict."""
        return sum(one.count for one in self.verdicts)


class Registration:
    """The file of one run; thread-safe."""

    def __init__(self, about: UnderWay, descriptor: int) -> None:
        """Takes a file that is open and locked."""
        self._descriptor = descriptor
        self._head = about.model_dump_json(exclude={"verdicts"}).removesuffix("}")  # the same each time
        self._lock = threading.Lock()
        self._tiers: Counter[Tier] = Counter()
        self._write()

    def judged(self, path: str, judged: Judged) -> None:
        """A candidate has its verdict."""
        with self._lock:
            self._tiers[judged.verdict.tier] += 1
            self._write()

    def _write(self) -> None:
        verdicts = [{"tier": tier.value, "count": count} for tier, count in self._tiers.items()]
        data = f'{self._head},"verdicts":{json.dumps(verdicts)}}}'.encode()
        with suppress(OSError):  # a full disk
            os.pwrite(self._descriptor, data, 0)  # over what was shorter: counts only grow


@contextmanager
def registered(facts: RunFacts, runs: Path) -> Iterator[Registration | None]:
    """Yields the registration of a run that begins; None where there is no place for it."""
    about = UnderWay(
        run=facts.id, kind=facts.kind, policy=facts.policy, pid=os.getpid(), began=datetime.now(UTC),
        runs=str(runs.absolute()), candidates=facts.candidates,
    )  # fmt: skip
    folder = folder_of_this_user() / FOLDER
    path = folder / f"{facts.id}.json"
    try:
        make_own(folder.parent)
        make_own(folder)
        _remove_abandoned(folder)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except (OSError, SandboxUnavailable):
        yield None
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)  # what a killed process of the same run had left
    except BlockingIOError:  # a run that goes on in two processes: the second will wait elsewhere, and says so
        os.close(descriptor)
        yield None
        return
    try:
        yield Registration(about, descriptor)
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def runs_under_way() -> tuple[UnderWay, ...]:
    """Returns the runs of this user on this machine, the longest first; changes nothing."""
    folder = folder_of_this_user() / FOLDER
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".json")
    except OSError:
        return ()
    found = (_read(path) for path in paths if is_held(path))
    return tuple(one for one in found if one is not None)


def is_held(path: Path, *, shared: bool = False) -> bool:
    """Whether some process holds the lock on a file; False where there is none. Holds it for a moment otherwise.

    Args:
        shared: Locks that several may hold at once count, too.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if shared else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _read(path: Path) -> UnderWay | None:
    for _ in range(TRIES):
        with suppress(OSError, ValidationError), path.open("rb") as file:
            return UnderWay.model_validate_json(file.read(CAP_BYTES))
    return None


def _remove_abandoned(folder: Path) -> None:
    for path in folder.glob("*.json"):
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime > ABANDONED_S and not is_held(path):
                path.unlink()
