"""A real registry with kernels in it, whose attestations say what a test is about; nothing is signed."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.registry.contract import Attestation, Numbers, Platform, Registry, open_registry
from pipeline.registry.making import make_registry
from policies.policy import load_policy
from runners.digests import operator_digest
from runners.operators import OPERATORS

CARD = Platform(
    device="a GPU, sm_90, CUDA 13.0, driver 580.1", architecture="sm_90", cuda="13.0", driver="580.1",
    torch="2.11.0", triton="3.6.0", image="sha256:1",
)  # fmt: skip
LATELY = datetime.now(UTC) - timedelta(hours=2)


def attestation(source: bytes, **changes: object) -> Attestation:
    """One that is of today, by today's operator and production policy."""
    production = load_policy("production")
    made = Attestation(
        digest=hashlib.sha256(source).hexdigest(), operator="relu", entry="relu", source=source,
        run="20261130-070848-b8d59152", candidate="001-relu", test_result=b"{}",
        summary=hashlib.sha256(source).digest(), key_id="k",
        signed_at=LATELY, tier="production-safe", policy=production.name, policy_digest=production.digest,
        operator_digest=operator_digest(OPERATORS["relu"]), evidence_digest="e" * 64, platform=CARD,
        numbers=Numbers(cases=400, device_cases=100, replayed=100, dtypes=("float32",), timings=()),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def registry_with(path: Path, *attestations: Attestation) -> Registry:
    """A registry in a file, whose stable channels serve what is given, one after the other."""
    make_registry(str(path))
    registry = open_registry(str(path))
    for one in attestations:
        registry.promote(one, "stable", actor="a test")
    return registry
