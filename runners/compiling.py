"""The compile check: every launch that was seen while the candidate was interpreted, compiled ahead of time.

The interpreter runs much that no GPU runs; the compiler is asked here, in a container of its own, for each architecture
of the policy. All specialisations go through Triton's front end for the first target, a chosen few through the whole
compiler for every target (see `runners.representative`); of the informative targets, one for each kernel.

A compiler that crashes names the compilation that it was at; the others go on in a new container, up to `CRASHES`
times. What may not be its doing is done again first (`runners.again`).

What comes back is a claim, as everything from a process that ran the candidate's module. Where a kernel is tuned and no
chosen configuration fits, the others that were seen are tried until one does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from runners import wire
from runners.again import Again
from runners.candidate import Candidate
from runners.compile_tally import Answer, Job, Tally
from runners.compiler import Compiler
from runners.evidence import CompileEvidence
from runners.representative import choose
from runners.specialisation import CompileFailed, CompileRequest, NotCompiled, Specialisation
from runners.turn import ALONE, Turn

CRASHES: Final = 3
FRONT_END_CAP: Final = 64
MORE_CONFIGURATIONS: Final = 8


@dataclass(frozen=True, slots=True)
class CompileEffort:
    """What is compiled: `specialisations` of those seen, each within `deadline_s`; `total_s` ends the check early."""

    required: tuple[str, ...]
    informative: tuple[str, ...]
    specialisations: int
    deadline_s: float
    total_s: float


class CompileCheck:
    """One candidate's check. `take` gives fresh compilers."""

    def __init__(
        self, candidate: Candidate, take: Callable[[], Compiler], effort: CompileEffort, turn: Turn = ALONE
    ) -> None:
        self._turn = turn
        self._candidate = candidate
        self._take = take
        self._effort = effort
        exempt = candidate.operator.not_on
        self._required = tuple(target for target in effort.required if target not in exempt)
        self._exempt = tuple(target for target in effort.required if target in exempt)
        self._tally = Tally(self._required)
        self._compiler: Compiler | None = None
        self._containers = 0
        self._crashes = 0
        self._over = False
        self._again = Again(self._drop, self._give_way)
        self._until = 0.0

    def run(self, seen: Sequence[Specialisation]) -> CompileEvidence:
        """Makes the check.

        Raises:
            SandboxUnavailable: no container can be had.
            RunnerFault: our side failed.
        """
        started = self._turn.now()
        self._until = started + self._effort.total_s
        said = [one for one in seen if one.gap is None]
        chosen = choose(said, self._effort.specialisations)
        for one in seen:
            if one.gap is not None:
                self._tally.note(Job(one, "", whole=False), NotCompiled(reason=one.gap))
        try:
            for job in self._jobs(said, chosen):
                self._do(job)
            for job in self._more_configurations(said):
                self._do(job)
        finally:
            self._drop()
        return self._evidence(seen, chosen, self._turn.now() - started)

    def _jobs(self, said: Sequence[Specialisation], chosen: Sequence[Specialisation]) -> Iterator[Job]:
        first = (*self._required, *self._effort.informative)[:1]
        rest = [one for one in said if one not in chosen][:FRONT_END_CAP]
        yield from (Job(one, target, whole=False) for target in first for one in rest)
        yield from (Job(one, target, whole=True) for one in chosen for target in self._required)
        of_each_kernel = {one.kernel: one for one in reversed(chosen)}.values()
        yield from (Job(one, target, whole=True) for one in of_each_kernel for target in self._effort.informative)

    def _more_configurations(self, said: Sequence[Specialisation]) -> Iterator[Job]:
        for kernel, target in self._tally.unfitting():
            others = (one for one in said if one.kernel == kernel and not self._tally.tried(one, target))
            for _, one in zip(range(MORE_CONFIGURATIONS), others, strict=False):
                if (kernel, target) in self._tally.unfitting():
                    yield Job(one, target, whole=True)

    def _do(self, job: Job) -> None:
        if self._over:
            return
        self._give_way()
        answer = self._again.confirmed(lambda: self._ask(job))
        if not self._over and not isinstance(answer, wire.Message):
            self._crashes += 1
            self._over = self._crashes >= CRASHES
        self._tally.note(job, answer)

    def _ask(self, job: Job) -> Answer:
        if self._turn.now() > self._until:
            self._over = True
            return NotCompiled(reason=f"the total deadline of {self._effort.total_s:g} s was spent")
        compiler = self._loaded()
        if not isinstance(compiler, Compiler):
            self._over = True
            return compiler
        request = CompileRequest(specialisation=job.specialisation, target=job.target, whole=job.whole)
        answer = compiler.compile(request, self._effort.deadline_s)
        if not isinstance(answer, wire.Message):
            self._drop()
        return answer

    def _loaded(self) -> Compiler | Answer:
        if self._compiler is not None:
            return self._compiler
        compiler = self._compiler = self._take()
        self._containers += 1
        answer = compiler.load(self._candidate, self._effort.deadline_s)
        match answer:
            case wire.Loaded():
                return compiler
            case wire.Raised(error=error, message=message, line=line):
                said = f"loaded to be compiled, the module raises: {message}"[: wire.TEXT_CAP]
                return CompileFailed(error=error, message=said, line=line, passed_over=False)
            case wire.Unsupported(reason=reason):
                return NotCompiled(reason=reason)
        return answer

    def _give_way(self) -> None:
        if self._turn.is_over:
            self._drop()
            self._turn.give_way()

    def _drop(self) -> None:
        if self._compiler is not None:
            self._compiler.end()
            self._compiler = None

    def _evidence(
        self, seen: Sequence[Specialisation], chosen: Sequence[Specialisation], wall_s: float
    ) -> CompileEvidence:
        return CompileEvidence(
            seen=len(seen),
            front_end=self._tally.front_end,
            chosen=len(chosen),
            targets=self._tally.targets(),
            not_on=self._exempt,
            failures=self._tally.failures(),
            containers=self._containers,
            wall_s=wall_s,
        )
