"""What became of one mutant, as `benchmarks/mutants.py` writes it and `benchmarks/record_strengths.py` reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Ran(BaseModel):
    """One mutant of a kernel, run; `source` is the kernel's SHA-256, `test_digest` names the operator's test."""

    model_config = ConfigDict(frozen=True)

    path: Path
    source: str
    operator: str
    test_digest: str
    policy: str
    seed: int
    torch: str
    triton: str
    id: str
    fate: Literal["killed", "survived", "inconclusive"]
    by: str | None
    first_kill: int | None
    diff: str
