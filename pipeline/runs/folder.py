"""The run folder: for each candidate what a reviewer needs to check the verdict again.

    runs/<id>/run.json                the run: policy, counts, one line a candidate
    runs/<id>/policy.json             the policy as it was resolved
    runs/<id>/report.html, and <candidate>/report.html: pages that open from a file
    runs/<id>/report.sarif, junit.xml of `kernelgate verify`
    runs/<id>/<candidate>/candidate.py, evidence.json, verdict.json, cases/<case id>.json
    runs/<id>/<candidate>/provenance.json   of a candidate that was generated here: models, prompt, tokens, cost

A case's file holds the case and says where it failed, on the interpreter or on a GPU; in runs of earlier versions it
holds the case alone, which is taken for one that failed on the interpreter.

A folder is made under a hidden name beside its place and renamed when it is whole: nobody sees a half-written one. Its
writer holds a lock on it, which ends with the writer: what a run that was killed while writing left is told by that and
removed by the next.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from pipeline.errors import RunFolderError, StoredRunError
from pipeline.gate.judged import Judged
from pipeline.report_pages.subject import RunSubject, Subject
from pipeline.report_pages.writing import PAGE, pages_of, say_lacking
from pipeline.runs.case_file import CaseFile as CaseFile
from pipeline.runs.failing_cases import Place as Place
from pipeline.runs.failing_cases import case_of as case_of
from pipeline.runs.failing_cases import place_of as place_of
from pipeline.runs.places import PARTIAL
from pipeline.runs.summary import CandidateSummary, RunSummary
from pipeline.supply.platforms import holds_for
from policies.policy import Policy
from runners.cases import Case
from runners.recorded import RecordedArgument
from sandbox.os_errors import reason_of

GENERATION: Final = "generation.json"


@dataclass(frozen=True, slots=True)
class StoredCase:
    """A failing case of an earlier run, with the candidate that it made fail, and where.

    Attributes:
        arguments: Those of the call that failed, where an application saw it.
    """

    case: Case
    candidate: Path
    policy: Policy
    failed_on: Place = "interpreter"
    arguments: tuple[RecordedArgument, ...] | None = None


def new_run_id() -> str:
    """Returns an id that sorts by time and that two runs at once do not share."""
    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(4)


def check_room(runs: Path) -> None:
    """Says before anything is measured that its run folder could not be written; makes nothing.

    Raises:
        RunFolderError: it could not.
    """
    place = next(path for path in (runs.absolute(), *runs.absolute().parents) if path.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise RunFolderError(
            f"run folders go to {runs}, and {place} can't be written: name another place with --runs or KERNELGATE_RUNS"
        )


def write_run(
    runs: Path,
    run_id: str,
    policy: Policy,
    judged: Sequence[Judged],
    more: Mapping[str, str] = MappingProxyType({}),
    provenance: Sequence[str] = (),
) -> Path:
    """Writes the whole run atomically, its pages too, and returns its folder.

    A page that can't be made is said on stderr; the run is written all the same.

    Args:
        more: The texts of further files in it, by name.
        provenance: For each candidate the text of its provenance.json; empty where nobody knows where they are from.

    Raises:
        RunFolderError: the disk is full, the folder can't be written.
    """
    final = runs / run_id
    try:
        with _partial_folder(runs, run_id) as partial:
            _write_json(partial / "policy.json", policy.model_dump(mode="json"))
            names = folder_names(judged)
            for name, entry in zip(names, judged, strict=True):
                _write_candidate(partial / name, entry)
            for name, text in zip(names, provenance, strict=bool(provenance)):
                (partial / name / "provenance.json").write_text(text, encoding="utf-8")
            for name, text in more.items():
                (partial / name).write_text(text, encoding="utf-8")
            _write_json(partial / "run.json", _summary(run_id, policy, names, judged).model_dump(mode="json"))
            _write_pages(partial, _subject(run_id, policy, names, judged, more, provenance))
            partial.rename(final)
    except OSError as error:
        raise RunFolderError(f"the run folder {final} can't be written: {error.strerror or error}") from None
    return final


@contextmanager
def _partial_folder(runs: Path, run_id: str) -> Iterator[Path]:
    """A new folder that nobody takes for abandoned; what is still there afterwards is removed."""
    runs.mkdir(parents=True, exist_ok=True)
    with _locked(runs, wait=True):  # between its making and its locking nobody may look
        _remove_abandoned(runs)
        partial = runs / f".{run_id}{PARTIAL}"
        partial.mkdir()
        writer = os.open(partial, os.O_RDONLY)
        fcntl.flock(writer, fcntl.LOCK_EX)
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        os.close(writer)


def _remove_abandoned(runs: Path) -> None:
    for folder in runs.glob(f".*{PARTIAL}"):
        with _locked(folder, wait=False) as is_mine:
            if is_mine:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path, *, wait: bool) -> Iterator[bool]:
    """Locks a folder where nobody else has it locked; says whether it could."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # renamed or removed by its owner
        yield False
        return
    try:
        yield _lock(descriptor, wait=wait)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, *, wait: bool) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def find_case(runs: Path, run: str, case_id: str) -> StoredCase:
    """Finds a stored failing case by the run's id (or path) and the case's id, or a unique beginning of it.

    Where two candidates failed on the same case, `CANDIDATE/CASE` says which: the candidate's folder in the run.

    Raises:
        StoredRunError: there is no such run or case, more than one, or its files are damaged.
    """
    folder = next((path for path in (runs / run, Path(run)) if (path / "run.json").is_file()), None)
    if folder is None:
        raise StoredRunError(f"there is no run '{run}' in {runs}")
    stored = sorted(folder.glob("*/cases/*.json"))
    candidate, _, digits = case_id.rpartition("/")
    found = [path for path in stored if path.name.startswith(digits) and candidate in ("", path.parents[1].name)]
    if len(found) != 1 or not digits:
        known = ", ".join(f"{path.parents[1].name}/{path.stem}" for path in stored) or "none"
        raise StoredRunError(f"{len(found)} cases of run {folder.name} begin with '{case_id}'; stored are: {known}")
    try:
        file = _case_in(found[0].read_bytes())
        policy = Policy.model_validate_json((folder / "policy.json").read_bytes())
    except OSError as error:
        raise StoredRunError(f"run {folder.name} is damaged: {error.filename}: {reason_of(error)}") from None
    except ValidationError as error:
        raise StoredRunError(f"run {folder.name} is damaged: {error}") from None
    source = found[0].parents[1] / "candidate.py"
    if not source.is_file():
        raise StoredRunError(f"run {folder.name} is damaged: {source} is missing")
    return StoredCase(file.case, source, policy, file.failed_on, file.arguments)


def _case_in(data: bytes) -> CaseFile:
    try:
        return CaseFile.model_validate_json(data)
    except ValidationError:
        return CaseFile(failed_on="interpreter", case=Case.model_validate_json(data))


def _write_candidate(folder: Path, judged: Judged) -> None:
    folder.mkdir()
    (folder / "candidate.py").write_bytes(judged.source)
    (folder / "evidence.json").write_text(judged.evidence.model_dump_json(), encoding="utf-8")
    _write_json(folder / "verdict.json", judged.verdict.model_dump(mode="json"))
    case = case_of(judged)
    if case is not None:
        (folder / "cases").mkdir()
        file = CaseFile(failed_on=place_of(case, judged.evidence), case=case)
        (folder / "cases" / f"{case.id}.json").write_text(file.model_dump_json(), encoding="utf-8")


def _subject(
    run_id: str,
    policy: Policy,
    names: Sequence[str],
    judged: Sequence[Judged],
    more: Mapping[str, str],
    provenance: Sequence[str],
) -> RunSubject:
    texts: Sequence[str | None] = provenance or [None] * len(names)
    candidates = tuple(
        Subject(run_id, name, policy, entry, text) for name, entry, text in zip(names, judged, texts, strict=True)
    )
    return RunSubject(run_id, policy, candidates, generation=more.get(GENERATION))


def _write_pages(folder: Path, run: RunSubject) -> None:
    pages, lacking = pages_of(run)
    for page in pages:
        (folder / page.folder / PAGE).write_bytes(page.html)
    say_lacking(run.run, lacking)


def folder_names(judged: Sequence[Judged]) -> list[str]:
    """Returns what the candidates' folders of a run are called, in their order."""
    names: list[str] = []
    for number, entry in enumerate(judged, start=1):
        parts = Path(entry.evidence.candidate.path).with_suffix("").parts[-2:]
        slug = re.sub(r"[^A-Za-z0-9_]+", "-", "-".join(parts)).strip("-")[:60]
        names.append(f"{number:03d}-{slug or 'candidate'}")
    return names


def _summary(run_id: str, policy: Policy, names: Sequence[str], judged: Sequence[Judged]) -> RunSummary:
    return RunSummary(
        run=run_id,
        policy=policy.name,
        policy_digest=policy.digest,
        candidates=tuple(
            CandidateSummary(
                folder=name,
                path=entry.evidence.candidate.path,
                digest=entry.evidence.candidate.digest,
                operator=entry.evidence.candidate.operator,
                tier=entry.verdict.tier,
                allowed=entry.verdict.allowed,
                holds_for=holds_for(entry.evidence, entry.verdict.tier),
            )
            for name, entry in zip(names, judged, strict=True)
        ),
    )


def _write_json(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
