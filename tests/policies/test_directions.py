"""Each field of a policy has a direction; two policies are compared by them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from changed_policies import WEAKER, changed
from pydantic import BaseModel

from policies.comparing import differences, is_weaker, value_of
from policies.directions import DIRECTIONS, Stricter
from policies.origin_rules import OriginRules, References
from policies.policy import BUILT_IN, Policy, load_policy

CI, PRODUCTION = load_policy("ci"), load_policy("production")


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from fields(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_every_field_of_a_policy_has_a_direction() -> None:
    assert set(fields(Policy)) == set(DIRECTIONS)


def test_production_is_nowhere_weaker_than_what_it_extends() -> None:
    assert [key for key in DIRECTIONS if is_weaker(key, PRODUCTION, than=CI)] == []


def test_production_is_stricter_than_ci_wherever_they_differ() -> None:
    stricter = {one.key: one.stricter for one in differences(CI, PRODUCTION)}
    assert stricter["properties.random_cases"] == stricter["gpu_checks"] == stricter["allows"] == "second"
    assert {which for key, which in stricter.items() if not key.endswith("total_deadline_s")} == {"second", "neither"}
    assert {key for key, which in stricter.items() if which == "neither"} == {
        "name", "description", "properties.total_deadline_s", "compile.total_deadline_s", "mutants.total_deadline_s",
    }  # fmt: skip


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_policy_differs_from_itself_in_nothing(name: str) -> None:
    assert differences(load_policy(name), load_policy(name)) == ()


@pytest.mark.parametrize("key", WEAKER)
def test_a_field_that_asks_for_less_is_weaker_and_the_other_way_is_not(key: str) -> None:
    weak = changed(PRODUCTION, key, WEAKER[key])
    assert is_weaker(key, weak, than=PRODUCTION)
    assert not is_weaker(key, PRODUCTION, than=weak)
    assert [(one.key, one.stricter) for one in differences(PRODUCTION, weak)] == [(key, "first")]


LAXER_ORIGIN = {
    "references": None, "required": False, "max_share": 0.9, "licence_share": 0.3, "least_fingerprints": 50,
    "reference_licences": None, "candidate_licences": ("MIT", "Apache-2.0"),
}  # fmt: skip
STRICT_ORIGIN = changed(CI, "origin", OriginRules(
    references=References(folder="f", digest="0" * 64), required=True, reference_licences=("MIT",),
    candidate_licences=("MIT",),
))  # fmt: skip


@pytest.mark.parametrize("field", LAXER_ORIGIN)
def test_a_laxer_rule_about_origins_is_weaker(field: str) -> None:
    lax = changed(STRICT_ORIGIN, f"origin.{field}", LAXER_ORIGIN[field])
    assert is_weaker(f"origin.{field}", lax, than=STRICT_ORIGIN)
    assert not is_weaker(f"origin.{field}", STRICT_ORIGIN, than=lax)


def test_another_set_of_references_is_neither_stricter() -> None:
    other = changed(STRICT_ORIGIN, "origin.references", References(folder="f", digest="1" * 64))
    assert [one.stricter for one in differences(STRICT_ORIGIN, other)] == ["neither"]


def test_fields_with_a_direction_are_tried() -> None:
    directed = {key for key, direction in DIRECTIONS.items() if direction.stricter is not Stricter.NEITHER}
    assert directed - set(WEAKER) - {f"origin.{field}" for field in LAXER_ORIGIN} == {
        "isolation.required_layers",
        "gpu.perturbed_rounds",
        "organisation",
    }


def test_a_part_of_an_allowed_module_is_no_further_import() -> None:
    narrow = changed(CI, "source.allowed_imports", ("torch.nn", "triton"))
    assert not is_weaker("source.allowed_imports", narrow, than=CI)
    assert is_weaker("source.allowed_imports", CI, than=narrow)


def test_lists_that_each_lack_something_are_neither_stricter() -> None:
    one = changed(CI, "compile.required_targets", ("sm_80",))
    other = changed(CI, "compile.required_targets", ("sm_90",))
    assert [entry.stricter for entry in differences(one, other)] == ["neither"]


def test_another_order_asks_for_the_same() -> None:
    turned = changed(CI, "compile.required_targets", tuple(reversed(CI.compile.required_targets)))
    assert [entry.stricter for entry in differences(CI, turned)] == ["same"]


def test_what_is_not_asked_for_has_no_strength() -> None:
    assert value_of(CI, "gpu_checks") == ()
    assert not is_weaker("gpu.pairwise_cases", changed(CI, "gpu.pairwise_cases", 1), than=CI)
    assert is_weaker(
        "gpu.pairwise_cases", changed(CI, "gpu.pairwise_cases", 1), than=changed(CI, "gpu_checks", ("races",))
    )
