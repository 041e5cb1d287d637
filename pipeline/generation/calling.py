"""What asking by an SDK is, whichever it is: one call while it lasts, and everything it can end in made an outcome."""

from __future__ import annotations

from abc import ABC, abstractmethod

from pipeline.errors import UnavailableError
from pipeline.generation.exchange import Answer, Begun, Note, Outcome, Reason, Request
from pipeline.generation.failing import Said, Teller


class Calling(ABC):
    """One call while it lasts.

    Attributes:
        request_id: The provider's name for the call, as soon as it is known; `response_id` for the answer.
    """

    def __init__(self, teller: Teller, request: Request, note: Note) -> None:
        """Takes what is asked and who is told that the answer has begun."""
        self.teller = teller
        self.request = request
        self.request_id: str | None = None
        self.response_id: str | None = None
        self._note = note

    @property
    def has_begun(self) -> bool:
        """Whether the provider has named an answer: from then on it may bill."""
        return self.response_id is not None

    def begin(self, response_id: str) -> None:
        """Tells that the answer of that name has begun."""
        self.response_id = response_id
        self._note(Begun(self.request_id, response_id))

    @abstractmethod
    def answer(self) -> Answer:
        """Asks, and returns the whole answer; raises whatever the SDK does."""

    @abstractmethod
    def reason(self, error: Exception) -> Reason:
        """Returns why there is no answer."""

    @abstractmethod
    def said(self, error: Exception) -> Said:
        """Returns what the provider said, with its message where the SDK has it; else what the SDK calls the error."""


class SdkProvider(ABC):
    """A provider that is asked by an SDK. Thread-safe, as the SDKs' clients are."""

    def __init__(self, teller: Teller) -> None:
        """Takes who words its failures."""
        self.teller = teller

    @abstractmethod
    def call(self, request: Request, note: Note) -> Calling:
        """Returns a call that has not begun."""

    def ask(self, request: Request, note: Note) -> Outcome:
        """As `Provider.ask`."""
        if refused := self.teller.refuse_key_in(request):
            return refused
        calling = self.call(request, note)
        try:
            return calling.answer()
        except UnavailableError:  # the note could not be kept
            raise
        except Exception as error:  # noqa: BLE001  # whatever a provider sends, it is no bug of ours
            return self.teller.failure(calling.reason(error), request, calling.said(error))
