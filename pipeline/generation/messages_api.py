"""Asks a model by Anthropic's Messages API, through the SDK `anthropic`.

Answers are streamed: thinking takes minutes, and the answer's id is known before the answer. The SDK's own retries
are off (`patience` has the reason), its `parse` is not used (it loses the usage of what does not validate), and
redirects are not followed: they would carry the key elsewhere. Each group of parts that lasts longer than an attempt
ends in a cache breakpoint.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, cast

import anthropic
import httpx2
from anthropic.types import Message, OutputConfigParam, TextBlockParam

from pipeline.generation.addresses import refuse_address
from pipeline.generation.api_key import ApiKey
from pipeline.generation.calling import Calling, SdkProvider
from pipeline.generation.exchange import (
    TEXT_CAP_BYTES,
    Answer,
    Ending,
    Lasts,
    Note,
    Reason,
    Request,
    Usage,
)
from pipeline.generation.failing import Said, Teller, by_status, words_of
from pipeline.generation.wire_bounds import PLAIN, TooMuch, bound, timeout_of

_BY_TYPE: Final[Mapping[str, Reason]] = {
    "authentication_error": Reason.WRONG_KEY,
    "permission_error": Reason.WRONG_KEY,
    "billing_error": Reason.NO_CREDIT,
    "not_found_error": Reason.UNKNOWN_MODEL,
    "invalid_request_error": Reason.NOT_ACCEPTED,
    "rate_limit_error": Reason.RATE_LIMITED,
    "overloaded_error": Reason.OVERLOADED,
    "api_error": Reason.OVERLOADED,
    "timeout_error": Reason.TIMED_OUT,
}
_SPENT: Final = frozenset({
    "enforced_spend_limit_reached", "contract_spend_limit_reached", "linked_organization_spend_limit_reached",
})  # fmt: skip
_ENDINGS: Final[Mapping[str, Ending]] = {
    "end_turn": Ending.COMPLETE,
    "stop_sequence": Ending.COMPLETE,
    "max_tokens": Ending.TRUNCATED,
    "model_context_window_exceeded": Ending.TRUNCATED,
    "refusal": Ending.REFUSED,
}


class MessagesApi(SdkProvider):
    """A provider that speaks the Messages API."""

    def __init__(self, name: str, key: ApiKey, base_url: str | None) -> None:
        """Connects to nobody yet.

        Args:
            name: What the roles file calls it.
            base_url: None leaves the address to the SDK.

        Raises:
            GenerationError: the address would give the key away.
        """
        super().__init__(Teller(name, key))
        self._client = anthropic.Anthropic(
            api_key=key.reveal(),
            base_url=base_url,
            max_retries=0,
            default_headers=PLAIN,
            http_client=anthropic.DefaultHttpxClient(event_hooks={"response": [bound]}, follow_redirects=False),
        )
        refuse_address(name, str(self._client.base_url))

    def call(self, request: Request, note: Note) -> Calling:
        """As `SdkProvider.call`."""
        return _Calling(self._client, self.teller, request, note)


class _Calling(Calling):
    def __init__(self, client: anthropic.Anthropic, teller: Teller, request: Request, note: Note) -> None:
        super().__init__(teller, request, note)
        self._client = client

    def answer(self) -> Answer:
        """As `Calling.answer`."""
        begun_at, started = datetime.now(UTC), time.monotonic()
        message = self._message()
        ending = _ENDINGS[str(message.stop_reason)]
        details = message.stop_details
        return Answer(
            ending=ending,
            text="".join(block.text for block in message.content if block.type == "text"),
            remark=self.teller.shown(
                ", ".join(filter(None, (details.category, details.explanation))) if details else ""
            ),
            provider=self.teller.provider,
            model=message.model,
            request_id=self.request_id,
            response_id=message.id,
            usage=_usage(message),
            begun_at=begun_at,
            wall_s=time.monotonic() - started,
        )

    def reason(self, error: Exception) -> Reason:
        """As `Calling.reason`."""
        match error:
            case anthropic.APIStatusError():
                if error.error_code in _SPENT:
                    return Reason.NO_CREDIT
                return _BY_TYPE.get(str(error.type), by_status(error.status_code))
            case anthropic.APITimeoutError() | httpx2.TimeoutException():
                return Reason.TIMED_OUT
            case anthropic.APIConnectionError() | httpx2.TransportError():
                return Reason.BROKEN_OFF if self.has_begun else Reason.UNREACHABLE
            case TooMuch():
                return Reason.TOO_LARGE
            case _:
                return Reason.UNINTELLIGIBLE

    def said(self, error: Exception) -> Said:
        """As `Calling.said`."""
        if isinstance(error, anthropic.APIStatusError):
            message = error.api_message or f"status {error.status_code}"
            request_id, headers = error.request_id, error.response.headers
            return Said(message, request_id, self.response_id, headers, self.has_begun)
        return Said(words_of(error), self.request_id, self.response_id, None, self.has_begun)

    def _message(self) -> Message:
        request, size, is_whole = self.request, 0, False
        with self._client.messages.stream(
            model=request.model,
            max_tokens=request.max_output_tokens,
            system=_blocks(request, Lasts.PROJECT),
            messages=[
                {"role": "user", "content": [*_blocks(request, Lasts.OPERATOR), *_blocks(request, Lasts.ATTEMPT)]}
            ],
            output_config=_output(request),
            timeout=timeout_of(request.deadline_s),
        ) as stream:
            self.request_id = stream.request_id
            for event in stream:
                match event.type:
                    case "message_start":
                        self.begin(event.message.id)
                    case "text":
                        size += len(event.text.encode())
                    case "message_stop":
                        is_whole = True
                if size > TEXT_CAP_BYTES:
                    raise TooMuch
            if not self.has_begun:
                raise ValueError("the stream holds no message")
            if not is_whole:
                raise httpx2.RemoteProtocolError("the stream ended before the message did")
            return stream.current_message_snapshot


def _blocks(request: Request, lasts: Lasts) -> list[TextBlockParam]:
    text = request.text(lasts)
    if not text:
        return []
    block: TextBlockParam = {"type": "text", "text": text}
    if lasts is not Lasts.ATTEMPT:
        block["cache_control"] = {"type": "ephemeral"}
    return [block]


def _output(request: Request) -> OutputConfigParam:
    schema = anthropic.transform_schema(request.wanted)
    output: OutputConfigParam = {"format": {"type": "json_schema", "schema": schema}}
    if request.effort is not None:
        output = cast(OutputConfigParam, {**output, "effort": request.effort})  # which words it knows is theirs to say
    return output


def _usage(message: Message) -> Usage:
    """The API counts cached tokens beside the input's; here the input is all of it."""
    usage = message.usage
    cached = usage.cache_read_input_tokens or 0
    written = usage.cache_creation_input_tokens or 0
    details = usage.output_tokens_details
    return Usage(
        input_tokens=usage.input_tokens + cached + written,
        cached_tokens=cached,
        written_tokens=written,
        output_tokens=usage.output_tokens,
        reasoning_tokens=details.thinking_tokens if details else 0,
    )
