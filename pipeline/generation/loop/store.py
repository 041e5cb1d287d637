"""The folder of an operator's run that is under way: what makes it go on after a kill.

    terms.json           what the run was started with; one that goes on must have been started with the same
    lessons.json         what earlier runs taught when it was begun; the same to its end, whatever runs come meanwhile
    plans.json           the strategies
    attempts/001.json    one record an attempt, written when it is over
    journal/             every answer, by what was asked

A file is written under another name, synchronised and renamed. A kill between an answer and its record costs
measuring it again: the journal has the answer. One process works on a run: it holds a lock on the folder, which ends
with it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, TypeVar

from pydantic import ValidationError

from pipeline.errors import GenerationError, RunFolderError
from pipeline.generation.assignment import Assignment
from pipeline.generation.exchange import Stored
from pipeline.generation.journal import Journal
from pipeline.generation.lessons.taught import Taught
from pipeline.generation.loop.records import AttemptRecord, PlansRecord
from pipeline.machine.exclusive import exclusive
from pipeline.reporting import Report

T = TypeVar("T", bound=Stored)
_RUN_ID: Final = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{8}")


class Terms(Stored):
    """What a run was started with, by digests; a run that goes on has the same.

    Attributes:
        prompts: Of all templates; `knowledge` of all that can be looked up.
        roles: Who takes them, by provider and model.
        experiment: What was drawn for it; None where it is part of none.
        lessons: Of what earlier runs taught; empty where that was nothing.
    """

    version: Literal[1] = 1
    operator: str
    operator_digest: str
    policy: str
    policy_digest: str
    card: str
    roles: tuple[str, ...]
    strategies: int
    prompts: str
    knowledge: str
    experiment: Assignment | None = None
    lessons: str = ""


class RunStore:
    """The folder of one operator's run."""

    def __init__(self, folder: Path) -> None:
        """Takes a folder that may not be there yet."""
        self.folder = folder
        self.journal = Journal(folder / "journal")

    @contextmanager
    def working(self, report: Report) -> Iterator[None]:
        """Holds the folder's lock; waits for another process that has it.

        Raises:
            RunFolderError: the folder can't be written.
        """
        with _writing(self.folder):
            (self.folder / "attempts").mkdir(parents=True, exist_ok=True)
        with exclusive(self.folder / "lock", report, "works on the same run"):
            yield

    def agree(self, terms: Terms) -> None:
        """Keeps the terms of a new run, or sees that an earlier one's are the same.

        Raises:
            GenerationError: they are not, or their file is damaged.
            RunFolderError: the folder can't be written.
        """
        path = self.folder / "terms.json"
        if not path.exists():
            _write(path, terms)
            return
        earlier = _read(path, Terms)
        changed = [name for name in Terms.model_fields if getattr(earlier, name) != getattr(terms, name)]
        if changed:
            raise GenerationError(f"the run {self.folder.name} was begun with other {', '.join(changed)}: go on with "
                                  "what it was begun with, or start a new run without --resume")  # fmt: skip

    @property
    def is_begun(self) -> bool:
        """Whether the terms are agreed: nothing that the run was begun with changes any more."""
        return (self.folder / "terms.json").exists()

    def lessons(self) -> Taught:
        """Returns what the run was taught when it was begun.

        Raises:
            GenerationError: the file is damaged.
        """
        path = self.folder / "lessons.json"
        return _read(path, Taught) if path.exists() else Taught()

    def keep_lessons(self, lessons: Taught) -> None:
        """Writes what a run that is not begun yet is taught.

        Raises:
            RunFolderError: the folder can't be written.
        """
        _write(self.folder / "lessons.json", lessons)

    def plans(self) -> PlansRecord | None:
        """Returns the strategies; None where nobody was asked yet.

        Raises:
            GenerationError: the file is damaged.
        """
        path = self.folder / "plans.json"
        return _read(path, PlansRecord) if path.exists() else None

    def keep_plans(self, plans: PlansRecord) -> None:
        """Writes the strategies.

        Raises:
            RunFolderError: the folder can't be written.
        """
        _write(self.folder / "plans.json", plans)

    def attempts(self) -> tuple[AttemptRecord, ...]:
        """Returns the records in order.

        Raises:
            GenerationError: one is damaged or missing.
        """
        records = tuple(_read(path, AttemptRecord) for path in sorted((self.folder / "attempts").glob("*.json")))
        if [record.number for record in records] != list(range(1, len(records) + 1)):
            raise GenerationError(
                f"records are missing in {self.folder / 'attempts'}: start a new run without --resume"
            )
        return records

    def keep(self, record: AttemptRecord) -> None:
        """Writes a record.

        Raises:
            RunFolderError: the folder can't be written.
        """
        _write(self.folder / "attempts" / f"{record.number:03d}.json", record)


def begun_in(folder: Path, run_id: str) -> tuple[str, ...]:
    """Returns the operators that an earlier run was begun for.

    Args:
        folder: Where the folders of runs under way are, each with one for each of its operators.

    Raises:
        GenerationError: there is no such run.
    """
    begun = sorted((folder / run_id).glob("*/terms.json")) if _RUN_ID.fullmatch(run_id) else []
    if not begun:
        known = ", ".join(sorted({path.parents[1].name for path in folder.glob("*/*/terms.json")})) or "none"
        raise GenerationError(f"no run '{run_id}' can go on in {folder}; those that can: {known}")
    return tuple(path.parent.name for path in begun)


def _read(path: Path, kind: type[T]) -> T:
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        first = str(error).partition("\n")[0]
        raise GenerationError(f"{path} is damaged ({first}): start a new run without --resume") from None


def _write(path: Path, record: Stored) -> None:
    partial = path.with_name(f".{path.name}")
    with _writing(path.parent):
        try:
            with partial.open("wb") as file:
                file.write(record.model_dump_json(indent=1).encode())
                file.flush()
                os.fsync(file.fileno())
            partial.rename(path)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunFolderError(f"the folder {folder} can't be written: {error.strerror or error}") from None
