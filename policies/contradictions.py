"""What a valid policy says that makes no sense: two fields that exclude each other, or one that nothing reads.

A contradiction is a mistake for certain: something that the policy asks for is never looked at, or nobody can pass. A
doubt is probably one. Each is a small function over the whole policy, so that the list can be read and added to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, get_args

from policies.comparing import value_of
from policies.policy import BUILT_IN, GpuCheck, Policy, Tier, load_policy, required_controls
from runners.contract.rules import HOST_CALL

FASTEST_CASE_S: Final = 0.01  # measured: the smallest cases take some 15 ms on the interpreter, channel included
_PINNED: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+_-]+")
_LISTS: Final = (
    "allows", "source.allowed_imports", "source.allowed_host_calls", "source.waived_rules", "packages",
    "properties.dtypes", "compile.required_targets", "compile.informative_targets", "isolation.accepted",
    "isolation.required_limits", "isolation.required_layers", "gpu_checks",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clash:
    """One thing that makes no sense, at the field that is best changed."""

    kind: Literal["contradiction", "doubt"]
    key: str
    what: str
    remedy: str


def clashes_in(policy: Policy) -> tuple[Clash, ...]:
    """Returns everything in a valid policy that makes no sense."""
    return tuple(clash for look in _LOOKS for clash in look(policy))


def _reaches_production(policy: Policy) -> bool:
    return set(policy.gpu_checks) == set(get_args(GpuCheck))


def _tiers(policy: Policy) -> Iterator[Clash]:
    whole = _reaches_production(policy)
    if not whole and policy.allows == (Tier.PRODUCTION_SAFE,):
        lacking = ", ".join(check for check in get_args(GpuCheck) if check not in policy.gpu_checks)
        what = f"only production-safe is let through, which nothing can be without the checks {lacking}"
        yield Clash("contradiction", "allows", what, "Ask for every check in 'gpu_checks', or allow functional.")
    if whole and Tier.PRODUCTION_SAFE not in policy.allows:
        what = "functional is let through, and production-safe, which is more, is not"
        yield Clash("contradiction", "allows", what, "Allow production-safe, too.")


def _targets(policy: Policy) -> Iterator[Clash]:
    both = sorted(set(policy.compile.required_targets) & set(policy.compile.informative_targets))
    if both:
        what = f"{', '.join(both)} cannot be required and informative"
        yield Clash("contradiction", "compile.informative_targets", what, "Keep each target in one of the two lists.")


def _mutants(policy: Policy) -> Iterator[Clash]:
    count, rate = policy.mutants.count, policy.mutants.required_kill_rate
    if count == 0 and rate is not None:
        what = f"a rate of {rate:g} is required of no mutants: 'mutants.count' is 0, so nothing is looked at"
        yield Clash("contradiction", "mutants.required_kill_rate", what, "Ask for mutants, or write null.")
    elif count and rate == 0:
        what = "every test kills at least 0 of its mutants"
        yield Clash("contradiction", "mutants.required_kill_rate", what, "Require a rate, or write null.")
    elif count and rate == 1:
        what = "equivalent mutants survive every test, so nearly no candidate can pass"
        yield Clash("doubt", "mutants.required_kill_rate", what, "Leave room for them, as production does.")


def _gpu(policy: Policy) -> Iterator[Clash]:
    for field in ("long_axes", "large_shapes"):
        if getattr(policy.gpu, field) and "properties" not in policy.gpu_checks:
            what = "it is asked for, and looked at by the check 'properties' on a GPU alone, which is not"
            yield Clash("contradiction", f"gpu.{field}", what, "Add properties to 'gpu_checks', or write false.")


def _deadlines(policy: Policy) -> Iterator[Clash]:
    properties = policy.properties
    pairs = [
        ("properties.case_deadline_s", "properties.total_deadline_s"),
        ("properties.load_deadline_s", "properties.total_deadline_s"),
        ("compile.deadline_s", "compile.total_deadline_s"),
        *([("properties.case_deadline_s", "gpu.total_deadline_s")] if policy.gpu_checks else []),
    ]
    for one, whole in pairs:
        if value_of(policy, one) > value_of(policy, whole):
            what = f"{value_of(policy, one):g} s for one do not fit into '{whole}', {value_of(policy, whole):g} s"
            yield Clash("contradiction", one, what, "Make the one shorter or the whole longer.")
    if properties.long_s > properties.case_deadline_s:
        what = (
            f"lengths are tried that are expected to take {properties.long_s:g} s, and a case has "
            f"{properties.case_deadline_s:g} s: right kernels would be denied for it"
        )
        yield Clash("contradiction", "properties.long_s", what, "Make it shorter than 'properties.case_deadline_s'.")
    if properties.cases * FASTEST_CASE_S > properties.total_deadline_s:
        what = f"{properties.cases} cases take more than {properties.total_deadline_s:g} s on any machine"
        yield Clash("contradiction", "properties.total_deadline_s", what, "Ask for fewer cases, or give more time.")


def _source(policy: Policy) -> Iterator[Clash]:
    source = policy.source
    if HOST_CALL in source.waived_rules and source.allowed_host_calls:
        what = f"'{HOST_CALL}' is waived, so every call is allowed and the list means nothing"
        yield Clash("contradiction", "source.allowed_host_calls", what, "Keep the list and drop the waiver.")
    if not policy.packages and "triton" not in {name.split(".")[0] for name in source.allowed_imports}:
        what = "triton can't be imported, and no package is there that could hold kernels: nobody can pass"
        yield Clash("contradiction", "source.allowed_imports", what, "Allow triton.")
    known = {name.split(".")[0] for name in load_policy("ci").source.allowed_imports}
    if policy.packages and {name.split(".")[0] for name in source.allowed_imports} <= known:
        what = "the image carries packages that no candidate may import"
        yield Clash("doubt", "packages", what, "Name their modules in 'source.allowed_imports', or drop them.")
    for package in policy.packages:
        if not _PINNED.fullmatch(package):
            what = f"'{package}' is not pinned, so that two images of one policy can differ"
            yield Clash("contradiction", "packages", what, "Write NAME==VERSION.")


def _monitors(policy: Policy) -> Iterator[Clash]:
    if not required_controls(policy.properties.controls):
        what = "no planted fault has to be reported, so nothing shows that the monitors work"
        yield Clash("doubt", "properties.controls", what, "Write all.")
    if policy.properties.tf32 and "float32" not in policy.properties.dtypes:
        what = "tf32 is about products of float32, which are not tried"
        yield Clash("doubt", "properties.tf32", what, "Try float32, or write false.")


def _origin(policy: Policy) -> Iterator[Clash]:
    origin = policy.origin
    if origin.references is None and origin.reference_licences is not None:
        what = "licences of references are limited, and no references are compared with"
        yield Clash("contradiction", "origin.reference_licences", what, "Name 'origin.references', or write null.")
    if origin.candidate_licences == ():
        what = "no licence is allowed, and none neither: nobody can pass"
        yield Clash("contradiction", "origin.candidate_licences", what, "Name licences, or write null.")
    if origin.reference_licences is not None and origin.licence_share > origin.max_share:
        what = f"more than {origin.max_share:g} is a copy whatever the licence, so this share is never looked at"
        yield Clash("contradiction", "origin.licence_share", what, "Make it smaller than 'origin.max_share'.")


def _names(policy: Policy) -> Iterator[Clash]:
    if policy.name in BUILT_IN and policy.digest != load_policy(policy.name).digest:
        what = (
            f"it is called '{policy.name}', as a built-in policy that says something else: reports can't be told apart"
        )
        yield Clash("doubt", "name", what, "Give it a name of its own.")
    for number, rule in enumerate(policy.organisation):
        if rule.expression.strip() == "true":
            what = f"the rule '{rule.name}' is true of everything"
            yield Clash("doubt", f"organisation.{number}.expression", what, "Say what it is about, or drop it.")


def _twice(policy: Policy) -> Iterator[Clash]:
    for key in _LISTS:
        members = value_of(policy, key)
        twice = sorted({str(member) for member in members if members.count(member) > 1})
        if twice:
            yield Clash("doubt", key, f"{', '.join(twice)} stands there more than once", "Write it once.")


_LOOKS: Final[tuple[Callable[[Policy], Iterator[Clash]], ...]] = (
    _tiers, _targets, _mutants, _gpu, _deadlines, _source, _monitors, _origin, _names, _twice,
)  # fmt: skip
