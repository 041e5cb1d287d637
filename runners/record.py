"""The base of everything that is stored: evidence, and verdicts about it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Base of everything stored: frozen, no unknown keys, valid JSON for non-finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")
