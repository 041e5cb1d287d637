"""What the local provider does with each request: one step a request.

A script is a function from a request to a step, so that it may look at the prompt; `in_order` makes one of a list.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Api(StrEnum):
    """Which wire format a request came in."""

    MESSAGES = "messages"
    RESPONSES = "responses"


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came over the wire.

    Attributes:
        number: How many came before it.
        headers: With small letters; the key is left out.
    """

    number: int
    api: Api
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def model(self) -> str:
        """The model that is asked for."""
        return str(self.body.get("model"))


@dataclass(frozen=True, slots=True)
class Tokens:
    """What an answer is said to have used; `fresh` ones are neither cached nor written."""

    fresh: int = 100
    cached: int = 1000
    written: int = 20
    output: int = 300
    reasoning: int = 40


@dataclass(frozen=True, slots=True)
class Say:
    """Answers with `text`, whatever it is; `pause_s` passes before each of its pieces."""

    text: str
    tokens: Tokens = field(default_factory=Tokens)
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Truncate:
    """Answers with `text` and stops at the limit of tokens."""

    text: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """The model refuses."""

    explanation: str


@dataclass(frozen=True, slots=True)
class Filter:
    """The provider's filter stops the answer after `text`."""

    text: str


@dataclass(frozen=True, slots=True)
class Fail:
    """No answer: a status, the format's own error, and perhaps a header Retry-After.

    Attributes:
        code: The error's type or code; None chooses the one that belongs to the status.
    """

    status: int
    retry_after: str | None = None
    code: str | None = None
    message: str = "scripted failure"


@dataclass(frozen=True, slots=True)
class FailWithin:
    """The stream begins, and an error comes in it."""

    code: str


@dataclass(frozen=True, slots=True)
class Ping:
    """The stream begins, and only pings come, one each `pause_s`, for `for_s`."""

    pause_s: float
    for_s: float


@dataclass(frozen=True, slots=True)
class BreakOff:
    """The connection ends after `text`, in the middle of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Garble:
    """Status 200, and a stream of `lines` that are not the format's."""

    lines: str


@dataclass(frozen=True, slots=True)
class Redirect:
    """Sends the client to another address."""

    to: str


@dataclass(frozen=True, slots=True)
class Flood:
    """The stream begins, and pings come without a pause until the client leaves or `size_bytes` are sent."""

    size_bytes: int


Step = Say | Truncate | Refuse | Filter | Fail | FailWithin | Ping | BreakOff | Garble | Redirect | Flood
Script = Callable[[Received], Step]


def in_order(*steps: Step) -> Script:
    """Returns a script that takes one step after the other, and fails with status 400 when none is left."""
    left = iter(steps)
    lock = threading.Lock()

    def script(received: Received) -> Step:
        with lock:
            return next(left, Fail(400, message="the script has no step left"))

    return script
