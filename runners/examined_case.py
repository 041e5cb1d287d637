"""One case of the trail: what was run, and what came of it, short enough that all of them are stored.

Stored as an array, in the order of the fields: a check has hundreds of these. With the operator's name, which the
evidence has once, a case is whole again and can be replayed.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Self

from runners.cases import Case, TensorPlan
from runners.input_classes import Layout, Position, Special, ValueClass

Phase = Literal["pairwise", "specials", "blocks", "huge", "random", "targeted", "long", "reduction"]
CaseOutcome = Literal["agreed", "failed", "unsupported", "refused", "beyond_reach"]


class TensorFill(NamedTuple):
    """How one tensor argument was filled and laid out, as `runners.cases.TensorPlan` has it."""

    values: ValueClass
    special: Special
    position: Position
    layout: Layout
    dtype: str | None


class ExaminedCase(NamedTuple):
    """One case that was run on the interpreter.

    Attributes:
        phase: The part of the check that made it; 'reduction' where a failing case was made smaller.
        elements: Of all results together.
        outcome: 'refused': the candidate refused a size beyond the operator's own; 'beyond_reach': a long dim was too
            long for it.
        ratio: The largest error over its allowance where it agreed, else None; 1 is the edge.
        wall_s: Seconds until it was judged, waiting for another runner included.
    """

    phase: Phase
    form: str
    dtype: str
    sizes: dict[str, int]
    scalars: dict[str, bool | int | float]
    tensors: dict[str, TensorFill]
    seed: int
    elements: int
    outcome: CaseOutcome
    ratio: float | None
    wall_s: float

    def case(self, operator: str) -> Case:
        """Returns the case itself."""
        return Case(
            operator=operator,
            form=self.form,
            dtype=self.dtype,
            sizes=self.sizes,
            scalars=self.scalars,
            tensors={name: TensorPlan(**fill._asdict()) for name, fill in self.tensors.items()},
            seed=self.seed,
        )

    @classmethod
    def of(
        cls, case: Case, phase: Phase, outcome: CaseOutcome, *, elements: int, ratio: float | None, wall_s: float
    ) -> Self:
        """Returns what is stored of a case."""
        return cls(
            phase=phase,
            form=case.form,
            dtype=case.dtype,
            sizes=case.sizes,
            scalars=case.scalars,
            tensors={
                name: TensorFill(plan.values, plan.special, plan.position, plan.layout, plan.dtype)
                for name, plan in case.tensors.items()
            },
            seed=case.seed,
            elements=elements,
            outcome=outcome,
            ratio=ratio if ratio is None else float(f"{ratio:.4g}"),
            wall_s=round(wall_s, 4),
        )
