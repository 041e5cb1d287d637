"""Runners without a container, for experiments on the judge where many cores count and no engine is at hand.

Each is a child of the process that judges, as free as it is: for kernels of this project only.
"""

from __future__ import annotations

import gc
import os
import select
import shutil
import signal
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

os.environ["TRITON_INTERPRET"] = "1"  # the runners are forks of this process

import torch

from runners.compiler import Compiler
from runners.conversation import Runner
from runners.evidence import IsolationEvidence
from runners.inside import candidate_unsafe, interpreter, worker
from runners.inside.warmup import launch_once
from sandbox.contract import Buffer, Reply
from sandbox.frames import header_for
from sandbox.outcomes import Exited, KilledBySignal, Outcome, ProtocolBroken, TimedOut
from sandbox.usage import Usage

LENGTH = struct.Struct("<Q")
NO_ISOLATION = IsolationEvidence(isolation="none", engine="none", runtime="fork", image="none", limits=())


class ForkedWorker:
    """A program of the runner image in a child of this process; a fork has everything slow behind it."""

    name = "fork"
    usage = Usage()  # nobody looks

    def __init__(self, serve: Callable[[], NoReturn] | None = None) -> None:
        """`serve` is what the child does, with descriptors 0 and 1 for the conversation; by default it is a runner."""
        ours, theirs = socket.socketpair()
        self._pid = os.fork()
        if self._pid == 0:
            ours.close()
            os.dup2(theirs.fileno(), 0)
            os.dup2(theirs.fileno(), 1)
            (serve or _run)()
        theirs.close()
        self._socket = ours
        self._outcome: Outcome | None = None
        self._greeting: Reply | Outcome | None = None

    def greeting(self) -> Reply | Outcome:
        """What the child says first."""
        self._greeting = self._greeting or self._receive(30.0)
        return self._greeting

    def exchange(self, request: Sequence[Buffer], *, deadline_s: float, cap_bytes: int) -> Reply | Outcome:
        """Sends a request and waits for the answer."""
        if self._outcome is not None:
            return self._outcome
        try:
            for part in (header_for(request), *request):
                self._socket.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has died; the next read says how
        return self._receive(deadline_s)

    def ended(self) -> Outcome | None:
        """How it ended, if it has."""
        return self._outcome

    def last_words(self) -> str:
        """Nothing: a fork writes to our stderr."""
        return ""

    def abort(self) -> None:
        """Ends it from another thread."""
        os.kill(self._pid, signal.SIGKILL)

    def end(self) -> Outcome:
        """Ends it."""
        if self._outcome is None:
            os.kill(self._pid, signal.SIGKILL)
            self._outcome = self._reaped()
        self._socket.close()
        return self._outcome

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def _receive(self, deadline_s: float) -> Reply | Outcome:
        header = self._exactly(LENGTH.size, deadline_s)
        if not isinstance(header, bytearray):
            return header
        payload = self._exactly(LENGTH.unpack(header)[0], deadline_s)
        return Reply(bytes(payload)) if isinstance(payload, bytearray) else payload

    def _exactly(self, count: int, deadline_s: float) -> bytearray | Outcome:
        data = bytearray()
        until = time.monotonic() + deadline_s
        while len(data) < count:
            ready, _, _ = select.select([self._socket], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                os.kill(self._pid, signal.SIGKILL)
                self._reaped()
                self._outcome = TimedOut(deadline_s)
                return self._outcome
            try:
                more = self._socket.recv(min(count - len(data), 1 << 20))
            except ConnectionResetError:
                more = b""
            if not more:
                self._outcome = self._reaped()
                return self._outcome
            data += more
        return data

    def _reaped(self) -> Outcome:
        code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        source_file(self._pid).unlink(missing_ok=True)
        source_file(self._pid).with_suffix(".control.py").unlink(missing_ok=True)
        shutil.rmtree(f"{source_file(self._pid)}.cache", ignore_errors=True)
        return KilledBySignal(-code) if code < 0 else Exited(code) if code else ProtocolBroken("it left")


def _run() -> NoReturn:
    # In a container each has a /tmp of its own.
    candidate_unsafe.FILE = source_file(os.getpid())  # type: ignore[misc]
    candidate_unsafe.CONTROL_FILE = source_file(os.getpid()).with_suffix(".control.py")  # type: ignore[misc]
    worker.main()


def _compile() -> NoReturn:
    """Becomes a new process: what compiles must not be one in which triton interprets."""
    program = (
        "from pathlib import Path; from runners.inside import candidate_unsafe, compiler; "
        f"candidate_unsafe.FILE = Path({str(source_file(os.getpid()))!r}); compiler.main()"
    )
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path), "TRITON_CACHE_DIR": f"{source_file(os.getpid())}.cache"}
    os.execve(sys.executable, [sys.executable, "-c", program], environment)


def source_file(pid: int) -> Path:
    """Returns where a child writes the candidate that it loads."""
    return Path(tempfile.gettempdir(), f"kernelgate_fork_{pid}.py")


class ForkedSupply:
    """Runners and compilers that are children of this process: a `RunnerSupply` that isolates nothing."""

    isolation: IsolationEvidence | None = NO_ISOLATION

    def take(self) -> Runner:
        """Returns a fresh runner."""
        return Runner(ForkedWorker())

    def take_compiler(self) -> Compiler:
        """Returns a fresh compiler."""
        worker = ForkedWorker(_compile)
        worker.greeting()
        return Compiler(worker)


def warm_up() -> None:
    """Makes this process one that workers can be forked from."""
    torch.set_num_threads(1)
    if not interpreter.install():
        sys.exit("this version of Triton is not one that the interpreter's repairs know")
    launch_once()
    gc.freeze()
