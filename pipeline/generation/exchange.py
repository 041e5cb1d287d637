"""One call of a model: what is asked, and the two ways in which it can end.

An `Answer` is what a provider delivered and bills: also a refusal, a text that was cut off, and one that a filter
stopped. It says how it ended and nothing about whether the text is any good. A `Failure` is that no answer came, by
what has to be done about it. Neither raises: a provider that is down is the world's state and not our bug.

A request's digest covers what the model sees and how it is told to work, not who is asked: the journal of one provider
can be replayed in the place of another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Protocol, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

TEXT_CAP_BYTES: Final = 1 << 20  # a candidate of 256 KiB, escaped as JSON, and a plan beside it


class Role(StrEnum):
    """What a model is asked to do."""

    AUTHOR = "author"
    REVIEWER = "reviewer"
    OPTIMISER = "optimiser"


class Lasts(StrEnum):
    """How long a part of a prompt stays the same; what lasts longer stands first, so that providers can cache it."""

    PROJECT = "project"  # for every operator
    OPERATOR = "operator"  # for every attempt at one operator
    ATTEMPT = "attempt"


class Stored(BaseModel):
    """What comes from a file or over a wire: frozen, and nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Part(Stored):
    """One part of a prompt.

    Attributes:
        template: SHA-256 of the template that it was rendered from.
    """

    name: str
    lasts: Lasts
    text: str
    template: str

    @property
    def digest(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Request:
    """What one call asks.

    Attributes:
        parts: The prompt, what lasts longest first.
        wanted: The model that the answer's JSON has to match.
        effort: How much the model shall think, in the provider's own words; None leaves it at the provider's default.
        max_output_tokens: Thinking included.
        deadline_s: For the whole answer.
        serial: Sets requests apart that ask the same a second time.
    """

    role: Role
    operator: str
    model: str
    parts: tuple[Part, ...]
    wanted: type[BaseModel]
    max_output_tokens: int
    deadline_s: float
    effort: str | None = None
    serial: int = 0

    def __post_init__(self) -> None:
        order = [list(Lasts).index(part.lasts) for part in self.parts]
        if not order or order != sorted(order):
            raise ValueError(f"the parts {[part.name for part in self.parts]} do not begin with what lasts longest")

    @property
    def schema(self) -> str:
        """The JSON schema of the answer, as text."""
        return json.dumps(self.wanted.model_json_schema(), sort_keys=True)

    @property
    def digest(self) -> str:
        """SHA-256 of what the model is asked; the journal's key."""
        asked = {
            "model": self.model,
            "parts": [[part.name, part.text] for part in self.parts],
            "schema": self.schema,
            "effort": self.effort,
            "max_output_tokens": self.max_output_tokens,
            "serial": self.serial,
        }
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

    def text(self, lasts: Lasts) -> str:
        """Returns the parts that last so long, as one text; empty where there are none."""
        return "\n\n".join(part.text for part in self.parts if part.lasts is lasts)


Count = Annotated[int, Field(ge=0)]
# What a provider calls things is shown and stored: one short line that commands no terminal.
Label = Annotated[str, Field(pattern=r"^[ -~]{1,256}$")]


class Usage(Stored):
    """What a call is billed by, in tokens; the same for every provider.

    Attributes:
        input_tokens: All that went in, the two kinds of cached ones included.
        cached_tokens: Of these, read from the provider's cache.
        written_tokens: Of these, written to it.
        output_tokens: All that came out, thinking included.
        reasoning_tokens: Of these, thinking; 0 where the provider does not say.
    """

    input_tokens: Count
    cached_tokens: Count
    written_tokens: Count
    output_tokens: Count
    reasoning_tokens: Count

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.cached_tokens + self.written_tokens > self.input_tokens:
            raise ValueError("more tokens are cached and written than went in")
        if self.reasoning_tokens > self.output_tokens:
            raise ValueError("more tokens are reasoning than came out")
        return self


class Ending(StrEnum):
    """How an answer ended."""

    COMPLETE = "complete"
    TRUNCATED = "truncated"  # at the limit of tokens
    REFUSED = "refused"  # by the model
    FILTERED = "filtered"  # by the provider, on the way


class Answer(Stored):
    """What a provider delivered and bills.

    Attributes:
        text: All of it, whatever it is; nobody has looked into it yet.
        remark: What the provider says about the ending; empty where it says nothing.
        model: The one that answered, in the provider's words.
        request_id: The provider's name for the call; None where it gives none.
        response_id: The provider's name for the answer.
        usage: None where nothing is billed: an answer from a file.
        begun_at: When it was asked, by the clock on the wall; it may jump.
        wall_s: How long it took, by a clock that does not.
    """

    ending: Ending
    text: str
    remark: str = ""
    provider: str
    model: Label
    request_id: Label | None
    response_id: Label
    usage: Usage | None
    begun_at: AwareDatetime
    wall_s: Annotated[float, Field(ge=0)]


class Reason(StrEnum):
    """Why no answer came, by what has to be done about it."""

    WRONG_KEY = "wrong-key"
    NO_CREDIT = "no-credit"
    UNKNOWN_MODEL = "unknown-model"
    KEY_IN_PROMPT = "key-in-prompt"  # nothing was sent
    NOT_ACCEPTED = "not-accepted"  # the provider won't take such a request
    RATE_LIMITED = "rate-limited"
    OVERLOADED = "overloaded"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed-out"
    BROKEN_OFF = "broken-off"
    UNINTELLIGIBLE = "unintelligible"  # what came is not the provider's own format
    TOO_LARGE = "too-large"
    NOT_RECORDED = "not-recorded"  # a journal or a folder holds no answer to this
    OVER_BUDGET = "over-budget"  # nothing was sent: what is left of the run's budget does not hold the call


PASSING: Final = frozenset(
    {Reason.RATE_LIMITED, Reason.OVERLOADED, Reason.UNREACHABLE, Reason.TIMED_OUT, Reason.BROKEN_OFF}
)  # may be gone when it is tried again


@dataclass(frozen=True, slots=True)
class Failure:
    """No answer came.

    Attributes:
        detail: What happened and what to do, for the user; holds no secret.
        retry_after_s: How long the provider asks to be left alone; None where it does not say.
        has_begun: Whether the provider had begun to answer: then it may bill for it, and not say how much.
    """

    reason: Reason
    detail: str
    request_id: str | None = None
    response_id: str | None = None
    retry_after_s: float | None = None
    has_begun: bool = False

    @property
    def is_passing(self) -> bool:
        """Whether the same request may be answered later."""
        return self.reason in PASSING


Outcome = Answer | Failure


@dataclass(frozen=True, slots=True)
class Begun:
    """A provider has begun to answer: from here on it may bill."""

    request_id: str | None
    response_id: str


Note = Callable[[Begun], object]


class Provider(Protocol):
    """Whoever answers requests; thread-safe."""

    def ask(self, request: Request, note: Note) -> Outcome:
        """Asks once and returns what came of it.

        Args:
            note: Called as soon as the provider names the answer, before anything of it is read.

        Raises:
            pipeline.errors.UnavailableError: this machine fails: what was answered can't be kept.
        """
        ...


def nobody(begun: Begun) -> None:
    """For who keeps no note of answers that have begun."""
