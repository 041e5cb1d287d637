"""The temporary Prefect server's process: Prefect's application on a socket that the parent listens on already.

Run as a file by `pipeline.orchestration.prefect_environment`, never imported: it must not import this project, and
importing it must not import Prefect. It ends when its standard input ends, that is, with its parent, even one that was
killed.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading


def main(descriptor: int) -> None:
    """Serves until the parent is gone or says so."""
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    import uvicorn  # after the thread: a parent that dies meanwhile is noticed

    _end_leases()
    application = "prefect.server.api.server:create_app"
    config = uvicorn.Config(application, factory=True, log_level="error", lifespan="on", timeout_graceful_shutdown=2)
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


def _end_leases() -> None:
    """Has Prefect look for leases whose holder is gone, which it does in lasting servers alone."""
    from prefect.server.services.perpetual_services import _PERPETUAL_SERVICES
    from prefect.server.services.repossessor import monitor_expired_leases

    for service in _PERPETUAL_SERVICES:
        service.run_in_ephemeral |= service.function is monitor_expired_leases


def _leave_with_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(int(sys.argv[1]))
