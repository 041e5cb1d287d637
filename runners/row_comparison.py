"""Rows of results that stayed on a GPU, compared with what is right for them.

The rows are drawn by the judge after the results came to be, and their inputs are made here: nothing that the program
on the GPU could have known decides which part of its results is looked at.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runners.device_judging import wrong_values
from runners.device_session import DeviceSession
from runners.failures import WrongElement, WrongValues
from runners.generated_inputs import DueResult, GeneratedInputs
from runners.launch_plan import LaunchPlan
from runners.oracle import Allowance, compare


@dataclass(frozen=True, slots=True)
class KeptRows:
    """Which results are meant: set number `kept`, made on inputs from `seed`."""

    inputs: GeneratedInputs
    due: Sequence[DueResult]
    kept: int
    seed: int


def drawn_rows(count: int, some: int, around: Iterable[int] = (), beside: int = 0) -> list[int]:
    """Draws `some` of `count` rows, ascending, and `beside` rows on either side of each of `around`."""
    chosen = set(random.SystemRandom().sample(range(count), min(some, count)))
    for place in around:
        chosen.update(range(max(0, place - beside), min(count, place + beside + 1)))
    return sorted(chosen)


def compared(
    session: DeviceSession, results: KeptRows, rows: Sequence[int], conditions: str, allowance: Allowance
) -> float | WrongValues | str:
    """Returns the largest error over its allowance, what is wrong, or why the rows did not come.

    Raises:
        RunnerFault: our side failed.
    """
    inputs = results.inputs
    came = session.rows(inputs, results.due, results.kept, rows)
    if isinstance(came, str):
        return came
    ratio = 0.0
    expected = inputs.expected(results.seed, rows, allowance)
    for number, (want, got) in enumerate(zip(expected, came, strict=True)):
        wrong = wrong_values(inputs.case, conditions, number, want, got, whole=False)
        if wrong is not None:
            return _at_its_place(wrong, inputs, rows)
        ratio = max(ratio, compare(want, got).worst_ratio)
    return ratio


def wrong_results(plan: LaunchPlan, due: Sequence[DueResult]) -> str | None:
    """Says in which way the plan's results are not those that are due, values aside."""
    wanted = [(result.dtype, result.shape) for result in due]
    got = [(view.dtype, view.shape) for view in plan.outputs]
    return None if wanted == got else f"its results are {got}, due are {wanted}"


def _at_its_place(wrong: WrongValues, inputs: GeneratedInputs, rows: Sequence[int]) -> WrongValues:
    """Says of wrong elements where they are in the whole result."""
    axis = inputs.shape.axis

    def moved(element: WrongElement) -> WrongElement:
        index = (*element.index[:axis], rows[element.index[axis]], *element.index[axis + 1 :])
        return element.model_copy(update={"index": index})

    return wrong.model_copy(update={"first": tuple(moved(element) for element in wrong.first)})
