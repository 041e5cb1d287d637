"""What every message between judge and runner is: a frozen, strict model, with bounds on texts and sizes."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

TEXT_CAP: Final = 2000

Text = Annotated[str, Field(max_length=TEXT_CAP)]
Size = Annotated[int, Field(ge=0, le=1 << 48)]
Line = Annotated[int, Field(ge=0, le=1 << 31)]


class Message(BaseModel):
    """Base of everything on the wire: frozen, strict, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, ser_json_inf_nan="constants")
