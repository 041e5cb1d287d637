"""The file of a failing case: the case, where it failed, and the arguments themselves where a case only comes near.

A check made its case, so the case is all of it. An application that saw a kernel fail has the numbers of a call that
happened; the case in such a file is the nearest description, and a replay takes the recorded arguments.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from runners.cases import Case
from runners.recorded import RecordedArgument

Place = Literal["interpreter", "gpu"]


class CaseFile(BaseModel):
    """What the file of a failing case holds.

    Attributes:
        failed_on: Where the case failed.
        arguments: Those of the call that failed, in the operator's order; None where they are made from the case.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    failed_on: Place
    case: Case
    arguments: tuple[RecordedArgument, ...] | None = None
