"""Asks a model by OpenAI's Responses API, through the SDK `openai`.

Streamed, without the SDK's retries, `parse` and redirects, for the reasons that `messages_api` gives. Nothing is
stored at the provider (`store=False`). It caches prefixes by itself; the key that it routes by is the digest of what
lasts longer than an attempt.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, cast

import httpx2
import openai
from openai.types.responses import Response, ResponseTextConfigParam
from openai.types.shared_params import Reasoning

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

_BY_CODE: Final[Mapping[str, Reason]] = {
    "invalid_api_key": Reason.WRONG_KEY,
    "insufficient_quota": Reason.NO_CREDIT,
    "model_not_found": Reason.UNKNOWN_MODEL,
    "rate_limit_exceeded": Reason.RATE_LIMITED,
    "server_error": Reason.OVERLOADED,
    "invalid_prompt": Reason.NOT_ACCEPTED,
}
_INCOMPLETE: Final[Mapping[str, Ending]] = {
    "max_output_tokens": Ending.TRUNCATED,
    "content_filter": Ending.FILTERED,
}
_POLICY: Final = frozenset({"bio_policy", "misalignment_policy_violation"})


class _FailedError(Exception):
    """The provider ended the answer with an error instead of a text."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ResponsesApi(SdkProvider):
    """A provider that speaks the Responses API."""

    def __init__(self, name: str, key: ApiKey, base_url: str | None) -> None:
        """Connects to nobody yet.

        Args:
            name: What the roles file calls it.
            base_url: None leaves the address to the SDK.

        Raises:
            GenerationError: the address would give the key away.
        """
        super().__init__(Teller(name, key))
        self._client = openai.OpenAI(
            api_key=key.reveal(),
            base_url=base_url,
            max_retries=0,
            default_headers=PLAIN,
            http_client=openai.DefaultHttpxClient(event_hooks={"response": [bound]}, follow_redirects=False),
        )
        refuse_address(name, str(self._client.base_url))

    def call(self, request: Request, note: Note) -> Calling:
        """As `SdkProvider.call`."""
        return _Calling(self._client, self.teller, request, note)


class _Calling(Calling):
    def __init__(self, client: openai.OpenAI, teller: Teller, request: Request, note: Note) -> None:
        super().__init__(teller, request, note)
        self._client = client

    def answer(self) -> Answer:
        """As `Calling.answer`."""
        begun_at, started = datetime.now(UTC), time.monotonic()
        response = self._response()
        ending, remark = _ended(response)
        return Answer(
            ending=ending,
            text=response.output_text,
            remark=self.teller.shown(remark),
            provider=self.teller.provider,
            model=response.model,
            request_id=self.request_id,
            response_id=response.id,
            usage=_usage(response),
            begun_at=begun_at,
            wall_s=time.monotonic() - started,
        )

    def reason(self, error: Exception) -> Reason:
        """As `Calling.reason`."""
        match error:
            case openai.APIStatusError():
                if error.param == "model":
                    return Reason.UNKNOWN_MODEL
                return _BY_CODE.get(str(error.code), by_status(error.status_code))
            case _FailedError():
                return _BY_CODE.get(error.code, Reason.OVERLOADED)
            case openai.APITimeoutError() | httpx2.TimeoutException():
                return Reason.TIMED_OUT
            case openai.APIConnectionError() | httpx2.TransportError():
                return Reason.BROKEN_OFF if self.has_begun else Reason.UNREACHABLE
            case TooMuch():
                return Reason.TOO_LARGE
            case openai.APIError():  # an error event in the stream
                return _BY_CODE.get(str(error.code), Reason.OVERLOADED)
            case _:
                return Reason.UNINTELLIGIBLE

    def said(self, error: Exception) -> Said:
        """As `Calling.said`."""
        if isinstance(error, openai.APIStatusError):
            message = error.message or f"status {error.status_code}"
            request_id, headers = error.request_id, error.response.headers
            return Said(message, request_id, self.response_id, headers, self.has_begun)
        text = str(error) if isinstance(error, _FailedError) else words_of(error)
        return Said(text, self.request_id, self.response_id, None, self.has_begun)

    def _response(self) -> Response:
        request, size = self.request, 0
        with self._client.responses.create(
            model=request.model,
            instructions=request.text(Lasts.PROJECT),
            input="\n\n".join(filter(None, (request.text(Lasts.OPERATOR), request.text(Lasts.ATTEMPT)))),
            text=_format(request),
            reasoning=_reasoning(request),
            max_output_tokens=request.max_output_tokens,
            store=False,
            prompt_cache_key=_cache_key(request),
            stream=True,
            timeout=timeout_of(request.deadline_s),
        ) as stream:
            self.request_id = stream.response.headers.get("x-request-id")
            for event in stream:
                match event.type:
                    case "response.created":
                        self.begin(event.response.id)
                    case "response.output_text.delta":
                        size += len(event.delta.encode())
                    case "response.completed" | "response.incomplete" | "response.failed":
                        return event.response
                    case "error":
                        raise _FailedError(str(event.code), event.message)
                if size > TEXT_CAP_BYTES:
                    raise TooMuch
        if not self.has_begun:
            raise ValueError("the stream holds no response")
        raise httpx2.RemoteProtocolError("the stream ended before the response did")


def _format(request: Request) -> ResponseTextConfigParam:
    return {
        "format": {
            "type": "json_schema",
            "name": request.wanted.__name__.lower(),
            "strict": True,
            "schema": request.wanted.model_json_schema(),
        }
    }


def _reasoning(request: Request) -> Reasoning | openai.Omit:
    if request.effort is None:
        return openai.omit
    return cast(Reasoning, {"effort": request.effort})  # which words it knows is the provider's to say


def _cache_key(request: Request) -> str:
    lasting = request.text(Lasts.PROJECT) + "\0" + request.text(Lasts.OPERATOR)
    return hashlib.sha256(lasting.encode()).hexdigest()


def _ended(response: Response) -> tuple[Ending, str]:
    """Returns how the response ended, and what the provider remarks on it."""
    if response.status == "failed" and response.error is not None:
        if response.error.code in _POLICY:
            return Ending.FILTERED, response.error.message
        raise _FailedError(response.error.code, response.error.message)
    if response.status == "incomplete" and response.incomplete_details is not None:
        return _INCOMPLETE[str(response.incomplete_details.reason)], ""
    if response.status != "completed":
        raise ValueError(f"the response's status is {response.status}")
    parts = [part for item in response.output if item.type == "message" for part in item.content]
    refusals = [part.refusal for part in parts if part.type == "refusal"]
    return (Ending.REFUSED, " ".join(refusals)) if refusals else (Ending.COMPLETE, "")


def _usage(response: Response) -> Usage:
    """Raises what makes the answer unintelligible where it is not there: an answer without usage can't be counted."""
    usage = response.usage
    if usage is None:
        raise ValueError("the response does not say what it used")
    return Usage(
        input_tokens=usage.input_tokens,
        cached_tokens=usage.input_tokens_details.cached_tokens,
        written_tokens=getattr(usage.input_tokens_details, "cache_write_tokens", None) or 0,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.output_tokens_details.reasoning_tokens,
    )
