"""Runs inside a sandbox, tries to do what must not work, and reports what happened as its one frame, the greeting.

The image need not contain this file: its source is the argument of `python3 -I -c`. So it imports the standard library
only, and speaks the frame format by itself. It is trusted code, and it runs where no candidate ever ran; it is given
the expected limits as JSON and reports a list of name, whether the limit holds, and what was observed. A check that
cannot observe its limit reports that it does not hold. `CHECKS` are the limits that every sandbox has; `LAYERS` are
what some machines have besides.

gVisor shows less of itself than Linux does: no control groups (the host looks at them from outside,
`sandbox.seen_outside`), no flags of mounts in statvfs, no limit on the inodes of a tmpfs.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import re
import resource
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Expected(NamedTuple):
    """The limits that should hold, as in `sandbox.contract.Limits`; allowed variables; the kernel of the host."""

    memory_bytes: int
    processes: int
    cpus: float
    tmp_bytes: int
    tmp_inodes: int
    open_files: int
    file_bytes: int
    environment: list[str]
    host_kernel: str


class Seen(NamedTuple):
    """What one check saw."""

    holds: bool
    observed: str


class Call(NamedTuple):
    """A system call that must be refused: its number on each machine, its arguments, and the error that says so."""

    x86_64: int
    aarch64: int
    arguments: tuple[int, ...]
    refusal: int = errno.EPERM


NEW_USER_NAMESPACE = 0x10000000
PAGE = ctypes.create_string_buffer(4096)
AT = ctypes.addressof(PAGE)
CALLS = {
    "ptrace": Call(101, 117, (0, 0, 0, 0)),
    "process_vm_readv": Call(310, 270, (1, 0, 0, 0, 0, 0)),
    "unshare": Call(272, 97, (NEW_USER_NAMESPACE,)),
    "setns": Call(308, 268, (0, 0)),
    "clone with a new namespace": Call(56, 220, (NEW_USER_NAMESPACE | signal.SIGCHLD, 0, 0, 0, 0)),
    "clone3": Call(435, 435, (0, 0), errno.ENOSYS),
    "mount": Call(165, 40, (AT, AT, AT, 0, 0)),
    "keyctl": Call(250, 219, (0, -3 & 0xFFFFFFFF)),
    "bpf": Call(321, 280, (0, AT, 120)),
    "io_uring_setup": Call(425, 425, (8, AT)),
    "userfaultfd": Call(323, 282, (1,)),
    "perf_event_open": Call(298, 241, (AT, 0, -1, -1, 0)),
    "memfd_create": Call(319, 279, (AT, 0)),
}
WRITABLE = ("/cache", "/tmp")
GVISOR_VERSION = "Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016"
UID_MAP = "/proc/self/uid_map"
APPARMOR = ("/proc/self/attr/apparmor/current", "/proc/self/attr/current")
STACK_BYTES = 64 << 10
PR_GET_NO_NEW_PRIVS = 39
PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET = 47, 1
ENGINE_SOCKETS = ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock")


def network(expected: Expected) -> Seen:
    """Only the loopback interface, and nothing to be reached through it or around it."""
    lines = Path("/proc/net/dev").read_text().splitlines()[2:]
    interfaces = [line.split(":")[0].strip() for line in lines]
    attempts = [_connect(address) for address in (("192.0.2.1", 9), ("169.254.169.254", 80))]
    holds = interfaces in ([], ["lo"]) and "connected" not in attempts
    return Seen(holds, f"interfaces {interfaces}, connecting: {', '.join(attempts)}")


def _connect(address: tuple[str, int]) -> str:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
            connection.settimeout(1.0)
            connection.connect(address)
    except OSError as error:
        return _name(error)
    return "connected"


def root_file_system(expected: Expected) -> Seen:
    """Mounted read-only, and a folder that is open to all refuses a file for that reason."""
    read_only = "ro" in _mount_options("/")
    attempt = _create("/var/tmp/probe")
    return Seen(read_only and attempt == "EROFS", f"read-only {read_only}, a file in /var/tmp: {attempt}")


def writable_places(expected: Expected) -> Seen:
    """No mount but the two bounded ones can be written."""
    mounts = {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()}
    extra = {"/", "/dev", "/dev/shm", "/etc", "/run", "/var/tmp", "/sys"}
    writable = {path for path in mounts | extra if Path(path).is_dir() and os.access(path, os.W_OK)}
    return Seen(writable <= set(WRITABLE), f"writable: {sorted(writable)}")


def tmp_not_executable(expected: Expected) -> Seen:
    """A script in /tmp does not start."""
    script = Path("/tmp/probe.sh")
    script.write_text("#!/bin/sh\nexit 0\n")
    script.chmod(0o755)
    try:
        code = os.spawnv(os.P_WAIT, str(script), [str(script)])
    finally:
        script.unlink()
    flagged = "noexec" in _mount_options("/tmp")
    return Seen(code != 0 and flagged, f"noexec {flagged}, a script left with {code}")


def tmp_size(expected: Expected) -> Seen:
    """Both file systems in memory are at most as large as asked for, and take no setuid files and no devices.

    gVisor lists neither flag: it never follows a setuid bit, and without a capability nobody makes a device there.
    """
    sizes = {path: os.statvfs(path).f_blocks * os.statvfs(path).f_frsize for path in WRITABLE}
    bounded = all(0 < size <= expected.tmp_bytes + resource.getpagesize() for size in sizes.values())
    flagged = _is_gvisor(expected) or all({"nosuid", "nodev"} <= _mount_options(path) for path in WRITABLE)
    return Seen(bounded and flagged, ", ".join(f"{path} {size} bytes" for path, size in sizes.items()))


def tmp_inodes(expected: Expected) -> Seen:
    """Files can be made in /tmp until there are as many as asked for.

    gVisor does not count them: they lie in the sandbox's own memory and nowhere in the host's kernel, so what bounds
    them is the limit on memory, from which gVisor takes the size of its own.
    """
    if _is_gvisor(expected):
        total = _memory_total_bytes()
        return Seen(0 < total <= expected.memory_bytes, f"gVisor: bounded by its memory, {total} bytes")
    folder = Path("/tmp/probe")
    folder.mkdir()
    made = 0
    refusal = "none"
    while made <= expected.tmp_inodes and refusal == "none":
        refusal = _create(str(folder / str(made)), "none")
        made += refusal == "none"
    for number in range(made):
        (folder / str(number)).unlink()
    folder.rmdir()
    return Seen(refusal == "ENOSPC", f"{made} files, then {refusal}")


def capabilities(expected: Expected) -> Seen:
    """All five sets are empty. The ambient one is asked for, because gVisor has none and does not list it."""
    sets = {key: _status(key) for key in ("CapInh", "CapPrm", "CapEff", "CapBnd")}
    ambient = [number for number in range(64) if _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, number) == 1]
    holds = not ambient and all(int(value, 16) == 0 for value in sets.values())
    return Seen(holds, f"{_listing(sets)}, ambient {ambient}")


def no_new_privileges(expected: Expected) -> Seen:
    """setuid programs give nothing."""
    answer = _prctl(PR_GET_NO_NEW_PRIVS)
    return Seen(answer == 1, f"PR_GET_NO_NEW_PRIVS says {answer}")


def seccomp(expected: Expected) -> Seen:
    """A filter is in force."""
    return Seen(_status("Seccomp") == "2", f"Seccomp {_status('Seccomp')}")


def user(expected: Expected) -> Seen:
    """No user or group id, in any role, is root's."""
    ids = {key: _status(key) for key in ("Uid", "Gid", "Groups")}
    return Seen(not any("0" in value.split() for value in ids.values()), _listing(ids))


def process_namespace(expected: Expected) -> Seen:
    """Nothing is visible but this program and its init."""
    visible = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return Seen(
        os.getppid() == 1 and len(visible) == 2, f"process 1 is the parent: {os.getppid() == 1}, {len(visible)} visible"
    )


def processes(expected: Expected) -> Seen:
    """Threads and processes count together: when no further thread can be started, fork fails for the same reason.

    Threads, because a thousand of them cost little: gVisor copies 2 MiB for every place that a forked child touches.
    """
    threading.stack_size(STACK_BYTES)
    release = threading.Event()
    started: list[threading.Thread] = []
    try:
        while len(started) < expected.processes:
            thread = threading.Thread(target=release.wait, daemon=True)
            thread.start()
            started.append(thread)
    except RuntimeError:
        pass  # no further thread; the fork tells why
    refusal = _fork()
    release.set()
    for thread in started:
        thread.join()
    return Seen(refusal == "EAGAIN", f"{len(started)} threads, then fork: {refusal}")


def _fork() -> str:
    try:
        child = os.fork()
    except OSError as error:
        return _name(error)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return "it worked"


def memory(expected: Expected) -> Seen:
    """The control group's limit is the one asked for."""
    limit = _cgroup("memory.max", "memory/memory.limit_in_bytes")
    return Seen(limit.isdigit() and int(limit) <= expected.memory_bytes, f"{limit} bytes")


def swap(expected: Expected) -> Seen:
    """No swap beyond the memory limit: by the control group, or because the host has none."""
    v2, v1 = _cgroup("memory.swap.max", ""), _cgroup("", "memory/memory.memsw.limit_in_bytes")
    total = re.search(r"SwapTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    on_host = total.group(1) if total else "unknown"
    limited = v2 == "0" or (v1.isdigit() and int(v1) <= expected.memory_bytes)
    return Seen(limited or on_host == "0", f"v2 {v2}, v1 with memory {v1}, swap of the host {on_host} KiB")


def cpus(expected: Expected) -> Seen:
    """The quota of processor time is the one asked for."""
    quota, _, period = _cgroup("cpu.max", "").partition(" ")
    if not period:
        quota, period = _cgroup("", "cpu/cpu.cfs_quota_us"), _cgroup("", "cpu/cpu.cfs_period_us")
    holds = quota.isdigit() and period.isdigit() and int(quota) / int(period) <= expected.cpus * 1.01
    return Seen(holds, f"{quota} of each {period} microseconds")


def open_files(expected: Expected) -> Seen:
    """Opening one file again and again fails before there are more descriptors than asked for."""
    opened: list[int] = []
    refusal = "none"
    while len(opened) <= expected.open_files and refusal == "none":
        try:
            opened.append(os.open("/dev/null", os.O_RDONLY))
        except OSError as error:
            refusal = _name(error)
    for descriptor in opened:
        os.close(descriptor)
    return Seen(refusal == "EMFILE", f"{len(opened)} opened, then {refusal}")


def core_files(expected: Expected) -> Seen:
    """A crash writes no core."""
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    return Seen(limits == (0, 0), f"soft and hard {limits}")


def file_size(expected: Expected) -> Seen:
    """Writing one byte behind the largest size asked for fails."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    descriptor = os.open("/cache/probe", os.O_CREAT | os.O_WRONLY)
    try:
        os.pwrite(descriptor, b"x", expected.file_bytes)
        refusal = "none"
    except OSError as error:
        refusal = _name(error)
    finally:
        os.close(descriptor)
        Path("/cache/probe").unlink()
    return Seen(refusal == "EFBIG", f"a byte at {expected.file_bytes}: {refusal}")


def engine_socket(expected: Expected) -> Seen:
    """The engine cannot be reached from inside."""
    there = [path for path in ENGINE_SOCKETS if Path(path).exists()]
    return Seen(not there, f"engine sockets: {there}")


def environment(expected: Expected) -> Seen:
    """No variable but those that trusted code set."""
    # As the program was started: Python may add variables of its own (LC_CTYPE) to os.environ.
    names = {line.partition(b"=")[0].decode() for line in Path("/proc/self/environ").read_bytes().split(b"\0") if line}
    surplus = sorted(names - set(expected.environment))
    return Seen(not surplus, f"{len(names)} variables, unexpected: {surplus}")


def own_kernel(expected: Expected) -> Seen:
    """System calls end in a kernel of the sandbox's own, not in the host's."""
    release = os.uname().release
    what = "gVisor" if _is_gvisor(expected) else f"Linux {release}"
    return Seen(release != expected.host_kernel, f"{what}, on a host with Linux {expected.host_kernel}")


def user_namespace(expected: Expected) -> Seen:
    """Root in here would be nobody in particular on the host."""
    if _is_gvisor(expected):
        return Seen(False, "gVisor shows a map of its own")
    ranges = [line.split() for line in Path(UID_MAP).read_text().splitlines()]
    mapped = "; ".join(f"{inside} to {outside}, {count} of them" for inside, outside, count in ranges)
    return Seen(bool(ranges) and all(outside != "0" for _, outside, _ in ranges), f"user ids map {mapped or 'nowhere'}")


def apparmor(expected: Expected) -> Seen:
    """A profile is enforced."""
    for path in APPARMOR:
        try:
            profile = Path(path).read_text().strip("\0\n ")
        except OSError:
            continue
        return Seen(profile.endswith("(enforce)"), profile or "no profile")
    return Seen(False, "this kernel has none")


def refused(call: Call) -> Seen:
    """The call fails in the way the filter makes it fail; tried in a child, which it may disturb."""
    numbers = {"x86_64": call.x86_64, "aarch64": call.aarch64}
    number = numbers.get(platform.machine())
    if number is None:
        return Seen(False, f"the number on {platform.machine()} is not known here")
    child = os.fork()
    if child == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        result = libc.syscall(*(ctypes.c_long(value) for value in (number, *call.arguments)))
        os._exit(ctypes.get_errno() if result == -1 else 0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    observed = errno.errorcode.get(code, "it worked" if code == 0 else f"the child ended with {code}")
    return Seen(code == call.refusal, observed)


def _create(path: str, made: str = "made") -> str:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except OSError as error:
        return _name(error)
    return made


def _cgroup(v2: str, v1: str) -> str:
    """The content of the control group file of either version that is there, or `absent`."""
    for name in (v2, v1, v1.replace("cpu/", "cpu,cpuacct/")):
        path = Path("/sys/fs/cgroup") / name
        if name and path.is_file():
            return path.read_text().strip()
    return "absent"


def _is_gvisor(expected: Expected) -> bool:
    """Whether gVisor answers: it says of itself that it is a certain old Linux, which the host's kernel is not."""
    version = Path("/proc/version").read_text().strip()
    return version == GVISOR_VERSION and not expected.host_kernel.startswith("4.4.0")


def _mount_options(path: str) -> set[str]:
    """The options of what is mounted at `path`, the uppermost where there are several."""
    lines = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    found = [fields[5] for fields in lines if fields[4] == path]
    return set(found[-1].split(",")) if found else set()


def _memory_total_bytes() -> int:
    found = re.search(r"MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    return int(found.group(1)) << 10 if found else 0


def _prctl(*arguments: int) -> int:
    padded = (*arguments, 0, 0, 0, 0)[:5]
    return int(ctypes.CDLL(None).prctl(*(ctypes.c_ulong(argument) for argument in padded)))


def _status(key: str) -> str:
    found = re.search(rf"^{key}:[ \t]*(.*)$", Path("/proc/self/status").read_text(), re.MULTILINE)
    if found is None:
        raise OSError(f"/proc/self/status has no {key}")
    return found.group(1).strip()


def _listing(values: dict[str, str]) -> str:
    return ", ".join(f"{key} {value.replace(chr(9), ' ')}" for key, value in values.items())


def _name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, str(error))


CHECKS: dict[str, Callable[[Expected], Seen]] = {
    "network": network,
    "root file system": root_file_system,
    "writable places": writable_places,
    "tmp not executable": tmp_not_executable,
    "tmp size": tmp_size,
    "tmp inodes": tmp_inodes,
    "capabilities": capabilities,
    "no new privileges": no_new_privileges,
    "seccomp": seccomp,
    "user": user,
    "process namespace": process_namespace,
    "processes": processes,
    "memory": memory,
    "swap": swap,
    "cpus": cpus,
    "open files": open_files,
    "core files": core_files,
    "file size": file_size,
    "engine socket": engine_socket,
    "environment": environment,
}
for _call in CALLS:
    CHECKS[f"system call: {_call}"] = lambda expected, call=CALLS[_call]: refused(call)  # type: ignore[misc]

LAYERS: dict[str, Callable[[Expected], Seen]] = {
    "own kernel": own_kernel,
    "user namespace": user_namespace,
    "AppArmor": apparmor,
}


def observe(expected: Expected) -> list[dict[str, object]]:
    """Runs every check; one that cannot observe what it is about says that it does not hold."""
    report: list[dict[str, object]] = []
    for name, check in (CHECKS | LAYERS).items():
        try:
            holds, observed = check(expected)
        except (OSError, ValueError) as error:
            holds, observed = False, f"not observed: {error}"
        report.append({"name": name, "holds": bool(holds), "observed": observed})
    return report


def main() -> None:
    """Says the report as one frame and waits until the input is closed."""
    payload = json.dumps(observe(Expected(**json.loads(sys.argv[1])))).encode()
    sys.stdout.buffer.write(struct.pack("<Q", len(payload)) + payload)
    sys.stdout.buffer.flush()
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
