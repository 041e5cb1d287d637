"""What every message between judge and runner is: a frozen, strict model, with bounds on texts, sizes and lists.

A list ends at its first bad item. Without that a header of a megabyte could hold 500,000 of them, and the report of all
of their errors took the host 6 s and 500 MiB.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, FailFast, Field

TEXT_CAP: Final = 2000
ARGUMENTS_CAP: Final = 32  # of a call

Text = Annotated[str, Field(max_length=TEXT_CAP)]
Size = Annotated[int, Field(ge=0, le=1 << 48)]
Line = Annotated[int, Field(ge=0, le=1 << 31)]
FirstError: Final = FailFast()


class Message(BaseModel):
    """Base of everything on the wire: frozen, strict, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, ser_json_inf_nan="constants")
