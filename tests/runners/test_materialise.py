"""From cases to bytes: deterministic, laid out as asked, the base ends with the view, gaps hold what none may read."""

from __future__ import annotations

import hashlib
import math
from itertools import islice
from typing import get_args

import numpy as np
import pytest
import torch

from runners.cases import Case, TensorPlan
from runners.filling import integers
from runners.input_classes import Layout, Position, Special, ValueClass
from runners.materialise import GAPS, HUGE_STRIDE, ScalarValue, TensorValue, materialise
from runners.operators import OPERATORS, Operator
from runners.operators.model import FLOATS, LAYOUTS, SPECIALS, VALUES, Dim, Form, TensorInput
from runners.operators.sizes import evaluate
from runners.plans import pairwise


def operator_of(*shape: str | int) -> Operator:
    return Operator(
        name="any", summary="", inputs=(TensorInput("x"),), dims=(Dim("B", (2,)), Dim("M", (3,)), Dim("N", (7,))),
        forms=(Form("only", {"x": shape}),), reference=lambda x: x, condition=lambda x: x,
    )  # fmt: skip


WHOLE = [name for name in get_args(ValueClass) if name.startswith("whole")]
RANKS = {1: operator_of("N"), 2: operator_of("M", "N"), 3: operator_of("B", "M", "N")}
ALONE = operator_of()


def tensor(
    rank: int = 2, *, layout: Layout = "contiguous", special: str = "none", position: Position = "first",
    values: str = "normal", dtype: str = "float32", seed: int = 9, **sizes: int,
) -> TensorValue:  # fmt: skip
    plan = {"values": values, "special": special, "position": position, "layout": layout}
    case = Case.model_validate(
        {"operator": "any", "form": "only", "dtype": dtype, "sizes": {"B": 2, "M": 3, "N": 7} | sizes, "scalars": {},
         "tensors": {"x": plan}, "seed": seed}
    )  # fmt: skip
    (made,) = materialise(RANKS.get(rank, ALONE), case)
    assert isinstance(made, TensorValue)
    return made


def targets(values: str, *, layout: Layout = "contiguous") -> TensorValue:
    operator = OPERATORS["cross_entropy"]
    case = next(pairwise(operator, 1, operator.dtypes))
    plans = case.tensors | {"target": case.tensors["target"].model_copy(update={"values": values, "layout": layout})}
    made = materialise(operator, case.model_copy(update={"sizes": {"M": 7, "N": 16}, "tensors": plans}))[1]
    assert isinstance(made, TensorValue)
    return made


@pytest.mark.parametrize("name", OPERATORS)
def test_the_same_case_gives_the_same_bytes(name: str) -> None:
    operator = OPERATORS[name]
    for case in islice(pairwise(operator, 1, operator.dtypes), 20):
        for one, other in zip(materialise(operator, case), materialise(operator, case), strict=True):
            if isinstance(one, TensorValue):
                assert isinstance(other, TensorValue)
                assert bytes(one.base_bytes) == bytes(other.base_bytes)
                assert (one.shape, one.strides, one.offset) == (other.shape, other.strides, other.offset)
            else:
                assert one == other


def test_the_bytes_of_a_case_are_pinned() -> None:
    """A replay file is worth something only while its case means the same bytes."""
    made = tensor(3, values="integers", layout="row_padded", dtype="float16")
    assert (
        hashlib.sha256(made.base_bytes).hexdigest()
        == "a25ab1022baa414193a252059901a5540e7bb52009b959172cd56a4d07739d60"
    )


def test_another_seed_gives_other_numbers() -> None:
    assert not torch.equal(tensor(seed=1).view, tensor(seed=2).view)


def test_two_tensors_of_one_case_hold_different_numbers() -> None:
    operator = OPERATORS["add"]
    case = next(pairwise(operator, 1, operator.dtypes))
    plan = {"values": "normal", "special": "none", "position": "first", "layout": "contiguous"}
    case = Case.model_validate(
        case.model_dump() | {"form": "vector", "sizes": {"N": 16}, "tensors": {"x": plan, "y": plan}}
    )
    x, y = materialise(operator, case)
    assert not torch.equal(x.view, y.view)


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("layout", [*(layout for layout in LAYOUTS if layout != "expanded"), "huge"])
@pytest.mark.parametrize("special", ["none", "inf", "-inf_row", "-inf_prefix"])
def test_a_layout_does_not_change_the_values(rank: int, layout: Layout, special: str) -> None:
    plain = tensor(rank, special=special, position="last")
    laid = tensor(rank, layout=layout, special=special, position="last")
    assert laid.shape == plain.shape
    assert torch.equal(laid.view, plain.view)


@pytest.mark.parametrize("rank", RANKS)
def test_an_expanded_tensor_repeats_its_first_slice(rank: int) -> None:
    made = tensor(rank, layout="expanded")
    assert made.strides[0] == 0
    assert bool((made.view == made.view[:1]).all())
    assert made.shape == tensor(rank).shape


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("sizes", [{}, {"N": 1}, {"M": 1}, {"M": 1, "N": 1, "B": 1}])
def test_the_base_ends_with_the_last_element_of_the_view(rank: int, layout: Layout, sizes: dict[str, int]) -> None:
    made = tensor(rank, layout=layout, **sizes)
    last = made.offset + sum((size - 1) * stride for size, stride in zip(made.shape, made.strides, strict=True))
    assert made.base.numel() == last + 1
    assert len(made.base_bytes) == (last + 1) * 4


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("layout", ["stepped", "offset", "row_padded"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_gaps_between_floats_hold_nan(rank: int, layout: Layout, dtype: str) -> None:
    made = tensor(rank, layout=layout, dtype=dtype)
    reached = torch.zeros(made.base.numel(), dtype=torch.bool)
    reached.as_strided(made.shape, made.strides, made.offset).fill_(True)
    assert not bool(reached.all())
    assert bool(made.base[~reached].isnan().all())
    assert not bool(made.view.isnan().any())


@pytest.mark.parametrize("rank", [2, 3])
def test_the_layouts_differ_in_their_strides(rank: int) -> None:
    distinct = [layout for layout in LAYOUTS if rank == 3 or layout != "permuted"]
    made = {layout: tensor(rank, layout=layout) for layout in distinct}
    assert len({(value.strides, value.offset) for value in made.values()}) == len(distinct)


@pytest.mark.parametrize("rank", [2, 3])
def test_a_huge_tensor_reaches_beyond_32_bits_and_travels_small(rank: int) -> None:
    made = tensor(rank, layout="huge", B=3)
    assert made.sparse
    assert made.strides[0] == HUGE_STRIDE
    assert 2 * made.strides[0] > 2**31 > made.strides[0]
    assert len(made.base_bytes) == 4 * math.prod(made.shape)


def test_a_vector_is_never_huge() -> None:
    assert not tensor(1, layout="huge").sparse


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("rank", RANKS)
def test_an_empty_tensor_has_no_base(rank: int, layout: Layout) -> None:
    made = tensor(rank, layout=layout, special="nan", N=0)
    assert (made.base.numel(), len(made.base_bytes), made.view.numel()) == (0, 0, 0)
    assert made.view.shape[-1] == 0


@pytest.mark.parametrize(("position", "at"), [("first", (0, 0)), ("last", (2, 6)), ("row_end", (0, 6))])
@pytest.mark.parametrize("special", ["nan", "inf", "-inf", "max", "denormal"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_a_special_lands_where_its_position_says(
    position: Position, at: tuple[int, int], special: str, dtype: str
) -> None:
    made = tensor(special=special, position=position, dtype=dtype).view
    plain = tensor(dtype=dtype).view
    info = torch.finfo(made.dtype)
    want = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "max": info.max,
            "denormal": 3 * info.smallest_normal * info.eps}[special]  # fmt: skip
    assert float(made[at]) == want or (math.isnan(want) and math.isnan(float(made[at])))
    changed = [tuple(place) for place in (made.view(torch.uint8) != plain.view(torch.uint8)).nonzero().tolist()]
    assert {(row, column // made.element_size()) for row, column in changed} <= {at}


def test_a_special_at_random_changes_one_element() -> None:
    assert int(tensor(special="nan", position="random").view.isnan().sum()) == 1


def test_a_negative_zero_keeps_its_sign() -> None:
    value = tensor(special="-0").view[0, 0]
    assert float(value) == 0
    assert bool(torch.signbit(value))


@pytest.mark.parametrize(("position", "row"), [("first", 0), ("last", 2), ("random", 2)])
def test_a_row_of_minus_infinity_is_one_row(position: Position, row: int) -> None:
    infinite = tensor(special="-inf_row", position=position).view.isneginf()
    assert infinite.all(-1).nonzero().flatten().tolist() == [row]
    assert int(infinite.sum()) == 7


@pytest.mark.parametrize(("width", "prefix"), [(1, 0), (2, 1), (3, 2), (7, 4)])
def test_a_prefix_of_minus_infinity_leaves_the_end_of_the_row(width: int, prefix: int) -> None:
    infinite = tensor(special="-inf_prefix", N=width).view.isneginf()
    assert infinite.nonzero().tolist() == [[0, column] for column in range(prefix)]


def mixed(seed: int, rows: int = 40, **sizes: int) -> torch.Tensor:
    return tensor(special="mixed", position="random", seed=seed, M=rows, **({"N": 9} | sizes)).view


def test_mixed_specials_are_of_every_kind_in_about_half_of_the_rows() -> None:
    many = [mixed(seed) for seed in range(8)]
    special = [~made.isfinite() | (made.abs() > 1e30) | (made.abs() < 1e-30) for made in many]
    assert all(0.2 < float(places.any(-1).double().mean()) < 0.8 for places in special)
    everything = torch.cat(many)
    infinite = everything.isneginf()
    assert everything.isposinf().any()
    assert (infinite.all(-1)).any()  # a whole row
    assert (infinite.any(-1) & ~infinite.all(-1)).any()
    assert (everything.abs() == torch.finfo(torch.float32).max).any()
    assert ((everything == 0) & torch.signbit(everything)).any()
    signs = torch.signbit(everything[everything.isnan()])
    assert signs.any()
    assert not signs.all()
    columns = everything.isnan().nonzero()[:, 1].unique().tolist()
    assert {0, 8} < set(columns)


def test_what_overflows_with_itself_comes_once_in_a_tensor() -> None:
    large = [int((mixed(seed).abs() == torch.finfo(torch.float32).max).sum()) for seed in range(20)]
    assert set(large) == {0, 1}


@pytest.mark.parametrize("rows", [1, 2])
def test_a_short_tensor_has_one_special_at_least(rows: int) -> None:
    for seed in range(20):
        plain = tensor(seed=seed, M=rows, N=3).view
        assert (mixed(seed, rows, N=3).view(torch.int32) != plain.view(torch.int32)).any()


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("dtype", FLOATS)
def test_ordinary_values_are_finite_in_every_dtype(values: str, dtype: str) -> None:
    assert bool(tensor(3, values=values, dtype=dtype, M=7, N=129).view.isfinite().all())


@pytest.mark.parametrize("values", sorted(set(get_args(ValueClass)) - set(WHOLE)))
@pytest.mark.parametrize("special", get_args(Special))
def test_a_tensor_without_axes_is_filled_as_a_row_of_one(values: str, special: str) -> None:
    alone, row = tensor(0, values=values, special=special), tensor(1, values=values, special=special, N=1)
    assert (alone.shape, alone.strides, alone.view.shape) == ((), (), ())
    assert torch.equal(alone.view.reshape(1).view(torch.int32), row.view.view(torch.int32))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_tensor_without_axes_has_one_element_in_every_layout(layout: Layout) -> None:
    made = tensor(0, layout=layout)
    assert (made.view.shape, made.base.numel()) == ((), made.offset + 1)


@pytest.mark.parametrize("values", WHOLE)
def test_a_whole_number_without_axes_is_within_its_range(values: ValueClass) -> None:
    plan = TensorPlan(values=values, special="none", position="first", layout="contiguous")
    drawn = integers(plan, (), -3, 4, None, np.random.default_rng(5))
    assert drawn.shape == ()
    assert -3 <= drawn <= 4


@pytest.mark.parametrize(
    ("dtype", "smallest"), [("float32", 2.0**-126), ("float16", 2.0**-14), ("bfloat16", 2.0**-126)]
)
def test_denormals_are_below_the_smallest_normal_number_and_not_all_zero(dtype: str, smallest: float) -> None:
    values = tensor(values="denormal", dtype=dtype, N=129).view.double().abs()
    assert 0 < float(values.max()) < smallest


@pytest.mark.parametrize(("dtype", "lowest", "highest"), [("float32", -126, 127), ("float16", -14, 15)])
def test_any_decade_of_normal_numbers_is_as_likely_as_another(dtype: str, lowest: int, highest: int) -> None:
    values = tensor(values="exponents", dtype=dtype, M=17, N=1025).view.double()
    exponents = torch.frexp(values).exponent - 1
    counts = torch.bincount(exponents.reshape(-1) - lowest)
    assert len(counts) in (highest - lowest, highest - lowest + 1), "the largest may be rounded up"
    assert int(counts[: highest - lowest].min()) > 17 * 1025 // (highest - lowest) // 2
    assert 0.4 < float((values > 0).double().mean()) < 0.6


def test_a_tensor_of_one_scale_has_another_one_with_another_seed() -> None:
    scales = {
        float(torch.tensor(float(tensor(seed=seed, values="scaled", N=129).view.std())).log2()) for seed in range(30)
    }
    assert min(scales) < -20
    assert max(scales) > 20


@pytest.mark.parametrize("width", [1, 63, 64, 65, 4096])
def test_the_end_of_a_row_outweighs_the_rest(width: int) -> None:
    view = tensor(values="tail", M=3, N=width).view.double()
    assert bool((view[:, -64:] >= 4).all())
    assert float(view[:, :-64].square().sum()) < float(view[:, -1].square().min())


def test_every_special_and_value_class_is_made_by_some_test() -> None:
    assert {"none", "nan", "inf", "-inf", "-inf_row", "-inf_prefix", "-0", "max", "denormal"} == set(SPECIALS)


def test_whole_numbers_are_within_their_range() -> None:
    assert targets("whole_lowest").view.tolist() == [0] * 7
    assert targets("whole_highest").view.tolist() == [15] * 7
    labels = targets("whole").view
    assert labels.dtype == torch.int64
    assert 0 <= int(labels.min()) <= int(labels.max()) < 16


def test_few_whole_numbers_repeat() -> None:
    assert len(set(targets("whole_few").view.tolist())) <= 3


def test_some_labels_are_ignored() -> None:
    labels = targets("whole_some_ignored").view
    assert 0 < int((labels == -100).sum()) < 7
    assert 0 <= int(labels[labels != -100].min()) <= int(labels.max()) < 16


def test_gaps_between_whole_numbers_hold_an_impossible_one() -> None:
    made = targets("whole", layout="stepped")
    assert bool((made.base[1::2] == GAPS["int64"]).all())
    assert int(made.view.max()) < 16


@pytest.mark.parametrize("name", OPERATORS)
def test_arguments_come_in_the_operators_order_with_the_declared_shapes(name: str) -> None:
    operator = OPERATORS[name]
    for case in islice(pairwise(operator, 2, operator.dtypes), 20):
        made = materialise(operator, case)
        assert [value.name for value in made] == [given.name for given in operator.inputs]
        for value in made:
            form = operator.form(case.form)
            if isinstance(value, ScalarValue) and value.name in form.arguments:
                assert value.value == evaluate(form.arguments[value.name], case.values)
            elif isinstance(value, ScalarValue):
                assert value.value == case.scalars[value.name]
            else:
                assert value.shape == form.shape(value.name, case.values)


def test_a_case_of_another_operator_is_a_key_error() -> None:
    case = next(pairwise(OPERATORS["matmul"], 1, FLOATS))
    with pytest.raises(KeyError):
        materialise(OPERATORS["softmax"], case)


@pytest.mark.parametrize("form", [form.name for form in OPERATORS["rope"].forms if form.shapes["cos"][-1] == "2*W"])
def test_the_halves_of_a_whole_table_differ(form: str) -> None:
    operator = OPERATORS["rope"]
    case = next(case for case in pairwise(operator, 1, FLOATS) if case.form == form and case.sizes["W"] > 2)
    cos = materialise(operator, case)[1]
    assert isinstance(cos, TensorValue)
    half = case.sizes["W"]
    assert cos.shape[-1] == 2 * half
    assert not torch.equal(cos.view[..., :half], cos.view[..., half:])  # so a kernel that reads one for both is found
