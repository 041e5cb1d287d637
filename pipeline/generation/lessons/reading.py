"""Reads finished runs for what they teach; one that is damaged is said in a line and left out as a whole.

Half a run would falsify the shares of what mistakes cost. Runs that are under way are not read: they have no document.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pipeline.errors import StoredRunError, UsageError
from pipeline.generation.lessons.mistakes import mistake_of
from pipeline.generation.lessons.tried import OperatorRun, Tried, text_of
from pipeline.generation.loop.documents import OperatorDocument, documents_in, read_document
from pipeline.generation.loop.feedback import findings_told
from pipeline.generation.loop.records import AttemptFacts, MeasuredFacts
from policies.verdict import Finding, Verdict


@dataclass(frozen=True, slots=True)
class Runs:
    """What was read.

    Attributes:
        read: How many runs.
        operators: One for each operator of each run, the earliest first.
        damaged: A line for each run that was left out.
    """

    read: int
    operators: tuple[OperatorRun, ...]
    damaged: tuple[str, ...]

    def of(self, operator: str | None) -> Runs:
        """Returns what there is about one operator; None is all."""
        chosen = tuple(one for one in self.operators if operator in (None, one.operator))
        return Runs(self.read, chosen, self.damaged)

    def without(self, operator: str) -> Runs:
        """Returns what there is about all other operators."""
        return Runs(self.read, tuple(one for one in self.operators if one.operator != operator), self.damaged)


def read_runs(folder: Path, newest: int | None = None) -> Runs:
    """Reads the runs in `folder`; a folder that is not there holds none.

    Args:
        newest: How many are read at most, the newest; None reads all.
    """
    documents = list(documents_in(folder))
    chosen = documents if newest is None else documents[max(0, len(documents) - newest) :]
    read, damaged, operators = 0, [], []
    for path in chosen:
        try:
            operators += _read(path)
            read += 1
        except StoredRunError as error:
            damaged.append(f"the run {path.parent.name} was left out: {error}")
    return Runs(read, tuple(operators), tuple(damaged))


def read_about(folder: Path, operator: str | None, known: Collection[str]) -> Runs:
    """Reads all runs in `folder` for what they say about one operator; None is all.

    Args:
        known: The operators that there are; one that a run was for may be gone.

    Raises:
        UsageError: there is no such operator, and no run was for it.
    """
    runs = read_runs(folder)
    if operator is not None and operator not in known and not runs.of(operator).operators:
        raise UsageError(f"'{operator}' is not an operator, and no run in {folder} was for one; see 'kernelgate "
                         "operators'")  # fmt: skip
    return runs.of(operator)


def _read(path: Path) -> list[OperatorRun]:
    document = read_document(path)
    folders = _folders(path.parent)
    operators = [
        OperatorRun(one.terms.operator, tuple(_tried(path.parent, one, folders))) for one in document.operators
    ]
    if next(folders, None) is not None:
        raise StoredRunError("it holds more candidates than attempts that were measured")
    return operators


def _folders(run: Path) -> Iterator[Path]:
    """Yields the candidates' folders in the order of the attempts, which their names begin with."""
    numbered = {path.parent.name.partition("-")[0]: path.parent for path in run.glob("*/candidate.py")}
    if not all(number.isdecimal() for number in numbered):
        raise StoredRunError("it holds candidates that are not numbered")
    return iter([numbered[number] for number in sorted(numbered, key=int)])


def _tried(run: Path, document: OperatorDocument, folders: Iterator[Path]) -> Iterator[Tried]:
    if not document.terms.operator.isidentifier():
        raise StoredRunError("an operator's name is none")
    for record in document.attempts:
        if record.operator != document.terms.operator:
            raise StoredRunError(f"attempt {record.number} is at another operator")
        folder = next(folders, None) if isinstance(record.outcome, MeasuredFacts) else None
        if folder is None and isinstance(record.outcome, MeasuredFacts):
            raise StoredRunError(f"the candidate of attempt {record.number} is missing")
        yield _one(run.name, record, folder)


def _one(run: str, record: AttemptFacts, folder: Path | None) -> Tried:
    finding = None if folder is None or record.complaint is None else _finding(folder / "verdict.json")
    file = None if folder is None else folder / "candidate.py"
    tried = Tried(run, record, file, finding, mistake_of(record, finding))
    text_of(tried)  # sees that the file is the one that was measured
    return tried


def _finding(path: Path) -> Finding | None:
    try:
        verdict = Verdict.model_validate_json(path.read_bytes())
    except OSError as error:
        raise StoredRunError(f"{path} can't be read: {error.strerror or error}") from None
    except ValidationError as error:
        first = str(error).partition("\n")[0]
        raise StoredRunError(f"{path} is damaged, or of another version: {first}") from None
    return next(iter(findings_told(verdict)), None)
