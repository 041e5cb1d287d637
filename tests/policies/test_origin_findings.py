"""What a policy makes of a text's origin: each rule trips on its evidence, and on nothing that looks like it."""

from __future__ import annotations

import pytest
from origins import ASKING, EVERY, GPL, MIT, NOT_COMPARED, compared, matched, origin

from policies.origin_findings import findings_of
from policies.origin_rules import OriginRules
from runners.evidence import Missing
from runners.origin.evidence import LicenceExpression, NoLicence, OriginEvidence


def rules(given: OriginEvidence | Missing, asked: OriginRules = ASKING) -> list[str]:
    return [finding.rule for finding in findings_of(given, asked)]


@pytest.mark.parametrize("name", EVERY)
def test_each_rule_trips_on_its_evidence(name: str) -> None:
    given, rule = EVERY[name]
    assert rules(given) == [rule]


@pytest.mark.parametrize("name", EVERY)
def test_a_policy_that_asks_nothing_finds_nothing(name: str) -> None:
    assert rules(EVERY[name][0], OriginRules()) == []


HONEST = {
    "nothing_shared": origin(),
    "as_much_as_allowed": origin(matched(0.5)),
    "a_little_of_a_foreign_file": origin(matched(0.2, GPL)),
    "few_fingerprints_that_are_nearly_all": origin(matched(0.9, GPL, fingerprints=9)),
    "one_of_a_choice": origin(licence=LicenceExpression(expression="GPL-3.0-only OR MIT")),
    "with_an_exception": origin(licence=LicenceExpression(expression="Apache-2.0 WITH LLVM-exception")),
}


@pytest.mark.parametrize("name", HONEST)
def test_what_the_policy_allows_is_no_finding(name: str) -> None:
    assert rules(HONEST[name]) == []


def test_a_copy_is_said_with_file_licence_and_the_lines_on_both_sides() -> None:
    (finding,) = findings_of(origin(matched()), ASKING)
    assert (finding.severity, finding.line) == ("error", 4)
    assert finding.message == (
        "80% of its own (40 of 50 fingerprints) stands in the reference theirs/k.py, under MIT, and 50% may: "
        "lines 4-6 (there 41-43), lines 10-30 (there 50-70)"
    )


def test_a_copy_of_a_foreign_file_breaks_both_rules_and_files_alike_are_counted() -> None:
    given = origin(matched(0.9, GPL), matched(0.8, GPL), matched(0.7))
    copied, foreign = findings_of(given, ASKING)
    assert (copied.rule, foreign.rule) == ("origin/copied", "origin/reference-licence")
    assert copied.message.endswith("; 2 more files like it")
    assert foreign.message.endswith("; 1 more files like it")


def test_all_parts_of_a_sum_of_licences_must_be_allowed() -> None:
    assert rules(origin(licence=LicenceExpression(expression="MIT AND GPL-3.0-only"))) == ["origin/candidate-licence"]


def test_a_list_can_say_that_no_licence_will_do() -> None:
    lax = ASKING.model_copy(update={"candidate_licences": ("NONE",), "reference_licences": ("NONE",)})
    assert rules(origin(matched(0.3, NoLicence()), licence=NoLicence()), lax) == []
    assert rules(origin(matched(0.3, MIT), licence=MIT), lax) == [
        "origin/candidate-licence",
        "origin/reference-licence",
    ]


def test_a_set_that_is_named_and_not_required_may_be_missing() -> None:
    lax = ASKING.model_copy(update={"required": False})
    assert rules(OriginEvidence(licence=MIT, comparison=NOT_COMPARED), lax) == []
    assert rules(OriginEvidence(licence=MIT, comparison=compared(matched(), digest="b" * 64)), lax) == []
    assert rules(origin(matched()), lax) == ["origin/copied"]


def test_a_licence_that_is_asked_for_can_not_be_missing() -> None:
    asked = OriginRules(candidate_licences=("MIT",))
    assert rules(Missing(reason="nobody asked", ours=False), asked) == ["evidence/origin-missing"]
