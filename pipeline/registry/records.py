"""What a registry holds, as types: attestations of kernels, what serves, what happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

Channel = Literal["canary", "stable"]
CHANNELS: Final[tuple[Channel, ...]] = ("canary", "stable")
EventKind = Literal[
    "promoted", "rolled-back", "revoked", "restored",  # by the registry's own commands
    "fallback", "mismatch", "exception", "breaker-tripped",  # by the runtime in an application
    "drifted", "verified-again", "exported",  # by flows and the export
]  # fmt: skip
RuntimeKind = Literal[
    "fallback", "mismatch", "exception", "breaker-tripped", "drifted", "verified-again", "exported"
]  # fmt: skip
CASE_CAP_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Platform:
    """What the evidence on a GPU was measured on.

    Attributes:
        device: As evidence has it: name, architecture, CUDA and driver in one text.
        architecture: As Triton calls it: `sm_90`.
        image: What the runner on the GPU was started from; None where it does not say.
    """

    device: str
    architecture: str
    cuda: str
    driver: str
    torch: str
    triton: str
    image: str | None

    @property
    def text(self) -> str:
        """What platforms are compared by (`pipeline.supply.platforms`)."""
        from pipeline.supply.platforms import platform_text

        return platform_text(self.device, self.torch, self.triton)


@dataclass(frozen=True, slots=True)
class Timing:
    """A row of the benchmark; `baseline` is the fastest of the others that were timed, None where there was none."""

    case: str
    dtype: str
    median_ms: float
    roof_ms: float
    baseline: str | None
    baseline_ms: float | None


@dataclass(frozen=True, slots=True)
class Numbers:
    """What was measured, in short.

    Attributes:
        cases: On the interpreter.
        device_cases: On the GPU.
        replayed: Of these, how many were carried out again as launch plans.
        dtypes: What was tried.
    """

    cases: int
    device_cases: int
    replayed: int
    dtypes: tuple[str, ...]
    timings: tuple[Timing, ...]


@dataclass(frozen=True, slots=True)
class Attestation:
    """Signed evidence about a kernel on an architecture.

    Attributes:
        digest: SHA-256 of the kernel's source.
        entry: The function that is called.
        run: Id of the run folder; `candidate` is the kernel's folder in it. Both stand in the signed statement.
        test_result: The bytes of the first envelope; `summary` those of the second.
        key_id: Of the key that signed both.
        policy: Name of the policy; `policy_digest` is SHA-256 of it as it was resolved.
        operator_digest: Of the operator's declaration, as evidence has it.
        evidence_digest: SHA-256 of evidence.json.
    """

    digest: str
    operator: str
    entry: str
    source: bytes
    run: str
    candidate: str
    test_result: bytes
    summary: bytes
    key_id: str
    signed_at: datetime
    tier: str
    policy: str
    policy_digest: str
    operator_digest: str
    evidence_digest: str
    platform: Platform
    numbers: Numbers

    @property
    def architecture(self) -> str:
        """As Triton calls it: `sm_90`."""
        return self.platform.architecture


@dataclass(frozen=True, slots=True)
class Approved:
    """A kernel that was promoted, with its newest attestation for an architecture.

    Attributes:
        attested_at: When this attestation came into the registry.
        revoked: Whether it may not serve any more; no channel has it then.
    """

    attestation: Attestation
    attested_at: datetime
    revoked: bool

    @property
    def digest(self) -> str:
        """SHA-256 of its source."""
        return self.attestation.digest

    @property
    def operator(self) -> str:
        """What it computes."""
        return self.attestation.operator

    @property
    def architecture(self) -> str:
        """What it was verified on."""
        return self.attestation.architecture

    @property
    def source(self) -> bytes:
        """Its bytes; compare their digest before anything is done with them."""
        return self.attestation.source

    @property
    def platform(self) -> Platform:
        """What its evidence was measured on."""
        return self.attestation.platform


@dataclass(frozen=True, slots=True)
class Place:
    """A channel of an operator and an architecture."""

    operator: str
    architecture: str
    channel: Channel


@dataclass(frozen=True, slots=True)
class Serving:
    """What a place serves, without its bytes; `platform` is that of its newest attestation."""

    place: Place
    digest: str
    promoted_at: datetime
    policy: str
    key_id: str
    platform: Platform


@dataclass(frozen=True, slots=True)
class Event:
    """A line of the log.

    Attributes:
        number: Orders the log: later events have higher ones, whatever the clock says. Some may be missing.
        at: By the clock of whoever wrote it, in UTC.
        actor: Who or what did it.
        digest: What it is about: the kernel that was promoted, rolled back, revoked or that failed.
        replaced: What the place served before, where it served something else.
        serves: What the place serves since; None also where it serves nothing.
        run: Id of a run that says more.
        case_digest: SHA-256 of the attached case; `Registry.case` has its bytes.
    """

    number: int
    at: datetime
    actor: str
    kind: EventKind
    digest: str | None
    place: Place | None
    reason: str
    replaced: str | None
    serves: str | None
    run: str | None
    case_digest: str | None


@dataclass(frozen=True, slots=True)
class Moved:
    """A place that serves something else now, `now` being None where it serves nothing."""

    place: Place
    before: str | None
    now: str | None
    event: Event | None


@dataclass(frozen=True, slots=True)
class Revocation:
    """A kernel that was revoked, and the places that it was taken from."""

    digest: str
    event: Event
    moved: tuple[Moved, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """What shows that a kernel is wrong: the case that it fails, as a run stores it, or the run."""

    case: bytes | None = None
    run: str | None = None
