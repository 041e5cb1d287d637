"""Everything that a container is created with: one function from trusted values to one frozen specification.

Nothing here comes from an author. The choices, each of which `prove` shows from inside:

- no network, no writable file but two bounded tmpfs (one of them executable, for what compilers cache), no volumes;
- no capability, no new privileges, an own seccomp allowlist, an unprivileged user, private namespaces, no /dev/shm;
- hard limits on memory (swap included), processes, processor time, open files, file size; no core files;
- no log on the host's disk: the conversation is attached, and what is not read is thrown away;
- docker-init as process 1, so that orphans are reaped and a death by signal N shows as exit code 128 + N.

A program that needs a GPU gets the devices and the driver's libraries that the machine's owner has named
(`sandbox.devices`), and nothing else.

Deliberately not here: user namespaces, which are a setting of the engine, not of a container.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from sandbox.contract import Program
from sandbox.devices import DeviceAccess
from sandbox.owner import Owner
from sandbox.runtimes import is_gvisor
from sandbox.seccomp import profile_text

USER: Final = "10001:10001"
SCRATCH: Final = "/tmp"
CACHE: Final = "/cache"
HOSTNAME: Final = "sandbox"
# Measured (ptrace platform): 53 threads of the host for one sleeping program, 268 for forty of them.
GVISOR_THREADS: Final = 128
GVISOR_THREADS_A_PROCESS: Final = 12


@dataclass(frozen=True, slots=True)
class Ulimit:
    """A resource limit of every process in the container, soft and hard alike."""

    name: str
    value: int


@dataclass(frozen=True, slots=True)
class Tmpfs:
    """A file system in memory, writable by all."""

    path: str
    options: str


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """The create call as data. `body` is what the engine gets, and it sets every field that matters explicitly."""

    image: str
    argv: tuple[str, ...]
    environment: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    user: str
    working_dir: str
    hostname: str
    network_mode: str
    ipc_mode: str
    cgroup_namespace: str
    read_only: bool
    cap_drop: tuple[str, ...]
    security_opt: tuple[str, ...]
    memory_bytes: int
    memory_and_swap_bytes: int
    nano_cpus: int
    processes: int
    oom_score_adj: int
    tmpfs: tuple[Tmpfs, ...]
    ulimits: tuple[Ulimit, ...]
    log_driver: str
    init: bool
    runtime: str | None
    device: DeviceAccess
    logs_refusals: bool = False

    def body(self) -> dict[str, object]:
        """The JSON body of `POST /containers/create`."""
        return {
            "Image": self.image,
            # As entry point, not as command: whatever entry point the image has is replaced, not prefixed.
            "Entrypoint": list(self.argv),
            "Cmd": [],
            "Env": list(self.environment),
            "Labels": dict(self.labels),
            "User": self.user,
            "WorkingDir": self.working_dir,
            "Hostname": self.hostname,
            "Domainname": "",
            "NetworkDisabled": True,
            "Healthcheck": {"Test": ["NONE"]},
            "Tty": False,
            "OpenStdin": True,
            "StdinOnce": True,
            "AttachStdin": True,
            "AttachStdout": True,
            "AttachStderr": True,
            "HostConfig": self._host_config(),
        }

    def _host_config(self) -> dict[str, object]:
        host: dict[str, object] = {
            "NetworkMode": self.network_mode,
            "IpcMode": self.ipc_mode,
            "CgroupnsMode": self.cgroup_namespace,
            "Privileged": False,
            "PublishAllPorts": False,
            "ReadonlyRootfs": self.read_only,
            "CapAdd": [],
            "CapDrop": list(self.cap_drop),
            "SecurityOpt": list(self.security_opt),
            "Memory": self.memory_bytes,
            "MemorySwap": self.memory_and_swap_bytes,
            "NanoCpus": self.nano_cpus,
            "PidsLimit": self.processes,
            "OomKillDisable": False,
            "OomScoreAdj": self.oom_score_adj,
            "Tmpfs": {mount.path: mount.options for mount in self.tmpfs},
            "Ulimits": [{"Name": limit.name, "Soft": limit.value, "Hard": limit.value} for limit in self.ulimits],
            "Binds": [],
            "Mounts": self.device.read_only_mounts(),
            "Devices": self.device.devices(),
            "DeviceRequests": self.device.requests(),
            "GroupAdd": [],
            "LogConfig": {"Type": self.log_driver, "Config": {}},
            "RestartPolicy": {"Name": "no"},
            "AutoRemove": False,  # we read how it ended before we remove it
            "Init": self.init,
        }
        return host if self.runtime is None else host | {"Runtime": self.runtime}


def harden(program: Program, owner: Owner, runtime: str | None) -> ContainerSpec:
    """Returns the specification of the container that runs `program` on behalf of `owner`.

    Args:
        program: Image, arguments and limits, from trusted code.
        owner: The process that is responsible for the container.
        runtime: An OCI runtime that the engine knows, or None for its default.
    """
    limits = program.limits
    tmpfs_options = f"rw,nosuid,nodev,size={limits.tmp_bytes},nr_inodes={limits.tmp_inodes},mode=1777"
    return ContainerSpec(
        image=program.image,
        argv=program.argv,
        environment=_environment(limits.cpus),
        labels=tuple(owner.labels().items()),
        user=USER,
        working_dir=SCRATCH,
        hostname=HOSTNAME,
        network_mode="none",
        ipc_mode="none",
        cgroup_namespace="private",
        read_only=True,
        cap_drop=("ALL",),
        security_opt=(
            "no-new-privileges:true",
            f"seccomp={_profile(program, runtime)}",
        ),
        memory_bytes=limits.memory_bytes,
        memory_and_swap_bytes=limits.memory_bytes,
        nano_cpus=round(limits.cpus * 1e9),
        processes=_host_processes(limits.processes, runtime),
        oom_score_adj=500,  # when the whole host is short of memory, this dies before the judge does
        tmpfs=(
            Tmpfs(SCRATCH, f"{tmpfs_options},noexec"),
            Tmpfs(CACHE, f"{tmpfs_options},exec"),
            # The engine mounts a file system of message queues here that everyone may write; this lies over it.
            Tmpfs("/dev/mqueue", "ro,nosuid,nodev,noexec,size=4096,mode=0555"),
        ),
        ulimits=(
            Ulimit("nofile", limits.open_files),
            Ulimit("core", 0),
            Ulimit("fsize", limits.file_bytes),
            *((Ulimit("nproc", limits.processes),) if is_gvisor(runtime) else ()),
        ),
        log_driver="none",
        init=True,
        runtime=runtime,
        device=program.device,
        logs_refusals=program.logs_refusals,
    )


def _profile(program: Program, runtime: str | None) -> str:
    return profile_text(for_gvisor=is_gvisor(runtime), uses=program.uses, logs_refusals=program.logs_refusals)


def _environment(cpus: float) -> tuple[str, ...]:
    """Home is the executable tmpfs; thread pools fit the quota, for they would be sized after the host's cores."""
    return (f"HOME={CACHE}", f"TMPDIR={SCRATCH}", "LANG=C.UTF-8", f"OMP_NUM_THREADS={max(1, math.ceil(cpus))}")


def _host_processes(processes: int, runtime: str | None) -> int:
    """How many processes and threads of the host's kernel the container may have.

    gVisor's kernel is a process of the host, which dies when the host refuses it a thread (seen: with the program's own
    number here, the fork that must fail ends the container). Its own limit (nproc) is what stops a program in there; on
    the host's kernel that one would count every container of the same user together.
    """
    return GVISOR_THREADS + GVISOR_THREADS_A_PROCESS * processes if is_gvisor(runtime) else processes
