"""One program in namespaces of this kernel: started through util-linux, prepared from inside, killed as a whole.

`unshare` makes the namespaces (user, mount, process, network, ipc, uts, cgroup), `sandbox.namespace_inside` prepares
them and becomes process 1; the shell before both moves itself into the control group. The user namespace maps one
unprivileged user, and root only where root starts it, because only then can files be bound that root alone may reach;
root's capabilities and id are given up before the program starts.

Killing process 1 kills all: the kernel ends every process of the namespace before it is gone. Process 1 is addressed by
a descriptor (pidfd), never by a number that may be reused. When this process dies, the control socket closes and
process 1 ends by itself.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sandbox.confinement import EndState
from sandbox.contract import Limits, SandboxUnavailable
from sandbox.control_groups import ControlGroup
from sandbox.group_counters import counters_of
from sandbox.left_behind import folders_left, names_beside
from sandbox.looking import look_at, refused_calls
from sandbox.memory_watch import MemoryWatch, descendants
from sandbox.namespace_inside import Orders
from sandbox.piped import PipedStream, ProgramEnds
from sandbox.python_view import base_interpreter
from sandbox.usage import Usage
from sandbox.user_namespaces import obstacles

INSIDE: Final = Path(__file__).with_name("namespace_inside.py")
NAMESPACES: Final = ("--user", "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup")
UNSHARE: Final = ("unshare", *NAMESPACES, "--fork", "--keep-caps", "--kill-child", "--")
JOIN: Final = 'set -e; while [ "$1" != -- ]; do echo 0 > "$1/cgroup.procs"; shift; done; shift; exec "$@"'
TOOLS_PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
REMOVAL_DEADLINE_S: Final = 30.0
REPORT_CAP_BYTES: Final = 64 << 10
NOBODY_SAID: Final = 255
UNSHARE_INIT_AND_PROGRAM: Final = 3


class Namespaces:
    """A program and all that was made for it, until `remove`."""

    def __init__(self, group: ControlGroup, limits: Limits) -> None:
        self.name = group.name
        self._group = group
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._init: int | None = None
        self._init_pid = 0
        self._control: socket.socket | None = None
        self._heard = bytearray()
        self._watch: MemoryWatch | None = None
        self._started_at = datetime.now(UTC)
        self._logs_refusals = False
        self._killed = False
        self._reported: int | None = None

    def start(self, orders: Orders, ends: ProgramEnds, stream: PipedStream) -> None:
        """Starts the program with `ends` as its stdin, stdout and stderr; returns when it runs.

        Raises:
            SandboxUnavailable: the machine does not allow it; the text says what failed and what to do.
        """
        until = time.monotonic() + self._limits.start_deadline_s
        self._logs_refusals = orders.quiet_seccomp is not None
        self._group.make(self._limits)
        self._launch(ends)
        try:
            self._expect("there", until)
            self._hold_init()
            self._map_users(orders)
            self._send(orders)
            self._expect("started", until)
        except (OSError, SandboxUnavailable) as error:
            why = "".join(f"; {text}" for text in obstacles(is_root=os.geteuid() == 0))
            raise SandboxUnavailable(f"{error}{_complaint(stream)}{why}") from error
        if not self._group.holds("memory"):
            self._watch = MemoryWatch(self._init_pid, self._limits.memory_bytes, self._signal_init)

    def kill(self) -> None:
        """Sends SIGKILL to everything in it; nothing happens when it is not running. It may not be dead yet."""
        self._killed = True
        self._signal_init()

    def end_state(self, timeout_s: float) -> EndState | None:
        """Waits until nothing in it runs and says how the program ended; None when something still runs."""
        if not self._dead_within(timeout_s):
            return None
        self._hear_last_report()
        watched = self._watch is not None and self._watch.exceeded
        return EndState(
            exit_code=NOBODY_SAID if self._reported is None else self._reported,
            oom_killed=watched or self._oom_kills() > 0,
            started_at=self._started_at,
            finished_at=datetime.now(UTC),
        )

    def was_signalled_from_outside(self, state: EndState) -> bool:
        """Process 1 always says how the program ended, and nothing from inside can kill it."""
        return self._reported is None and not self._killed

    def reached_memory_limit(self, state: EndState) -> bool:
        """The group's own counter was read when it had ended: nothing is noted later."""
        return state.oom_killed

    def usage(self, since_s: float) -> Usage:
        """What the kernel counted so far, which holds after its end, too; what is left is seen while it runs."""
        if not self._runs():
            return counters_of(self._group.folders_of)
        seen = self._seen_running(since_s)
        return seen if self._runs() else counters_of(self._group.folders_of)  # else a number may be another's by now

    def remove(self) -> None:
        """Kills what runs, removes the control group, and returns when nothing is left.

        Raises:
            SandboxUnavailable: something does not die; a later `reap` will try again.
        """
        self._signal_init()
        if self._control is not None:
            self._control.close()
        if not self._dead_within(REMOVAL_DEADLINE_S):
            raise SandboxUnavailable(f"processes of {self.name} do not die {REMOVAL_DEADLINE_S:g} s after SIGKILL")
        if self._watch is not None:
            self._watch.stop()
        if self._init is not None:
            os.close(self._init)
            self._init = None
        self._group.remove()

    def discard(self) -> None:
        """Removes it on the way out of another failure, which is the one to be reported."""
        with suppress(SandboxUnavailable):
            self.remove()

    def _seen_running(self, since_s: float) -> Usage:
        if self._group.holds("memory"):
            seen = look_at(self._init_pid, self._group.folders_of, ours=UNSHARE_INIT_AND_PROGRAM)
        else:
            below = (self._init_pid, *descendants(self._init_pid))
            seen = replace(
                counters_of(self._group.folders_of),
                memory_peak_bytes=self._watch.peak_bytes if self._watch is not None else None,
                processes_left=names_beside(below, UNSHARE_INIT_AND_PROGRAM - 1),
                folders=folders_left(self._init_pid),
            )
        if not self._logs_refusals:
            return seen
        return replace(seen, refused_calls=refused_calls(tuple(descendants(self._init_pid)), since_s))

    def _runs(self) -> bool:
        if self._init is None:
            return False
        poller = select.poll()
        poller.register(self._init, select.POLLIN)
        return not poller.poll(0)

    def _launch(self, ends: ProgramEnds) -> None:
        self._control, theirs = socket.socketpair()
        inside = (str(base_interpreter()), "-I", "-S", str(INSIDE), str(theirs.fileno()))
        join = ("/bin/sh", "-c", JOIN, "sh", *map(str, self._group.folders), "--")
        with theirs:
            self._process = subprocess.Popen(
                [*join, *UNSHARE, *inside],
                stdin=ends.stdin,
                stdout=ends.stdout,
                stderr=ends.stderr,
                pass_fds=[theirs.fileno()],
                env={"PATH": TOOLS_PATH, "LANG": "C.UTF-8"},
                cwd="/",
                start_new_session=True,  # an interrupt on the terminal is for the judge, who then ends this in order
            )

    def _hold_init(self) -> None:
        assert self._process is not None
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if len(children) != 1:
            raise SandboxUnavailable("the first process of the namespaces is gone")
        self._init_pid = int(children[0])
        self._init = os.pidfd_open(self._init_pid)

    def _map_users(self, orders: Orders) -> None:
        """In one write each, as the kernel wants it; who is not root may map nobody but itself."""
        assert self._process is not None
        proc = Path(f"/proc/{self._process.pid}")
        if os.geteuid() == 0:
            (proc / "gid_map").write_text(f"0 0 1\n{orders.gid} {orders.gid} 1\n")
            (proc / "uid_map").write_text(f"0 0 1\n{orders.uid} {orders.uid} 1\n")
        else:
            (proc / "setgroups").write_text("deny")
            (proc / "gid_map").write_text(f"{orders.gid} {os.getegid()} 1\n")
            (proc / "uid_map").write_text(f"{orders.uid} {os.geteuid()} 1\n")

    def _send(self, orders: Orders) -> None:
        assert self._control is not None
        self._control.sendall(json.dumps(orders._asdict()).encode() + b"\n")

    def _expect(self, word: str, until: float) -> None:
        report = self._next_report(until)
        if report is None:
            raise SandboxUnavailable("namespaces can't be made or prepared on this machine")
        if "failed" in report:
            raise SandboxUnavailable(f"the namespaces can't be prepared: {report['failed']}")
        if word not in report:
            raise SandboxUnavailable(f"the preparation of the namespaces said {report} where '{word}' was due")

    def _next_report(self, until: float) -> dict[str, Any] | None:
        """What process 1 says next; None when it is gone. It is ours, and says all of it before the program runs."""
        assert self._control is not None
        while b"\n" not in self._heard:
            self._control.settimeout(max(0.001, until - time.monotonic()))
            try:
                data = self._control.recv(4096)
            except TimeoutError:
                raise SandboxUnavailable("the preparation of the namespaces takes too long") from None
            self._heard += data
            if not data or len(self._heard) > REPORT_CAP_BYTES:
                return None
        line, _, rest = self._heard.partition(b"\n")
        self._heard = bytearray(rest)
        report = json.loads(line)
        return report if isinstance(report, dict) else None

    def _hear_last_report(self) -> None:
        if self._reported is None and self._control is not None and self._control.fileno() >= 0:
            with suppress(SandboxUnavailable, ValueError, OSError):
                code = (self._next_report(time.monotonic()) or {}).get("ended")
                self._reported = code if isinstance(code, int) else None

    def _signal_init(self) -> None:
        if self._init is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init, signal.SIGKILL)
        elif self._process is not None and self._process.poll() is None:
            self._process.kill()  # before there was a process 1; if there is one by now, the socket ends it

    def _dead_within(self, timeout_s: float) -> bool:
        """Process 1 is dead only after everything else in its namespace is."""
        until = time.monotonic() + timeout_s
        if self._init is not None:
            poller = select.poll()
            poller.register(self._init, select.POLLIN)
            if not poller.poll(timeout_s * 1000):
                return False
        if self._process is not None:
            try:
                self._process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                return False
        return True

    def _oom_kills(self) -> int:
        try:
            return self._group.oom_kills()
        except (OSError, ValueError) as error:
            raise SandboxUnavailable(f"the control group of {self.name} can't be read: {error}") from error


def _complaint(stream: PipedStream) -> str:
    """What the shell or unshare wrote before anything of ours ran."""
    stream.glance()
    words = " ".join(stream.last_words.decode(errors="replace").split())
    return f" ({words})" if words else ""
