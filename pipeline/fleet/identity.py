"""What a machine judges with: workers of a run must have the same, or their evidence is no evidence for it.

References, oracle and source checks are code of this checkout on torch and triton of this environment. A worker with
another torch may find another result right; it would be kept under another key, and judged by a run that believes its
own. So whoever orders work names the judge it wants, workers say which they are, and the scheduler brings together what
fits (Dask's resources): a worker that does not fit is idle, and not a hole that swallows candidates by failing fast.
"""

from __future__ import annotations

import hashlib
import json
import platform
from importlib import metadata
from typing import Final, Literal, NamedTuple

from runners.digests import operator_digest
from runners.evidence import SCHEMA_VERSION
from runners.operators import OPERATORS

Part = Literal["cpu", "gpu"]
PREFIX: Final = "kernelgate"


class Judge(NamedTuple):
    """What decides what is right on a machine."""

    torch: str
    triton: str
    code: str

    @property
    def digest(self) -> str:
        """A short name of all of it."""
        return hashlib.sha256(json.dumps(self).encode()).hexdigest()[:12]

    def __str__(self) -> str:
        """Says it for people."""
        return f"torch {self.torch}, triton {self.triton}, judge {self.code[:12]}"


def judge_here() -> Judge:
    """Returns what this process judges with."""
    digests = [operator_digest(operator) for _, operator in sorted(OPERATORS.items())]
    code = hashlib.sha256(json.dumps([SCHEMA_VERSION, platform.python_version_tuple()[:2], digests]).encode())
    return Judge(metadata.version("torch"), metadata.version("triton"), code.hexdigest())


def resource(part: Part, judge: Judge) -> str:
    """Returns the name under which a worker offers its slots for a part of the work, and a run asks for one."""
    return f"{PREFIX}-{part}-{judge.digest}"
