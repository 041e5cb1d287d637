"""A case in the words of somebody who has not read how cases are drawn: what is in each tensor, and how it lies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from runners.cases import Case, TensorPlan
from runners.input_classes import Layout, Position, Special, ValueClass

VALUES: Final[Mapping[ValueClass, str]] = {
    "unit": "between -1 and 1", "normal": "normally distributed", "positive": "between 0 and 1",
    "integers": "small integers", "ramp": "rising in steps", "wide": "of very different size", "large": "large",
    "denormal": "denormal", "constant": "all the same", "shifted": "close to each other and far from 0",
    "zeros": "zeros", "scaled": "all of one drawn scale", "exponents": "of any size, each decade as likely",
    "strong": "from 16 to 64, of either sign", "tail": "small but for the last 64 of a row",
    "very_negative": "from -200 to -100", "far_negative": "below -30000", "halves": "halves between integers",
    "swing": "large, then the same with the other sign", "whole": "integers", "whole_lowest": "all the lowest integer",
    "whole_highest": "all the highest integer", "whole_few": "of three integers",
    "whole_swing": "large integers, then the same with the other sign",
    "whole_some_ignored": "integers, half of them the ignored one",
}  # fmt: skip
SPECIALS: Final[Mapping[Special, str]] = {
    "none": "", "nan": "NaN", "inf": "+Inf", "-inf": "-Inf", "-inf_row": "a row of -Inf",
    "-inf_prefix": "a row that begins with -Inf", "nan_row": "a row of NaN", "inf_and_nan": "a row with +Inf and NaN",
    "-0": "-0", "max": "the largest finite number", "big": "a very large number", "denormal": "a denormal",
    "mixed": "special values in half of the rows",
}  # fmt: skip
POSITIONS: Final[Mapping[Position, str]] = {
    "first": "at the first place", "last": "at the last place", "row_end": "at the end of a row", "random": "somewhere",
}  # fmt: skip
LAYOUTS: Final[Mapping[Layout, str]] = {
    "contiguous": "", "transposed": "transposed in memory", "row_padded": "with gaps between its rows",
    "column_padded": "a part of a wider transposed buffer", "stepped": "with its elements apart in memory",
    "offset": "not at the beginning of its buffer", "expanded": "expanded from one row",
    "permuted": "with its axes permuted in memory", "huge": "with slices 2^30 elements apart",
}  # fmt: skip


def sizes_in_words(case: Case) -> str:
    """Returns form, sizes, dtype and scalars."""
    sizes = " ".join(f"{name}={size}" for name, size in case.sizes.items())
    scalars = "".join(f", {name}={value:g}" for name, value in case.scalars.items())
    return f"{case.operator} of {case.form} {sizes}, {case.dtype}{scalars}"


def tensors_in_words(case: Case) -> tuple[str, ...]:
    """Returns a line for each tensor."""
    return tuple(f"{name}: {_tensor(plan)}" for name, plan in case.tensors.items())


def special_in_words(plan: TensorPlan) -> str:
    """Returns which special values a tensor has, and where; empty where it has none."""
    where = "" if plan.special == "mixed" else f" {POSITIONS[plan.position]}"
    return "" if plan.special == "none" else f"{SPECIALS[plan.special]}{where}"


def _tensor(plan: TensorPlan) -> str:
    special = special_in_words(plan)
    layout = "" if plan.layout == "contiguous" else f"; {LAYOUTS[plan.layout]}"
    dtype = "" if plan.dtype is None else f" ({plan.dtype})"
    return f"{VALUES[plan.values]}{dtype}{f', {special}' if special else ''}{layout}"
