"""The Responses API as it looks on the wire: events of a stream, and errors.

Read from the types of the SDK `openai` 3.57.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pipeline.generation.local_server.pieces import pieces
from pipeline.generation.local_server.script import Tokens

_CODES: Final[Mapping[int, str]] = {
    401: "invalid_api_key",
    402: "insufficient_quota",
    404: "model_not_found",
    429: "rate_limit_exceeded",
}
PING: Final = b": ping\n\n"


def error(status: int, code: str | None, message: str) -> bytes:
    """Returns the body of a failure."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    about = {"message": message, "type": kind, "param": None, "code": code or _CODES.get(status)}
    return json.dumps({"error": about}).encode()


class Answering:
    """The events of one response."""

    def __init__(self, response_id: str, model: str, tokens: Tokens) -> None:
        """Takes what every event repeats."""
        self._id = response_id
        self._model = model
        self._tokens = tokens
        self._numbers = itertools.count()
        self._content: list[dict[str, Any]] = []

    def begin(self) -> bytes:
        """Returns the events with which every answer begins."""
        return self._event("response.created", response=self._response("in_progress")) + self._event(
            "response.in_progress", response=self._response("in_progress")
        )

    def text(self, whole: str) -> Iterator[bytes]:
        """Yields the events of a text."""
        part: dict[str, Any] = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        place = {"item_id": "item_1", "output_index": 0, "content_index": 0}
        yield self._event("response.output_item.added", output_index=0, item=self._message("in_progress"))
        yield self._event("response.content_part.added", **place, part=part)
        for piece in pieces(whole):
            yield self._event("response.output_text.delta", **place, delta=piece, logprobs=[])
        self._content.append({**part, "text": whole})
        yield self._event("response.output_text.done", **place, text=whole, logprobs=[])
        yield self._event("response.content_part.done", **place, part=self._content[-1])
        yield self._event("response.output_item.done", output_index=0, item=self._message("completed"))

    def refusal(self, explanation: str) -> Iterator[bytes]:
        """Yields the events of a refusal."""
        self._content.append({"type": "refusal", "refusal": explanation})
        place = {"item_id": "item_1", "output_index": 0, "content_index": 0}
        yield self._event("response.refusal.delta", **place, delta=explanation)
        yield self._event("response.refusal.done", **place, refusal=explanation)

    def end(self, incomplete: str | None = None) -> bytes:
        """Returns the event with which an answer ends, or with why it is not whole."""
        if incomplete is None:
            return self._event("response.completed", response=self._response("completed"))
        return self._event("response.incomplete", response=self._response("incomplete", incomplete))

    def fail(self, code: str) -> bytes:
        """Returns the event of an answer that failed."""
        response = self._response("failed") | {"error": {"code": code, "message": "scripted failure within the stream"}}
        return self._event("response.failed", response=response)

    def _event(self, kind: str, **data: object) -> bytes:
        body = {"type": kind, "sequence_number": next(self._numbers), **data}
        return f"event: {kind}\ndata: {json.dumps(body)}\n\n".encode()

    def _message(self, status: str) -> dict[str, Any]:
        return {
            "id": "item_1",
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": list(self._content),
        }

    def _response(self, status: str, incomplete: str | None = None) -> dict[str, Any]:
        is_over = status in ("completed", "incomplete")
        return {
            "id": self._id, "object": "response", "created_at": 0, "model": self._model, "status": status,
            "error": None, "incomplete_details": {"reason": incomplete} if incomplete else None, "instructions": None,
            "metadata": {}, "output": [self._message(status)] if self._content else [], "parallel_tool_calls": True,
            "temperature": None, "tool_choice": "auto", "tools": [], "top_p": None,
            "usage": self._usage() if is_over else None,
        }  # fmt: skip

    def _usage(self) -> dict[str, Any]:
        """Here the API counts cached tokens as part of the input's."""
        tokens = self._tokens
        given = tokens.fresh + tokens.cached + tokens.written
        return {
            "input_tokens": given,
            "input_tokens_details": {"cached_tokens": tokens.cached, "cache_write_tokens": tokens.written},
            "output_tokens": tokens.output,
            "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
            "total_tokens": given + tokens.output,
        }
