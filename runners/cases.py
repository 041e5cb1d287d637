"""A case: one concrete input as a description. Tensors are made from it (`runners.materialise`), never stored in it.

A case is small, JSON, hashable by content and replayable on any machine. It says which boundary it stands on, so that
a person who reads the smallest failing case sees the cause rather than a million numbers.
"""

from __future__ import annotations

import hashlib

from pydantic import BaseModel, ConfigDict, Field

from runners.input_classes import Layout, Position, Special, ValueClass


class TensorPlan(BaseModel):
    """How one tensor argument is filled and laid out; `dtype` None is the dtype of the case."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    values: ValueClass
    special: Special
    position: Position
    layout: Layout
    dtype: str | None = None


class Case(BaseModel):
    """One input of an operator: form, dtype, sizes, scalars, how each tensor is filled, and the seed of its numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    operator: str
    form: str
    dtype: str
    sizes: dict[str, int]
    scalars: dict[str, bool | int | float]
    tensors: dict[str, TensorPlan]
    seed: int = Field(ge=0, lt=1 << 64)

    @property
    def values(self) -> dict[str, int | float]:
        """Its sizes and scalars by name: what an operator's size expressions are evaluated over."""
        return {**self.sizes, **self.scalars}

    def dtype_of(self, tensor: str) -> str:
        """Returns the dtype of a tensor argument."""
        return self.tensors[tensor].dtype or self.dtype

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits of the content's SHA-256; the name of the case's file in a run folder."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

    def describe(self) -> str:
        """One line for a person: sizes, dtype and, for each tensor, what is not ordinary about it."""
        sizes = " ".join(f"{name}={size}" for name, size in self.sizes.items())
        scalars = "".join(f", {name}={value:g}" for name, value in self.scalars.items())
        tensors = "; ".join(f"{name}: {_unusual(plan)}" for name, plan in self.tensors.items())
        return f"{self.form} {sizes}, {self.dtype}{scalars}; {tensors}"


def _unusual(plan: TensorPlan) -> str:
    special = "" if plan.special == "none" else f", {plan.special} at {plan.position}"
    layout = "" if plan.layout == "contiguous" else f", {plan.layout}"
    dtype = "" if plan.dtype is None else f", {plan.dtype}"
    return f"{plan.values}{special}{layout}{dtype}"
