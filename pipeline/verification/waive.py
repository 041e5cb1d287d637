"""`kernelgate waive`: waivers for what a run denied, the baseline of a repository that adopts the gate.

It writes down what stands in the run folder and judges nothing: each error of a denied candidate that may be waived
becomes an entry, with one reason and one date for all of them. Entries are added at the end of the file, so comments
and order stay; one that is there already is left alone, because renewing a waiver is a decision about that one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import StoredRunError, UsageError
from pipeline.reports.files import check_writable, write_whole
from policies.verdict import Finding, Verdict
from policies.waivers import EXPIRED, Waiver, WaiverError, is_waivable, load_waivers, parse_waivers
from sandbox.os_errors import reason_of


class _Candidate(BaseModel):
    model_config = ConfigDict(frozen=True)  # run.json holds more

    folder: str
    path: str
    digest: str


class _Run(BaseModel):
    model_config = ConfigDict(frozen=True)

    candidates: tuple[_Candidate, ...]


@dataclass(frozen=True, slots=True)
class Denial:
    """An error that denied a candidate of a stored run."""

    path: str
    digest: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class Waived:
    """What became of a run's denials.

    Attributes:
        added: Written to the file now; `kept` were there.
        refused: They can't be waived, and deny as before.
    """

    file: Path
    added: tuple[Waiver, ...]
    kept: tuple[Waiver, ...]
    refused: tuple[Denial, ...]


def waive(denials: Sequence[Denial], reason: str, expires: date, file: Path, day: date) -> Waived:
    """Adds a waiver for each of `denials` to `file`, which need not exist.

    Raises:
        UsageError: the date is past, there is no reason, the file can't be written, or its form takes no entries at
            its end.
        WaiverError: what is in the file is not a valid one.
        ReportError: it can't be written.
    """
    if expires < day:
        raise UsageError(f"--expires {expires} is past: a waiver that does not hold waives nothing")
    check_writable("--file", file)
    there = load_waivers(file, day).waivers if file.exists() else ()
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    wanted = {(one.finding.rule, one.digest): one for one in denials if is_waivable(one.finding.rule)}
    kept = tuple(one for one in there if (one.rule, one.digest) in wanted)
    new = {key: one for key, one in wanted.items() if key not in {(old.rule, old.digest) for old in kept}}
    added = tuple(_waiver(one, reason, expires) for one in new.values())
    if added:
        whole = _appended(text, [_entry(one, made) for one, made in zip(new.values(), added, strict=True)])
        if _read_back(whole, file, day) != (*there, *added):
            raise UsageError(f"entries can't be added at the end of {file}: write it as a plain list, '- rule: …'")
        write_whole(file, whole)
    return Waived(file, added, kept, tuple(one for one in denials if not is_waivable(one.finding.rule)))


def denials_of(runs: Path, run: str) -> tuple[Denial, ...]:
    """Reads what denied the candidates of a stored run, by its id or path.

    Raises:
        StoredRunError: there is no such run, or it is damaged.
    """
    folder = next((path for path in (runs / run, Path(run)) if (path / "run.json").is_file()), None)
    if folder is None:
        raise StoredRunError(f"there is no run '{run}' in {runs}")
    try:
        return tuple(_denials_in(folder))
    except OSError as error:
        raise StoredRunError(f"run {folder.name} is damaged: {error.filename}: {reason_of(error)}") from None
    except ValidationError as error:
        raise StoredRunError(f"run {folder.name} is damaged: {_first(error)}") from None


def _denials_in(folder: Path) -> Iterator[Denial]:
    stored = _Run.model_validate_json((folder / "run.json").read_bytes())
    for entry in stored.candidates:
        verdict = Verdict.model_validate_json((folder / Path(entry.folder).name / "verdict.json").read_bytes())
        rules: set[str] = set()
        for finding in verdict.findings:
            fresh = finding.rule not in rules and finding.rule != EXPIRED
            if finding.severity == "error" and fresh and not verdict.allowed:
                rules.add(finding.rule)
                yield Denial(entry.path, entry.digest, finding)


def _waiver(denial: Denial, reason: str, expires: date) -> Waiver:
    try:
        return Waiver(rule=denial.finding.rule, digest=denial.digest, reason=reason, expires=expires)
    except ValidationError as error:
        raise UsageError(_first(error)) from None


def _first(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg'].removeprefix('Value error, ')}"


def _entry(denial: Denial, waiver: Waiver) -> str:
    """YAML takes JSON's strings; the path is a comment, because the digest is what counts."""
    shown = "".join(char if char.isprintable() else "?" for char in denial.path)
    return (
        f"# {shown}\n- rule: {waiver.rule}\n  digest: {json.dumps(waiver.digest)}\n"
        f"  reason: {json.dumps(waiver.reason, ensure_ascii=False)}\n  expires: {waiver.expires}\n"
    )


def _appended(text: str, entries: Sequence[str]) -> str:
    start = "" if text.strip() in ("", "[]") else text.rstrip("\n") + "\n"
    return start + "".join(entries)


def _read_back(text: str, file: Path, day: date) -> tuple[Waiver, ...]:
    try:
        return parse_waivers(text, str(file), day).waivers
    except WaiverError as error:
        raise UsageError(f"entries can't be added at the end of {file}: {error}") from None
