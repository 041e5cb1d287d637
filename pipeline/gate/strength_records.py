"""Where it is kept how strong an operator's own test is: one JSON file an operator.

`kernelgate operators check NAME --record` writes it, and each verification puts it with its evidence: in
`pipeline/gate/strengths/` for a built-in operator, beside the file that declares it for one of a team's own. A record
holds for what it examined: when the declaration, the code that makes cases of it, or the oracle changes, it says
nothing any more. The folder of own operators is as trusted as the code in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import ValidationError

from pipeline.errors import UsageError
from runners.digests import own_test_digest
from runners.evidence import Missing, StrengthEvidence
from runners.operators import Operator

BUILT_IN: Final = Path(__file__).parent / "strengths"


def record_path(operator: Operator) -> Path:
    """Returns where the record of `operator` is, or would be."""
    folder = Path(operator.folder) if operator.folder else BUILT_IN
    return folder / f"{operator.name}.strength.json"


def recorded_strength(operator: Operator) -> StrengthEvidence | Missing:
    """Returns what is recorded about `operator` as it is now."""
    path = record_path(operator)
    advice = f"run 'kernelgate operators check {operator.name} --record'"
    try:
        record = StrengthEvidence.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Missing(reason=f"the test of '{operator.name}' was never examined: {advice}", ours=False)
    except (OSError, ValidationError):
        return Missing(reason=f"{path.name} can't be read as a record: {advice}", ours=False)
    if record.operator != operator.name or record.test_digest != own_test_digest(operator):
        return Missing(reason=f"the test of '{operator.name}' changed since it was examined: {advice}", ours=False)
    return record


def record_strength(operator: Operator, found: StrengthEvidence) -> Path:
    """Writes what was found, whatever it was, and returns the file.

    Raises:
        UsageError: the file can't be written.
    """
    path = record_path(operator)
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}") from None
    return path
