"""How Hypothesis is driven: it only draws, from a seed, and leaves no trace.

It must not replay or shrink (`Phase.generate` alone), because each failing run may cost a runner, and what a candidate
does the second time is a fact to record, not a `Flaky` error. So nothing that the body raises reaches Hypothesis as an
`Exception`: it would run the case again to see whether it fails twice.

Hypothesis mines the local modules that happen to be imported for constants, and caches them in `.hypothesis`. Both are
off: the same seed gives the same cases whatever else the process has loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider
from hypothesis.strategies import SearchStrategy

from runners.cases import Case

BACKEND: Final = "kernelgate"


class JudgeProvider(HypothesisProvider):
    """Draws as Hypothesis does, but never a constant that it found in somebody's source."""

    def _maybe_draw_constant(self, *args: Any, **kwargs: Any) -> None:
        return None


AVAILABLE_PROVIDERS[BACKEND] = f"{__name__}.{JudgeProvider.__name__}"


class _StopDrawing(BaseException):
    """Ends Hypothesis at once; not an Exception, so that it is not taken for a failing example."""


def draw(cases: SearchStrategy[Case], judge_seed: int, count: int, go_on: Callable[[Case], bool]) -> None:
    """Calls `go_on` with `count` drawn cases, or until it returns False; what it raises comes out as it is."""
    left = count

    def body(case: Case) -> None:
        nonlocal left
        left -= 1
        try:
            done = not go_on(case)
        except Exception as error:
            raise _StopDrawing from error
        if done or left == 0:
            raise _StopDrawing

    quiet = settings(
        max_examples=count,
        phases=(Phase.generate,),
        database=None,
        deadline=None,
        backend=BACKEND,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    try:
        seed(judge_seed)(quiet(given(cases)(body)))()
    except _StopDrawing as stop:
        if stop.__cause__ is not None:
            raise stop.__cause__ from None
