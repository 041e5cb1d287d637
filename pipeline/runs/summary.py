"""What `run.json` of a run folder says: the run, its policy, and one entry for each candidate."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from policies.policy import Tier


class CandidateSummary(BaseModel):
    """One candidate of a run.

    Attributes:
        folder: Its folder in the run.
        path: Where its file was.
        digest: SHA-256 of its bytes.
        operator: What it claims to implement; None where it names no known operator.
        tier: What it has earned.
        allowed: Whether the policy lets it through.
        holds_for: The platform that the verdict holds for; None where nothing was run, and in runs of earlier versions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str
    path: str
    digest: str
    operator: str | None
    tier: Tier
    allowed: bool
    holds_for: str | None = None


class RunSummary(BaseModel):
    """A run.

    Attributes:
        run: Its id, which begins with its time.
        policy: The policy's name.
        policy_digest: SHA-256 of the policy as it was resolved.
        candidates: In the order in which they were given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    run: str
    policy: str
    policy_digest: str
    candidates: tuple[CandidateSummary, ...]
