"""How long and how much a provider may send: kept on the bytes, before an SDK reads them.

An SDK's timeout is for each read, so an answer that drips, or a stream of pings, may take for ever; and it collects
whatever comes. Here the whole response has a deadline and a size. A provider that stalls between two reads is noticed
by the read's own timeout, so an answer is given up after twice its deadline at the latest. Compression is refused: a
small response could unfold to any size.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import httpx2

WIRE_CAP_BYTES: Final = 64 << 20  # an event of some 250 bytes may carry four characters of the text
CONNECT_S: Final = 10.0
PLAIN: Final = {"accept-encoding": "identity"}


class TooMuch(Exception):
    """The response is larger than the cap."""


def timeout_of(deadline_s: float) -> httpx2.Timeout:
    """Returns the timeouts of one call."""
    return httpx2.Timeout(deadline_s, connect=min(CONNECT_S, deadline_s))


def bound(response: httpx2.Response) -> None:
    """Puts the bounds around a response whose body was not read yet; a hook for responses of `httpx2.Client`."""
    read_s = response.request.extensions["timeout"]["read"]
    if response.headers.get("content-encoding", "identity") != "identity":
        response.close()
        raise httpx2.RemoteProtocolError("the response is compressed, which was not asked for")
    if not isinstance(response.stream, httpx2.SyncByteStream):
        raise TypeError(f"a response of {type(response.stream).__name__} can't be read in bounds")
    response.stream = _Bounded(response.stream, read_s)


class _Bounded(httpx2.SyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream, deadline_s: float) -> None:
        self._stream = stream
        self._deadline_s = deadline_s

    def __iter__(self) -> Iterator[bytes]:
        ends = time.monotonic() + self._deadline_s
        size = 0
        for chunk in self._stream:
            size += len(chunk)
            if size > WIRE_CAP_BYTES:
                raise TooMuch
            if time.monotonic() > ends:
                raise httpx2.ReadTimeout(f"the answer took more than {self._deadline_s:g} s")
            yield chunk

    def close(self) -> None:
        self._stream.close()
