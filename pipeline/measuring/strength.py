"""`kernelgate operators check`: what an operator's own test is worth, before anything is certified by it.

Two questions. Do its cases reject outputs that are wrong in a known way (zeros, the input, a term dropped, fewer bits)?
The judge answers that alone, in seconds (`runners.strength`). And do they kill the mechanical mutants of right kernels?
That needs runners. A survivor is tried again with ten times the random cases, under another seed; what survives that
too is equivalent or a hole, and a person has to say which (`pipeline.corpus.equivalents`). Until then it counts as a
hole.

The kernels that are mutated must pass both tests themselves: mutants of a wrong kernel would all be killed. Without
two right kernels the question stays open, which is neither strong nor weak.

It takes minutes, and an operator changes seldom: the answer can be kept (`pipeline.gate.strength_records`), and a
policy may require it before anything is certified, as `production` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Final

from pipeline.corpus.equivalents import known_equivalents
from pipeline.corpus.reading import BUNDLED
from pipeline.errors import UnavailableError, UsageError
from pipeline.exit_codes import ALLOWED, DENIED, INCOMPLETE
from pipeline.gate.judging import effort_of, needs_runner
from pipeline.gate.turns import Turns
from pipeline.settings import Settings
from pipeline.supply.machine_slots import SharedMachine
from pipeline.supply.runners import RunnerSupply, supply_for
from policies.policy import Policy
from policies.strength_findings import KERNELS
from runners.candidate import Candidate, read_candidate
from runners.conversation import RunnerFault
from runners.digests import own_test_digest
from runners.evidence import PropertiesEvidence, StrengthEvidence
from runners.mutants import Mutant, MutantRun, are_one_program, named_mutants, shuffled_mutants
from runners.mutants.check import as_candidate, fate_of, within
from runners.operators import Operator
from runners.operators.model import CHOSEN
from runners.properties import PropertiesCheck
from runners.strength import DegenerateTally, reject_degenerates

REQUIRED_RATE: Final = 0.99
LONGER: Final = 10

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `mutants` is how many of each kernel are run, 0 for all of them."""

    operator: Operator
    kernels: tuple[Candidate, ...]
    policy: Policy
    seed: int
    mutants: int


@dataclass(frozen=True, slots=True)
class KernelMutants:
    """The mutants of one right kernel.

    Attributes:
        problem: Why it could not be used, where it could not; then nothing of it was run.
        equivalent: Survivors that its folder lists as equivalent, by id, with the reason.
        contradictions: What its folder lists and this run refutes.
    """

    path: str
    problem: str | None
    runs: tuple[MutantRun, ...]
    equivalent: Mapping[str, str]
    contradictions: tuple[str, ...]

    @property
    def killed(self) -> int:
        """How many were killed."""
        return sum(run.fate == "killed" for run in self.runs)

    @property
    def alive(self) -> tuple[MutantRun, ...]:
        """Survivors that nobody has called equivalent: equivalent or a hole."""
        return tuple(run for run in self.runs if run.fate == "survived" and run.mutant.id not in self.equivalent)

    @property
    def not_run(self) -> int:
        """Mutants that the interpreter could not run; they say nothing."""
        return sum(run.fate == "inconclusive" for run in self.runs)


@dataclass(frozen=True, slots=True)
class Strength:
    """The answer."""

    operator: str
    seed: int
    cases: int
    degenerates: tuple[DegenerateTally, ...]
    kernels: tuple[KernelMutants, ...]

    @property
    def passed_over(self) -> tuple[DegenerateTally, ...]:
        """Degenerate outputs that no case rejects."""
        return tuple(tally for tally in self.degenerates if tally.first is None)

    @property
    def usable(self) -> tuple[KernelMutants, ...]:
        """The kernels whose mutants were run."""
        return tuple(kernel for kernel in self.kernels if kernel.problem is None)

    @property
    def kill_rate(self) -> float | None:
        """Killed among killed and alive; None where no mutant was run."""
        killed = sum(kernel.killed for kernel in self.usable)
        judged = killed + sum(len(kernel.alive) for kernel in self.usable)
        return killed / judged if judged else None

    @property
    def exit_code(self) -> int:
        """0 strong, 1 too weak, 3 not decided: fewer right kernels than the question needs."""
        rate = self.kill_rate
        refuted = any(kernel.contradictions for kernel in self.usable)
        if not self.degenerates or self.passed_over or refuted or (rate is not None and rate < REQUIRED_RATE):
            return DENIED
        return ALLOWED if len(self.usable) >= KERNELS and rate is not None else INCOMPLETE


def as_evidence(strength: Strength, question: Question) -> StrengthEvidence:
    """Returns the answer as verifications keep it."""
    return StrengthEvidence(
        operator=strength.operator,
        test_digest=own_test_digest(question.operator),
        policy=question.policy.name,
        cases=strength.cases,
        degenerates=len(strength.degenerates),
        passed_over=tuple(tally.kind for tally in strength.passed_over),
        kernels=len(strength.usable),
        killed=sum(kernel.killed for kernel in strength.usable),
        alive=sum(len(kernel.alive) for kernel in strength.usable),
        equivalent=sum(len(kernel.equivalent) for kernel in strength.usable),
        torch=metadata.version("torch").partition("+")[0],
        triton=metadata.version("triton").partition("+")[0],
        checked=datetime.now(UTC).date().isoformat(),
    )


def right_kernels(
    operator: Operator, files: Sequence[Path], operators: Mapping[str, Operator]
) -> tuple[Candidate, ...]:
    """Reads the right kernels that are mutated: `files`, or the first bundled ones where the project's folder is there.

    Raises:
        UsageError: a file can't be read or implements another operator.
    """
    bundled = Settings.resolve().project / BUNDLED / operator.name
    paths = list(files) or sorted(bundled.glob("right_*.py"))[:KERNELS]
    return tuple(_kernel(path, operator, operators) for path in paths)


def check_operator(question: Question, settings: Settings, note: Note) -> Strength:
    """Answers both questions; the second only where there are kernels.

    Raises:
        SandboxUnavailable: no engine or image can be had.
        UnavailableError: our side failed while a mutant was run.
    """
    kernels: list[KernelMutants] = []
    if question.kernels:
        turns = Turns(settings.workers, SharedMachine.of_this_user(settings.workers))
        with supply_for(settings, question.policy, note) as supply:
            try:
                kernels = [
                    _mutate(_Trial(kernel, question, supply, turns), settings.workers, note)
                    for kernel in question.kernels
                ]
            except RunnerFault as error:
                raise UnavailableError(f"the mutants could not be run: {error}") from error
    return with_degenerates(question, kernels, note)


def with_degenerates(question: Question, kernels: Sequence[KernelMutants], note: Note) -> Strength:
    """Answers the first question, in this process, and puts `kernels`, the answer to the second, beside it."""
    rules = question.policy.properties
    dtypes = tuple(d for d in question.operator.dtypes if d in rules.dtypes or d not in CHOSEN)
    note(f"degenerate outputs on {rules.pairwise_cases} cases")
    degenerates = reject_degenerates(question.operator, question.seed, rules.pairwise_cases, dtypes)
    return Strength(question.operator.name, question.seed, rules.pairwise_cases, degenerates, tuple(kernels))


def with_list(kernel: Candidate, runs: Sequence[MutantRun]) -> KernelMutants:
    """Returns the mutants of a kernel with what its folder lists of them.

    Two edits can make one program. Which of their names a run has depends on the seed, so programs are compared.
    """
    listed = known_equivalents(Path(kernel.path))
    there = named_mutants(kernel.text, kernel.entry, listed)
    reasons = {
        run.mutant.id: reason
        for run in runs
        for name, reason in listed.items()
        if name in there and are_one_program(run.mutant, there[name])
    }
    killed = [run.mutant.id for run in runs if run.fate == "killed" and run.mutant.id in reasons]
    contradictions = [f"'{name}' is listed as equivalent and was killed" for name in killed]
    contradictions += [
        f"'{name}' is listed as equivalent and is no mutant of the file" for name in listed if name not in there
    ]
    survivors = {run.mutant.id for run in runs if run.fate == "survived"}
    equivalent = {name: reason for name, reason in reasons.items() if name in survivors}
    return KernelMutants(kernel.path, None, tuple(runs), equivalent, tuple(contradictions))


def _kernel(path: Path, operator: Operator, operators: Mapping[str, Operator]) -> Candidate:
    try:
        kernel = read_candidate(path, operators=operators)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from None
    if not isinstance(kernel, Candidate):
        raise UsageError(f"{path} is no candidate: {kernel.problem.detail}")
    if kernel.operator.name != operator.name:
        raise UsageError(f"{path} implements '{kernel.operator.name}', not '{operator.name}'")
    return kernel


def _mutate(trial: _Trial, workers: int, note: Note) -> KernelMutants:
    """Runs the mutants of one kernel, several at once."""
    kernel = trial.kernel
    problem = trial.problem()
    if problem is not None:
        return KernelMutants(kernel.path, problem, (), {}, ())
    mutants = trial.sample()
    note(f"{kernel.path}: {len(mutants)} mutants, {workers} at once")
    runs = _in_threads([partial(trial.run, mutant) for mutant in mutants], workers, kernel.path, note)
    return with_list(kernel, runs)


class _Trial:
    """One right kernel and its mutants under the ordinary test and, where that does not kill, a longer one."""

    def __init__(self, kernel: Candidate, question: Question, supply: RunnerSupply, turns: Turns) -> None:
        self.kernel = kernel
        self._question = question
        self._supply = supply
        self._turns = turns
        self._effort = replace(effort_of(question.policy), reduces=False)
        self._longer = replace(self._effort, random_cases=LONGER * max(10, self._effort.random_cases))

    def problem(self) -> str | None:
        """Says why the kernel can't be used; sets the mutants' deadlines from what it took."""
        if not needs_runner(self.kernel, self._question.policy):
            return "the static contract denies it"
        for longer in (False, True):
            passed = self._check(self.kernel, longer=longer)
            if passed.failure is not None:
                return f"it is not right: {passed.failure.kind} on case {passed.failed_at}"
            if passed.unsupported is not None or passed.deadline_spent:
                why = passed.unsupported.reason if passed.unsupported is not None else "the total deadline was spent"
                return f"it can't be run to its end here: {why}"
            self._effort, self._longer = within(self._effort, passed), within(self._longer, passed)
        return None

    def sample(self) -> list[Mutant]:
        """Returns the mutants that are run: those that the static contract lets through."""
        drawn = shuffled_mutants(self.kernel.text, self.kernel.entry, self._question.seed)
        policy = self._question.policy
        allowed = (mutant for mutant in drawn if needs_runner(as_candidate(self.kernel, mutant), policy))
        return list(islice(allowed, self._question.mutants or None))

    def run(self, mutant: Mutant) -> MutantRun:
        """Runs one mutant, a survivor longer."""
        changed = as_candidate(self.kernel, mutant)
        run = fate_of(mutant, self._check(changed, longer=False))
        return fate_of(mutant, self._check(changed, longer=True)) if run.fate == "survived" else run

    def _check(self, candidate: Candidate, *, longer: bool) -> PropertiesEvidence:
        effort = self._longer if longer else self._effort
        seed = self._question.seed + longer
        with self._turns.one() as turn:
            return PropertiesCheck(candidate, self._supply.take, effort, seed, turn=turn).run()


def _in_threads(tasks: Sequence[Callable[[], MutantRun]], workers: int, path: str, note: Note) -> list[MutantRun]:
    pool = ThreadPoolExecutor(workers, thread_name_prefix="mutants")
    futures: list[Future[MutantRun]] = [pool.submit(task) for task in tasks]
    try:
        pending = set(futures)
        tenths = 0
        while pending:  # in short waits, so that an interrupt is heard at once
            _, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
            done = len(futures) - len(pending)
            if done * 10 // len(futures) > tenths:
                tenths = done * 10 // len(futures)
                note(f"{path}: {done} of {len(futures)} mutants")
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return [future.result() for future in futures]
