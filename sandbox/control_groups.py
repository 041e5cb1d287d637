"""Control groups without an engine: made where the kernel and our rights allow it, of version 1 or 2.

Each worker gets a group below the one that this process is in, so that a limit which somebody set around us keeps
holding. In version 2 a group that has processes can't hand controllers to its children; then the nearest ancestor that
does hand them out is taken. Which controllers can be had is tried once, by making a group and moving a process there:
what file modes promise, a delegation or a read-only mount may not keep.

A group's name says whose it is (`sandbox.owner`), so that the groups of a killed process can be told and removed. Only
those beside our own groups are found.

Not handled: controllers of which only some are delegated in version 2 still give those; `memory.oom.group` is left as
it is, because the whole sandbox ends anyway when its program is killed.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple

from sandbox.contract import Limits, SandboxUnavailable
from sandbox.os_errors import reason_of
from sandbox.owner import BOOT, MARK, NAMESPACE, PID, START, Liveness, Owner, from_labels, this_process

Controller = Literal["memory", "pids", "cpu"]
CONTROLLERS: Final[tuple[Controller, ...]] = ("memory", "pids", "cpu")
PERIOD_US: Final = 100_000
SWAP_FILES: Final = ("memory.memsw.limit_in_bytes", "memory.swap.max")  # absent where the kernel does not count swap
REMOVAL_DEADLINE_S: Final = 10.0
REMOVAL_POLL_S: Final = 0.005
TRIAL_S: Final = 10.0
MOUNTED_AT: Final = "/sys/fs/cgroup"


class Place(NamedTuple):
    """Where groups with a controller are made."""

    controller: Controller
    version: Literal[1, 2]
    parent: Path


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """The group of one worker: one folder for each controller in version 1, one for all in version 2."""

    name: str
    places: tuple[Place, ...]

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders, each once."""
        return tuple(dict.fromkeys(place.parent / self.name for place in self.places))

    @property
    def views(self) -> tuple[tuple[Path, str], ...]:
        """Each folder and where a program expects to see it."""
        seen = {
            place.parent / self.name: MOUNTED_AT if place.version == 2 else f"{MOUNTED_AT}/{place.controller}"
            for place in self.places
        }
        return tuple(seen.items())

    def folders_of(self, controller: str) -> tuple[Path, ...]:
        """Where its counters of a controller may lie; one folder of version 2 has those of all."""
        return tuple(
            place.parent / self.name for place in self.places if place.controller == controller or place.version == 2
        )

    def holds(self, controller: Controller) -> bool:
        """Whether it limits that."""
        return any(place.controller == controller for place in self.places)

    def make(self, limits: Limits) -> None:
        """Makes the folders and sets the limits.

        Raises:
            SandboxUnavailable: the kernel refused.
        """
        try:
            for folder in self.folders:
                folder.mkdir()
            for place in self.places:
                for file, value in _settings(place, limits):
                    path = place.parent / self.name / file
                    if path.exists() or file not in SWAP_FILES:
                        path.write_text(value)
        except OSError as error:
            self.remove()
            raise SandboxUnavailable(
                f"a control group can't be set up: {error.filename}: {reason_of(error)}; `kernelgate doctor` says more"
            ) from error

    def oom_kills(self) -> int:
        """How many processes in it were killed at the memory limit."""
        for place in self.places:
            if place.controller == "memory":
                file = "memory.oom_control" if place.version == 1 else "memory.events"
                lines = (place.parent / self.name / file).read_text().splitlines()
                return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
        return 0

    def remove(self) -> None:
        """Kills what is in it and removes it; nothing happens when it is gone.

        Raises:
            SandboxUnavailable: it still can't be removed after ten seconds.
        """
        until = time.monotonic() + REMOVAL_DEADLINE_S
        for folder in self.folders:
            while not _removed(folder):
                if time.monotonic() > until:
                    raise SandboxUnavailable(f"the control group {folder} can't be removed: processes in it do not die")
                time.sleep(REMOVAL_POLL_S)


@dataclass(frozen=True, slots=True)
class ControlGroups:
    """Where groups are made on this machine; without places nothing is limited by groups."""

    places: tuple[Place, ...] = ()

    @classmethod
    def of_this_machine(cls) -> ControlGroups:
        """Returns what was tried out and works; nothing is left of the trial."""
        return cls(tuple(place for place in _candidates() if _works(place)))

    @property
    def title(self) -> str:
        """What is limited by groups, in words."""
        if not self.places:
            return "no control group"
        names = ", ".join(sorted(place.controller for place in self.places))
        return f"control groups v{max(place.version for place in self.places)}: {names}"

    def group_for(self, owner: Owner) -> ControlGroup:
        """Returns a group that does not exist yet."""
        return ControlGroup(f"{_mark(owner)}.{secrets.token_hex(6)}", self.places)

    def reap(self) -> int:
        """Removes the groups of owners that are gone, with the processes in them; returns how many."""
        left_over: dict[str, list[Place]] = {}
        for place in self.places:
            for folder in place.parent.glob(f"{MARK}.*"):
                left_over.setdefault(folder.name, []).append(place)
        gone = [name for name in left_over if _is_left_over(name)]
        for name in gone:
            ControlGroup(name, tuple(left_over[name])).remove()
        return len(gone)


def _settings(place: Place, limits: Limits) -> Iterator[tuple[str, str]]:
    match place.controller, place.version:
        case "memory", 1:
            yield "memory.limit_in_bytes", str(limits.memory_bytes)
            yield "memory.memsw.limit_in_bytes", str(limits.memory_bytes)
        case "memory", 2:
            yield "memory.max", str(limits.memory_bytes)
            yield "memory.swap.max", "0"
        case "pids", _:
            yield "pids.max", str(limits.processes)
        case "cpu", 1:
            yield "cpu.cfs_period_us", str(PERIOD_US)
            yield "cpu.cfs_quota_us", str(round(limits.cpus * PERIOD_US))
        case "cpu", 2:
            yield "cpu.max", f"{round(limits.cpus * PERIOD_US)} {PERIOD_US}"


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        with suppress(OSError, ValueError):
            for pid in (folder / "cgroup.procs").read_text().split():
                if int(pid) > 0:  # 0 is a process of another namespace; to the call it means our own process group
                    os.kill(int(pid), signal.SIGKILL)
        return False
    return True


def _candidates() -> Iterator[Place]:
    own = dict(_own_groups())
    mounts = list(_mounts())
    for controller in CONTROLLERS:
        for version, options, root, point in mounts:
            if version == 1 and controller in options and controller in own:
                yield Place(controller, 1, _below(point, root, own[controller]))
            elif version == 2 and "" in own and (parent := _handing_out(point, root, own[""], controller)) is not None:
                yield Place(controller, 2, parent)


def _own_groups() -> Iterator[tuple[str, str]]:
    """Each controller with the path of this process's group; the empty name is version 2's."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        yield from ((name, path) for name in names.split(","))


def _mounts() -> Iterator[tuple[Literal[1, 2], set[str], str, Path]]:
    """Version, options of the file system, root within it and mount point of each mounted hierarchy."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            fields = before.split()
            yield (1 if kind == "cgroup" else 2), set(options.split(",")), fields[3], Path(fields[4])


def _below(point: Path, root: str, path: str) -> Path:
    """Where a group lies that is called `path`, below a mount that shows the hierarchy from `root` on."""
    inside = path.removeprefix(root.rstrip("/")) if path.startswith(root) else path
    return point / inside.lstrip("/")


def _handing_out(point: Path, root: str, path: str, controller: Controller) -> Path | None:
    group = _below(point, root, path)
    for parent in (group, *group.parents):
        with suppress(OSError):
            if controller in (parent / "cgroup.subtree_control").read_text().split():
                return parent
        if parent == point:
            return None
    return None


def _works(place: Place) -> bool:
    folder = place.parent / ControlGroups().group_for(this_process()).name
    try:
        folder.mkdir()
    except OSError:
        return False
    try:
        return _settable(place, folder) and _joinable(folder)
    finally:
        with suppress(OSError):
            folder.rmdir()


def _settable(place: Place, folder: Path) -> bool:
    file, value = next(iter(_settings(place, Limits())))
    try:
        (folder / file).write_text(value)
    except OSError:
        return False
    return True


def _joinable(folder: Path) -> bool:
    join = ("/bin/sh", "-c", 'echo 0 > "$1/cgroup.procs"', "sh", str(folder))
    return subprocess.run(join, capture_output=True, timeout=TRIAL_S, check=False).returncode == 0


def _mark(owner: Owner) -> str:
    namespace = owner.namespace.removeprefix("pid:[").removesuffix("]")
    return f"{MARK}.{owner.pid}.{owner.start_ticks}.{owner.boot}.{namespace}"


def _is_left_over(name: str) -> bool:
    parts = name.split(".")
    if len(parts) != 6:
        return False
    labels = {PID: parts[1], START: parts[2], BOOT: parts[3], NAMESPACE: f"pid:[{parts[4]}]"}
    owner = from_labels(labels)
    # Groups do not outlive a boot, so an owner that is out of sight is in another process namespace, maybe alive.
    return owner is not None and owner.liveness() is Liveness.DEAD
