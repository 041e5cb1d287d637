"""Signs a run: two statements for each candidate, in `attestations/` of its folder.

A verdict is signed only when it comes out again from the stored evidence, under the policy that is stored with it: what
was changed since it was written is not vouched for. Denied candidates are signed, too; that a kernel was rejected is
worth as much as that one was not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from securesystemslib.signer import CryptoSigner

from pipeline.attestation.envelopes import seal
from pipeline.attestation.run_files import ATTESTATIONS, digests_of, names_of
from pipeline.attestation.statements import (
    VERIFIER,
    Digest,
    Facts,
    Platforms,
    Resource,
    Strength,
    Subject,
    Summary,
    SummaryStatement,
    TestResult,
    TestResultStatement,
    Verifier,
)
from pipeline.errors import AttestationError, ReportError
from pipeline.runs.rejudging import Rejudged, rejudge
from pipeline.runs.stored import Damaged, StoredRun
from pipeline.supply.platforms import gpu_of, interpreter_of
from policies.policy import Policy, Tier
from policies.verdict import Verdict
from runners.device_evidence import DeviceEvidence
from runners.evidence import Evidence, Missing, PropertiesEvidence, StrengthEvidence
from runners.operators.model import Operator

CHECKS: Final = ("properties", "compile", "mutants", "device", "origin")  # fields of evidence that may be missing


@dataclass(frozen=True, slots=True)
class Attested:
    """What was signed of one candidate."""

    candidate: str
    verdict: Verdict
    files: tuple[Path, Path]


def sign_run(
    run: StoredRun,
    signer: CryptoSigner,
    operators: Mapping[str, Operator],
    measurement: Path | None = None,
    now: datetime | None = None,
) -> tuple[Attested, ...]:
    """Signs every candidate of a run, or of it those that were read. Of a run about none, nothing is written.

    Args:
        measurement: A measurement of the gate (`kernelgate measure --format json`); its digest is signed, too.
        now: When it is signed; None takes the clock.

    Raises:
        AttestationError: a candidate is damaged, or its verdict does not come out again; nothing is written then.
        ReportError: the folder can't be written.
    """
    again = rejudge(run, None, operators)
    entries = [_sound(entry) for entry in again.entries]
    measured = _measurement(measurement) if measurement is not None else None
    at = now or datetime.now(UTC)
    try:
        made = [_signed(run, entry, signer, measured, at) for entry in entries]
    except ValidationError as error:  # a digest that is none: the evidence was not written by this version
        first = error.errors(include_url=False, include_input=False)[0]
        raise AttestationError(f"the evidence can't be signed: {first['msg']}; verify the candidates again") from None
    folder = run.folder / ATTESTATIONS
    if not made:
        return ()
    try:
        folder.mkdir(exist_ok=True)
        for one in made:
            for name, data in one.envelopes:
                _write(folder / name, data)
    except OSError as error:
        raise ReportError(f"{folder} can't be written: {error.strerror or error}") from None
    return tuple(Attested(one.candidate, one.verdict, _paths(folder, one.candidate)) for one in made)


def _sound(entry: Rejudged | Damaged) -> Rejudged:
    if isinstance(entry, Damaged):
        raise AttestationError(f"{entry.name}: {entry.problem}; nothing was signed")
    if entry.differs:
        raise AttestationError(
            f"{entry.name}: its evidence gives the verdict {entry.judged.verdict.tier.value}, stored is "
            f"{entry.before.tier.value} or other findings; nothing was signed. kernelgate judge shows both"
        )
    return entry


@dataclass(frozen=True, slots=True)
class _Signed:
    candidate: str
    verdict: Verdict
    envelopes: tuple[tuple[str, bytes], tuple[str, bytes]]


def _signed(
    run: StoredRun, entry: Rejudged, signer: CryptoSigner, measurement: Resource | None, at: datetime
) -> _Signed:
    evidence, verdict = entry.judged.evidence, entry.before
    subjects = tuple(_subjects(evidence))
    files = digests_of(run.folder, entry.name)
    first, second = names_of(entry.name)
    test_result = seal(
        _payload(TestResultStatement(
            subject=subjects, predicate=_test_result(run, entry.name, evidence, verdict, files, measurement)
        )),
        signer,
    )  # fmt: skip
    summary = seal(
        _payload(SummaryStatement(
            subject=subjects, predicate=_summary(run.policy, evidence, verdict, first, test_result, at)
        )),
        signer,
    )  # fmt: skip
    return _Signed(entry.name, verdict, ((first, test_result), (second, summary)))


def _test_result(
    run: StoredRun, candidate: str, evidence: Evidence, verdict: Verdict, files: Mapping[str, str],
    measurement: Resource | None,
) -> TestResult:  # fmt: skip
    failed = tuple(dict.fromkeys(one.rule for one in verdict.findings if one.severity == "error"))
    warned = tuple(dict.fromkeys(one.rule for one in verdict.findings if one.severity != "error"))
    return TestResult(
        result="FAILED" if not verdict.allowed else "WARNED" if warned else "PASSED",
        configuration=tuple(_configuration(run.policy, evidence)),
        passedTests=tuple(_passed(evidence)) if not failed else (),
        warnedTests=warned,
        failedTests=failed,
        kernelgate=Facts(
            version=metadata.version("kernelgate"),
            run=run.folder.name,
            candidate=candidate,
            tier=verdict.tier.value,
            allowed=verdict.allowed,
            operator=evidence.candidate.operator,
            operator_digest=evidence.operator_digest,
            isolation=None if evidence.isolation is None else evidence.isolation.isolation,
            image=None if evidence.isolation is None else evidence.isolation.image,
            strength=_strength(evidence),
            measurement=measurement,
            files=tuple(_resource(path, digest) for path, digest in files.items()),
            platforms=Platforms(interpreter=interpreter_of(evidence), gpu=gpu_of(evidence)),
            dtypes=evidence.properties.dtypes if isinstance(evidence.properties, PropertiesEvidence) else (),
        ),
    )


def _summary(
    policy: Policy, evidence: Evidence, verdict: Verdict, name: str, test_result: bytes, at: datetime
) -> Summary:
    return Summary(
        verifier=Verifier(id=VERIFIER, version={"kernelgate": metadata.version("kernelgate")}),
        timeVerified=at,
        resourceUri=f"urn:kernelgate:candidate:sha256:{evidence.candidate.digest}",
        policy=Resource(uri=f"urn:kernelgate:policy:{policy.name}", digest=Digest(sha256=policy.digest)),
        inputAttestations=(_resource(name, hashlib.sha256(test_result).hexdigest()),),
        verificationResult="PASSED" if verdict.allowed else "FAILED",
        verifiedLevels=_levels(verdict),
    )


def _levels(verdict: Verdict) -> tuple[str, ...]:
    """What was earned, and not what was let through: a waived candidate has earned nothing."""
    match verdict.tier:
        case Tier.PRODUCTION_SAFE:
            return ("KERNELGATE_FUNCTIONAL", "KERNELGATE_PRODUCTION_SAFE")
        case Tier.FUNCTIONAL:
            return ("KERNELGATE_FUNCTIONAL",)
        case _:
            return ()


def _subjects(evidence: Evidence) -> Iterator[Subject]:
    yield Subject(name="candidate.py", digest=Digest(sha256=evidence.candidate.digest))
    if isinstance(evidence.device, DeviceEvidence):
        for digest, names in _cubins(evidence.device).items():
            yield Subject(name=f"cubin:{','.join(sorted(names))}", digest=Digest(sha256=digest))


def _cubins(device: DeviceEvidence) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = {}
    for kernel in device.kernels:
        found.setdefault(kernel.digest, set()).add(kernel.name)
    return found


def _configuration(policy: Policy, evidence: Evidence) -> Iterator[Resource]:
    yield _resource(f"policy:{policy.name}", policy.digest)
    if evidence.operator_digest is not None:
        yield _resource(f"operator:{evidence.candidate.operator}", evidence.operator_digest)


def _passed(evidence: Evidence) -> Iterator[str]:
    yield "source"
    yield from (check for check in CHECKS if not isinstance(getattr(evidence, check), Missing))


def _strength(evidence: Evidence) -> Strength | None:
    strength = evidence.strength
    if not isinstance(strength, StrengthEvidence):
        return None
    return Strength(
        test_digest=strength.test_digest, killed=strength.killed, alive=strength.alive, checked=str(strength.checked)
    )


def _measurement(path: Path) -> Resource:
    try:
        return _resource(path.name, hashlib.sha256(path.read_bytes()).hexdigest())
    except OSError as error:
        raise AttestationError(f"the measurement {path} can't be read: {error.strerror or error}") from None


def _resource(name: str, digest: str) -> Resource:
    return Resource(name=name, digest=Digest(sha256=digest))


def _payload(statement: TestResultStatement | SummaryStatement) -> bytes:
    return statement.model_dump_json().encode()


def _paths(folder: Path, candidate: str) -> tuple[Path, Path]:
    first, second = names_of(candidate)
    return folder / first, folder / second


def _write(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}")
    partial.write_bytes(data)
    partial.replace(path)
