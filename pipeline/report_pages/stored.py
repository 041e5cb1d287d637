"""`kernelgate report`: the pages of a stored run, made again from its files.

They go into the run folder, unless another one is named. A signature covers every file of a run, pages too: those of a
signed run are not replaced, because nobody could tell that from tampering.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.attestation.run_files import ATTESTATIONS
from pipeline.errors import ReportError, UsageError
from pipeline.exit_codes import ALLOWED, INCOMPLETE
from pipeline.gate.judged import Judged
from pipeline.report_pages.subject import RunSubject, Subject, Unusable
from pipeline.report_pages.writing import PAGE, NoPage, pages_of
from pipeline.reports.files import write_whole
from pipeline.runs.folder import GENERATION
from pipeline.runs.stored import FILE_CAP_BYTES, Damaged, StoredCandidate, StoredRun

PROVENANCE: Final = "provenance.json"


@dataclass(frozen=True, slots=True)
class Reported:
    """What was written.

    Attributes:
        page: The page of the run; None where it could not be made.
        lacking: Pages that could not be made, through a bug of ours.
        damaged: Candidates whose files can't be used.
    """

    page: Path | None
    pages: int
    lacking: tuple[NoPage, ...]
    damaged: tuple[Damaged, ...]

    @property
    def exit_code(self) -> int:
        """0, or 3 where something has no page."""
        return INCOMPLETE if self.lacking or self.damaged else ALLOWED


def report_run(run: StoredRun, output: Path | None = None) -> Reported:
    """Writes the pages of a run into its folder, or into `output`, which is made where it is not there.

    Raises:
        UsageError: the run is signed and `output` is None, or `output` is no folder.
        ReportError: a page can't be written.
    """
    if output is None and (run.folder / ATTESTATIONS).exists():
        raise UsageError(f"run {run.folder.name} is signed, its pages too; name another folder with --output")
    target = run.folder if output is None else output
    if target.exists() and not target.is_dir():
        raise UsageError(f"--output {target} is not a folder")
    pages, lacking = pages_of(_subject(run))
    for page in pages:
        _write(target / page.folder, page.html)
    made = any(not page.folder for page in pages)
    damaged = tuple(one for one in run.candidates if isinstance(one, Damaged))
    return Reported(target / PAGE if made else None, len(pages), lacking, damaged)


def _subject(run: StoredRun) -> RunSubject:
    name = run.folder.resolve().name
    candidates = tuple(
        Subject(name, one.name, run.policy, Judged(one.source, one.evidence, one.verdict),
                _text(run.folder / one.name / PROVENANCE))
        if isinstance(one, StoredCandidate) else Unusable(one.name, one.problem)
        for one in run.candidates
    )  # fmt: skip
    return RunSubject(name, run.policy, candidates, generation=_text(run.folder / GENERATION))


def _text(path: Path) -> str | None:
    """The text of a file that need not be there; what is no text is shown to be none by whoever reads it."""
    try:
        with path.open("rb") as file:
            return file.read(FILE_CAP_BYTES).decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ReportError(f"{path} can't be read: {error.strerror or error}") from None


def _write(folder: Path, html: bytes) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReportError(f"{folder} can't be made: {error.strerror or error}") from None
    write_whole(folder / PAGE, html.decode())
