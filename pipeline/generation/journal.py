"""What was answered, kept by what was asked, so that no answer is paid for twice.

    <digest>.json      the request in full, and its answer; written whole or not at all
    <digest>.calls     a line of JSON for each thing that happened to a call: asked, begun, failed, answered

Whoever asks holds a lock on the calls file: of two that ask the same at once, one pays and the other reads. The lock
ends with its holder, so a call that was asked, has no end, and is not locked is one that was lost: its process was
killed. The provider may bill it, and nobody can fetch its answer. `lost_calls` names these, with the provider's ids
as far as they were known, so that a budget can count them and an invoice be checked. What is left of that window is
the time between the last byte of an answer and the rename of its file.

Nothing here is secret: prompts hold no keys (the adapters refuse that) and failures were redacted.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from pipeline.errors import GenerationError, JournalError
from pipeline.generation.exchange import Answer, Begun, Failure, Note, Outcome, Provider, Reason, Request
from pipeline.generation.journal_records import (
    LINE,
    VERSION,
    CallAnswered,
    CallAsked,
    CallBegun,
    CallEvent,
    CallFailed,
    Entry,
    LostCall,
    asked_of,
    without_end,
)

_CALLS_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


class Journal:
    """A folder of answers. Threads and processes may share it."""

    def __init__(self, folder: Path) -> None:
        """Takes a folder that may not be there yet."""
        self._folder = folder

    def find(self, digest: str) -> Answer | None:
        """Returns the answer to the request with that digest; None where there is none.

        Raises:
            GenerationError: the entry is damaged.
        """
        path = self._folder / f"{digest}.json"
        try:
            return Entry.model_validate_json(path.read_bytes()).answer
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise GenerationError(f"the journal's entry {path} is damaged, and its answer was paid for: mend it, or "
                                  f"remove it to ask again ({_first_line(error)})") from None  # fmt: skip

    def events(self, digest: str) -> tuple[CallEvent, ...]:
        """Returns what happened to the calls of a request, in order; a last line that was cut off is left out.

        Raises:
            GenerationError: another line is damaged.
        """
        try:
            lines = (self._folder / f"{digest}.calls").read_bytes().split(b"\n")
        except FileNotFoundError:
            return ()
        try:
            return tuple(LINE.validate_json(line) for line in lines[:-1])
        except ValidationError as error:
            raise GenerationError(f"the journal's file {self._folder / digest}.calls is damaged, so whether a call was "
                                  f"lost can't be told: remove it ({_first_line(error)})") from None  # fmt: skip

    def lost_calls(self) -> tuple[LostCall, ...]:
        """Returns the calls whose process ended before they did.

        Raises:
            GenerationError: a file of the journal is damaged.
        """
        lost: list[LostCall] = []
        for path in sorted(self._folder.glob("*.calls")):
            with _opened(path) as descriptor:
                if _is_locked(descriptor):
                    continue
                events = self.events(path.stem)
                if self.find(path.stem) is not None:  # it may have been killed before it could say that it kept it
                    events = (*events, CallAnswered())
                lost.extend(without_end(path.stem, events))
        return tuple(lost)

    def unanswered(self, digest: str) -> int:
        """Returns how many calls of a request may be billed without an answer: they broke off, or were lost.

        A call that failed before it had begun is not billed; one whose process was killed may be. Of a request that
        nobody is asking at the moment.

        Raises:
            GenerationError: a file of the journal is damaged.
        """
        events = self.events(digest)
        asked = sum(isinstance(event, CallAsked) for event in events)
        unbilled = sum(isinstance(event, CallFailed) and not event.has_begun for event in events)
        return max(0, asked - unbilled - (self.find(digest) is not None))

    @contextmanager
    def calling(self, digest: str) -> Iterator[Call]:
        """Waits until nobody else asks this, and keeps it so.

        Raises:
            JournalError: the folder can't be written.
        """
        with _writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._folder / f"{digest}.calls", _CALLS_FLAGS, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            with _writing(self._folder):
                _drop_cut_line(descriptor)
            yield Call(self._folder, digest, descriptor)
        finally:
            os.close(descriptor)


class Call:
    """A request whose lock is held."""

    def __init__(self, folder: Path, digest: str, descriptor: int) -> None:
        """Takes the open calls file."""
        self._folder = folder
        self._digest = digest
        self._descriptor = descriptor

    def record(self, event: CallEvent) -> None:
        """Adds a line and sees it on the disk."""
        with _writing(self._folder):
            os.write(self._descriptor, event.model_dump_json().encode() + b"\n")
            os.fsync(self._descriptor)

    def keep(self, request: Request, answer: Answer) -> None:
        """Writes the answer: whole, on the disk, and only then under its name."""
        entry = Entry(version=VERSION, asked=asked_of(request), answer=answer)
        partial = self._folder / f".{self._digest}.{secrets.token_hex(4)}"
        with _writing(self._folder):
            try:
                with partial.open("wb") as file:
                    file.write(entry.model_dump_json().encode())
                    file.flush()
                    os.fsync(file.fileno())
                partial.rename(self._folder / f"{self._digest}.json")
            finally:
                partial.unlink(missing_ok=True)
            with _opened(self._folder) as folder:
                os.fsync(folder)
        self.record(CallAnswered())


class Journaled:
    """Asks another provider what the journal does not know, and keeps what it answers."""

    def __init__(self, provider: Provider, journal: Journal) -> None:
        """Takes whom to ask and where to keep it."""
        self._provider = provider
        self._journal = journal

    def ask(self, request: Request, note: Note) -> Outcome:
        """As `Provider.ask`; what the journal holds is returned without asking anybody.

        Raises:
            GenerationError: the journal's entry is damaged.
            JournalError: the journal can't be written.
        """
        with self._journal.calling(request.digest) as call:
            known = self._journal.find(request.digest)
            if known is not None:
                return known
            call.record(CallAsked(at=datetime.now(UTC)))

            def begin(begun: Begun) -> None:
                call.record(CallBegun(request_id=begun.request_id, response_id=begun.response_id))
                note(begun)

            outcome = self._provider.ask(request, begin)
            if isinstance(outcome, Answer):
                call.keep(request, outcome)
            else:
                call.record(CallFailed(**asdict(outcome)))
            return outcome


class Replay:
    """Answers from a journal alone."""

    def __init__(self, journal: Journal) -> None:
        """Takes the journal."""
        self._journal = journal

    def ask(self, request: Request, note: Note) -> Outcome:
        """As `Provider.ask`.

        Raises:
            GenerationError: the journal's entry is damaged.
        """
        known = self._journal.find(request.digest)
        if known is not None:
            return known
        detail = (
            f"the journal holds no answer to this request of the {request.role} for {request.operator} "
            f"({request.digest[:12]}): another model, prompt, knowledge or version was used when it was recorded"
        )
        return Failure(Reason.NOT_RECORDED, detail)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise JournalError(f"the journal {folder} can't be written: {error.strerror or error}") from None


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _drop_cut_line(descriptor: int) -> None:
    """A process that was killed while it wrote leaves a line without an end; what follows must not be added to that."""
    size = os.fstat(descriptor).st_size
    text = os.pread(descriptor, size, 0)
    if not text.endswith(b"\n"):
        os.ftruncate(descriptor, text.rfind(b"\n") + 1)


def _first_line(error: Exception) -> str:
    return json.dumps(str(error).split("\n", maxsplit=1)[0])
