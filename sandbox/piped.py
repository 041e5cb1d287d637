"""The conversation with a program over three pipes of our own (`sandbox.conversation` says what it guarantees).

Pipes and not one socket: a program may open /proc/self/fd/1 again, as it may in a container, and a socket would let it
pass descriptors to the judge. Only our ends are non-blocking; each end is a file of its own, so the program can't
change ours.
"""

from __future__ import annotations

import fcntl
import math
import os
import select
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from sandbox.conversation import Conversation

PIPE_BYTES: Final = 1 << 20  # what an ordinary user may ask for; the default costs sixteen times the wake-ups
READ_BYTES: Final = 256 << 10
STDOUT_READS: Final = 4  # in a row, before stderr gets its turn


class ProgramEnds(NamedTuple):
    """The descriptors that the program gets; whoever starts it closes them afterwards."""

    stdin: int
    stdout: int
    stderr: int

    def close(self) -> None:
        """Closes all three."""
        for descriptor in self:
            os.close(descriptor)


class PipedStream(Conversation):
    """Owns our ends of the pipes."""

    def __init__(self, stdin: int, stdout: int, stderr: int) -> None:
        super().__init__()
        for descriptor in (stdin, stdout, stderr):
            os.set_blocking(descriptor, False)
        self._stdin: int | None = stdin
        self._sources: dict[int, bool] = {stdout: True, stderr: False}
        self._waker, self._woken = socket.socketpair()
        self._scratch = memoryview(bytearray(READ_BYTES))
        self._turns = 0

    @classmethod
    def with_pipes(cls) -> tuple[PipedStream, ProgramEnds]:
        """Makes three pipes; our ends are in the stream, the program's beside it."""
        (their_in, our_in), (our_out, their_out), (our_error, their_error) = (os.pipe() for _ in range(3))
        for descriptor in (our_in, our_out):
            with suppress(OSError):  # more than this user may have in all pipes; it works with small ones, too
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        return cls(our_in, our_out, our_error), ProgramEnds(their_in, their_out, their_error)

    def close_input(self) -> None:
        """Tells the program that no further request comes."""
        if self._stdin is not None:
            os.close(self._stdin)
            self._stdin = None

    def interrupt(self) -> None:
        """Ends the stream for whoever waits on it; the one method that another thread may call."""
        self.interrupted = True
        with suppress(OSError):  # closed meanwhile, which is what this was to bring about
            self._waker.send(b"x")

    def close(self) -> None:
        """Closes the pipes; safe to call twice."""
        self._open = False
        self.close_input()
        while self._sources:
            os.close(self._sources.popitem()[0])
        self._waker.close()
        self._woken.close()

    def _poll(self, *, sending: bool, timeout_s: float) -> None:
        poller = select.poll()
        poller.register(self._woken, select.POLLIN)
        for descriptor in self._sources:
            poller.register(descriptor, select.POLLIN)
        if sending and self._stdin is not None:
            poller.register(self._stdin, select.POLLOUT)
        poller.poll(math.ceil(timeout_s * 1000))

    def _write(self, parts: Sequence[memoryview]) -> int | None:
        if self._stdin is None:
            return None
        try:
            return os.writev(self._stdin, parts)
        except BlockingIOError:
            return 0
        except OSError:
            return None

    def _receive(self) -> bool:
        """Takes in at most one buffer of either output, stdout first but not for ever; False when nothing was there."""
        if self.interrupted:
            self._open = False
            return False
        self._turns += 1
        for descriptor in sorted(
            self._sources, key=lambda d: self._sources[d], reverse=bool(self._turns % STDOUT_READS)
        ):
            if self._take(descriptor):
                return True
        self._open = self._open and bool(self._sources)
        return False

    def _take(self, descriptor: int) -> bool:
        try:
            count = os.readv(descriptor, [self._scratch])
        except BlockingIOError:
            return False
        if count == 0:
            del self._sources[descriptor]
            os.close(descriptor)
            return False
        data = self._scratch[:count]
        if self._sources[descriptor]:
            self._collect(data)
        else:
            self._keep_last_words(data)
        return True
