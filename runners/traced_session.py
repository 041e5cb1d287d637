"""A session whose cases are stored: it hears of each, and makes the error map of results that are wrong.

Who only wants verdicts (mutants, strength, replays) uses `runners.session`, which does neither.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from runners.candidate import Candidate
from runners.cases import Case
from runners.conversation import CallResult, Runner, tensor_of
from runners.evidence import Failure, UnsupportedCase, WrongValues
from runners.examine import NAMES, Agreed
from runners.mapping_errors import map_errors
from runners.materialise import ArgumentValue
from runners.oracle import STRICT, Allowance, Expected
from runners.session import Deadlines, Session
from runners.turn import ALONE, Turn
from runners.wire import Returned

Result = Agreed | UnsupportedCase | Failure


class Heard(NamedTuple):
    """A case that was run: what came of it, the elements of its results, and the seconds that it took."""

    case: Case
    result: Result
    elements: int
    wall_s: float


class TracedSession(Session):
    """Runs cases of one candidate, and tells `hears` of each."""

    def __init__(
        self,
        candidate: Candidate,
        take: Callable[[], Runner],
        deadlines: Deadlines,
        allowance: Allowance = STRICT,
        *,
        hears: Callable[[Heard], None],
        noise: bool = False,
        turn: Turn = ALONE,
    ) -> None:
        super().__init__(candidate, take, deadlines, allowance, noise=noise, turn=turn)
        self._hears = hears
        self._elements = 0

    def run(self, case: Case, *, to_the_limit: bool = False) -> Result:
        """Runs one case and judges it, as `Session.run` does."""
        started = self._turn.now()
        result = super().run(case, to_the_limit=to_the_limit)
        self._hears(Heard(case, result, self._elements, self._turn.now() - started))
        return result

    def _judged(
        self,
        case: Case,
        arguments: Sequence[ArgumentValue],
        expected: Sequence[Expected],
        called: tuple[CallResult, ...] | UnsupportedCase | Failure,
    ) -> Result:
        self._elements = sum(want.exact.numel() for want in expected)
        result = super()._judged(case, arguments, expected, called)
        if not isinstance(result, WrongValues) or not isinstance(called, tuple):
            return result
        return _mapped(result, expected, called)


def _mapped(wrong: WrongValues, expected: Sequence[Expected], results: Sequence[CallResult]) -> WrongValues:
    """Adds the map of the very result that was blamed; its form was found right."""
    blamed = next(number for number, name in enumerate(NAMES) if wrong.conditions.startswith(name))
    result = results[blamed]
    assert isinstance(result.call, Returned)
    got = tensor_of(result.call.outputs[wrong.output], result.data[wrong.output])
    return wrong.model_copy(update={"errors": map_errors(expected[wrong.output], got)})
