"""Runs with evidence for production-safe, signed: no machine without a GPU makes any."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from candidate_sources import candidate
from gpu_evidence import device
from whole_evidence import evidence

from pipeline.attestation.keys import Keyring, load_keyring, load_signer, make_key
from pipeline.attestation.signing import sign_run
from pipeline.gate.judged import Judged
from pipeline.registry.admission import Named, admit
from pipeline.registry.contract import Attestation
from pipeline.runs.folder import write_run
from pipeline.runs.stored import read_run
from policies.decide import decide
from policies.policy import Policy, load_policy
from runners.operators import OPERATORS

DEVICE = "NVIDIA H200, sm_90, CUDA 13.0, driver 580.95.05"
PRODUCTION = load_policy("production")


@dataclass(frozen=True, slots=True)
class Signer:
    """A key and a keyring that believes it, in a folder of their own."""

    folder: Path

    @property
    def key(self) -> Path:
        return self.folder / "kernelgate-key.pem"

    @property
    def keyring(self) -> Path:
        return self.folder / "kernelgate-keys.json"

    @property
    def ring(self) -> Keyring:
        return load_keyring(self.keyring)


def new_signer(folder: Path) -> Signer:
    folder.mkdir(parents=True, exist_ok=True)
    made = Signer(folder)
    make_key(made.key, made.keyring, {})
    return made


def source(number: int = 0) -> bytes:
    """A right relu; each number another one."""
    return f"{candidate()}# {number}\n".encode()


def judged(text: bytes, policy: Policy = PRODUCTION, device_text: str = DEVICE, **changes: object) -> Judged:
    """A kernel with evidence that nothing is missing from; `changes` are those of the evidence."""
    parts = {"device": device(device=device_text), "operator_digest": "a" * 64} | changes
    made = evidence(text, **parts)
    return Judged(text, made, decide(made, policy))


def signed_run(runs: Path, run_id: str, entries: Sequence[Judged], signer: Signer, policy: Policy = PRODUCTION) -> Path:
    """Writes a run and signs it."""
    folder = write_run(runs, run_id, policy, entries)
    sign_run(read_run(runs, run_id), load_signer(signer.key, {}), OPERATORS)
    return folder


def attestation(runs: Path, signer: Signer, number: int = 0, device_text: str = DEVICE) -> Attestation:
    """What `admit` makes of a signed run with the kernel of that number."""
    run_id = f"r{len(list(runs.glob('*'))) if runs.exists() else 0}"
    folder = signed_run(runs, run_id, [judged(source(number), device_text=device_text)], signer)
    return admit(Named(folder, "001-kernels-relu"), signer.ring, OPERATORS, PRODUCTION)


def variant(of: Attestation, number: int, architecture: str | None = None) -> Attestation:
    """The same about another kernel, or on another architecture: for the database, which opens no envelope."""
    text = source(1000 + number)
    platform = of.platform if architecture is None else replace(of.platform, architecture=architecture)
    return replace(
        of, source=text, digest=hashlib.sha256(text).hexdigest(), platform=platform,
        summary=of.summary + f"{number} {architecture}".encode(),
    )  # fmt: skip
