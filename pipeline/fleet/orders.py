"""What a flow sends to a worker: names of contents in shared storage, and nothing that lives."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from pipeline.fleet.identity import Judge


class Order(BaseModel):
    """One candidate to measure under one policy.

    Attributes:
        path: What the candidate is called where it was found.
        source: Digest of its source in the storage.
        policy: Digest of the policy, as it was resolved, in the storage.
        storage: The storage's URL.
        judge: What the worker has to judge with.
        run: Names the run; its end is told under it.
        look: Whose evidence is kept for itself alone; None: for everybody.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    source: str
    policy: str
    storage: str
    judge: Judge
    run: str
    look: str | None = None
