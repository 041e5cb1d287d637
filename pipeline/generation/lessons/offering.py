"""Which failed candidates a corpus could learn from: wrong ones that an early check let pass.

That is one that passed the screening and was denied afterwards, or one that a case shows to be wrong. A corpus of what
is denied at sight measures nothing. Only rules that say something about what the kernel does count: a test that is too
weak, evidence that is missing, a form that the contract does not allow prove no kernel wrong.

The label is the gate's own word here, and a corpus that repeats the gate's words can't find its errors. So entries are
offered: a person has to look at each before it is added.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from pipeline.generation.lessons.reading import Runs
from pipeline.generation.lessons.tried import Reach, Tried, text_of
from pipeline.runs.folder import CaseFile
from policies.verdict import Finding
from runners.candidate import source_digest
from runners.cases import Case

_PROVES: Final = ("properties/", "memory/", "races/", "compile/", "replay/bad-plan")


@dataclass(frozen=True, slots=True)
class WrongKernel:
    """One that could be an entry.

    Attributes:
        witness: A case on which it fails on the interpreter; None where none is stored.
        found: Where it was found out, in our own words.
    """

    operator: str
    text: str
    rule: str
    witness: Case | None
    run: str
    attempt: int
    found: str

    @property
    def digest(self) -> str:
        """SHA-256 of its bytes."""
        return source_digest(self.text.encode())


def wrong_kernels(runs: Runs) -> Iterator[WrongKernel]:
    """Yields those that the runs hold, in order.

    Raises:
        StoredRunError: a candidate's file was changed since the runs were read.
    """
    for run in runs.operators:
        for one in run.attempts:
            if one.finding is not None and one.file is not None and _is_wrong(one, one.finding):
                yield _kernel(one, one.finding, one.file)


def _is_wrong(tried: Tried, finding: Finding) -> bool:
    is_late = tried.reach is Reach.FULL or finding.case is not None
    return is_late and finding.severity == "error" and finding.rule.startswith(_PROVES)


def _kernel(tried: Tried, finding: Finding, file: Path) -> WrongKernel:
    stored = None if finding.case is None else _stored(file.parent / "cases" / f"{finding.case.id}.json")
    is_on_gpu = stored is not None and stored.failed_on == "gpu"
    when = "on a GPU alone" if is_on_gpu else "after the screening" if tried.reach is Reach.FULL else "in the screening"
    return WrongKernel(
        operator=tried.record.operator,
        text=text_of(tried),
        rule=finding.rule,
        witness=None if stored is None or is_on_gpu else stored.case,
        run=tried.run,
        attempt=tried.record.number,
        found=when,
    )


def _stored(path: Path) -> CaseFile | None:
    try:
        return CaseFile.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None  # the entry does without a witness
