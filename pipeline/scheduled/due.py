"""Which approved kernels are verified again, and why. Pure, but for the run folders that are read.

A kernel is due where anything that its evidence depends on is another here: the card, CUDA, the driver, torch or
triton, the image that its programs are started from, the operator's declaration, the policy; and where nothing changed,
after so many days. What it is compared with is evidence that proved it: that of its attestations, which machines with
other drivers may have made, and of later looks that the registry's log names, as long as their run's folder is here and
says production-safe of these bytes. The newest that is for what is here counts. A folder that was pruned costs another
look, no more. A look is as old as its run: the line in the log is the word of whoever wrote it, and every application
may write lines. What seems to be from the future is looked at.

An approval is for an architecture. A machine with a GPU looks at those of its own architecture; one without looks at
all of them, and can prove none (`settling` says what follows).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from pipeline.audit.reading import time_of
from pipeline.registry.contract import Approved, Attestation, Event
from pipeline.supply.platforms import platform_text
from policies.policy import Tier
from policies.verdict import Verdict
from runners.evidence import DeviceEvidence, Evidence

FILE_CAP_BYTES: Final = 64 << 20
SKEW: Final = timedelta(days=1)  # so far apart clocks may be
_RUN_ID: Final = re.compile(r"\d{8}-\d{6}-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Proven:
    """On what a kernel was shown to be production-safe, and when."""

    platform: str
    image: str | None
    operator_digest: str
    policy_digest: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Here:
    """What a kernel would be verified on and by now.

    Attributes:
        platform: The GPU's, as `pipeline.supply.platforms` says it; None where there is none.
        image: What its programs are started from.
        operator_digests: By the operator's name; one that is not known here is missing.
    """

    platform: str | None
    image: str | None
    policy_digest: str
    operator_digests: Mapping[str, str]
    now: datetime

    def has(self, architecture: str) -> bool:
        """Whether the GPU here is of an architecture."""
        return self.platform is not None and architecture in self.platform.split(", ")


@dataclass(frozen=True, slots=True)
class Due:
    """A kernel that is verified again.

    Attributes:
        reasons: Why, in words.
        drifted: Whether something changed, and not time alone.
    """

    approved: Approved
    reasons: tuple[str, ...]
    drifted: bool


def due_of(approved: Approved, proven: Sequence[Proven], here: Here, every_days: int) -> Due | None:
    """Says why a kernel is due; None where it is not.

    Args:
        proven: What proved it, the newest first.
    """
    changes = [tuple(_changes(approved, one, here)) for one in proven]
    counts = next((number for number, change in enumerate(changes) if not change), 0)
    changed, age = changes[counts], here.now - proven[counts].at
    old = (f"last looked at {age.days} days ago",) if age >= timedelta(days=every_days) else ()
    if age < -SKEW:
        old = ("its last look seems to be from the future",)
    return Due(approved, (*changed, *old), bool(changed)) if changed or old else None


def proven_by(
    approved: Approved, attestations: Sequence[Attestation], looks: Sequence[Event], runs: Path, *, alone: bool
) -> tuple[Proven, ...]:
    """Returns what proved a kernel, the newest first; at least that which it is approved by.

    Args:
        attestations: All of it on this architecture.
        looks: The log's events that it was verified again.
        runs: The folder of run folders.
        alone: Whether it is approved for this architecture alone: an event without a place is about that then.
    """
    found = [_attested(one) for one in (approved.attestation, *attestations)]
    for look in looks:
        is_about_it = look.place.architecture == approved.architecture if look.place is not None else alone
        if is_about_it and look.run is not None and _RUN_ID.fullmatch(look.run):
            seen = _proven_in(runs / look.run, approved, time_of(look.run) or look.at)
            found += [seen] if seen is not None else []
    return tuple(sorted(found, key=lambda one: one.at, reverse=True))


def _attested(attestation: Attestation) -> Proven:
    platform = attestation.platform
    return Proven(
        platform=platform_text(platform.device, platform.torch, platform.triton),
        image=platform.image,
        operator_digest=attestation.operator_digest,
        policy_digest=attestation.policy_digest,
        at=attestation.signed_at,
    )


def _changes(approved: Approved, proven: Proven, here: Here) -> Iterator[str]:
    if here.platform is not None and here.platform != proven.platform:
        yield _difference(proven.platform, here.platform)
    if here.image is not None and proven.image is not None and here.image != proven.image:
        yield "the image is another"
    if here.operator_digests.get(approved.operator, proven.operator_digest) != proven.operator_digest:
        yield "the operator's declaration is another"
    if here.policy_digest != proven.policy_digest:
        yield "the policy is another"


def _difference(was: str, now: str) -> str:
    """Names the parts of a platform that are others: `driver 570 is driver 580 now`."""
    before, after = was.split(", "), now.split(", ")
    if len(before) != len(after):
        return f"{was} is {now} now"
    return ", ".join(f"{one} is {other} now" for one, other in zip(before, after, strict=True) if one != other)


def _proven_in(run: Path, approved: Approved, at: datetime) -> Proven | None:
    for folder in sorted(run.glob("*/")):
        found = _proven_by_files(folder, approved, at)
        if found is not None:
            return found
    return None


def _proven_by_files(folder: Path, approved: Approved, at: datetime) -> Proven | None:
    try:
        files = (folder / "evidence.json", folder / "verdict.json")
        if any(file.stat().st_size > FILE_CAP_BYTES for file in files):
            return None
        evidence = Evidence.model_validate_json(files[0].read_bytes())
        verdict = Verdict.model_validate_json(files[1].read_bytes())
    except (OSError, ValidationError):
        return None
    device = evidence.device
    is_it = evidence.candidate.digest == approved.digest and verdict.tier is Tier.PRODUCTION_SAFE
    if not is_it or not isinstance(device, DeviceEvidence) or evidence.operator_digest is None:
        return None
    return Proven(
        platform=platform_text(device.device, device.torch, device.triton),
        image=None if device.isolation is None else device.isolation.image,
        operator_digest=evidence.operator_digest,
        policy_digest=verdict.policy_digest,
        at=at,
    )
