"""The smallest failing case in words that an author may read: enough to see the cause, and nothing to aim at.

Told are shapes, dtypes, layouts and kinds of values, and the first wrong element with what would have been right there.
Not told are the seed, the elements, how many cases there are and which others: the next answer is tried on cases that
are drawn anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import torch

from runners.cases import Case, TensorPlan
from runners.dtypes import TORCH_DTYPES
from runners.failures import WrongElement, WrongValues
from runners.operators import Operator
from runners.operators.model import CASE_DTYPE

SHOWN_ELEMENTS: Final = 3


def case_lines(case: Case, operator: Operator) -> Iterator[str]:
    """Yields a line for each argument of the case."""
    form = operator.form(case.form)
    for tensor in operator.tensors:
        plan = case.tensors[tensor.name]
        shape = form.shape(tensor.name, case.values)
        yield f"{tensor.name}: shape {shape}, {case.dtype_of(tensor.name)}, {_plan(plan)}"
    for name, value in case.scalars.items():
        yield f"{name}: {value!r}"


def wrong_lines(failure: WrongValues, operator: Operator) -> Iterator[str]:
    """Yields what is wrong with a result, and by how much, in units in the last place of its dtype."""
    dtype = operator.results[failure.output]
    chosen = failure.case.dtype if dtype == CASE_DTYPE else dtype
    which = f"result {failure.output}: " if len(operator.results) > 1 else ""
    yield f"{which}{failure.wrong} of {failure.total} elements are wrong"
    for element in failure.first[:SHOWN_ELEMENTS]:
        index = ", ".join(map(str, element.index))
        right = f"{element.low:.9g} to {element.high:.9g} would be right"
        yield f"at [{index}]: got {element.got:.9g}, expected {element.expected:.9g} ({right}){_ulps(element, chosen)}"


def signature_of(case: Case) -> str:
    """Returns what two cases that fail for one reason are likely to share: no sizes, no seed, no kind of values."""
    tensors = ";".join(f"{name}:{plan.layout},{plan.special}" for name, plan in sorted(case.tensors.items()))
    return f"{case.form};{case.dtype};{tensors}"


def _plan(plan: TensorPlan) -> str:
    layout = "contiguous" if plan.layout == "contiguous" else f"{plan.layout} in memory, so not contiguous"
    special = "" if plan.special == "none" else f", with {plan.special} at {plan.position}"
    return f"{layout}, values: {plan.values}{special}"


def _ulps(element: WrongElement, dtype: str) -> str:
    """Says the distance in ulp (Goldberg 1991: the spacing of floats at the expected value)."""
    kind = TORCH_DTYPES[dtype]
    error = abs(element.got - element.expected)
    if not kind.is_floating_point or not math.isfinite(error):
        return ""
    info = torch.finfo(kind)
    magnitude = max(abs(element.expected), info.tiny)
    ulp = info.eps * 2.0 ** math.floor(math.log2(magnitude))
    return f", off by {error / ulp:.3g} ulp of {dtype}"
