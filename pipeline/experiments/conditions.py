"""What a run was made under, its variant apart: only runs under equal conditions are compared with each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pipeline.generation.loop.documents import OperatorDocument, RunDocument, Sums
from pipeline.generation.loop.store import Terms

_VARIANTS_OWN: Final = {"prompts": "", "experiment": None}


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of one operator's run.

    Attributes:
        terms: Without what belongs to the variant. Whatever terms will hold besides is a condition, too.
        budget: Of the whole run.
        beside: All operators of the run, which share its budget.
    """

    terms: Terms
    budget: Sums
    beside: tuple[str, ...]


def conditions_of(operator: OperatorDocument, document: RunDocument) -> Conditions:
    """Returns the conditions of a document's run for one operator."""
    beside = tuple(sorted(one.terms.operator for one in document.operators))
    return Conditions(operator.terms.model_copy(update=_VARIANTS_OWN), document.budget, beside)


def differing(conditions: Iterable[Conditions]) -> tuple[str, ...]:
    """Returns the names of what is not the same in all of them."""
    each = list(conditions)
    names = [
        name.removesuffix("_digest")
        for name in Terms.model_fields
        if name not in _VARIANTS_OWN and len({getattr(one.terms, name) for one in each}) > 1
    ]
    if len({one.budget for one in each}) > 1:
        names.append("budget")
    if len({one.beside for one in each}) > 1 and "operator" not in names:
        names.append("operators beside")
    return tuple(dict.fromkeys(names))
