"""`kernelgate replay`: one failed case again, in a fresh runner, with the first wrong elements shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.errors import StoredRunError, UnavailableError
from pipeline.gate import effort_of
from pipeline.run_folder import StoredCase
from pipeline.settings import Settings
from pipeline.supply import supply_for
from pipeline.verify import Listener
from policies.decide import finding_of
from policies.verdict import Finding
from runners import wire
from runners.candidate import Unreadable, read_candidate
from runners.conversation import RunnerFault
from runners.evidence import Failure, UnsupportedCase
from runners.examine import Agreed
from runners.large_shapes import is_large
from runners.operators import OPERATORS, Operator
from runners.session import Session


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the case did this time."""

    stored: StoredCase
    result: Agreed | UnsupportedCase | Failure

    @property
    def finding(self) -> Finding | None:
        """The failure as a finding, if it failed."""
        return None if isinstance(self.result, Agreed | UnsupportedCase) else finding_of(self.result)


def replay(
    stored: StoredCase, settings: Settings, listener: Listener, operators: Mapping[str, Operator] = OPERATORS
) -> Replayed:
    """Runs the stored case once more; `operators` must hold the candidate's, as in the run that stored it.

    Raises:
        StoredRunError: the stored file is not a candidate, or the case is one that only a GPU has room for.
        SandboxUnavailable: no runner can be had.
        UnavailableError: our side failed in the middle.
    """
    candidate = read_candidate(stored.candidate, operators=operators)
    if isinstance(candidate, Unreadable):
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
    with (
        supply_for(settings, stored.policy, listener.note) as supply,
        Session(candidate, supply.take, effort_of(stored.policy).deadlines) as session,
    ):
        try:
            loaded = session.load()
            result = session.run(stored.case) if isinstance(loaded, wire.Loaded) else loaded
        except RunnerFault as fault:
            raise UnavailableError(str(fault)) from fault
        return Replayed(stored, result)
