"""A Prefect server that was well and is not any more."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from prefect_here import end_senders


@contextmanager
def ailing_server(*, gone: bool) -> Iterator[str]:
    """A server that is healthy when it is asked, and then fails at everything, or closes each connection."""

    class Ailing(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            healthy = self.path.endswith("/health")
            if gone and not healthy:
                self.close_connection = True
                return
            self.send_response(200 if healthy else 500)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"true")

        do_POST = do_GET  # noqa: N815  # the names that http.server looks for

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ailing)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/api"
    finally:
        end_senders()
        server.shutdown()
        server.server_close()
