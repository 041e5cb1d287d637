"""Evidence: what the checks measured. Facts only: nothing here says 'passed', a policy decides that.

Stored as JSON beside the verdict and read back by `kernelgate replay` and by whoever judges again; NaN and infinities
are written as strings, so that any JSON parser reads the file.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from runners.cases import Case

SCHEMA_VERSION: Literal[1] = 1


class Record(BaseModel):
    """Base of everything stored: frozen, no unknown keys, valid JSON for non-finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class WrongElement(Record):
    """One wrong element: anything from `low` to `high` would have been right."""

    index: tuple[int, ...]
    got: float
    expected: float
    low: float
    high: float


class WrongValues(Record):
    """A result with wrong elements. `conditions` names the run of the case: natural or shuffled."""

    kind: Literal["wrong_values"] = "wrong_values"
    case: Case
    conditions: str
    output: int
    wrong: int
    total: int
    nonfinite: bool
    first: tuple[WrongElement, ...]


class WrongForm(Record):
    """A result of the wrong type, number, dtype, shape, layout or device."""

    kind: Literal["wrong_form"] = "wrong_form"
    case: Case
    aspect: Literal["type", "count", "dtype", "shape", "layout", "device", "size"]
    expected: str
    got: str


class CodeRaised(Record):
    """The candidate raised, on `case` or, where that is None, while its module was loaded."""

    kind: Literal["raised"] = "raised"
    case: Case | None
    error: str
    message: str
    line: int | None


class RunnerEnded(Record):
    """The runner ended while it owed an answer, on `case` or, where that is None, while the module was loaded."""

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


class NoLaunch(Record):
    """A call on a non-empty input launched no kernel."""

    kind: Literal["no_launch"] = "no_launch"
    case: Case


Failure = Annotated[
    WrongValues | WrongForm | CodeRaised | RunnerEnded | InputChanged | ResultsDiffer | NoLaunch,
    Field(discriminator="kind"),
]


class UnsupportedCase(Record):
    """The interpreter could not run the candidate on this case; says nothing about the candidate."""

    case: Case | None
    reason: str
    line: int | None


class SourceFact(Record):
    """What reading the source found, without running it."""

    rule: str
    line: int | None
    detail: str


class PropertiesEvidence(Record):
    """What happened when the candidate was run on drawn cases.

    Attributes:
        seed: What plans and numbers were drawn from; drawn by the judge after the candidate was delivered.
        dtypes: The dtypes that cases were drawn in.
        pairwise_cases: Cases of the covering plan that were run; `random_cases` likewise, of the random phase.
        failure: The failure on the smallest failing case that was found, or None.
        failed_at: Number of the first failing case, counted from 1; 0 is the loading of the module.
        reductions: Runs spent on making the failing case smaller.
        unsupported: The first case that the interpreter could not run; `unsupported_cases` counts them.
        slow_cases: Cases that missed their deadline once and kept it when they were run again.
        worst_ratio: By dtype, the largest error over its allowance; 1 is the edge.
        deadline_spent: Whether the total deadline ended the check before its last case.
        runners: How many runners were used; more than one means that some ended early.
    """

    kind: Literal["properties"] = "properties"
    seed: int
    dtypes: tuple[str, ...]
    pairwise_cases: int
    random_cases: int
    failure: Failure | None
    failed_at: int | None
    reductions: int
    unsupported: UnsupportedCase | None
    unsupported_cases: int
    slow_cases: int
    worst_ratio: dict[str, float]
    deadline_spent: bool
    runners: int
    wall_s: float


class Missing(Record):
    """A check that was not made, and why. `ours` means that our side failed, not that nobody asked for it."""

    kind: Literal["missing"] = "missing"
    reason: str
    ours: bool


class LimitEvidence(Record):
    """One limit of the sandbox as observed from inside."""

    name: str
    holds: bool
    observed: str


class IsolationEvidence(Record):
    """In what the candidate was run, each limit proven from inside."""

    isolation: str
    engine: str
    runtime: str
    image: str
    limits: tuple[LimitEvidence, ...]


class Environment(Record):
    """Versions inside the runner, as it said before it saw any candidate, and the hardware."""

    hardware: str
    python: str
    torch: str
    triton: str
    interpreter_repaired: bool


class CandidateFacts(Record):
    """Which candidate: digest of its bytes, where it came from, what it claims to implement."""

    digest: str
    path: str
    source_bytes: int
    operator: str | None
    entry: str | None


class Evidence(Record):
    """All that was measured about one candidate."""

    schema_version: Literal[1] = SCHEMA_VERSION
    candidate: CandidateFacts
    operator_digest: str | None
    source: tuple[SourceFact, ...]
    properties: Annotated[PropertiesEvidence | Missing, Field(discriminator="kind")]
    environment: Environment | None
    isolation: IsolationEvidence | None
