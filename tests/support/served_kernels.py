"""Registries that serve a kernel: its evidence says production-safe of whatever bytes a test chose, and is signed.

That stands for a gate that let a wrong kernel through, which is what an application has to survive.
"""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch
import triton
from gpu_evidence import device
from whole_evidence import evidence

from pipeline.attestation.keys import load_keyring, load_signer, make_key
from pipeline.attestation.pairs import opened_pair
from pipeline.attestation.run_files import ATTESTATIONS, names_of
from pipeline.attestation.signing import sign_run
from pipeline.gate.judged import Judged
from pipeline.registry.contract import Attestation, Channel, Event, Numbers, Platform, open_registry
from pipeline.registry.making import make_registry
from pipeline.runs.folder import write_run
from pipeline.runs.stored import read_run
from pipeline.supply.platforms import HARDWARE
from policies.decide import decide
from policies.policy import load_policy
from runners.candidate import parse_candidate
from runners.device_evidence import CertifiedKernel, DeviceEvidence
from runners.evidence import Environment, Evidence, StrengthEvidence
from runners.operators import OPERATORS

ARCHITECTURE = "sm_90"
CARD = "NVIDIA H200, sm_90, CUDA 13.0, driver 580.95.05"
PRODUCTION = load_policy("production")
KERNELS = Path(__file__).parents[1] / "kernels"
RIGHT = KERNELS / "softmax" / "right_block.py"
LATER_WRONG = KERNELS / "softmax" / "wrong_no_maximum.py"  # right until an element is above 88


@dataclass(frozen=True)
class Team:
    """Who vouches: a folder with a key, its keyring, runs and a registry."""

    folder: Path

    @property
    def keyring(self) -> Path:
        return self.folder / "keys.json"

    @property
    def registry(self) -> str:
        return str(self.folder / "registry.db")

    @property
    def events(self) -> tuple[Event, ...]:
        with closing(open_registry(self.registry)) as opened:
            return opened.events()

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def case(self, kind: str) -> bytes:
        with closing(open_registry(self.registry)) as opened:
            (event,) = (one for one in opened.events() if one.kind == kind)
            assert event.case_digest is not None
            return opened.case(event.case_digest)

    def serves(self, operator: str, channel: Channel) -> str | None:
        with closing(open_registry(self.registry)) as opened:
            serving = opened.serving(operator, ARCHITECTURE, channel)
        return None if serving is None else serving.digest


def team(folder: Path) -> Team:
    """A key, its keyring, and an empty registry."""
    made = Team(folder)
    make_key(folder / "key.pem", made.keyring, {})
    make_registry(made.registry)
    return made


def promoted(team: Team, source: Path | bytes, channel: Channel = "stable", **changes: object) -> Attestation:
    """Puts a kernel into a channel, with evidence of this machine's interpreter and of an H200."""
    attestation = attested(team, source, **changes)
    with closing(open_registry(team.registry)) as opened:
        opened.promote(attestation, channel, actor="test")
    return attestation


def attested(team: Team, source: Path | bytes, **changes: object) -> Attestation:
    """Signs a run with one candidate whose evidence lacks nothing."""
    text = source.read_bytes() if isinstance(source, Path) else source
    made = approving(text, **changes)
    digest = made.candidate.digest
    runs = team.folder / "runs"
    run_id = f"r-{digest[:8]}-{len(list(runs.glob('*')))}"
    run = write_run(runs, run_id, PRODUCTION, [Judged(text, made, decide(made, PRODUCTION))])
    (signed,) = sign_run(read_run(run.parent, run.name), load_signer(team.folder / "key.pem", {}), OPERATORS)
    first, second = ((run / ATTESTATIONS / name).read_bytes() for name in names_of(signed.candidate))
    pair = opened_pair(signed.candidate, first, second, load_keyring(team.keyring))
    gpu = made.device
    assert isinstance(gpu, DeviceEvidence)
    return Attestation(
        digest=digest, operator=str(made.candidate.operator), entry=str(made.candidate.entry), source=text,
        run=run.name, candidate=signed.candidate, test_result=first, summary=second, key_id=pair.keyid,
        signed_at=pair.summary.predicate.timeVerified, tier=signed.verdict.tier.value, policy=signed.verdict.policy,
        policy_digest=signed.verdict.policy_digest, operator_digest=str(made.operator_digest),
        evidence_digest=signed.verdict.evidence_digest,
        platform=Platform(gpu.device, ARCHITECTURE, "13.0", "580.95.05", gpu.torch, gpu.triton, None),
        numbers=Numbers(320, 100, 100, ("float32",), ()),
    )  # fmt: skip


def approving(text: bytes, **changes: object) -> Evidence:
    """Evidence that lacks nothing, about these bytes."""
    candidate = parse_candidate(text, "kernels/given.py")
    kernel = CertifiedKernel(name="kernel", digest="c" * 64, warps=4, shared_bytes=0, registers=20, spilled_bytes=0)
    made = evidence(text)
    strength = made.strength
    assert isinstance(strength, StrengthEvidence)
    right: dict[str, object] = {
        "candidate": candidate.facts,
        "operator_digest": "a" * 64,
        "strength": strength.model_copy(update={"operator": candidate.facts.operator}),
        "environment": Environment(
            hardware=HARDWARE, python="3", torch=torch.__version__, triton=triton.__version__,
            interpreter_repaired=True,
        ),
        "device": device(device=CARD, kernels=(kernel,)),
    }  # fmt: skip
    assert hashlib.sha256(text).hexdigest() == candidate.facts.digest
    return made.model_copy(update=right | changes)
