"""For each field of a policy: which way is weaker, when it counts at all, and whether evidence shows that it was met.

The table stands beside the model on purpose: a field without a line here fails a test, so nobody adds one and leaves
open what it means to change it.

`shown` says whether stored evidence alone answers the question. Where it does not (evidence holds how many cases of
specials were run, not how many an operator has), the policy that the evidence was made under is compared instead:
`policies.lacking`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from policies.policy import Policy


class Stricter(Enum):
    """What makes one value of a field stricter than another."""

    HIGHER = "higher"
    LOWER = "lower"
    MORE = "more of them"
    FEWER = "fewer of them"
    YES = "true"
    NO = "false"
    ONE = "this one"  # none at all, or another one, is weaker
    NEITHER = "neither"  # a name, or time that is only spent: what was not done in it is missing evidence


@dataclass(frozen=True, slots=True)
class Direction:
    """What a change of one field means.

    Attributes:
        shown: Whether evidence shows by itself that what the field asks for was done.
        counts: Whether the field has a meaning in this policy at all.
    """

    stricter: Stricter
    shown: bool = True
    counts: Callable[[Policy], bool] = lambda policy: True


def _has_gpu(policy: Policy) -> bool:
    return bool(policy.gpu_checks)


def _has_mutants(policy: Policy) -> bool:
    return policy.mutants.count > 0


def _has_targets(policy: Policy) -> bool:
    return bool(policy.compile.required_targets)


def _has_references(policy: Policy) -> bool:
    return policy.origin.references is not None


def _limits_licences(policy: Policy) -> bool:
    return _has_references(policy) and policy.origin.reference_licences is not None


_ASKED: Final = False  # the value of `shown` where the evidence does not say
_DIRECTIONS: Final = {
    "name": Direction(Stricter.NEITHER),
    "description": Direction(Stricter.NEITHER),
    "allows": Direction(Stricter.FEWER),
    "source.allowed_imports": Direction(Stricter.FEWER),
    "source.allowed_host_calls": Direction(Stricter.FEWER),
    "source.waived_rules": Direction(Stricter.FEWER),
    "packages": Direction(Stricter.FEWER, _ASKED),
    "properties.pairwise_cases": Direction(Stricter.HIGHER),
    "properties.special_cases": Direction(Stricter.HIGHER, _ASKED),
    "properties.block_cases": Direction(Stricter.HIGHER, _ASKED),
    "properties.huge_cases": Direction(Stricter.HIGHER, _ASKED),
    "properties.long_s": Direction(Stricter.HIGHER, _ASKED),
    "properties.random_cases": Direction(Stricter.HIGHER),
    "properties.targeted_cases": Direction(Stricter.HIGHER),
    "properties.dtypes": Direction(Stricter.MORE),
    "properties.tf32": Direction(Stricter.NO, _ASKED),
    "properties.controls": Direction(Stricter.MORE),
    "properties.load_deadline_s": Direction(Stricter.LOWER, _ASKED),
    "properties.case_deadline_s": Direction(Stricter.LOWER, _ASKED),
    "properties.total_deadline_s": Direction(Stricter.NEITHER),
    "compile.required_targets": Direction(Stricter.MORE),
    "compile.informative_targets": Direction(Stricter.NEITHER),
    "compile.specialisations": Direction(Stricter.HIGHER, _ASKED, _has_targets),
    "compile.deadline_s": Direction(Stricter.NEITHER),
    "compile.total_deadline_s": Direction(Stricter.NEITHER),
    "mutants.count": Direction(Stricter.HIGHER, _ASKED),
    "mutants.required_kill_rate": Direction(Stricter.HIGHER, counts=_has_mutants),
    "mutants.total_deadline_s": Direction(Stricter.NEITHER),
    "operator.required_kill_rate": Direction(Stricter.HIGHER),
    "isolation.accepted": Direction(Stricter.FEWER),
    "isolation.required_limits": Direction(Stricter.MORE),
    "isolation.required_layers": Direction(Stricter.MORE),
    "origin.references": Direction(Stricter.ONE, _ASKED),
    "origin.required": Direction(Stricter.YES),
    "origin.max_share": Direction(Stricter.LOWER, counts=_has_references),
    "origin.licence_share": Direction(Stricter.LOWER, counts=_limits_licences),
    "origin.least_fingerprints": Direction(Stricter.LOWER, counts=_has_references),
    "origin.reference_licences": Direction(Stricter.FEWER, counts=_has_references),
    "origin.candidate_licences": Direction(Stricter.FEWER),
    "gpu_checks": Direction(Stricter.MORE),
    "gpu.pairwise_cases": Direction(Stricter.HIGHER, _ASKED, _has_gpu),
    "gpu.special_cases": Direction(Stricter.HIGHER, _ASKED, _has_gpu),
    "gpu.block_cases": Direction(Stricter.HIGHER, _ASKED, _has_gpu),
    "gpu.random_cases": Direction(Stricter.HIGHER, _ASKED, _has_gpu),
    "gpu.watched_plans": Direction(Stricter.HIGHER, _ASKED, _has_gpu),
    "gpu.perturbed_rounds": Direction(Stricter.HIGHER, _ASKED, _has_gpu),
    "gpu.timed_calls": Direction(Stricter.HIGHER, _ASKED, _has_gpu),
    "gpu.long_axes": Direction(Stricter.YES, counts=_has_gpu),
    "gpu.large_shapes": Direction(Stricter.YES, counts=_has_gpu),
    "gpu.total_deadline_s": Direction(Stricter.NEITHER),
    "organisation": Direction(Stricter.MORE),
}
DIRECTIONS: Final[Mapping[str, Direction]] = MappingProxyType(_DIRECTIONS)
