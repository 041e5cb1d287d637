"""The properties check of a candidate whose evidence is stored: with the trail of its cases and maps of its errors.

Everything that decides is `runners.properties`; this only writes down. The check of a mutant has neither.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from runners.candidate import Candidate
from runners.cases import Case
from runners.conversation import Runner
from runners.evidence import Failure, PropertiesEvidence
from runners.examine import Agreed
from runners.examined_case import CaseOutcome, ExaminedCase, Phase
from runners.failures import UnsupportedCase
from runners.properties import Effort, PropertiesCheck
from runners.traced_session import Heard, TracedSession
from runners.trail import Trail
from runners.turn import ALONE, Turn

REDUCTION: Final[Phase] = "reduction"


class TracedCheck(PropertiesCheck):
    """One candidate's check, with a trail."""

    def __init__(
        self,
        candidate: Candidate,
        take: Callable[[], Runner],
        effort: Effort,
        judge_seed: int,
        progress: Callable[[int], None] = lambda done: None,
        turn: Turn = ALONE,
    ) -> None:
        super().__init__(candidate, take, effort, judge_seed, progress, turn)
        self._session = TracedSession(
            candidate, take, effort.deadlines, effort.allowance, hears=self._hear, noise=effort.noise, turn=turn
        )
        self._trail = Trail()
        self._phase: Phase = "pairwise"
        self._found: Failure | None = None

    def run(self) -> PropertiesEvidence:
        """Makes the check, as `PropertiesCheck.run` does."""
        evidence = super().run()
        found = self._found if evidence.reductions and evidence.failure != self._found else None
        return evidence.model_copy(update={"found": found, "trail": self._trail.kept, "left_out": self._trail.left_out})

    def _try(self, case: Case, phase: str) -> bool:
        self._phase = cast(Phase, phase)
        goes_on = super()._try(case, phase)
        if self._tally.beyond_reach:
            self._trail.amend("beyond_reach")
        return goes_on

    def _fails(self, case: Case) -> Failure | None:
        self._phase = REDUCTION
        return super()._fails(case)

    def _hear(self, heard: Heard) -> None:
        result, outcome = heard.result, self._outcome(heard)
        if self._phase != REDUCTION and not isinstance(result, Agreed | UnsupportedCase):
            self._found = result
        ratio = result.worst_ratio if isinstance(result, Agreed) else None
        self._trail.add(
            ExaminedCase.of(heard.case, self._phase, outcome, elements=heard.elements, ratio=ratio, wall_s=heard.wall_s)
        )

    def _outcome(self, heard: Heard) -> CaseOutcome:
        if isinstance(heard.result, Agreed):
            return "agreed"
        if isinstance(heard.result, UnsupportedCase):
            return "unsupported"
        return "refused" if self._may_refuse(heard.case, heard.result) else "failed"
