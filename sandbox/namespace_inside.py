"""Runs inside fresh namespaces, before the program: makes its root, gives up every privilege, and is its process 1.

Started by `unshare` as `python3 -I -S`, with the descriptor of its control socket as the argument. It says that it is
there, waits until user and group ids are mapped and its orders come, does what they say, starts the program and says
how it ended. When the socket closes, because whoever started it ended it or was killed, it leaves, and the kernel kills
all the rest: nothing outlives the owner, not even one that died of SIGKILL.

It is trusted code and runs where no candidate ran. Once the program runs it is within the program's reach only as far
as any process of the same user: it holds no capability, is under the same filter, and is not dumpable, so its memory
and descriptors can't be opened. Signals from inside don't reach a process 1 that handles none.

Imports the standard library only. What util-linux has no program for (a recursive read-only bind, a seccomp filter) is
asked of the kernel through ctypes; Linux 5.12 is needed for `mount_setattr`.
"""

from __future__ import annotations

import base64
import ctypes
import errno
import json
import os
import resource
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, NoReturn


class TmpfsOrder(NamedTuple):
    """A file system in memory that the program may write."""

    path: str
    bytes: int
    inodes: int
    executable: bool


class Orders(NamedTuple):
    """What is to be made; everything in it is the judge's.

    Attributes:
        binds: Absolute source on the host (no link in it) and absolute place inside; all become read-only.
        links: Absolute place inside, and the text of the link.
        files: Absolute place inside, and the text.
        folders: Absolute places inside; those of `open_folders` get the permissions of /tmp.
        resources: Name of a resource without `RLIMIT_`, and its soft and hard limit.
        seccomp: The filter, in base64.
        quiet_seccomp: A filter that is loaded before it; then the kernel logs what `seccomp` refuses. None where it
            need not.
    """

    binds: list[tuple[str, str]]
    links: list[tuple[str, str]]
    files: list[tuple[str, str]]
    folders: list[str]
    open_folders: list[str]
    tmpfs: list[TmpfsOrder]
    resources: list[tuple[str, int]]
    hostname: str
    uid: int
    gid: int
    oom_score_adj: int
    argv: list[str]
    environment: dict[str, str]
    working_dir: str
    seccomp: str
    quiet_seccomp: str | None


NOSUID, NODEV, NOEXEC = 2, 4, 8
BIND, RECURSIVE = 4096, 16384
DETACH: Final = 2
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
SYS_MOUNT_SETATTR: Final = 442  # one number on every architecture
SYS_PIVOT_ROOT: Final = {"x86_64": 155, "aarch64": 41}
SYS_SECCOMP: Final = {"x86_64": 317, "aarch64": 277}
SET_MODE_FILTER, FILTER_FLAG_LOG = 1, 2
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 4, 22, 24, 38, 47
AMBIENT_CLEAR_ALL, SECCOMP_FILTER = 4, 2
CAPABILITY_VERSION_3: Final = 0x20080522
# A base that is hidden when the program starts; /tmp exists on every Linux.
BASE, OLD, NEW = "/tmp", "/old", "/new"
DEVICES: Final = ("null", "zero", "full", "random", "urandom")
DEVICE_LINKS: Final = (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2"))
HIDDEN: Final = ("kcore", "keys", "key-users", "timer_list", "latency_stats", "sched_debug", "kpagecount", "kpageflags")
FIXED: Final = ("sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "scsi")
_libc: Final = ctypes.CDLL(None, use_errno=True)


class SetupFailed(Exception):
    """A step of the preparation failed; the text says which and why."""


def main() -> NoReturn:
    """Serves one program."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    try:
        _say(control, there=True)
        orders = _orders(control)
        _build_root(orders)
        socket.sethostname(orders.hostname)
        _volunteer_for_oom(orders.oom_score_adj)
        _limit(orders)
        _give_up_privileges(orders)
        program = _start(orders)
    except (SetupFailed, OSError, ValueError) as error:
        _say(control, failed=str(error))
        os._exit(1)
    _say(control, started=True)
    _be_init(control, program)


def _say(control: socket.socket, **facts: object) -> None:
    # Written and not sent: the filter need not know of sockets for process 1 to say how the program ended.
    with suppress(OSError):  # nobody listens any more: the end of the socket is noticed next
        os.write(control.fileno(), json.dumps(facts).encode() + b"\n")


def _orders(control: socket.socket) -> Orders:
    with control.makefile("rb") as reader:
        line = reader.readline()
    if not line:
        os._exit(0)
    fields = json.loads(line)
    return Orders(**{**fields, "tmpfs": [TmpfsOrder(*tmpfs) for tmpfs in fields["tmpfs"]]})


def _build_root(orders: Orders) -> None:
    """A root in memory with nothing in it but what the orders name; the host's root is gone afterwards."""
    _mount("tmpfs", BASE, "tmpfs", NOSUID | NODEV, "size=1m,nr_inodes=16,mode=0755")
    for folder in (OLD, NEW):
        Path(BASE + folder).mkdir()
    _pivot(BASE, BASE + OLD)
    os.chdir("/")
    _mount("tmpfs", NEW, "tmpfs", NOSUID | NODEV, "size=2m,nr_inodes=8192,mode=0755")
    os.umask(0o022)
    _furnish(orders)
    _fix(NEW, NOSUID | NODEV, recursive=True)
    _make_devices()
    _make_proc()
    for tmpfs in orders.tmpfs:
        flags = NOSUID | NODEV | (0 if tmpfs.executable else NOEXEC)
        options = f"size={tmpfs.bytes},nr_inodes={tmpfs.inodes},mode=1777"
        _mount("tmpfs", NEW + tmpfs.path, "tmpfs", flags, options)
    os.chdir(NEW)
    _pivot(".", ".")
    _check(_libc.umount2(b".", DETACH), "take the host's root away")
    os.chdir("/")


def _furnish(orders: Orders) -> None:
    for folder in ["/dev", "/proc", *(tmpfs.path for tmpfs in orders.tmpfs), *orders.folders]:
        Path(NEW + folder).mkdir(parents=True, exist_ok=True)
    for folder in orders.open_folders:
        Path(NEW + folder).chmod(0o1777)
    for name in DEVICES:
        Path(f"{NEW}/dev/{name}").touch()
    for name, end in DEVICE_LINKS:
        Path(f"{NEW}/dev/{name}").symlink_to(f"/proc/self/fd{end}")
    for place, text in orders.files:
        Path(NEW + place).parent.mkdir(parents=True, exist_ok=True)
        Path(NEW + place).write_text(text)
    for place, text in orders.links:
        Path(NEW + place).parent.mkdir(parents=True, exist_ok=True)
        Path(NEW + place).symlink_to(text)
    for source, place in orders.binds:
        _bind(OLD + source, NEW + place)


def _bind(source: str, place: str) -> None:
    if Path(source).is_dir():
        Path(place).mkdir(parents=True, exist_ok=True)
    else:
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        Path(place).touch()
    _mount(source, place, "", BIND | RECURSIVE, "")


def _make_devices() -> None:
    for name in DEVICES:
        place = f"{NEW}/dev/{name}"
        _mount(f"{OLD}/dev/{name}", place, "", BIND, "")
        _fix(place, NOSUID | NOEXEC)


def _make_proc() -> None:
    """The processes of this namespace; what tells of the host is hidden, what configures it is read-only."""
    proc = NEW + "/proc"
    try:
        _mount("proc", proc, "proc", NOSUID | NODEV | NOEXEC, "")
    except SetupFailed as error:
        raise SetupFailed(f"{error} (the kernel refuses it in a container that has parts of /proc covered)") from None
    for name in HIDDEN:
        if Path(proc, name).exists():
            _mount(f"{NEW}/dev/null", f"{proc}/{name}", "", BIND, "")
    for name in FIXED:
        if Path(proc, name).exists():
            _mount(f"{proc}/{name}", f"{proc}/{name}", "", BIND | RECURSIVE, "")
            _fix(f"{proc}/{name}", NOSUID | NODEV | NOEXEC, recursive=True)


def _volunteer_for_oom(score: int) -> None:
    """Never lowers it, which is refused where somebody set it for all of us (a pod of the lowest class)."""
    file = Path("/proc/self/oom_score_adj")
    file.write_text(str(max(score, int(file.read_text()))))


def _limit(orders: Orders) -> None:
    """A limit that is lower around us stays: raising it is refused."""
    for name, value in orders.resources:
        number = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(number)[1]
        lower = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (lower, lower))


def _give_up_privileges(orders: Orders) -> None:
    """No capability is left in any set, no way back to one, and the filter in force; order matters."""
    number = 0
    while _libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0:
        number += 1
    if ctypes.get_errno() != errno.EINVAL:
        _check(-1, "empty the bounding set")
    _check(_libc.prctl(PR_CAP_AMBIENT, AMBIENT_CLEAR_ALL, 0, 0, 0), "empty the ambient set")
    if os.getuid() != orders.uid:
        os.setgroups([])
        os.setresgid(orders.gid, orders.gid, orders.gid)
        os.setresuid(orders.uid, orders.uid, orders.uid)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    _check(_libc.capset(header, (ctypes.c_uint32 * 6)()), "drop the capabilities")
    _check(_libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "become undumpable")
    _check(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "refuse new privileges")
    if orders.quiet_seccomp is not None:
        _load_filter(base64.b64decode(orders.quiet_seccomp))
    _load_filter(base64.b64decode(orders.seccomp), logs=orders.quiet_seccomp is not None)


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _load_filter(program: bytes, *, logs: bool = False) -> None:
    loaded = _FilterProgram(len(program) // 8, program)
    if logs:
        number = SYS_SECCOMP.get(os.uname().machine)
        if number is None:
            raise SetupFailed(f"seccomp's number on {os.uname().machine} is not known here")
        result = _libc.syscall(ctypes.c_long(number), SET_MODE_FILTER, FILTER_FLAG_LOG, ctypes.byref(loaded))
        _check(result, "load the seccomp filter with a log of what it refuses")
        return
    _check(_libc.prctl(PR_SET_SECCOMP, SECCOMP_FILTER, ctypes.byref(loaded), 0, 0), "load the seccomp filter")


def _start(orders: Orders) -> int:
    """Returns the program's process. Process 1 keeps the outputs open, so their end means the end of everything."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _become_program(orders, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        problem = answer.read(1000)
    if problem:
        raise SetupFailed(f"{orders.argv[0]} can't be started: {problem.decode()}")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.close(nothing)
    return child


def _become_program(orders: Orders, writer: int) -> NoReturn:
    try:
        os.setsid()
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these two; a program expects the default
            signal.signal(number, signal.SIG_DFL)
        os.chdir(orders.working_dir)
        os.execvpe(orders.argv[0], orders.argv, orders.environment)
    except OSError as error:
        os.write(writer, (error.strerror or str(error)).encode())
    os._exit(127)


def _be_init(control: socket.socket, program: int) -> NoReturn:
    """Reaps orphans until the program is dead or the owner is gone; its own end kills whatever is left."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    poller = select.poll()
    poller.register(woken, select.POLLIN)
    poller.register(control, select.POLLIN)
    while True:
        code = _reap(program)
        if code is not None:
            _say(control, ended=code)
            os._exit(0)
        if any(descriptor != woken for descriptor, _ in poller.poll()):
            os._exit(0)
        os.read(woken, 4096)


def _reap(program: int) -> int | None:
    """Takes in every dead child; returns the program's exit code if it is among them, 128 + N for signal N."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return None
        if pid == 0:
            return None
        if pid == program:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _mount(source: str, place: str, kind: str, flags: int, options: str) -> None:
    result = _libc.mount(source.encode(), place.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode())
    _check(result, f"mount {source.removeprefix(OLD)} at {place.removeprefix(NEW)}")


def _fix(place: str, flags: int, *, recursive: bool = False) -> None:
    """Makes a mount read-only and gives it `flags`; a mount's flags can only grow here, so none is loosened."""
    attributes = (ctypes.c_uint64 * 4)(1 | flags, 0, 0, 0)
    at = AT_RECURSIVE if recursive else 0
    path = place.encode()
    result = _libc.syscall(ctypes.c_long(SYS_MOUNT_SETATTR), AT_FDCWD, path, at, attributes, ctypes.sizeof(attributes))
    _check(result, f"make {place.removeprefix(NEW) or '/'} read-only")


def _pivot(new: str, old: str) -> None:
    number = SYS_PIVOT_ROOT.get(os.uname().machine)
    if number is None:
        raise SetupFailed(f"pivot_root's number on {os.uname().machine} is not known here")
    _check(_libc.syscall(ctypes.c_long(number), new.encode(), old.encode()), "change the root")


def _check(result: int, doing: str) -> None:
    if result != 0:
        raise SetupFailed(f"could not {doing}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main()
