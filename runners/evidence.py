"""Evidence: what the checks measured. Facts only: nothing here says 'passed', a policy decides that.

Stored as JSON beside the verdict and read back by `kernelgate replay` and by whoever judges again; NaN and infinities
are written as strings, so that any JSON parser reads the file.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from runners.device_evidence import DeviceEvidence as DeviceEvidence
from runners.examined_case import ExaminedCase as ExaminedCase
from runners.failures import AccessFault as AccessFault
from runners.failures import CodeRaised as CodeRaised
from runners.failures import Failure as Failure
from runners.failures import InputChanged as InputChanged
from runners.failures import NoLaunch as NoLaunch
from runners.failures import ResultsDiffer as ResultsDiffer
from runners.failures import RunnerEnded as RunnerEnded
from runners.failures import UnsupportedCase as UnsupportedCase
from runners.failures import WrongElement as WrongElement
from runners.failures import WrongForm as WrongForm
from runners.failures import WrongValues as WrongValues
from runners.isolation_evidence import IsolationEvidence as IsolationEvidence
from runners.isolation_evidence import LimitEvidence as LimitEvidence
from runners.missing import Missing as Missing
from runners.observed_evidence import ObservedEvidence as ObservedEvidence
from runners.origin.evidence import OriginEvidence as OriginEvidence
from runners.record import Record as Record
from runners.times import Times as Times

SCHEMA_VERSION: Literal[1] = 1


class SourceFact(Record):
    """What reading the source found, without running it.

    Attributes:
        rule: Id of the rule that it is about.
        detail: What was found.
    """

    rule: str
    line: int | None
    detail: str


class ControlEvidence(Record):
    """A planted fault that was run in the candidate's process after its last case, and whether it was reported.

    Attributes:
        name: Name of the planted fault.
        fired: Whether it was reported.
    """

    name: str
    fired: bool


class PropertiesEvidence(Record):
    """What happened when the candidate was run on drawn cases.

    Attributes:
        seed: What plans and numbers were drawn from; drawn by the judge after the candidate was delivered.
        offered: The dtypes of the operator.
        dtypes: Those in which cases were drawn.
        pairwise_cases: Cases of the covering plan that were run.
        special_cases: Likewise with many specials in one tensor.
        block_cases: Likewise with sizes around the candidate's own block sizes.
        huge_cases: Likewise with offsets beyond 32 bits.
        random_cases: Likewise drawn at random.
        targeted_cases: Likewise of the search for larger errors.
        long_cases: Likewise with one long dim.
        longest: The largest length, about, at which a dim was tried alone; dims that the candidate was too slow for, or
            refused, are missing.
        refused_cases: Cases with a size beyond the operator's own, around a block size, that the candidate refused.
        failure: The failure on the smallest failing case that was found, or None.
        failed_at: Number of the first failing case, counted from 1; 0 is the loading of the module.
        reductions: Runs spent on making the failing case smaller.
        unsupported: The first case that the interpreter could not run.
        unsupported_cases: How many it could not run.
        slow_cases: Cases that missed their deadline once and kept it when they were run again.
        slowest_s: How long the slowest answer took.
        lost_runners: Runners that ended through no doing of the candidate: a fault of ours, a kill or want of memory
            that did not come again.
        controls: What became of each positive control; none were run after a failure.
        compared: By dtype, elements of results that could have been wrong, in cases that agreed; None in evidence of
            earlier versions.
        worst_ratio: By dtype, the largest error over its allowance; 1 is the edge.
        deadline_spent: Whether the total deadline ended the check before its last case.
        runners: How many runners were used; more than one means that some ended early.
        found: The failure on the first failing case, where `failure` is that on a smaller one; else None.
        trail: The cases that were run, in order, at most 1,000; empty in evidence of earlier
            versions.
        left_out: How many more there were, between the first 900 and the last 100.
    """

    kind: Literal["properties"] = "properties"
    seed: int
    offered: tuple[str, ...]
    dtypes: tuple[str, ...]
    pairwise_cases: int
    special_cases: int = 0
    block_cases: int = 0
    huge_cases: int = 0
    random_cases: int
    targeted_cases: int = 0
    long_cases: int = 0
    longest: dict[str, int] = Field(default_factory=dict)
    refused_cases: int = 0
    failure: Failure | None
    failed_at: int | None
    reductions: int
    unsupported: UnsupportedCase | None
    unsupported_cases: int
    slow_cases: int
    slowest_s: float = 0.0
    lost_runners: int = 0
    controls: tuple[ControlEvidence, ...] = ()
    compared: dict[str, int] | None = None
    worst_ratio: dict[str, float]
    deadline_spent: bool
    runners: int
    wall_s: float
    found: Failure | None = None
    trail: tuple[ExaminedCase, ...] = ()
    left_out: int = 0

    @property
    def cases(self) -> int:
        """How many cases were run."""
        drawn = self.pairwise_cases + self.random_cases + self.targeted_cases
        return drawn + self.special_cases + self.block_cases + self.huge_cases + self.long_cases


class SurvivingMutant(Record):
    """A mutant that passed the test that its source passed: equivalent, or a hole in the test.

    Attributes:
        id: Names the edit.
        diff: The edit, as a unified diff.
    """

    id: str
    line: int
    diff: str


class MutantsEvidence(Record):
    """What became of a sample of the candidate's mutants under the candidate's own test.

    Attributes:
        seed: What the sample and its cases were drawn from: the properties check's.
        possible: How many mutants the source has.
        denied: Mutants that were passed over because the static contract denies them.
        inconclusive: Mutants that the interpreter could not run.
        killed: Mutants that failed a case, or did not load.
        killed_by: How many were killed by each kind of failure.
        first_kills: The number of the case that killed, for each killed mutant; 0 is the loading of the module.
        survivors: Mutants that passed all of it.
        deadline_spent: Whether the total deadline ended the check before its last mutant.
    """

    kind: Literal["mutants"] = "mutants"
    seed: int
    possible: int
    denied: int
    inconclusive: int
    killed: int
    killed_by: dict[str, int]
    first_kills: tuple[int, ...]
    survivors: tuple[SurvivingMutant, ...]
    deadline_spent: bool
    wall_s: float

    @property
    def judged(self) -> int:
        """How many mutants the test had something to say about."""
        return self.killed + len(self.survivors)

    @property
    def kill_rate(self) -> float:
        """The share of those that were killed; 1 where there was none."""
        return self.killed / self.judged if self.judged else 1.0


class CompileFailure(Record):
    """One specialisation that did not compile for one target ('' where it could be tried for none), and why.

    Attributes:
        specialisation: The types and constants that it was compiled for.
        cause: Triton refused it; it needs more than the architecture has; the compiler died; it missed its deadline
            twice; or it could not be tried, which says nothing about the candidate.
        error: Name of the exception's type.
        message: Its text.
        passed_over: An autotuner takes another configuration, which compiles.
    """

    kernel: str
    specialisation: str
    target: str
    required: bool
    cause: Literal["refused", "out_of_resources", "crashed", "timed_out", "not_tried"]
    error: str
    message: str
    line: int | None
    passed_over: bool


class TargetEvidence(Record):
    """What was compiled to machine code for one target, and the most that one program of any of it uses.

    Attributes:
        compiled: How many specialisations were compiled to machine code.
        registers: Of a thread, the most of any.
        spill_bytes: Of a thread, the most of any.
        shared_bytes: Of a program, the most of any.
    """

    target: str
    required: bool
    compiled: int
    registers: int
    spill_bytes: int
    shared_bytes: int


class CompileEvidence(Record):
    """What happened when the launches that were seen were compiled ahead of time.

    Attributes:
        seen: Distinct specialisations that the properties check saw.
        front_end: Of those, how many passed Triton's front end and went no further.
        chosen: How many went on to machine code.
        targets: What came of each architecture.
        not_on: Required targets that the operator does not exist on.
        failures: What did not compile.
        containers: How many containers were used; more than one means that some ended early.
    """

    kind: Literal["compile"] = "compile"
    seen: int
    front_end: int
    chosen: int
    targets: tuple[TargetEvidence, ...]
    not_on: tuple[str, ...]
    failures: tuple[CompileFailure, ...]
    containers: int
    wall_s: float


class StrengthEvidence(Record):
    """What the operator's own test was found to be worth, before the candidate came (`kernelgate operators check`).

    Attributes:
        test_digest: What was examined: the declaration, the code that makes cases of it, and the oracle.
        policy: The policy under which it was examined.
        cases: How many cases the test had.
        degenerates: How many kinds of degenerate outputs were tried.
        passed_over: Kinds of degenerate outputs that no case rejected.
        kernels: Right kernels whose mutants were run.
        killed: Mutants that the test failed.
        alive: Mutants that passed it; nobody knows whether they are equivalent.
        equivalent: Mutants that passed it and that a person found to be equivalent.
        checked: The day, as YYYY-MM-DD.
    """

    kind: Literal["strength"] = "strength"
    operator: str
    test_digest: str
    policy: str
    cases: int
    degenerates: int
    passed_over: tuple[str, ...]
    kernels: int
    killed: int
    alive: int
    equivalent: int
    torch: str
    triton: str
    checked: str

    @property
    def kill_rate(self) -> float:
        """Killed among killed and alive; 0 where no mutant was run."""
        judged = self.killed + self.alive
        return self.killed / judged if judged else 0.0


class Environment(Record):
    """Versions inside the runner, as it said before it saw any candidate, and the hardware.

    Attributes:
        hardware: What the interpreter ran on.
        interpreter_repaired: Whether known faults of Triton's interpreter were mended in it.
    """

    hardware: str
    python: str
    torch: str
    triton: str
    interpreter_repaired: bool


class CandidateFacts(Record):
    """Which candidate: digest of its bytes, where it came from, what it claims to implement.

    Attributes:
        digest: SHA-256 of its bytes.
        path: Where the file was.
        source_bytes: How long it is.
        operator: What it claims to implement; None where it names no known operator.
        entry: Name of the function that is called.
    """

    digest: str
    path: str
    source_bytes: int
    operator: str | None
    entry: str | None


class Evidence(Record):
    """All that was measured about one candidate.

    Attributes:
        observed: What its programs used and left, seen from outside; empty where none was run, None in evidence from
            before anybody looked. Those on a GPU are in `device`.
        candidate: What it is about.
        operator_digest: SHA-256 of the operator's name, of what declares it and of the code that measures; None where
            the file is no candidate.
        source: What speaks against the source; where anything does, nothing was run.
        properties: Its runs on drawn cases, on the interpreter.
        compile: Its launches, compiled ahead of time.
        mutants: What its own test found of changed copies of it.
        strength: What the operator's own test was found to be worth.
        device: Its calls and the replays of its machine code on a GPU.
        origin: Where its text may come from.
        environment: Of the interpreter's runners; None where none was started.
        isolation: Of the same runners.
        times: Of the measuring; None in evidence of earlier versions.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    candidate: CandidateFacts
    operator_digest: str | None
    source: tuple[SourceFact, ...]
    properties: Annotated[PropertiesEvidence | Missing, Field(discriminator="kind")]
    compile: Annotated[CompileEvidence | Missing, Field(discriminator="kind")] = Missing(
        reason="nothing was compiled", ours=False
    )
    mutants: Annotated[MutantsEvidence | Missing, Field(discriminator="kind")] = Missing(
        reason="no mutants were asked for", ours=False
    )
    strength: Annotated[StrengthEvidence | Missing, Field(discriminator="kind")] = Missing(
        reason="nobody asked how strong the operator's own test is", ours=False
    )
    device: Annotated[DeviceEvidence | Missing, Field(discriminator="kind")] = Missing(
        reason="nothing was run on a GPU", ours=False
    )
    origin: Annotated[OriginEvidence | Missing, Field(discriminator="kind")] = Missing(
        reason="nobody asked where the text comes from", ours=False
    )
    environment: Environment | None
    isolation: IsolationEvidence | None
    observed: tuple[ObservedEvidence, ...] | None = None
    times: Times | None = None
