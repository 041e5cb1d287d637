"""Which channel a caller gets: by a stable hash of a key, or by a feature flag.

The share of a key is the same in every process, on every machine and in every version: SHA-256 of the operator's name
and the key. Raising the share only adds keys; those that had the canary keep it. Without a key it is the machine's and
the process's, so that a share of the processes has the canary, and all calls of one have the same kernel.

A flag (OpenFeature) may say `canary`, `stable` or `reference`; what it does not know falls to the hash. It is asked
once for a key.
"""

from __future__ import annotations

import hashlib
import os
import socket
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from openfeature.client import OpenFeatureClient

Choice = Literal["canary", "stable", "reference"]
CHOICES: Final[tuple[Choice, ...]] = ("canary", "stable", "reference")


def choose(operator: str, key: str, canary_share: float, flags: OpenFeatureClient | None = None) -> Choice:
    """Returns the channel for a key.

    Args:
        canary_share: From 0 (nobody) to 1 (everybody).
        flags: Asked for the string flag `kernelgate.OPERATOR`, with the key as the targeting key.
    """
    hashed: Choice = "canary" if share_of(operator, key) < canary_share else "stable"
    return hashed if flags is None else _flagged(operator, key, hashed, flags)


def share_of(operator: str, key: str) -> float:
    """Returns where a key stands among all keys: from 0 to below 1, evenly spread."""
    digest = hashlib.sha256(f"{operator}\0{key}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / (1 << 48)


def identity() -> str:
    """The key of a process that was given none."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _flagged(operator: str, key: str, hashed: Choice, flags: OpenFeatureClient) -> Choice:
    from openfeature.evaluation_context import EvaluationContext

    said = flags.get_string_value(f"kernelgate.{operator}", hashed, EvaluationContext(targeting_key=key))
    return next((one for one in CHOICES if one == said), hashed)
