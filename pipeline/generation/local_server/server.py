"""The HTTP side of the local provider: one thread a connection, on an address of this machine alone.

The standard library's server, because half of the steps are things that a proper one refuses to do: ending a connection
inside a chunk, sending what is not the format, waiting for ever.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

from pipeline.generation.local_server import messages_wire, responses_wire
from pipeline.generation.local_server.script import (
    Api,
    BreakOff,
    Fail,
    FailWithin,
    Filter,
    Flood,
    Garble,
    Ping,
    Received,
    Redirect,
    Refuse,
    Say,
    Script,
    Step,
    Tokens,
    Truncate,
)

_PATHS: Final = {"/v1/messages": Api.MESSAGES, "/v1/responses": Api.RESPONSES}
_REQUEST_IDS: Final = {Api.MESSAGES: "request-id", Api.RESPONSES: "x-request-id"}
_SECRET_HEADERS: Final = frozenset({"x-api-key", "authorization"})


class LocalProvider:
    """A running server; a context manager that ends it."""

    def __init__(self, script: Script, *, key: str, models: Iterable[str]) -> None:
        """Listens on a free port of this machine.

        Args:
            script: What it does; called once for each request that has the key and a known model.
            key: The one key that it takes.
            models: Those that it has; all others are unknown.
        """
        self._script = script
        self._key = key
        self._models = frozenset(models)
        self._lock = threading.Lock()
        self._received: list[Received] = []
        self._server = _Server(("127.0.0.1", 0), self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def messages_url(self) -> str:
        """The address for clients of the Messages API."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def responses_url(self) -> str:
        """The address for clients of the Responses API."""
        return f"{self.messages_url}/v1"

    @property
    def received(self) -> tuple[Received, ...]:
        """The requests that came with the right key, in order."""
        with self._lock:
            return tuple(self._received)

    def close(self) -> None:
        """Ends the server and waits for it; answers that drip end with the process."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        """Returns itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the server."""
        self.close()

    def step(self, api: Api, headers: dict[str, str], body: dict[str, object]) -> Step:
        """Returns what to do with a request; of the handler."""
        given = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        if given != self._key:
            return Fail(401, message=f"Incorrect API key provided: {given}")  # providers do repeat it
        if body.get("model") not in self._models:
            return Fail(404, message=f"model: {body.get('model')}")
        if body.get("stream") is not True:
            return Fail(400, message="this server streams, and nothing else")
        shown = {name: value for name, value in headers.items() if name not in _SECRET_HEADERS}
        with self._lock:
            received = Received(len(self._received), api, body, shown)
            self._received.append(received)
        return self._script(received)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], provider: LocalProvider) -> None:
        self.provider = provider
        self.numbers = itertools.count()
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves is nobody's error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""

    def do_POST(self) -> None:  # the standard library calls it so
        """Answers one request."""
        api = _PATHS.get(self.path)
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        if api is None:
            self._plain(404, b"there is nothing here", "text/plain")
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        number = next(self.server.numbers)
        self._api, self._request_id, self._response_id = api, f"req_{number}", f"resp_{number}"
        asked = json.loads(body)
        self._model = str(asked.get("model"))
        match self.server.provider.step(api, headers, asked):
            case Fail() as fail:
                self._fail(fail)
            case Redirect(to):
                self._plain(307, b"", "text/plain", {"location": to})
            case Garble(lines):
                self._stream([lines.encode()])
            case Filter() if api is Api.MESSAGES:
                self._fail(Fail(400, message=messages_wire.FILTERED))
            case step:
                events = _by_messages if api is Api.MESSAGES else _by_responses
                self._stream(events(step, self._response_id, self._model), is_cut=isinstance(step, BreakOff))

    def _fail(self, fail: Fail) -> None:
        if self._api is Api.MESSAGES:
            body = messages_wire.error(fail.status, fail.code, fail.message, self._request_id)
        else:
            body = responses_wire.error(fail.status, fail.code, fail.message)
        more = {} if fail.retry_after is None else {"retry-after": fail.retry_after}
        self._plain(fail.status, body, "application/json", more | {_REQUEST_IDS[self._api]: self._request_id})

    def _plain(self, status: int, body: bytes, kind: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ((more or {}) | {"content-type": kind, "content-length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, events: Iterable[bytes], *, is_cut: bool = False) -> None:
        self.send_response(200)
        self.send_header(_REQUEST_IDS[self._api], self._request_id)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in events:
            self.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
            self.wfile.flush()
        if is_cut:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")


def _by_messages(step: Step, response_id: str, model: str) -> Iterator[bytes]:
    wire = messages_wire
    tokens = step.tokens if isinstance(step, Say) else Tokens()
    yield wire.begin(response_id, model, tokens)
    match step:
        case Say(text, _, pause_s):
            yield from _slowly(wire.text(text), pause_s)
            yield from wire.end("end_turn", tokens)
        case Truncate(text):
            yield from wire.text(text)
            yield from wire.end("max_tokens", tokens)
        case Refuse(explanation):
            yield from wire.end("refusal", tokens, explanation)
        case BreakOff(text):
            yield from itertools.islice(wire.text(text), 8)
        case FailWithin(code):
            yield wire.error_event(code)
        case Ping() | Flood():
            yield from _pings(step, wire.PING)


def _by_responses(step: Step, response_id: str, model: str) -> Iterator[bytes]:
    tokens = step.tokens if isinstance(step, Say) else Tokens()
    answering = responses_wire.Answering(response_id, model, tokens)
    yield answering.begin()
    match step:
        case Say(text, _, pause_s):
            yield from _slowly(answering.text(text), pause_s)
            yield answering.end()
        case Truncate(text):
            yield from answering.text(text)
            yield answering.end("max_output_tokens")
        case Filter(text):
            yield from answering.text(text)
            yield answering.end("content_filter")
        case Refuse(explanation):
            yield from answering.refusal(explanation)
            yield answering.end()
        case BreakOff(text):
            yield from itertools.islice(answering.text(text), 4)
        case FailWithin(code):
            yield answering.fail(code)
        case Ping() | Flood():
            yield from _pings(step, responses_wire.PING)


def _slowly(events: Iterable[bytes], pause_s: float) -> Iterator[bytes]:
    for event in events:
        time.sleep(pause_s)
        yield event


def _pings(step: Ping | Flood, ping: bytes) -> Iterator[bytes]:
    if isinstance(step, Ping):
        yield from _slowly(itertools.repeat(ping, int(step.for_s / step.pause_s)), step.pause_s)
    else:
        yield from itertools.repeat(ping * 4096, step.size_bytes // (len(ping) * 4096))
