"""What a right result may be: the reference always, a unit beyond never; no claim where the input decides nothing."""

from __future__ import annotations

import math
from itertools import islice

import pytest
import torch

from runners.dtypes import TORCH_DTYPES
from runners.materialise import ScalarValue, TensorValue, materialise
from runners.operators import OPERATORS, Operator
from runners.operators.model import FLOATS
from runners.oracle import Expected, compare, expect
from runners.plans import pairwise

INF, NAN = math.inf, math.nan
SHORT = ("float16", "bfloat16")


def given(name: str, values: list[float] | list[list[float]], dtype: str = "float32") -> TensorValue:
    tensor = torch.tensor(values, dtype=torch.float64).to(TORCH_DTYPES[dtype])
    return TensorValue(name, dtype, tensor.reshape(-1), tuple(tensor.shape), tensor.stride(), 0)


def expected(name: str, *arguments: TensorValue | ScalarValue) -> Expected:
    (want,) = expect(OPERATORS[name], arguments[0].dtype, arguments)
    return want


def accepted(want: Expected, *values: object) -> bool:
    got = torch.tensor(values, dtype=torch.float64).to(TORCH_DTYPES[want.dtype])
    return compare(want, got.reshape(want.shape)).wrong == 0


@pytest.mark.parametrize("name", OPERATORS)
def test_the_exact_result_rounded_once_is_right(name: str) -> None:
    operator = OPERATORS[name]
    for case in islice(pairwise(operator, 21, operator.dtypes), 60):
        for want in expect(operator, case.dtype, materialise(operator, case)):
            target = TORCH_DTYPES[want.dtype]
            comparison = compare(want, (want.exact if target.is_floating_point else want.exact.round()).to(target))
            assert comparison.wrong == 0, case.describe()
            assert comparison.worst_ratio <= 1


@pytest.mark.parametrize("dtype", SHORT)
@pytest.mark.parametrize("direction", [INF, -INF])
def test_one_unit_beyond_the_nearest_is_wrong_where_the_operator_rounds_once(dtype: str, direction: float) -> None:
    x, y = given("x", [1.0, 3.0, 100.0], dtype), given("y", [0.37, -7.1, 0.011], dtype)
    want = expected("add", x, y)
    right = (x.view.double() + y.view.double()).to(TORCH_DTYPES[dtype])
    off = torch.nextafter(right, torch.full_like(right, direction))
    assert compare(want, right).wrong == 0
    assert compare(want, off).wrong == 3


@pytest.mark.parametrize("direction", [INF, -INF])
def test_a_few_units_of_float32_are_wrong_where_the_operator_rounds_once(direction: float) -> None:
    want = expected("add", given("x", [1.0, 3.0]), given("y", [0.37, -7.1]))
    off = want.exact.float()
    for _ in range(4):
        off = torch.nextafter(off, torch.full_like(off, direction))
    assert compare(want, off).wrong == 2


def test_relu_is_exact_and_keeps_denormals() -> None:
    want = expected("relu", given("x", [1e-39, -1e-39, 2.5]))
    assert accepted(want, 1e-39, 0.0, 2.5)
    assert not accepted(want, 0.0, 0.0, 2.5)


def test_the_signs_of_zeros_are_not_compared_where_something_is_computed() -> None:
    assert accepted(expected("relu", given("x", [-0.0, -1.0])), 0.0, -0.0)


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_copied_zero_keeps_its_sign(dtype: str) -> None:
    want = expected("transpose", given("x", [[-0.0, 0.0, 1.0, NAN]], dtype))
    assert accepted(want, -0.0, 0.0, 1.0, NAN)
    assert accepted(want, -0.0, 0.0, 1.0, -NAN), "which NaN it is was never promised"
    assert not accepted(want, 0.0, 0.0, 1.0, NAN)
    assert not accepted(want, -0.0, -0.0, 1.0, NAN)


@pytest.mark.parametrize(
    ("name", "x", "right", "wrong"),
    [
        ("sigmoid", [20.0, 88.0, INF], [1.0, 1.0, 1.0], [0.999999, 0.999999, 0.999999]),
        ("silu", [20.0, 1e4, INF], [20.0, 1e4, INF], [19.99998, 9999.99, 3e38]),
        ("tanh", [10.0, -1e4, -INF], [1.0, -1.0, -1.0], [0.999999, -0.999999, -0.999999]),
        ("gelu", [-10.0, -1e3, -1e30], [-0.0, -0.0, -0.0], [-1e-6, -1e-3, -1e21]),
        ("gelu_tanh", [-10.0, -1e3, -1e30], [-0.0, -0.0, -0.0], [-1e-6, -1e-3, -1e21]),
    ],
)
def test_where_a_function_saturates_there_is_no_room(
    name: str, x: list[float], right: list[float], wrong: list[float]
) -> None:
    want = expected(name, given("x", x))
    assert accepted(want, *right)
    for place, value in enumerate(wrong):
        assert not accepted(want, *right[:place], value, *right[place + 1 :])


def test_elu_has_no_room_where_it_saturates() -> None:
    want = expected("elu", given("x", [-50.0, -INF]), ScalarValue("alpha", 1.0))
    assert accepted(want, -1.0, -1.0)
    assert not accepted(want, -0.999999, -1.0)
    assert not accepted(want, -1.0, -0.999999)


def test_the_first_places_of_a_long_running_sum_are_as_exact_as_those_of_a_short_one() -> None:
    want = expected("cumsum", given("x", [[1.0] * 4096]))
    sums = [float(place + 1) for place in range(4096)]
    assert accepted(want, *sums)
    assert not accepted(want, 1.00004, *sums[1:])
    assert accepted(want, *sums[:-1], 4096 * 1.00004), "what 4096 equal terms may lose, one after the other"


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("special", [NAN, INF, -INF])
def test_what_is_not_finite_must_be_so_by_position_and_class(dtype: str, special: float) -> None:
    want = expected("add", given("x", [special, 1.0], dtype), given("y", [1.0, 1.0], dtype))
    assert accepted(want, special, 2.0)
    for wrong in {NAN, INF, -INF, 0.0, 65504.0} - {special}:
        if not (math.isnan(wrong) and math.isnan(special)):
            assert not accepted(want, wrong, 2.0)
    assert not accepted(want, 2.0, special)


@pytest.mark.parametrize("name", ["sum", "matmul", "rms_norm", "layer_norm"])
def test_an_infinite_input_leaves_no_freedom_where_the_result_is_determined(name: str) -> None:
    x = given("x", [[INF, 1.0, 2.0], [1.0, 2.0, 3.0]])
    one = given("w", [1.0, 1.0, 1.0])
    more = {"sum": (), "matmul": (given("b", [[1.0], [1.0], [1.0]]),), "rms_norm": (one, ScalarValue("eps", 1e-5)),
            "layer_norm": (one, one, ScalarValue("eps", 1e-5))}[name]  # fmt: skip
    want = expected(name, x, *more)
    assert not bool(want.free.any())
    assert compare(want, torch.full(want.shape, 17.0)).wrong == want.exact.numel()


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_row_of_minus_infinity_makes_a_softmax_row_of_nan(dtype: str) -> None:
    want = expected("softmax", given("x", [[-INF, -INF], [-INF, 1.0]], dtype))
    assert accepted(want, [NAN, NAN], [0.0, 1.0])
    assert not accepted(want, [0.0, 0.0], [0.0, 1.0])
    assert not accepted(want, [0.5, 0.5], [0.0, 1.0])
    assert not accepted(want, [NAN, NAN], [NAN, NAN])


def test_a_result_beyond_the_largest_float16_is_infinite() -> None:
    want = expected("add", given("x", [65504.0, -65504.0], "float16"), given("y", [32.0, -32.0], "float16"))
    assert accepted(want, INF, -INF)
    assert not accepted(want, 65504.0, -65504.0)
    assert not accepted(want, -INF, INF)


def test_a_result_just_below_the_edge_of_float16_stays_finite() -> None:
    want = expected("add", given("x", [65504.0], "float16"), given("y", [15.0], "float16"))
    assert accepted(want, 65504.0)
    assert not accepted(want, INF)


def test_at_the_edge_of_overflow_both_sides_are_right_as_far_as_rounding_may_err() -> None:
    want = expected("sum", given("x", [[65504.0, 15.9921875]], "float16"))
    assert accepted(want, 65504.0)
    assert accepted(want, INF)
    assert not accepted(want, NAN)


def test_where_the_references_disagree_about_the_class_anything_goes() -> None:
    operator = Operator(
        name="square", summary="", inputs=OPERATORS["relu"].inputs, dims=OPERATORS["relu"].dims,
        forms=OPERATORS["relu"].forms, reference=lambda x: (x * x).sqrt(), condition=lambda x: x.abs(),
    )  # fmt: skip
    (want,) = expect(operator, "float32", [given("x", [1e30, 2.0])])
    assert want.free.tolist() == [True, False]
    assert accepted(want, INF, 2.0)
    assert accepted(want, 1e30, 2.0)
    assert not accepted(want, 1e30, 3.0)


def test_where_an_intermediate_may_overflow_anything_goes() -> None:
    want = expected("sum", given("x", [[3e38, 3e38, -3e38, -3e38], [1.0, 2.0, 3.0, 4.0]]))
    assert want.free.tolist() == [True, False]
    assert want.judged == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["transpose", "relu"])
def test_what_is_selected_is_itself_to_the_bit(name: str, dtype: str) -> None:
    kind = torch.finfo(TORCH_DTYPES[dtype])
    want = expected(name, given("x", [[1.0, kind.max, kind.smallest_normal * kind.eps]], dtype))
    assert accepted(want, *want.exact.flatten().tolist())
    for wrong in ([1 - kind.eps / 2, *want.exact.flatten()[1:]], [1, INF, want.exact.flatten()[2]], [1, kind.max, 0]):
        assert not accepted(want, *map(float, wrong))


def test_one_addition_is_rounded_once() -> None:
    x, y = given("x", [1.0, 3e38, 1.0], "float32"), given("y", [2.0**-25, 3e38, 1e-45], "float32")
    want = expected("add", x, y)
    assert accepted(want, 1.0, INF, 1.0)
    assert not accepted(want, 1 - 2.0**-24, INF, 1.0)


def test_in_float64_only_what_may_overflow_in_float64_is_free() -> None:
    want = expected("sum", given("x", [[1e300, 1e300], [1e308, 1e308], [1e308, -1e308]], "float64"))
    assert want.free.tolist() == [False, True, True]
    assert accepted(want, 2e300, INF, 0.0)
    assert not accepted(want, 0.0, INF, 0.0)


@pytest.mark.parametrize("name", ["transpose", "relu"])
def test_of_a_copied_float64_nothing_is_free(name: str) -> None:
    want = expected(name, given("x", [[1e39, -1.5e300], [INF, NAN]], "float64"))
    assert want.judged == 4


def test_an_operator_that_does_not_propagate_leaves_nonfinite_elements_free() -> None:
    relu = OPERATORS["relu"]
    operator = Operator(name="relu", summary="", inputs=relu.inputs, dims=relu.dims, forms=relu.forms,
                        reference=relu.reference, condition=relu.condition, propagates_nonfinite=False)  # fmt: skip
    (want,) = expect(operator, "float32", [given("x", [NAN, 2.0])])
    assert want.free.tolist() == [True, False]


def test_a_comparison_tells_count_class_and_the_first_places() -> None:
    want = expected("relu", given("x", [[float(n) for n in range(1, 5)]] * 3))
    got = want.exact.float()
    got[1, 2] = NAN
    got[2] = 0.0
    comparison = compare(want, got)
    assert (comparison.wrong, comparison.total, comparison.nonfinite) == (5, 12, True)
    assert [element.index for element in comparison.first] == [(1, 2), (2, 0), (2, 1), (2, 2), (2, 3)]
    assert comparison.first[1].got == 0.0
    assert comparison.first[1].low <= comparison.first[1].expected == 1.0 <= comparison.first[1].high


def test_a_finite_first_error_is_one_of_value() -> None:
    want = expected("relu", given("x", [1.0, NAN]))
    assert not compare(want, torch.tensor([2.0, 0.0])).nonfinite


def test_only_the_first_five_wrong_elements_are_kept() -> None:
    want = expected("relu", given("x", [1.0] * 9))
    assert len(compare(want, torch.zeros(9)).first) == 5


def test_nothing_is_wrong_with_an_empty_result() -> None:
    want = expected("relu", TensorValue("x", "float32", torch.empty(0), (3, 0), (1, 1), 0))
    comparison = compare(want, torch.empty(3, 0))
    assert (comparison.wrong, comparison.total, comparison.worst_ratio) == (0, 0, 0.0)


def test_the_worst_ratio_grows_with_the_error_and_is_one_at_the_edge() -> None:
    want = expected("gelu", given("x", [1.5]))
    middle, edge = (want.low + want.high) / 2, want.high
    assert compare(want, middle).worst_ratio < 0.01
    assert compare(want, edge).worst_ratio == pytest.approx(1.0)
    assert compare(want, edge + (edge - middle) * 0.01).wrong == 1


def test_references_are_computed_from_the_low_precision_inputs() -> None:
    want = expected("add", given("x", [0.1], "bfloat16"), given("y", [0.2], "bfloat16"))
    assert float(want.exact) == float(torch.tensor(0.1).bfloat16()) + float(torch.tensor(0.2).bfloat16())


def test_a_row_of_zeros_may_have_any_finite_scale() -> None:
    q, scale = expect(OPERATORS["quantize_int8"], "float32", [given("x", [[0.0, 0.0], [127.0, 1.0]])])
    assert accepted(q, 0, 0, 127, 1)
    assert accepted(scale, 0.0, 1.0)
    assert accepted(scale, 1.0, 1.0)
    assert not accepted(scale, INF, 1.0)
    assert not accepted(scale, float("nan"), 1.0)
    assert not accepted(scale, 1.0, 1.001)


def test_attention_whose_scores_are_beyond_float32_must_still_be_finite() -> None:
    arguments = [
        TensorValue(name, "float32", torch.full((64,), 1e4), (1, 1, 2, 32), (64, 64, 32, 1), 0) for name in "qkv"
    ]
    want = expected("attention", *arguments, ScalarValue("scale", 1.0), ScalarValue("causal", False))
    assert accepted(want, *[1.0] * 64)
    assert not accepted(want, *[INF] * 64)


def test_where_the_scale_is_denormal_any_q_will_do() -> None:
    q, scale = expect(OPERATORS["quantize_int8"], "float32", [given("x", [[1e-39, 2e-39], [127.0, 1.0]])])
    assert accepted(q, 127, -127, 127, 1)
    assert not accepted(q, 127, -127, 127, 3)
    assert accepted(scale, 2e-39 / 127, 1.0)


@pytest.mark.parametrize(("scale", "may_tie_upwards"), [(0.25, False), (15 * 2.0**-9, True)])
def test_a_tie_is_decided_only_where_the_reciprocal_of_the_scale_is_exact(scale: float, may_tie_upwards: bool) -> None:
    q, _ = expect(OPERATORS["quantize_int8"], "float32", [given("x", [[127 * scale, 44.5 * scale]])])
    assert accepted(q, 127, 44)
    assert accepted(q, 127, 45) is may_tie_upwards
    assert not accepted(q, 127, 43)


@pytest.mark.parametrize(("lost", "right"), [(0, True), (1, False), (-1, False)])
def test_an_int8_product_is_exact_though_its_partial_sums_leave_float32(lost: int, right: bool) -> None:
    a = torch.tensor([[127] * 1041 + [-127] * 1040 + [-126]], dtype=torch.int8)
    b = torch.full((2082, 1), 127, dtype=torch.int8)
    arguments = [
        TensorValue(name, "int8", t.reshape(-1), tuple(t.shape), t.stride(), 0) for name, t in (("a", a), ("b", b))
    ]
    scales = [given(name, [1.0]) for name in ("scale_a", "scale_b")]
    (want,) = expect(OPERATORS["int8_matmul"], "int8", [*arguments, *scales])
    assert float(want.exact) == 127
    assert accepted(want, 127.0 + lost) is right


@pytest.mark.parametrize("seed", range(20))
def test_equal_terms_may_be_added_one_after_the_other(seed: int) -> None:
    value = float(torch.randn((), generator=torch.Generator().manual_seed(seed)))
    x = given("x", [[value] * 4099])
    running = x.view.numpy().cumsum(1, dtype="float32")
    assert compare(expected("cumsum", x), torch.from_numpy(running)).wrong == 0
    assert compare(expected("sum", x), torch.from_numpy(running[:, -1])).wrong == 0


def test_a_dropped_term_of_thousands_is_still_wrong() -> None:
    x = given("x", [[1.0] * 4099])
    assert compare(expected("sum", x), torch.tensor([4098.0])).wrong == 1


def test_half_of_an_odd_denormal_may_be_rounded_before_the_rest_is_computed() -> None:
    x = given("x", [-699 * 2.0**-24, 0.25], "float16")
    want = expected("gelu", x)
    early = (x.view * 0.5).float() * (1 + torch.erf(x.view.float() / math.sqrt(2)))
    assert early.half()[0] != want.exact.half()[0]
    assert compare(want, early.half()).wrong == 0
    assert compare(want, torch.nextafter(early.half(), torch.full((2,), -INF, dtype=torch.float16))).wrong == 2
