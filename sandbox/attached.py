"""The conversation with a container over the engine's attach socket; `sandbox.conversation` says what it holds to."""

from __future__ import annotations

import math
import select
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from sandbox.conversation import Conversation
from sandbox.demultiplex import STDOUT, Demultiplexer

READ_BYTES: Final = 256 << 10


class AttachedStream(Conversation):
    """Owns the socket. Every method may raise `EngineStreamError`."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self._socket = sock
        self._socket.setblocking(False)
        self._scratch = memoryview(bytearray(READ_BYTES))
        self._demultiplexer = Demultiplexer()

    def close_input(self) -> None:
        """Tells the program that no further request comes."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._open = False  # it is gone already, which is what closing was to bring about

    def interrupt(self) -> None:
        """Ends the stream for whoever waits on it; the one method that another thread may call."""
        self.interrupted = True
        with suppress(OSError):  # closed meanwhile, which is what this was to bring about
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Closes the socket; safe to call twice."""
        self._open = False
        self._socket.close()

    def _poll(self, *, sending: bool, timeout_s: float) -> None:
        poller = select.poll()
        poller.register(self._socket, select.POLLIN | (select.POLLOUT if sending else 0))
        poller.poll(math.ceil(timeout_s * 1000))

    def _write(self, parts: Sequence[memoryview]) -> int | None:
        try:
            return self._socket.sendmsg(parts)
        except BlockingIOError:
            return 0
        except OSError:
            return None

    def _receive(self) -> bool:
        """Takes in at most one buffer; False when nothing was there."""
        try:
            count = self._socket.recv_into(self._scratch)
        except BlockingIOError:
            return False
        except OSError:
            count = 0
        self._open = count > 0
        for chunk in self._demultiplexer.feed(self._scratch[:count]):
            if chunk.stream == STDOUT:
                self._collect(chunk.data)
            else:
                self._keep_last_words(chunk.data)
        return self._open
