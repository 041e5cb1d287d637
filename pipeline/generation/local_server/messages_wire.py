"""The Messages API as it looks on the wire: events of a stream, and errors.

Read from the types of the SDK `anthropic` 2.14 and its streaming documentation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pipeline.generation.local_server.pieces import pieces
from pipeline.generation.local_server.script import Tokens

_TYPES: Final[Mapping[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
PING: Final = b'event: ping\ndata: {"type": "ping"}\n\n'
FILTERED: Final = "Output blocked by content filtering policy"


def error(status: int, code: str | None, message: str, request_id: str) -> bytes:
    """Returns the body of a failure."""
    kind = code or _TYPES.get(status, "api_error")
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}).encode()


def error_event(code: str) -> bytes:
    """Returns an error within a stream."""
    return _event("error", {"error": {"type": code, "message": "scripted failure within the stream"}})


def begin(response_id: str, model: str, tokens: Tokens) -> bytes:
    """Returns the event with which every answer begins."""
    usage = {
        "input_tokens": tokens.fresh,
        "cache_creation_input_tokens": tokens.written,
        "cache_read_input_tokens": tokens.cached,
        "output_tokens": 1,
    }
    message: dict[str, Any] = {
        "id": response_id, "type": "message", "role": "assistant", "model": model, "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    return _event("message_start", {"message": message})


def text(whole: str) -> Iterator[bytes]:
    """Yields the events of a thought and a text."""
    yield _event(
        "content_block_start", {"index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}}
    )
    yield _event("content_block_delta", {"index": 0, "delta": {"type": "thinking_delta", "thinking": "a thought"}})
    yield _event("content_block_delta", {"index": 0, "delta": {"type": "signature_delta", "signature": "c2lnbmVk"}})
    yield _event("content_block_stop", {"index": 0})
    yield _event("content_block_start", {"index": 1, "content_block": {"type": "text", "text": ""}})
    yield PING
    for piece in pieces(whole):
        yield _event("content_block_delta", {"index": 1, "delta": {"type": "text_delta", "text": piece}})
    yield _event("content_block_stop", {"index": 1})


def end(stop_reason: str, tokens: Tokens, explanation: str | None = None) -> Iterator[bytes]:
    """Yields the events with which an answer ends."""
    delta: dict[str, Any] = {"stop_reason": stop_reason, "stop_sequence": None}
    if explanation is not None:
        delta["stop_details"] = {"type": "refusal", "category": "general_harms", "explanation": explanation}
    details = {"thinking_tokens": tokens.reasoning}
    usage = {"output_tokens": tokens.output, "output_tokens_details": details}
    yield _event("message_delta", {"delta": delta, "usage": usage})
    yield _event("message_stop", {})


def _event(kind: str, data: Mapping[str, object]) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()
