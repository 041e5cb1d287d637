"""The digests of what judges: of all code behind a verdict, and of an operator's own test alone.

Stored results are keyed by the first, so that a change of anything that measures makes them stale. How strong an
operator's test is depends on less: on what it declares, on the cases that are made of that, and on the oracle.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Final

from runners.operators import Operator

ROOT: Final = Path(__file__).parent
_TEST_CODE: Final = (
    "operators/**/*.py", "input_classes.py", "cases.py", "plans.py", "drawing.py", "filling.py", "materialise.py",
    "blocks.py", "climbing.py", "oracle.py", "montecarlo.py", "examine.py", "properties.py",
)  # fmt: skip


@functools.cache
def _code(*patterns: str) -> str:
    digest = hashlib.sha256()
    for path in sorted({path for pattern in patterns for path in ROOT.glob(pattern)}):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def operator_digest(operator: Operator) -> str:
    """Returns the SHA-256 over the operator's name, the code of `runners` and what declares it outside of that."""
    return _digest(operator, _code("**/*.py"))


def own_test_digest(operator: Operator) -> str:
    """Returns the SHA-256 over the operator's name, what declares it, and the code that makes and judges its cases."""
    return _digest(operator, _code(*_TEST_CODE))


def _digest(operator: Operator, code: str) -> str:
    return hashlib.sha256("\0".join((operator.name, code, operator.declared_in)).encode()).hexdigest()
