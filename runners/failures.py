"""The ways in which a candidate fails a case, as facts. Which rule a failure breaks, the policies say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from runners.cases import Case
from runners.error_map import ErrorMap
from runners.record import Record
from runners.wire import FaultKind


class WrongElement(Record):
    """One wrong element: anything from `low` to `high` would have been right.

    Attributes:
        index: Its place in the result.
        got: What the candidate returned.
        expected: What the reference computes in float64.
        low: The smallest value that would have been right; NaN where NaN is due.
        high: The largest.
    """

    index: tuple[int, ...]
    got: float
    expected: float
    low: float
    high: float


class WrongValues(Record):
    """A result with wrong elements. `conditions` names the run of the case: natural or shuffled.

    Attributes:
        wrong: How many elements are wrong.
        total: How many elements the result has.
        nonfinite: Whether the first wrong element differs in class (NaN, ±Inf, finite) rather than in value.
        first: The first wrong elements in C order, at most five.
        errors: Where they are in the whole result; None in evidence of earlier versions, and where only some rows of
            the result were looked at.
    """

    kind: Literal["wrong_values"] = "wrong_values"
    case: Case
    conditions: str
    output: int
    wrong: int
    total: int
    nonfinite: bool
    first: tuple[WrongElement, ...]
    errors: ErrorMap | None = None


class WrongForm(Record):
    """A result of the wrong type, number, dtype, shape, layout or device.

    Attributes:
        aspect: What about it is wrong.
        expected: What is due.
        got: What came.
    """

    kind: Literal["wrong_form"] = "wrong_form"
    case: Case
    aspect: Literal["type", "count", "dtype", "shape", "layout", "device", "size"]
    expected: str
    got: str


class CodeRaised(Record):
    """The candidate raised, on `case` or, where that is None, while its module was loaded.

    Attributes:
        error: Name of the exception's type.
        message: Its text, as the runner sent it.
    """

    kind: Literal["raised"] = "raised"
    case: Case | None
    error: str
    message: str
    line: int | None


class RunnerEnded(Record):
    """The runner ended while it owed an answer, on `case` or, where that is None, while the module was loaded.

    Attributes:
        how: In which way.
        detail: The deadline, limit, signal or exit code.
    """

    kind: Literal["ended"] = "ended"
    case: Case | None
    how: Literal["timed_out", "out_of_memory", "signal", "exited", "protocol_broken"]
    detail: str


class InputChanged(Record):
    """A tensor argument's bytes were different after the call, gaps included."""

    kind: Literal["input_changed"] = "input_changed"
    case: Case
    argument: str


class ResultsDiffer(Record):
    """Two runs of one case differ in a bit: other program order, other bytes in fresh memory and masked lanes."""

    kind: Literal["results_differ"] = "results_differ"
    case: Case
    output: int


class AccessFault(Record):
    """An access that no right kernel makes, as the runner's monitor reported it.

    Attributes:
        conditions: The run of the case: natural or shuffled.
        fault: What is wrong with the access.
        argument: The argument that was touched; None where it was memory of the candidate's.
        allocation: Number of the candidate's allocation in the call, where that is what was touched.
        element: Which element of it, counted along memory from its first.
        line: Line of the candidate's file.
        program: Grid coordinates of the program instance.
        other: Those of the one that it does not go together with.
    """

    kind: Literal["access_fault"] = "access_fault"
    case: Case
    conditions: str
    fault: FaultKind
    argument: str | None
    allocation: int | None
    element: int
    line: int | None
    program: tuple[int, int, int] | None
    other: tuple[int, int, int] | None


class NoLaunch(Record):
    """A call on a non-empty input launched no kernel."""

    kind: Literal["no_launch"] = "no_launch"
    case: Case


class DeviceFault(Record):
    """The GPU reported an error while a plan was replayed.

    Attributes:
        conditions: Which replay of the case it was.
        step: Number of the plan's step.
        kernel: Name of the kernel that the step launches; None where it is a fill or a copy.
        error: CUDA's name of the error.
    """

    kind: Literal["device_fault"] = "device_fault"
    case: Case
    conditions: str
    step: int
    kernel: str | None
    error: str


class OutsideWritten(Record):
    """A replayed plan wrote beside a buffer: the base of `argument`, or the candidate's own where that is None.

    Attributes:
        argument: The argument beside whose base it wrote; None where the buffer is the candidate's own.
    """

    kind: Literal["outside_written"] = "outside_written"
    case: Case
    conditions: str
    argument: str | None


class BadPlan(Record):
    """What the runner recorded can't be carried out.

    Attributes:
        problem: Why it can't be carried out.
    """

    kind: Literal["bad_plan"] = "bad_plan"
    case: Case
    problem: str


Failure = Annotated[
    WrongValues
    | WrongForm
    | CodeRaised
    | RunnerEnded
    | InputChanged
    | AccessFault
    | ResultsDiffer
    | NoLaunch
    | DeviceFault
    | OutsideWritten
    | BadPlan,
    Field(discriminator="kind"),
]


class UnsupportedCase(Record):
    """The interpreter could not run the candidate on this case; says nothing about the candidate.

    Attributes:
        reason: What the interpreter lacks.
    """

    case: Case | None
    reason: str
    line: int | None
