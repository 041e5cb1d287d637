"""For each rule: from which piece of evidence it is decided, by which fields of the policy, and what would satisfy it.

Data beside `policies.rules`: a rule without a line here fails a test. Paths are those of evidence.json, with dots.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from policies.rules import ORGANISATION, RULES

Check = Literal[
    "source", "properties", "controls", "interpreter", "compile", "mutants", "operator", "isolation", "origin",
    "waivers", "gpu", "organisation",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a rule is decided by.

    Attributes:
        check: The check that it belongs to.
        evidence: Path of the evidence that it reads; `on_gpu` where the same rule speaks about a GPU.
        keys: The fields of the policy that it reads.
        needed: What would have had to be different.
    """

    check: Check
    evidence: str
    keys: tuple[str, ...]
    needed: str
    on_gpu: str = "device"


_CASE: Final = Grounds(
    "properties", "properties.failure", (), "a right answer in this case, as in all others", "device.failure"
)
_CASES: Final = ("properties.pairwise_cases", "properties.random_cases", "properties.targeted_cases")
_COMPILED: Final = Grounds(
    "compile", "compile.failures", ("compile.required_targets",), "every kernel compiles for every required target"
)
_READ: Final = "the file without what is named, or a policy that allows it"
_DECLARED: Final = ("origin.candidate_licences",)
_LIMITS: Final = ("isolation.required_limits",)
_OTHERS: Final = {
    "source/import-not-allowed": Grounds("source", "source", ("source.allowed_imports",), _READ),
    "source/host-call-not-allowed": Grounds("source", "source", ("source.allowed_host_calls",), _READ),
    "compile/error": _COMPILED, "compile/out-of-resources": _COMPILED, "compile/crashed": _COMPILED,
    "replay/not-recorded": Grounds("gpu", "device", ("gpu_checks",), "every call has a launch plan",
                                    "device.unrecorded"),
    "benchmark/above-roof": Grounds(
        "gpu", "device", ("gpu_checks",), "a time that the card can reach", "device.benchmark"),
    "races/shared-memory": Grounds("gpu", "device", ("gpu_checks",), "a sanitizer with nothing to report",
                                   "device.sanitizers"),
    "races/barrier": Grounds("gpu", "device", ("gpu_checks",), "a sanitizer with nothing to report",
                             "device.sanitizers"),
    "mutants/weak-test": Grounds("mutants", "mutants", ("mutants.required_kill_rate",), "more mutants killed"),
    "operator/weak-test": Grounds("operator", "strength", ("operator.required_kill_rate",),
                                  "more mutants of right kernels killed, and every degenerate output rejected"),
    "isolation/not-accepted": Grounds("isolation", "isolation", ("isolation.accepted",), "an accepted kind of sandbox",
                                      "device.isolation"),
    "evidence/compile-missing": Grounds("compile", "compile", ("compile.required_targets",),
                                        "something compiled for each required target"),
    "evidence/compile-incomplete": Grounds("compile", "compile.failures", ("compile.required_targets",),
                                           "an end of every compilation"),
    "evidence/mutants-missing": Grounds("mutants", "mutants", ("mutants.count",), "mutants that were run"),
    "evidence/operator-unchecked": Grounds("operator", "strength", ("operator.required_kill_rate",),
                                           "a record of the operator's test over two right kernels"),
    "evidence/unsupported": Grounds("properties", "properties.unsupported", (), "no case that can't be run",
                                    "device.unsupported"),
    "evidence/properties-missing": Grounds("properties", "properties", (), "cases that were run"),
    "evidence/too-few-cases": Grounds("properties", "properties", _CASES, "as many cases as the policy asks for",
                                      "device.cases"),
    "evidence/nothing-compared": Grounds("properties", "properties.compared", _CASES,
                                         "in each dtype an element of a result that could have been wrong"),
    "evidence/dtype-not-tried": Grounds("properties", "properties.dtypes", ("properties.dtypes",),
                                        "cases in each dtype that the operator has and the policy asks for"),
    "evidence/control-missing": Grounds("controls", "properties.controls", ("properties.controls",),
                                        "every planted fault reported", "device"),
    "evidence/interpreter-unverified": Grounds("interpreter", "environment", (), "a Triton whose repairs are verified"),
    "evidence/isolation-missing": Grounds("isolation", "isolation", _LIMITS, "a proof of isolation",
                                          "device.isolation"),
    "evidence/limit-not-proven": Grounds("isolation", "isolation.limits", _LIMITS, "the limit seen to hold",
                                         "device.isolation"),
    "evidence/layer-missing": Grounds("isolation", "isolation.layers", ("isolation.required_layers",),
                                      "a sandbox with this layer", "device.isolation"),
    "evidence/long-axes-missing": Grounds("gpu", "device", ("gpu.long_axes",), "each long axis tried",
                                          "device.long_axes"),
    "evidence/large-shape-missing": Grounds("gpu", "device", ("gpu.large_shapes",), "a case of each large kind",
                                            "device.large"),
    "evidence/gpu-check-missing": Grounds("gpu", "device", ("gpu_checks",), "every check on a GPU that is asked for"),
    "origin/copied": Grounds("origin", "origin.comparison", ("origin.max_share",), "less of it in any reference"),
    "origin/reference-licence": Grounds("origin", "origin.comparison", ("origin.reference_licences",),
                                        "less of it in references of other licences"),
    "origin/candidate-licence": Grounds("origin", "origin.licence", _DECLARED, "a licence that is allowed"),
    "origin/no-licence": Grounds("origin", "origin.licence", _DECLARED, "a licence that is declared and allowed"),
    "origin/not-an-expression": Grounds("origin", "origin.licence", _DECLARED, "an expression of SPDX"),
    "evidence/origin-missing": Grounds("origin", "origin", ("origin.references", "origin.required"),
                                       "a comparison with the policy's references"),
    "waiver/expired": Grounds("waivers", "candidate.digest", (), "a waiver that holds, or no error to waive"),
    "evidence/other-policy": Grounds("properties", "", (), "evidence that was made under this policy"),
}  # fmt: skip


def _grounds() -> Iterator[tuple[str, Grounds]]:
    for rule in RULES:
        group = rule.split("/")[0]
        if rule in _OTHERS:
            yield rule, _OTHERS[rule]
        elif group == "candidate":
            yield rule, Grounds("source", "source", (), "a file that is a candidate")
        elif group == "source":
            yield rule, Grounds("source", "source", ("source.waived_rules",), _READ)
        elif group in ("properties", "memory", "races", "replay"):
            yield rule, _CASE


GROUNDS: Final[Mapping[str, Grounds]] = MappingProxyType(dict(_grounds()))
_ORGANISATION: Final = Grounds("organisation", "", ("organisation",), "the rule exactly true")


def grounds_of(rule: str) -> Grounds:
    """Returns what a rule is decided by."""
    return _ORGANISATION if rule.startswith(ORGANISATION) else GROUNDS[rule]
