"""What Prefect finds in the environment, settled before it is imported, and the server it talks to.

Prefect reads the environment once, on import. What the user set stays; what is missing gets defaults that suit a
command line: no telemetry, logs from WARNING on (to stderr), and a home inside the project, so that nothing is left
elsewhere.

A server that the user named is used. Otherwise a temporary one runs for as long as this process does, on Prefect's own
SQLite file in its home. Prefect can start such a server by itself, but late (after it was imported, 13 s to the first
task against 8 s here on a warm home), in our process group (Ctrl-C on a terminal ends it before the flow run is marked)
and without an end when this process is killed. So it is started here, as early as the caller likes, from Prefect's own
application; it listens before it is ready, so that the first request simply waits.
"""

from __future__ import annotations

import atexit
import functools
import http.client
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import FlowUnavailable

READY_TIMEOUT_S: Final = 180.0  # a first start migrates the database: 20 s alone, 70 s beside another one
STOP_TIMEOUT_S: Final = 5.0
LOG_TAIL_BYTES: Final = 2000
SERVER_PROGRAM: Final = Path(__file__).with_name("prefect_server.py")
DEFAULTS: Final = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_LOGGING_LEVEL": "WARNING",
}
# Prefect's own marks of a server that lives with one program: no user interface, no services that it does not need. Who
# has a slot lies in a file of its home: the next server there must end what was lent to a process that was killed.
SERVER_VARIABLES: Final = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    "PREFECT_SERVER_SERVICES_REPOSSESSOR_LOOP_SECONDS": "5",
}


@dataclass(frozen=True, slots=True)
class TemporaryServer:
    """A Prefect server of this process; it ends with it, however that ends."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        """What PREFECT_API_URL would be."""
        return f"http://127.0.0.1:{self.port}/api"

    def wait_ready(self) -> None:
        """Returns when the server answers.

        Raises:
            FlowUnavailable: it ended, or did not answer in time.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=READY_TIMEOUT_S)
        try:
            connection.request("GET", "/api/health")
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise FlowUnavailable(self._why(str(error))) from None
        finally:
            connection.close()
        if status != http.HTTPStatus.OK:
            raise FlowUnavailable(self._why(f"its health check says {status}"))

    def stop(self) -> None:
        """Ends the server and waits until it is gone."""
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()

    def _why(self, reason: str) -> str:
        tail = self.log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace").strip()
        return f"Prefect's temporary server did not start: {reason}. The end of {self.log}:\n{tail}"


def prepare(state: Path) -> None:
    """Sets what the environment lacks; takes effect when Prefect is imported after it."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    if not os.environ.get("PREFECT_API_URL", "?").strip():  # Prefect would take an empty one for an address
        del os.environ["PREFECT_API_URL"]
    os.environ.setdefault("PREFECT_HOME", str(state / "prefect"))


def start_early(state: Path) -> bool:
    """Starts the temporary server now, unless the environment or a profile may name another one.

    For callers that have other things to do before they run a flow; without it the flow starts what it needs. Says
    whether one was started.
    """
    prepare(state)
    home = Path(os.environ["PREFECT_HOME"])
    starts = "PREFECT_API_URL" not in os.environ and not (home / "profiles.toml").exists()
    if starts:
        temporary_server()
    return starts


@functools.cache
def temporary_server() -> TemporaryServer:
    """Starts the server of this process, once; it may not be ready yet.

    Raises:
        FlowUnavailable: its folder can't be written.
    """
    home = Path(os.environ["PREFECT_HOME"])
    log = home / "kernelgate-server.log"
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    try:
        home.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as sink:
            process = _start(listener, sink.fileno())
    except OSError as error:
        raise FlowUnavailable(f"Prefect's temporary server can't be started in {home}: {error.strerror}") from None
    finally:
        port = listener.getsockname()[1]
        listener.close()  # the server has its own copy: once that is gone, so is the port
    server = TemporaryServer(process, port, log)
    atexit.register(server.stop)
    return server


def _start(listener: socket.socket, log: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", str(SERVER_PROGRAM), str(listener.fileno())],
        stdin=subprocess.PIPE,  # never written to: its end tells the server that this process is gone
        stdout=log,
        stderr=log,
        pass_fds=(listener.fileno(),),
        start_new_session=True,  # Ctrl-C is for this process; the server must still hear that the flow was ended
        env={**os.environ, **SERVER_VARIABLES},
    )
