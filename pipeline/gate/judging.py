"""The gate: one candidate in, evidence and verdict out. The same core serves the command line and the flow.

Our own failures end here as evidence that is missing, never as a verdict about a candidate.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from pipeline.gate.gpu_part import NOT_ON_A_GPU, DevicePart
from pipeline.gate.judged import Judged
from pipeline.gate.mutants_part import MutantsPart
from pipeline.gate.steps import UNHEARD, Steps
from pipeline.gate.stopwatch import Stopwatch
from pipeline.gate.strength_records import recorded_strength
from pipeline.gate.turns import Turns
from pipeline.supply.gpu import GpuSupply
from pipeline.supply.platforms import HARDWARE
from pipeline.supply.runners import RunnerSupply
from policies.decide import decide
from policies.policy import Policy, required_controls
from policies.waivers import DatedWaivers
from runners import wire
from runners.candidate import Candidate, Unreadable
from runners.compiling import CompileCheck, CompileEffort
from runners.contract.reading import read_source, reading_s
from runners.conversation import Runner, RunnerFault
from runners.digests import operator_digest
from runners.evidence import (
    CompileEvidence,
    DeviceEvidence,
    Environment,
    Evidence,
    Missing,
    MutantsEvidence,
    ObservedEvidence,
    OriginEvidence,
    PropertiesEvidence,
)
from runners.mutants import MutantsCheck, MutantsEffort
from runners.oracle import Allowance
from runners.origin.comparing import origin_of
from runners.origin.references import ReferencesError, ReferenceSet, references_of
from runners.properties import Effort, PropertiesCheck
from runners.session import Deadlines
from runners.specialisation import Specialisation
from runners.traced_check import TracedCheck
from runners.turn import Turn
from runners.watching import Watch
from sandbox.contract import SandboxUnavailable

NO_MUTANTS: Final = Missing(reason="a case failed or none was run, so no mutants were", ours=False)
NOT_AN_OPERATOR: Final = Missing(reason="the file is not a candidate", ours=False)
NOT_RUN: Final = Missing(reason="the source was denied, so it was not run", ours=False)
NEVER_RUN: Final = (NOT_AN_OPERATOR, NOT_RUN)
NOT_COMPILED: Final = Missing(reason="nothing was run, so nothing was compiled", ours=False)


def effort_of(policy: Policy) -> Effort:
    """How hard the properties check tries under `policy`."""
    rules = policy.properties
    return Effort(
        pairwise_cases=rules.pairwise_cases,
        special_cases=rules.special_cases,
        block_cases=rules.block_cases,
        huge_cases=rules.huge_cases,
        long_s=rules.long_s,
        random_cases=rules.random_cases,
        targeted_cases=rules.targeted_cases,
        allowance=Allowance(tf32=rules.tf32),
        dtypes=rules.dtypes,
        controls=bool(required_controls(rules.controls)),
        deadlines=Deadlines(load_s=rules.load_deadline_s, case_s=rules.case_deadline_s),
        total_s=rules.total_deadline_s,
    )


def planned_cases(policy: Policy, gpu: GpuSupply | None) -> int:
    """Says how many cases a candidate is asked to pass at least, where checks are made on `gpu`, too."""
    return policy.properties.cases + (policy.gpu.cases if gpu is not None else 0)


def measure(
    item: Candidate | Unreadable,
    policy: Policy,
    supply: RunnerSupply,
    *,
    seed: int | None = None,
    reduces: bool = True,
    noise: bool = False,
    steps: Steps = UNHEARD,
    turns: Turns | None = None,
    gpu: GpuSupply | None = None,
) -> Evidence:
    """Makes every check that the policy asks for and this machine can make.

    Args:
        gpu: Where programs on a GPU come from; None makes no checks there.
        turns: Where others are measured at the same time: what is run waits for its turn.
        seed: Fixes what the judge draws (for experiments); None draws it now, after the candidate was delivered.
        reduces: Whether a failing case is made smaller; whoever only counts verdicts saves the time.
        noise: The interpreter errs as a GPU may (for experiments on the judge).
        steps: Hears what is being done, from several threads; what it raises about cases ends the measuring.
    """
    watch = Stopwatch()
    if isinstance(item, Unreadable):
        return _evidence(item, (item.problem,), NOT_AN_OPERATOR, None, supply, watch, NOT_AN_OPERATOR)
    facts = read_source(item, policy.source.allowance)
    watch.source_s = reading_s(item, policy.source.allowance)  # it may have been read before it had a runner
    with watch.comparing():
        origin = origin_of(item.text, _references(policy))
    if facts:
        return _evidence(item, facts, NOT_RUN, None, supply, watch, origin)
    judge_seed = secrets.randbits(64) if seed is None else seed
    effort = dataclasses.replace(effort_of(policy), reduces=reduces, noise=noise)
    told, watches = _Told(steps), _Watches()

    def heard(cases: int) -> None:
        device.heard(cases)
        mutants.heard(cases)
        told.of_interpreter(cases)

    try:
        with DevicePart(item, policy, gpu, told.of_gpu) as device:
            mutants = _mutants_part(item, policy, supply, judge_seed, turns, steps)
            with watch.turn(turns) as turn, mutants:
                check = TracedCheck(item, watches.interpreter.over(supply.take), effort, judge_seed, heard, turn)
                made = _Checks(item, policy, supply, watches, steps, mutants).run(check, turn)
            # Others have the slot while this one waits for the GPU.
            if made.agreed and policy.gpu_checks and gpu is not None:
                steps.check("gpu")
            on_gpu = device.evidence(agreed=made.agreed)
        evidence = _evidence(
            item, (), made.properties, check.greeting, supply, watch, origin, made.compiled, made.mutants, on_gpu
        )
    except SandboxUnavailable as error:
        evidence = _evidence(item, (), Missing(reason=str(error), ours=True), None, supply, watch, origin)
    return evidence.model_copy(update={"observed": watches.evidence()})


def _references(policy: Policy) -> ReferenceSet | Missing:
    named = policy.origin.references
    if named is None:
        return Missing(reason="the policy names no references", ours=False)
    try:
        return references_of(named.folder, named.digest)
    except ReferencesError as error:
        return Missing(reason=str(error), ours=True)


@dataclass(frozen=True, slots=True)
class _Watches:
    """Over the programs in which the candidate's own code runs. Those of its mutants are not its doing."""

    interpreter: Watch = field(default_factory=lambda: Watch("interpreter"))
    compiler: Watch = field(default_factory=lambda: Watch("compiler"))

    def evidence(self) -> tuple[ObservedEvidence, ...]:
        """What was seen of them."""
        return tuple(filter(None, (self.interpreter.evidence(), self.compiler.evidence())))


class _Told:
    """Adds up the cases that two threads have done, for one listener."""

    def __init__(self, steps: Steps) -> None:
        self._progress = steps.cases
        self._interpreter, self._gpu = 0, 0

    def of_interpreter(self, cases: int) -> None:
        self._interpreter = cases
        self._progress(cases + self._gpu)

    def of_gpu(self, cases: int) -> None:
        self._gpu = cases
        self._progress(cases + self._interpreter)


@dataclass(frozen=True, slots=True)
class _Made:
    """The checks that take a slot of the machine."""

    properties: PropertiesEvidence | Missing
    compiled: CompileEvidence | Missing
    mutants: MutantsEvidence | Missing

    @property
    def agreed(self) -> bool:
        """Whether cases were run and none failed."""
        return isinstance(self.properties, PropertiesEvidence) and self.properties.failure is None


@dataclass(frozen=True, slots=True)
class _Checks:
    """What is run of one candidate in its slot of the machine."""

    item: Candidate
    policy: Policy
    supply: RunnerSupply
    watches: _Watches
    steps: Steps
    mutants: MutantsPart

    def run(self, check: PropertiesCheck, turn: Turn) -> _Made:
        """Makes one check after the other, as far as there is something to check."""
        properties: PropertiesEvidence | Missing
        self.steps.check("properties")
        try:
            properties = check.run()
        except (RunnerFault, SandboxUnavailable) as error:
            properties = Missing(reason=str(error), ours=True)
        return _Made(
            properties=properties,
            compiled=self._compiled(properties, check.specialisations, turn),
            mutants=self._mutants(properties, turn),
        )

    def _compiled(
        self, properties: PropertiesEvidence | Missing, seen: tuple[Specialisation, ...], turn: Turn
    ) -> CompileEvidence | Missing:
        """Compiles what was seen of a candidate that no case has failed."""
        rules = self.policy.compile
        if not rules.required_targets and not rules.informative_targets:
            return Missing(reason="the policy names no architecture", ours=False)
        if isinstance(properties, Missing) or properties.failure is not None:
            return Missing(reason="a case failed or none was run, so nothing was compiled", ours=False)
        if not seen:
            return Missing(reason="no kernel launch was seen, so there was nothing to compile", ours=False)
        self.steps.check("compile")
        effort = CompileEffort(
            required=rules.required_targets,
            informative=rules.informative_targets,
            specialisations=rules.specialisations,
            deadline_s=rules.deadline_s,
            total_s=rules.total_deadline_s,
        )
        try:
            return CompileCheck(self.item, self.watches.compiler.over(self.supply.take_compiler), effort, turn).run(
                seen
            )
        except (RunnerFault, SandboxUnavailable) as error:
            return Missing(reason=str(error), ours=True)

    def _mutants(self, properties: PropertiesEvidence | Missing, turn: Turn) -> MutantsEvidence | Missing:
        """Runs mutants of a candidate that no case has failed, on the cases that it passed."""
        if self.policy.mutants.count == 0:
            return Missing(reason="the policy asks for no mutants", ours=False)
        if isinstance(properties, Missing) or properties.failure is not None or properties.unsupported is not None:
            return NO_MUTANTS
        self.steps.check("mutants")
        try:
            return self.mutants.finish(properties, turn)
        except (RunnerFault, SandboxUnavailable) as error:
            return Missing(reason=str(error), ours=True)


def _mutants_part(
    item: Candidate, policy: Policy, supply: RunnerSupply, seed: int, turns: Turns | None, steps: Steps
) -> MutantsPart:
    def allowed(mutant: Candidate) -> bool:
        return needs_runner(mutant, policy)

    def told(done: int) -> None:
        steps.mutants(done, policy.mutants.count)

    def check(take: Callable[[], Runner]) -> MutantsCheck:
        mutants = MutantsEffort(policy.mutants.count, policy.mutants.total_deadline_s)
        return MutantsCheck(item, take, effort_of(policy), seed, allowed, mutants, told)

    return MutantsPart(check, supply.take, turns, policy.mutants.count)


def needs_runner(item: Candidate | Unreadable, policy: Policy) -> bool:
    """Whether reading the source leaves anything to run."""
    return isinstance(item, Candidate) and not read_source(item, policy.source.allowance)


def judge(
    item: Candidate | Unreadable,
    evidence: Evidence,
    policy: Policy,
    *,
    reused: bool = False,
    waivers: DatedWaivers | None = None,
) -> Judged:
    """Judges evidence that was measured now or earlier."""
    return Judged(item.source, evidence, decide(evidence, policy, waivers=waivers), reused)


def _evidence(
    item: Candidate | Unreadable,
    facts: tuple[object, ...],
    properties: PropertiesEvidence | Missing,
    greeting: wire.Greeting | None,
    supply: RunnerSupply,
    watch: Stopwatch,
    origin: OriginEvidence | Missing,
    compiled: CompileEvidence | Missing = NOT_COMPILED,
    mutants: MutantsEvidence | Missing = NO_MUTANTS,
    device: DeviceEvidence | Missing = NOT_ON_A_GPU,
) -> Evidence:
    return Evidence.model_validate(
        {
            "candidate": item.facts,
            "operator_digest": operator_digest(item.operator) if isinstance(item, Candidate) else None,
            "source": facts,
            "properties": properties,
            "compile": compiled,
            "mutants": mutants,
            "strength": recorded_strength(item.operator) if isinstance(item, Candidate) else NOT_AN_OPERATOR,
            "device": device,
            "origin": origin,
            "environment": _environment(greeting),
            "isolation": supply.isolation if isinstance(properties, PropertiesEvidence) else None,
            "observed": (),
            "times": watch.times,
        }
    )


def _environment(greeting: wire.Greeting | None) -> Environment | None:
    if greeting is None:
        return None
    return Environment(
        hardware=HARDWARE,
        python=greeting.python,
        torch=greeting.torch,
        triton=greeting.triton,
        interpreter_repaired=greeting.interpreter_repaired,
    )
