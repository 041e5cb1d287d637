"""Requests and providers for the tests of generation: made-up models, a key that opens the local provider alone."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pipeline.generation.api_key import ApiKey
from pipeline.generation.content import Proposal
from pipeline.generation.exchange import Begun, Lasts, Outcome, Part, Provider, Request, Role
from pipeline.generation.local_server.script import Received, Script, Step, in_order
from pipeline.generation.local_server.server import LocalProvider
from pipeline.generation.messages_api import MessagesApi
from pipeline.generation.responses_api import ResponsesApi

KEY = "local-key-0123456789abcdef"
VARIABLE = "LOCAL_KEY"
MODEL = "made-up-1"
GOOD = Proposal(plan="one program a row", code="x = 1\n")


def part(name: str, text: str, lasts: Lasts = Lasts.ATTEMPT) -> Part:
    return Part(name=name, lasts=lasts, text=text, template="0" * 64)


PARTS = (
    part("contract", "the contract", Lasts.PROJECT),
    part("operator", "the operator", Lasts.OPERATOR),
    part("attempt", "the attempt"),
)


def request(**changes: Any) -> Request:
    given: dict[str, Any] = {
        "role": Role.AUTHOR, "operator": "softmax", "model": MODEL, "parts": PARTS, "wanted": Proposal,
        "max_output_tokens": 2000, "deadline_s": 30.0,
    }  # fmt: skip
    return Request(**(given | changes))


class Notes:
    """Keeps what it is told, in order."""

    def __init__(self) -> None:
        self.begun: list[Begun] = []

    def __call__(self, begun: Begun) -> None:
        self.begun.append(begun)


class Scripted:
    """A provider that returns outcomes, one a call, and counts."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        self._left = iter(outcomes)
        self.calls = 0

    def ask(self, request: Request, note: object) -> Outcome:
        self.calls += 1
        return next(self._left)


class Shared:
    """One local provider for all tests of a process: to make a client costs more than most of them."""

    def __init__(self) -> None:
        self.script: Script = in_order()
        self._before = 0
        self.server = LocalProvider(lambda received: self.script(received), key=KEY, models=[MODEL])
        self.messages_url = self.server.messages_url
        self.responses_url = self.server.responses_url

    def begin(self, script: Script) -> None:
        self.script = script
        self._before = len(self.server.received)

    @property
    def received(self) -> tuple[Received, ...]:
        return self.server.received[self._before :]


@functools.cache
def _shared() -> Shared:
    return Shared()


@contextmanager
def serving(*steps: Step, script: Script | None = None) -> Iterator[Shared]:
    shared = _shared()
    shared.begin(script or in_order(*steps))
    yield shared


@contextmanager
def serving_alone(*steps: Step) -> Iterator[LocalProvider]:
    with LocalProvider(in_order(*steps), key=KEY, models=[MODEL]) as local:
        yield local


def adapter(api: str, local: Shared | LocalProvider, key: str = KEY) -> Provider:
    made = _adapter if isinstance(local, Shared) else _adapter.__wrapped__
    return made(api, local, key)


@functools.cache
def _adapter(api: str, local: Shared | LocalProvider, key: str) -> Provider:
    if api == "messages":
        return MessagesApi("local", ApiKey(VARIABLE, key), local.messages_url)
    return ResponsesApi("local", ApiKey(VARIABLE, key), local.responses_url)
