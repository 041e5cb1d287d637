"""One fact about one candidate, as `kernelgate audit --format jsonl` writes it: a line each, ASCII, nothing hidden.

`seen` says whose word a fact is. What was read in the source, measured outside or found by the judge, no candidate can
forge; what its own process said, it can.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from pipeline.audit.kinds import Kind as Kind
from policies.policy import Tier
from runners.observed_evidence import Ran

Seen = Literal[
    "read in the source", "measured outside", "kernel log", "found by the judge", "said by its own process"
]  # fmt: skip
Unit = Literal["bytes", "tasks", "entries", "times"]


class Fact(BaseModel):
    """What one piece of evidence says.

    Attributes:
        refused: Something was denied, refused or failed; else it is only what was used or left.
        detail: In words; may quote the candidate, and is hostile then.
        amount: How much, in `unit`.
        rule: Of the contract, where one was broken.
        line: Of the candidate's file.
        ran: Which programs it is about; None where nothing was run for it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    refused: bool
    detail: str
    seen: Seen
    amount: int | None = None
    unit: Unit | None = None
    rule: str | None = None
    line: int | None = None
    ran: Ran | None = None


class AuditEvent(Fact):
    """A fact, with whose it is.

    Attributes:
        run: The run's id; `folder` is the candidate's in it.
        time: When the run was, in UTC; None where its name does not say.
        candidate: SHA-256 of the source; `path` where it came from, `operator` what it claims to implement.
        verdict: The tier; `allowed` whether it was let through, waivers counted in.
    """

    schema_version: Literal[1] = 1
    run: str
    folder: str
    time: datetime | None
    candidate: str
    path: str
    operator: str | None
    verdict: Tier
    allowed: bool

    def as_line(self) -> str:
        """Returns it as one line of JSON, in which nothing but printable ASCII stands."""
        return json.dumps(self.model_dump(mode="json")) + "\n"
