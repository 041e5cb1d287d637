"""Limits that a program can't see from inside gVisor, read on the host: the control groups of the container's process.

It is the kernel's own files that are read, not what the engine says it asked for. This works where the engine runs on
this machine and in a process namespace that sees the container (`State.Pid` is a process here, and it is in a control
group named for the container). Where it is not, or a file is missing, the limit was not seen, and so does not hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sandbox.contract import LimitProof, Limits

NAMES: Final = ("memory", "swap", "cpus")
NO_LIMIT: Final = "no limit was found"
PROC: Final = Path("/proc")
CGROUPS: Final = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Outside:
    """Where the host's files are; tests name others."""

    proc: Path = PROC
    cgroups: Path = CGROUPS

    def proofs(self, pid: int, container: str, limits: Limits) -> tuple[LimitProof, ...]:
        """Returns a proof for each limit in `NAMES`, as the host's kernel holds the container to it.

        Args:
            pid: The container's first process, in the engine's words.
            container: The container's id, which its control groups carry in their path.
            limits: What should hold.
        """
        memory = self._value(pid, container, "memory", ("memory.max", "memory.limit_in_bytes"))
        return (
            LimitProof("memory", _within(memory, limits.memory_bytes), f"{memory} bytes, seen on the host"),
            self._swap(pid, container, limits),
            self._cpus(pid, container, limits),
        )

    def _swap(self, pid: int, container: str, limits: Limits) -> LimitProof:
        alone = self._value(pid, container, "memory", ("memory.swap.max",))
        together = self._value(pid, container, "memory", ("memory.memsw.limit_in_bytes",))
        seen = f"v2 {alone}, v1 with memory {together}, seen on the host"
        return LimitProof("swap", alone == "0" or _within(together, limits.memory_bytes), seen)

    def _cpus(self, pid: int, container: str, limits: Limits) -> LimitProof:
        quota, _, period = self._value(pid, container, "cpu", ("cpu.max",)).partition(" ")
        if not period.isdigit():
            quota = self._value(pid, container, "cpu", ("cpu.cfs_quota_us",))
            period = self._value(pid, container, "cpu", ("cpu.cfs_period_us",))
        holds = quota.isdigit() and period.isdigit() and int(quota) <= limits.cpus * 1.01 * int(period)
        return LimitProof("cpus", holds, f"{quota} of each {period} microseconds, seen on the host")

    def _value(self, pid: int, container: str, controller: str, files: tuple[str, ...]) -> str:
        for folder in self.folders(pid, container, controller):
            for name in files:
                try:
                    return (folder / name).read_text(encoding="ascii").strip()
                except OSError:
                    continue
        return NO_LIMIT

    def folders(self, pid: int, container: str, controller: str) -> Iterator[Path]:
        """Yields where a container's group of a controller may lie; nothing where its process is not to be seen."""
        try:
            lines = (self.proc / str(pid) / "cgroup").read_text(encoding="utf-8").splitlines()
        except OSError:
            return
        for _, controllers, path in (line.split(":", 2) for line in lines):
            if container not in path:
                continue  # another process has that number here, or the engine keeps no group for a container
            if controllers == "":
                yield self.cgroups / path.lstrip("/")
            elif controller in controllers.split(","):
                yield self.cgroups / controllers / path.lstrip("/")
                yield self.cgroups / controller / path.lstrip("/")


def _within(text: str, most: int) -> bool:
    return text.isdigit() and int(text) <= most
