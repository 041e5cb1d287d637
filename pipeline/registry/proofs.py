"""What shows that a kernel is wrong, read for a revocation: the file of a failing case, or a run that denied it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from pipeline.errors import RegistryError, StoredRunError
from pipeline.registry.contract import CASE_CAP_BYTES, Approved, Proof
from pipeline.runs.folder import CaseFile
from pipeline.runs.stored import StoredCandidate, read_run


def proof_at(path: Path, digest: str, approved: Sequence[Approved]) -> Proof:
    """Reads the proof against a kernel: a case's file (cases/ID.json of a run), or the folder of a run.

    Raises:
        RegistryError: it shows nothing against this kernel.
        StoredRunError: it is neither.
    """
    if path.is_dir():
        return _of_run(path, digest)
    try:
        data = path.read_bytes()[: CASE_CAP_BYTES + 1]
        case = CaseFile.model_validate_json(data)
    except (OSError, ValueError, ValidationError):
        raise StoredRunError(f"{path} is no run folder, and no file of a case (cases/ID.json in one)") from None
    operators = {one.operator for one in approved}
    if case.case.operator not in operators:
        raise RegistryError(f"{path} is a case of {case.case.operator}, and the kernel computes {', '.join(operators)}")
    return Proof(case=data)


def _of_run(folder: Path, digest: str) -> Proof:
    run = read_run(folder.absolute().parent, str(folder.absolute()))
    for entry in run.candidates:
        if isinstance(entry, StoredCandidate) and entry.evidence.candidate.digest == digest:
            if entry.verdict.allowed:
                raise RegistryError(f"run {folder.name} lets kernel {digest[:12]} through: it shows nothing against it")
            cases = sorted((folder / entry.name / "cases").glob("*.json"))
            return Proof(case=cases[0].read_bytes() if cases else None, run=folder.name)
    raise RegistryError(f"run {folder.name} is not about kernel {digest[:12]}")
