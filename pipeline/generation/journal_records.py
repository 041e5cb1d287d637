"""What the journal's files hold: a request with its answer, and what happened to its calls, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from pipeline.generation.exchange import Answer, Begun, Label, Part, Reason, Request, Role, Stored

VERSION: Final = 1


class Asked(Stored):
    """A request, as the journal keeps it."""

    role: Role
    operator: str
    model: str
    parts: tuple[Part, ...]
    answer_schema: str
    effort: str | None
    max_output_tokens: int
    serial: int


class Entry(Stored):
    """A request and its answer."""

    version: Literal[1]
    asked: Asked
    answer: Answer


class CallAsked(Stored):
    """The provider is about to be asked."""

    event: Literal["asked"] = "asked"
    at: AwareDatetime


class CallBegun(Stored):
    """The provider named the answer: it may bill from here on."""

    event: Literal["begun"] = "begun"
    request_id: Label | None
    response_id: Label


class CallFailed(Stored):
    """No answer came."""

    event: Literal["failed"] = "failed"
    reason: Reason
    detail: str
    request_id: str | None
    response_id: str | None
    retry_after_s: float | None
    has_begun: bool


class CallAnswered(Stored):
    """The answer is in the journal."""

    event: Literal["answered"] = "answered"


CallEvent = CallAsked | CallBegun | CallFailed | CallAnswered
LINE: Final = TypeAdapter[CallEvent](Annotated[CallEvent, Field(discriminator="event")])


@dataclass(frozen=True, slots=True)
class LostCall:
    """A call that was asked and has no end.

    Attributes:
        begun: What the provider had called it; None where it had not begun, and then is not likely to be billed.
    """

    digest: str
    asked_at: datetime
    begun: Begun | None


def asked_of(request: Request) -> Asked:
    """Returns the request as it is kept."""
    return Asked(
        role=request.role,
        operator=request.operator,
        model=request.model,
        parts=request.parts,
        answer_schema=request.schema,
        effort=request.effort,
        max_output_tokens=request.max_output_tokens,
        serial=request.serial,
    )


def without_end(digest: str, events: tuple[CallEvent, ...]) -> Iterator[LostCall]:
    """Yields the calls of a request that neither failed nor were answered."""
    open_since: datetime | None = None
    begun: Begun | None = None
    for event in events:
        match event:
            case CallAsked():
                if open_since is not None:
                    yield LostCall(digest, open_since, begun)
                open_since, begun = event.at, None
            case CallBegun():
                begun = Begun(event.request_id, event.response_id)
            case CallFailed() | CallAnswered():
                open_since = None
    if open_since is not None:
        yield LostCall(digest, open_since, begun)
