"""Which cases are tried: pairs are covered, seeds decide, and every case is one that the operator declares."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations, islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runners.cases import Case
from runners.drawing import draw
from runners.materialise import TensorValue, materialise
from runners.operators import OPERATORS, Operator
from runners.operators.model import POSITIONS, Dim, Form, TensorInput
from runners.operators.sizes import names_in
from runners.plans import BANDS, block_cases, huge_cases, own_dtype, pairwise, random_cases, special_cases

SMALL = Operator(
    name="small",
    summary="for these tests",
    inputs=(TensorInput("x", values=("unit", "zeros"), specials=("none", "nan"), layouts=("contiguous", "stepped")),),
    dims=(Dim("M", (1, 2)), Dim("N", (1, 7, 16))),
    forms=(Form("rows", {"x": ("M", "N")}), Form("columns", {"x": ("N", "M")})),
    reference=lambda x: x,
    condition=lambda x: x.abs(),
)


def choices(case: Case) -> dict[str, object]:
    flat: dict[str, object] = {"dtype": case.dtype, "form": case.form, **case.sizes, **case.scalars}
    for name, plan in case.tensors.items():
        flat |= {f"{name}.{field}": value for field, value in plan.model_dump().items()}
    return flat


def pairs(cases: list[Case]) -> set[frozenset[tuple[str, object]]]:
    return {frozenset(pair) for case in cases for pair in combinations(choices(case).items(), 2)}


def all_pairs(operator: Operator) -> set[frozenset[tuple[str, object]]]:
    factors: dict[str, tuple[object, ...]] = {
        "dtype": operator.dtypes, "form": tuple(form.name for form in operator.forms)
    } | {dim.name: dim.sizes for dim in operator.dims} | {s.name: s.values for s in operator.scalars}  # fmt: skip
    for tensor in operator.tensors:
        factors |= {f"{tensor.name}.values": tensor.values, f"{tensor.name}.special": tensor.specials,
                    f"{tensor.name}.position": POSITIONS if len(tensor.specials) > 1 else POSITIONS[:1],
                    f"{tensor.name}.layout": tensor.layouts,
                    f"{tensor.name}.dtype": tuple(own_dtype(dtype) for dtype in tensor.dtypes)}  # fmt: skip
    return {
        frozenset({(one, a), (other, b)})
        for (one, first), (other, second) in combinations(factors.items(), 2)
        for a in first
        for b in second
    }


def declared(operator: Operator, case: Case, *, boundaries_only: bool) -> bool:
    dims = {dim.name: dim for dim in operator.dims if dim.name in operator.form(case.form).names}
    sizes_fit = all(
        size in dims[name].sizes or (not boundaries_only and 0 < size <= dims[name].largest)
        for name, size in case.sizes.items()
    )
    tensors_fit = all(
        plan.values in tensor.values
        and plan.special in tensor.specials
        and plan.layout in tensor.layouts
        and case.dtype_of(tensor.name) in (case.dtype if dtype == "case" else dtype for dtype in tensor.dtypes)
        for tensor, plan in zip(operator.tensors, case.tensors.values(), strict=True)
    )
    names_fit = (
        [*case.sizes] == [*dims]
        and [*case.tensors] == [tensor.name for tensor in operator.tensors]
        and [*case.scalars] == [scalar.name for scalar in operator.scalars if scalar.values]
    )
    scalars_fit = all(
        case.scalars[s.name] in s.values
        or (not boundaries_only and min(s.values) <= case.scalars[s.name] <= max(s.values))
        for s in operator.scalars
        if s.values
    )
    form_fits = case.form in {form.name for form in operator.forms}
    fits = sizes_fit and tensors_fit and names_fit and scalars_fit and form_fits and operator.allows(case.values)
    return fits and case.dtype in operator.dtypes


@pytest.mark.parametrize("operator", [SMALL, OPERATORS["softmax"], OPERATORS["cross_entropy"]], ids=lambda o: o.name)
def test_a_plan_run_to_its_end_covers_every_pair(operator: Operator) -> None:
    assert all_pairs(operator) <= pairs(list(pairwise(operator, 1, operator.dtypes)))


def test_most_pairs_meet_early() -> None:
    cases = list(pairwise(SMALL, 1, SMALL.dtypes))
    assert len(pairs(cases[: len(cases) // 2])) > 0.8 * len(pairs(cases))


@pytest.mark.parametrize("name", OPERATORS)
def test_each_choice_alone_appears_within_the_plan_of_a_pull_request(name: str) -> None:
    operator = OPERATORS[name]
    seen = {choice for case in islice(pairwise(operator, 3, operator.dtypes), 56) for choice in choices(case).items()}
    assert {choice for pair in all_pairs(operator) for choice in pair} <= seen


@pytest.mark.parametrize("name", OPERATORS)
def test_a_planned_case_is_one_that_the_operator_declares(name: str) -> None:
    operator = OPERATORS[name]
    for case in pairwise(operator, 5, operator.dtypes):
        assert declared(operator, case, boundaries_only=True), case


@pytest.mark.parametrize("name", OPERATORS)
def test_a_drawn_case_is_one_that_the_operator_declares(name: str) -> None:
    operator = OPERATORS[name]
    cases: list[Case] = []
    draw(random_cases(operator, operator.dtypes), 5, 60, lambda case: cases.append(case) is None)
    assert all(declared(operator, case, boundaries_only=False) for case in cases)
    boundaries = {dim.name: dim.sizes for dim in operator.dims}
    assert any(size not in boundaries[name] for case in cases for name, size in case.sizes.items())


@given(st.data(), st.sampled_from(sorted(OPERATORS)))
@settings(database=None, max_examples=15, suppress_health_check=list(HealthCheck))
def test_the_strategy_draws_declared_cases_under_any_settings(data: st.DataObject, name: str) -> None:
    operator = OPERATORS[name]
    assert declared(operator, data.draw(random_cases(operator, operator.dtypes)), boundaries_only=False)


@pytest.mark.parametrize("name", OPERATORS)
def test_the_same_seed_gives_the_same_plan_and_another_seed_another(name: str) -> None:
    operator = OPERATORS[name]
    first, again, other = (list(islice(pairwise(operator, seed, operator.dtypes), 10)) for seed in (1, 1, 2))
    assert first == again
    assert [choices(case) for case in first] != [choices(case) for case in other]
    assert not {case.seed for case in first} & {case.seed for case in other}


SHOW_PLAN = """
from itertools import islice
from runners.operators import OPERATORS
from runners.plans import pairwise
print([case.id for case in islice(pairwise(OPERATORS["add"], 1, OPERATORS["add"].dtypes), 20)])
"""


def test_a_plan_does_not_depend_on_the_hash_seed_of_the_process() -> None:
    def plan(hash_seed: str) -> str:
        environment = {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, "-c", SHOW_PLAN]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert plan("1") == plan("2") != ""


@pytest.mark.parametrize("dtypes", [("bfloat16",), ("float16", "float32")])
def test_only_the_dtypes_that_were_asked_for_are_tried(dtypes: tuple[str, ...]) -> None:
    drawn: list[Case] = []
    draw(random_cases(SMALL, dtypes), 1, 20, lambda case: drawn.append(case) is None)
    assert {case.dtype for case in pairwise(SMALL, 1, dtypes)} == {case.dtype for case in drawn} == set(dtypes)


@pytest.mark.parametrize("name", OPERATORS)
def test_a_case_survives_json_and_keeps_its_id(name: str) -> None:
    operator = OPERATORS[name]
    for case in islice(pairwise(operator, 7, operator.dtypes), 20):
        again = Case.model_validate_json(json.dumps(json.loads(case.model_dump_json())))
        assert again == case
        assert again.id == case.id
        assert all(type(again.scalars[key]) is type(value) for key, value in case.scalars.items())


def test_the_id_of_a_case_is_stable_and_changes_with_its_content() -> None:
    case = next(pairwise(SMALL, 1, ("float32",))).model_copy(update={"seed": 5})
    assert len(case.id) == 12
    assert case.model_copy().id == case.id != case.model_copy(update={"seed": 6}).id


def test_a_case_is_described_by_what_is_not_ordinary_about_it() -> None:
    case = Case.model_validate({
        "operator": "small", "form": "rows", "dtype": "float16", "sizes": {"M": 2, "N": 7}, "scalars": {"eps": 1e-5},
        "tensors": {"x": {"values": "unit", "special": "nan", "position": "last", "layout": "stepped"},
                    "y": {"values": "zeros", "special": "none", "position": "last", "layout": "contiguous"}}, "seed": 1,
    })  # fmt: skip
    assert case.describe() == "rows M=2 N=7, float16, eps=1e-05; x: unit, nan at last, stepped; y: zeros"


@pytest.mark.parametrize("name", OPERATORS)
def test_sizes_around_a_block_are_tried_in_every_dim_that_may_have_them(name: str) -> None:
    operator = OPERATORS[name]
    cases = list(block_cases(operator, (32, 256), 4, operator.dtypes))
    assert all(operator.allows(case.values) for case in cases)
    around = {31, 32, 33, 65, 255, 256, 257, 513}
    for dim in operator.dims:
        if dim.largest > 20:  # an image and its window are never as large as a block
            assert {case.sizes[dim.name] for case in cases if dim.name in case.sizes} & around, dim.name


def test_beside_a_size_about_a_large_block_the_others_are_small() -> None:
    for case in block_cases(OPERATORS["matmul"], (1024,), 4, ("float32",)):
        assert sorted(case.sizes.values())[-2] <= 17 < max(case.sizes.values())


def test_in_some_cases_all_sizes_are_about_a_block() -> None:
    cases = list(block_cases(OPERATORS["matmul"], (16, 64), 4, ("float32",)))
    assert {48, 15} <= {case.sizes["K"] for case in cases if case.sizes["M"] == case.sizes["N"] == 64}
    assert any(case.sizes["K"] == 48 and max(case.sizes["M"], case.sizes["N"]) <= 17 for case in cases)


@pytest.mark.parametrize("name", OPERATORS)
def test_each_tensor_with_slices_is_huge_in_one_small_case(name: str) -> None:
    operator = OPERATORS[name]
    cases = list(huge_cases(operator, 4, operator.dtypes))
    huge = {tensor: case for case in cases for tensor, plan in case.tensors.items() if plan.layout == "huge"}
    slices = {t.name for t in operator.tensors if any(len(form.shapes[t.name]) >= 2 for form in operator.forms)}
    assert set(huge) == slices
    for case in cases:
        values = [value for value in materialise(operator, case) if isinstance(value, TensorValue)]
        (one,) = [value for value in values if value.sparse]
        assert (one.shape[0] - 1) * one.strides[0] > 2**31
        assert sum(len(value.base_bytes) for value in values) < 1 << 20


@pytest.mark.parametrize("name", OPERATORS)
def test_each_tensor_with_specials_has_many_at_once_over_all_lengths_of_its_rows(name: str) -> None:
    operator = OPERATORS[name]
    with_specials = {t.name for t in operator.tensors if len(t.specials) > 1 and t.whole is None}
    cases = list(islice(special_cases(operator, 4, operator.dtypes), len(with_specials) * len(BANDS)))
    seen: dict[str, set[int]] = {}
    for case in cases:
        assert operator.allows(case.values)
        assert operator.declares(case.sizes)
        (one,) = (tensor for tensor, plan in case.tensors.items() if plan.special != "none")
        assert case.tensors[one].special == "mixed"
        length = operator.form(case.form).shape(one, case.values)[-1]
        seen.setdefault(one, set()).add(length)
    assert set(seen) == with_specials
    for one, lengths in seen.items():
        last = {name for form in operator.forms for name in names_in(form.shapes[one][-1])}
        assert min(lengths) <= 2, one  # a row of one element, or of one pair
        assert max(lengths) > min(64, *(dim.largest - 1 for dim in operator.dims if dim.name in last)), one


def test_an_operator_without_specials_has_no_such_case() -> None:
    (x,) = SMALL.tensors
    assert list(special_cases(replace(SMALL, inputs=(replace(x, specials=("none",)),)), 1, SMALL.dtypes)) == []


def test_an_operator_that_allows_no_length_of_such_rows_has_no_such_case() -> None:
    assert list(special_cases(replace(SMALL, requires="M - M"), 1, SMALL.dtypes)) == []


def test_what_is_larger_than_a_boundary_is_not_declared() -> None:
    assert SMALL.declares({"M": 2, "N": 16})
    assert SMALL.declares({"M": 4, "N": 3})  # a few are never too many
    assert not SMALL.declares({"M": 5, "N": 16})
    assert not SMALL.declares({"N": 17})


@pytest.mark.parametrize("plan", [lambda seed: block_cases(SMALL, (16,), seed, SMALL.dtypes),
                                  lambda seed: islice(special_cases(SMALL, seed, SMALL.dtypes), 9),
                                  lambda seed: huge_cases(OPERATORS["matmul"], seed, ("float32",))])  # fmt: skip
def test_the_seed_alone_decides_further_phases(plan: Callable[[int], Iterator[Case]]) -> None:
    assert list(plan(7)) == list(plan(7))
    assert list(plan(7)) != list(plan(8))


@pytest.mark.parametrize("name", OPERATORS)
def test_no_case_around_a_block_costs_thousands_of_programs(name: str) -> None:
    operator = OPERATORS[name]
    for case in block_cases(operator, (128, 2048), 6, operator.dtypes):
        tensors = [value for value in materialise(operator, case) if isinstance(value, TensorValue)]
        assert max(value.view.numel() for value in tensors) <= 13_000
        assert math.prod(tensors[0].shape[:-1]) <= 2100
        assert math.prod(case.sizes.values()) <= 500_000


@pytest.mark.parametrize("name", OPERATORS)
def test_no_case_is_too_large_for_the_interpreter(name: str) -> None:
    operator = OPERATORS[name]
    for case in islice(pairwise(operator, 8, operator.dtypes), 120):
        form = operator.form(case.form)
        assert max(math.prod(form.shape(tensor.name, case.values)) for tensor in operator.tensors) < 150_000
