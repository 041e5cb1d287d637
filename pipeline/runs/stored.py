"""Run folders, read back whole: what `verify` stored, checked against its own digests.

Nothing in a run folder is trusted to be what it was. The verdict names the digests of its evidence and its policy, and
the evidence that of its source; where one does not fit, the candidate is damaged, with one message, and the others
stand. Digests that fit say that the files belong together, not who wrote them.

A run in which nothing changed (`--changed-since`) has a summary that names no candidate, and no folder of one: that is
whole. Where the summary is lost, or names what is not there, it is damaged.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.errors import StoredRunError
from pipeline.runs.summary import RunSummary
from policies.policy import Policy
from policies.verdict import Verdict
from runners.evidence import SCHEMA_VERSION, Evidence

FILE_CAP_BYTES: Final = 64 << 20  # of evidence; a long one has some hundred KiB
_AGAIN: Final = "verify the candidate again"
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class StoredCandidate:
    """A candidate of a run, whose files fit together.

    Attributes:
        name: Its folder in the run.
        evidence_digest: SHA-256 of the evidence file's bytes.
    """

    name: str
    source: bytes
    evidence: Evidence
    evidence_digest: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Damaged:
    """A candidate of a run whose files can't be used, and why."""

    name: str
    problem: str


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run; `policy` is the one that its evidence was made under."""

    folder: Path
    policy: Policy
    candidates: tuple[StoredCandidate | Damaged, ...]


def read_run(runs: Path, run: str, only: str | None = None, *, may_be_empty: bool = False) -> StoredRun:
    """Reads a run by its id or its path, with all its candidates or the one whose folder is called `only`.

    Args:
        may_be_empty: Whether a run that was about no candidate is read, too.

    Raises:
        StoredRunError: there is no such run, it has no (such) candidate, or its policy can't be read.
    """
    folder = next((path for path in (runs / run, Path(run)) if (path / "policy.json").is_file()), None)
    if folder is None:
        raise StoredRunError(f"there is no run '{run}' in {runs}")
    policy, digests = _policy(folder)
    names = candidate_names(folder)
    if only is not None and only not in names:
        raise StoredRunError(f"run {folder.name} has no candidate '{only}'; it has {', '.join(names) or 'none'}")
    if not names and not (may_be_empty and is_empty(folder)):
        raise StoredRunError(f"run {folder.name} holds no candidate")
    chosen = names if only is None else [only]
    return StoredRun(folder, policy, tuple(_candidate(folder / name, digests) for name in chosen))


def candidates_of(folder: Path) -> Iterator[StoredCandidate | Damaged]:
    """Yields the candidates of the run in `folder`, one at a time: a run may hold hundreds.

    The policy is not looked at, so that runs of earlier versions can be read: what was measured does not depend on it,
    and the verdict is what the run's own file says.

    Raises:
        StoredRunError: it holds no candidate, and does not say that it was about none.
    """
    names = candidate_names(folder)
    if not names and not is_empty(folder):
        raise StoredRunError(f"run {folder.name} holds no candidate")
    yield from (_candidate(folder / name, None) for name in names)


def is_empty(folder: Path) -> bool:
    """Whether the run's own summary says that it was about no candidate."""
    try:
        return RunSummary.model_validate_json(_bytes(folder / "run.json")).candidates == ()
    except (ValidationError, _DamageError):
        return False


def _policy(folder: Path) -> tuple[Policy, frozenset[str]]:
    """The stored policy, and the digests under which verdicts may name it.

    A version that added a field to policies gives the same file another digest: that of the file as it stands counts.
    """
    path = folder / "policy.json"
    try:
        data = path.read_bytes()
        policy = Policy.model_validate_json(data)
        stored = json.dumps(json.loads(data), separators=(",", ":"), ensure_ascii=False)
    except OSError as error:
        raise StoredRunError(f"{path} can't be read: {error.strerror or error}") from None
    except ValidationError as error:
        raise StoredRunError(f"{path} {_misread(error)}; {_AGAIN}") from None
    return policy, frozenset({policy.digest, hashlib.sha256(stored.encode()).hexdigest()})


def candidate_names(folder: Path) -> list[str]:
    """The candidates' folders: those that the summary names, and those that hold evidence."""
    named: Sequence[str] = []
    try:
        summary = json.loads((folder / "run.json").read_bytes())
        named = [str(entry["folder"]) for entry in summary["candidates"]]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # the folders themselves are enough
    there = [path.parent.name for path in folder.glob("*/evidence.json")]
    plain = (name for name in [*named, *there] if Path(name).name == name and "\0" not in name)
    return sorted({name for name in plain if not name.startswith(".")})


def _candidate(folder: Path, policy_digests: frozenset[str] | None) -> StoredCandidate | Damaged:
    """A candidate; `policy_digests` are those that its verdict may name, None where any will do."""
    try:
        source = _bytes(folder / "candidate.py")
        data = _bytes(folder / "evidence.json")
        evidence = _parsed(Evidence, data, "evidence.json")
        verdict = _parsed(Verdict, _bytes(folder / "verdict.json"), "verdict.json")
        digest = hashlib.sha256(data).hexdigest()
        if digest != verdict.evidence_digest:
            raise _DamageError("evidence.json is not the one that verdict.json was made from")
        if hashlib.sha256(source).hexdigest() != evidence.candidate.digest:
            raise _DamageError("candidate.py is not the file that the evidence is about")
        if policy_digests is not None and verdict.policy_digest not in policy_digests:
            raise _DamageError("policy.json is not the policy that verdict.json was made by")
    except _DamageError as damage:
        return Damaged(folder.name, f"{damage}; {_AGAIN}")
    return StoredCandidate(folder.name, source, evidence, digest, verdict)


class _DamageError(Exception):
    pass


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_CAP_BYTES + 1)
    except FileNotFoundError:
        raise _DamageError(f"{path.name} is missing") from None
    except OSError as error:
        raise _DamageError(f"{path.name} can't be read: {error.strerror or error}") from None
    if len(data) > FILE_CAP_BYTES:
        raise _DamageError(f"{path.name} is larger than {FILE_CAP_BYTES >> 20} MiB")
    return data


def _parsed(model: type[Model], data: bytes, name: str) -> Model:
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise _DamageError(f"{name} {_misread(error, _version(data))}") from None


def _version(data: bytes) -> Any:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return SCHEMA_VERSION
    return document.get("schema_version", SCHEMA_VERSION) if isinstance(document, dict) else SCHEMA_VERSION


def _misread(error: ValidationError, version: Any = SCHEMA_VERSION) -> str:
    first = error.errors(include_url=False)[0]
    if version != SCHEMA_VERSION:
        return f"has the schema version {version!r:.20}, this kernelgate reads {SCHEMA_VERSION}"
    if first["type"] == "json_invalid":
        return f"is cut off or is no JSON ({first['msg']})"
    where = ".".join(str(part) for part in first["loc"])
    more = f" and {error.error_count() - 1} more" if error.error_count() > 1 else ""
    return f"is not what this version of kernelgate writes: {where}: {first['msg']}{more}"
