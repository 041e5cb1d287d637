"""`kernelgate replay`: one failed case again, where it failed, in fresh programs, with the first wrong elements shown.

A failure that a GPU showed is one of machine code on that kind of GPU: the interpreter says nothing about it, and its
"right this time" would be a wrong answer. So without a GPU it is not replayed, unless the interpreter is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.errors import StoredRunError, UnavailableError
from pipeline.gate.judging import effort_of
from pipeline.runs.folder import Place, StoredCase
from pipeline.settings import Mode, Settings
from pipeline.supply.gpu_opening import NoGpu, gpu_for
from pipeline.supply.runners import supply_for
from pipeline.verification.replay_on_gpu import replay_on_gpu
from pipeline.verification.verify import Listener
from policies.decide import finding_of
from policies.verdict import Finding
from runners import wire
from runners.candidate import Candidate, Unreadable, read_candidate
from runners.conversation import RunnerFault
from runners.evidence import Failure, UnsupportedCase
from runners.examine import Agreed
from runners.large_shapes import is_large
from runners.operators import OPERATORS, Operator
from runners.recorded import making_of
from runners.session import Session


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the case did this time, and where."""

    stored: StoredCase
    result: Agreed | UnsupportedCase | Failure
    ran_on: Place = "interpreter"

    @property
    def finding(self) -> Finding | None:
        """The failure as a finding, if it failed."""
        return None if isinstance(self.result, Agreed | UnsupportedCase) else finding_of(self.result)


def replay(
    stored: StoredCase,
    settings: Settings,
    listener: Listener,
    operators: Mapping[str, Operator] = OPERATORS,
    mode: Mode = Mode.AUTO,
) -> Replayed:
    """Runs the stored case once more; `operators` must hold the candidate's, as in the run that stored it.

    Args:
        mode: auto runs it where it failed, cpu on the interpreter, gpu on the GPU.

    Raises:
        StoredRunError: the stored file is not a candidate, or the case is one that only a GPU has room for.
        UsageError: a GPU was asked for, and the run's policy asks for no check on one.
        SandboxUnavailable: no runner can be had.
        UnavailableError: the case failed on a GPU, and this machine has none; or our side failed in the middle.
    """
    candidate = read_candidate(stored.candidate, operators=operators)
    if isinstance(candidate, Unreadable):
        if candidate.problem.rule == "candidate/unknown-operator":
            name = stored.case.operator
            raise StoredRunError(f"'{name}' is not an operator here; add --operators DIR, the folder that declares it")
        raise StoredRunError(f"{stored.candidate} is not a candidate: {candidate.problem.detail}")
    if candidate.operator.name != stored.case.operator:
        raise StoredRunError(
            f"{stored.candidate} implements {candidate.operator.name}, the case is of {stored.case.operator}"
        )
    if is_large(candidate.operator, stored.case):
        raise StoredRunError(
            f"a tensor of {stored.case.describe()} has more than 2³¹ elements, which only the checks on a GPU make: "
            "verify the candidate there again, with --mode gpu"
        )
    on_gpu = mode is Mode.GPU or (mode is Mode.AUTO and stored.failed_on == "gpu")
    try:
        if on_gpu:
            return Replayed(stored, _on_gpu(candidate, stored, settings, listener), "gpu")
        return Replayed(stored, _on_interpreter(candidate, stored, settings, listener))
    except NoGpu as error:
        if mode is Mode.GPU:
            raise
        raise UnavailableError(
            f"case {stored.case.id} failed on a GPU, and can't be replayed on one here: {error.problem}. Replay it on "
            "a machine with a GPU, or with --mode cpu on the interpreter, which need not show it."
        ) from None
    except RunnerFault as fault:
        raise UnavailableError(str(fault)) from fault


def _on_gpu(
    candidate: Candidate, stored: StoredCase, settings: Settings, listener: Listener
) -> Agreed | UnsupportedCase | Failure:
    with gpu_for(settings, stored.policy, Mode.GPU, listener.note) as gpu:
        assert gpu is not None  # Mode.GPU gives one or raises
        return replay_on_gpu(candidate, stored.case, stored.policy, gpu, making_of(stored.arguments))


def _on_interpreter(
    candidate: Candidate, stored: StoredCase, settings: Settings, listener: Listener
) -> Agreed | UnsupportedCase | Failure:
    with (
        supply_for(settings, stored.policy, listener.note) as supply,
        Session(
            candidate, supply.take, effort_of(stored.policy).deadlines, making=making_of(stored.arguments)
        ) as session,
    ):
        loaded = session.load()
        return session.run(stored.case) if isinstance(loaded, wire.Loaded) else loaded
