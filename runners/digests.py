"""The digest of what judges: an operator and all code that decides whether a result is right.

Stored results are keyed by it, so that a change of an operator, a plan or the oracle makes them stale.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from runners.operators import Operator


@functools.cache
def _measuring_code() -> str:
    digest = hashlib.sha256()
    root = Path(__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def operator_digest(operator: Operator) -> str:
    """Returns the SHA-256 over the operator's name, the code of `runners` and what declares it outside of that."""
    parts = (operator.name, _measuring_code(), operator.declared_in)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
