"""Says why a provider did not answer, in words that tell the user what to do and hold no key.

What went wrong is told by types, codes and statuses that the providers document; their messages are shown and never
parsed. They are other people's text: keys are taken out, and what could command a terminal is made visible.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from pipeline.generation.api_key import ApiKey
from pipeline.generation.exchange import TEXT_CAP_BYTES, Failure, Reason, Request
from sandbox.printable import printable

MESSAGE_CAP: Final = 300
_BY_STATUS: Final[Mapping[int, Reason]] = {
    401: Reason.WRONG_KEY,
    402: Reason.NO_CREDIT,
    403: Reason.WRONG_KEY,
    408: Reason.TIMED_OUT,
    409: Reason.OVERLOADED,
    429: Reason.RATE_LIMITED,
    504: Reason.TIMED_OUT,
}


@dataclass(frozen=True, slots=True)
class Said:
    """What the provider said of its failure, as far as it said anything.

    Attributes:
        message: In its own words.
        headers: Of the response, with small letters.
    """

    message: str = ""
    request_id: str | None = None
    response_id: str | None = None
    headers: Mapping[str, str] | None = None
    has_begun: bool = False


@dataclass(frozen=True, slots=True)
class Teller:
    """Makes the failures of one provider."""

    provider: str
    key: ApiKey

    def failure(self, reason: Reason, request: Request, said: Said) -> Failure:
        """Returns the failure, with what to do about it."""
        message = self.shown(said.message)
        return Failure(
            reason=reason,
            detail=self._advice(reason, request) + (f" (it says: {message})" if message else ""),
            request_id=said.request_id,
            response_id=said.response_id,
            retry_after_s=retry_after_s(said.headers or {}),
            has_begun=said.has_begun,
        )

    def shown(self, message: str) -> str:
        """Returns a provider's words in one short line, without the key."""
        return printable(self.key.redact(message))[:MESSAGE_CAP].strip()

    def refuse_key_in(self, request: Request) -> Failure | None:
        """Returns a failure where the prompt holds the key; it then goes nowhere."""
        name = next((part.name for part in request.parts if self.key.is_in(part.text)), None)
        if name is None:
            return None
        detail = (
            f"the key in {self.key.variable} stands in the prompt's part '{name}', so nothing was sent: remove it from "
            "what that part is made of, and revoke it"
        )
        return Failure(Reason.KEY_IN_PROMPT, detail)

    def _advice(self, reason: Reason, request: Request) -> str:
        who = f"provider '{self.provider}'"
        match reason:
            case Reason.WRONG_KEY:
                return (f"{who} does not take the key in {self.key.variable}: check that it is whole, not revoked, of "
                        f"this provider, and may use '{request.model}'")  # fmt: skip
            case Reason.NO_CREDIT:
                return f"{who} takes no calls of this account: its credit or its spending limit is used up"
            case Reason.UNKNOWN_MODEL:
                return (f"{who} has no model '{request.model}': it is misspelt or retired; name another for the "
                        f"{request.role} in the roles file")  # fmt: skip
            case Reason.NOT_ACCEPTED:
                return (f"{who} does not accept the request for '{request.model}': the address, the effort or "
                        "max_output_tokens in the roles file may be wrong, or the prompt too long")  # fmt: skip
            case Reason.RATE_LIMITED:
                return f"{who} limits the rate of calls"
            case Reason.OVERLOADED:
                return f"{who} is overloaded or fails"
            case Reason.UNREACHABLE:
                return f"{who} can't be reached: check the network, a proxy, and its base_url in the roles file"
            case Reason.TIMED_OUT:
                return f"{who} did not answer within {request.deadline_s:g} s; the roles file sets deadline_s"
            case Reason.BROKEN_OFF:
                return f"{who} broke off in the middle of an answer"
            case Reason.UNINTELLIGIBLE:
                return f"{who} sent what is not its own format: a proxy, another version, or not this kind of provider"
            case Reason.TOO_LARGE:
                return f"{who} sent an answer of more than {TEXT_CAP_BYTES >> 10} KiB, which was not read to its end"
            case _:
                return f"{who} does not answer: {reason}"


def words_of(error: Exception) -> str:
    """Returns what an error of this machine says of itself; empty where it says nothing."""
    return f"{type(error).__name__}: {error}" if str(error) else ""


def by_status(status: int) -> Reason:
    """Returns the reason for a status, where nothing better was said."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return Reason.OVERLOADED if status >= 500 else Reason.NOT_ACCEPTED


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Returns how many seconds the provider asks for: a number, or a date by this machine's clock; None if neither."""
    text = headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
