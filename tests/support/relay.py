from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path


class Relay:
    """Passes an engine's socket on until it is cut, which looks from outside like the engine dying."""

    def __init__(self, target: str, path: Path) -> None:
        self.url = f"unix://{path}"
        self._target = target.removeprefix("unix://")
        self._path = path
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listen()

    def _listen(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen()
        thread = threading.Thread(target=self._accept, args=(self._listener,))
        self._threads.append(thread)
        thread.start()

    def mend(self) -> None:
        """Listens again, as an engine does that was started again."""
        self._listener.close()
        self._listen()

    def cut(self) -> None:
        self._path.unlink(missing_ok=True)
        self._listener.shutdown(socket.SHUT_RDWR)
        for connection in self._open:
            with suppress(OSError):  # that side has hung up already
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(self._target)
            self._open += [near, far]
            for pair in ((near, far), (far, near)):
                thread = threading.Thread(target=self._pass_on, args=pair)
                thread.start()
                self._threads.append(thread)

    @staticmethod
    def _pass_on(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *unused: object) -> None:
        for connection in (self._listener, *self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for connection in (self._listener, *self._open):
            connection.close()
