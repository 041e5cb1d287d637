"""The run folder: for each candidate what a reviewer needs to check the verdict again.

    runs/<id>/run.json                the run: policy, counts, one line a candidate
    runs/<id>/policy.json             the policy as it was resolved
    runs/<id>/<candidate>/candidate.py, evidence.json, verdict.json, cases/<case id>.json

A folder is made under a hidden name beside its place and renamed when it is whole: nobody sees a half-written one. What
a run that was killed while writing left is removed by a later one.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from pipeline.errors import RunFolderError, StoredRunError
from pipeline.gate import Judged
from policies.policy import Policy
from runners.cases import Case

PARTIAL: Final = ".partial"
ABANDONED_AFTER_S: Final = 3600  # writing a run takes seconds


@dataclass(frozen=True, slots=True)
class StoredCase:
    """A failing case of an earlier run, with the candidate that it made fail."""

    case: Case
    candidate: Path
    policy: Policy


def new_run_id() -> str:
    """Returns an id that sorts by time and that two runs at once do not share."""
    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(4)


def write_run(runs: Path, run_id: str, policy: Policy, judged: Sequence[Judged]) -> Path:
    """Writes the whole run atomically and returns its folder.

    Raises:
        RunFolderError: the disk is full, the folder can't be written.
    """
    final, partial = runs / run_id, runs / f".{run_id}{PARTIAL}"
    _remove_abandoned(runs)
    try:
        partial.mkdir(parents=True)
        _write_json(partial / "policy.json", policy.model_dump(mode="json"))
        names = _names(judged)
        for name, entry in zip(names, judged, strict=True):
            _write_candidate(partial / name, entry)
        _write_json(partial / "run.json", _summary(run_id, policy, names, judged))
        partial.rename(final)
    except OSError as error:
        raise RunFolderError(f"the run folder {final} can't be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return final


def _remove_abandoned(runs: Path) -> None:
    for folder in runs.glob(f".*{PARTIAL}"):
        if time.time() - folder.stat().st_mtime > ABANDONED_AFTER_S:
            shutil.rmtree(folder, ignore_errors=True)


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
        case = Case.model_validate_json(found[0].read_bytes())
        policy = Policy.model_validate_json((folder / "policy.json").read_bytes())
    except (OSError, ValidationError) as error:
        raise StoredRunError(f"run {folder.name} is damaged: {error}") from None
    source = found[0].parents[1] / "candidate.py"
    if not source.is_file():
        raise StoredRunError(f"run {folder.name} is damaged: {source} is missing")
    return StoredCase(case, source, policy)


def case_of(judged: Judged) -> Case | None:
    """The failing case that decided, if one did."""
    return next((finding.case for finding in judged.verdict.findings if finding.case is not None), None)


def _write_candidate(folder: Path, judged: Judged) -> None:
    folder.mkdir()
    (folder / "candidate.py").write_bytes(judged.source)
    (folder / "evidence.json").write_text(judged.evidence.model_dump_json(), encoding="utf-8")
    _write_json(folder / "verdict.json", judged.verdict.model_dump(mode="json"))
    case = case_of(judged)
    if case is not None:
        (folder / "cases").mkdir()
        (folder / "cases" / f"{case.id}.json").write_text(case.model_dump_json(), encoding="utf-8")


def _names(judged: Sequence[Judged]) -> list[str]:
    names: list[str] = []
    for number, entry in enumerate(judged, start=1):
        parts = Path(entry.evidence.candidate.path).with_suffix("").parts[-2:]
        slug = re.sub(r"[^A-Za-z0-9_]+", "-", "-".join(parts)).strip("-")[:60]
        names.append(f"{number:03d}-{slug or 'candidate'}")
    return names


def _summary(run_id: str, policy: Policy, names: Sequence[str], judged: Sequence[Judged]) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "run": run_id,
        "policy": policy.name,
        "policy_digest": policy.digest,
        "candidates": [
            {
                "folder": name,
                "path": entry.evidence.candidate.path,
                "digest": entry.evidence.candidate.digest,
                "operator": entry.evidence.candidate.operator,
                "tier": entry.verdict.tier.value,
                "allowed": entry.verdict.allowed,
            }
            for name, entry in zip(names, judged, strict=True)
        ],
    }


def _write_json(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
