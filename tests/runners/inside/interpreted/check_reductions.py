"""Reductions, scans and matrix products."""
# ruff: noqa: N803, SIM108  # kernels name their constexprs, and branch on them, as kernels do

import pytest
import torch
import triton
import triton.language as tl

from runners.inside import interpreter
from runners.wire import Conditions

NAN = float("nan")


@triton.jit
def reduce_kernel(x, o, index, OP: tl.constexpr, B: tl.constexpr):
    v = tl.load(x + tl.arange(0, B))
    if OP == "sum":
        tl.store(o, tl.sum(v, 0))
    elif OP == "max":
        tl.store(o, tl.max(v, 0))
    elif OP == "min":
        tl.store(o, tl.min(v, 0))
    elif OP == "argmax":
        tl.store(index, tl.argmax(v, 0))
    elif OP == "argmin":
        tl.store(index, tl.argmin(v, 0))
    elif OP == "argmax_fast":
        tl.store(index, tl.argmax(v, 0, tie_break_left=False))
    elif OP == "max_index":
        best, where = tl.max(v, 0, return_indices=True)
        tl.store(o, best)
        tl.store(index, where)


@triton.jit
def _product(a, b):
    return a * b


@triton.jit
def _later_if_larger(a, b):
    if a > b:
        return a
    return b


@triton.jit
def _welford(mean_a, m2_a, n_a, mean_b, m2_b, n_b):
    n = n_a + n_b
    delta = mean_b - mean_a
    return mean_a + delta * n_b / n, m2_a + m2_b + delta * delta * n_a * n_b / n, n


@triton.jit
def custom_kernel(x, o, R: tl.constexpr, C: tl.constexpr, AXIS: tl.constexpr, BRANCHES: tl.constexpr):
    v = tl.load(x + tl.arange(0, R)[:, None] * C + tl.arange(0, C)[None, :])
    if BRANCHES:
        r = tl.reduce(v, AXIS, _later_if_larger)
    else:
        r = tl.reduce(v, AXIS, _product)
    tl.store(o + tl.arange(0, r.shape[0]), r)


@triton.jit
def welford_kernel(x, o, B: tl.constexpr):
    v = tl.load(x + tl.arange(0, B))
    mean, m2, n = tl.reduce((v, tl.zeros((B,), tl.float32), tl.full((B,), 1.0, tl.float32)), 0, _welford)
    tl.store(o, mean)
    tl.store(o + 1, m2 / n)


@triton.jit
def scan_kernel(x, o, REVERSE: tl.constexpr, CUSTOM: tl.constexpr, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i)
    if CUSTOM:
        r = tl.associative_scan(v, 0, _product, reverse=REVERSE)
    else:
        r = tl.cumsum(v, 0, reverse=REVERSE)
    tl.store(o + i, r)


@triton.jit
def branching_scan_kernel(x, o, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(o + i, tl.associative_scan(tl.load(x + i), 0, _later_if_larger))


def reduced(values, op, dtype=torch.float32):
    x = torch.tensor(values).to(dtype)
    out, index = torch.zeros(1, dtype=dtype), torch.zeros(1, dtype=torch.int32)
    reduce_kernel[(1,)](x, out, index, OP=op, B=len(values))
    return out.item() if op in ("sum", "max", "min") else (out.item(), index.item())


def test_a_16_bit_sum_is_rounded_at_every_step():
    # float16 has no odd number above 2048, bfloat16 none above 256: a hidden wide sum would give the exact value
    # (an H100 gave 4080 and 1272: the tree's shape is the layout's, that it rounds is not)
    assert reduced([2048.0, 1.0], "sum", torch.float16) == 2048.0
    assert 4064 <= reduced([2048.0] + [1.0] * 2047, "sum", torch.float16) < 4095
    assert reduced([256.0, 1.0], "sum", torch.bfloat16) == 256.0
    assert reduced([1.0] * 256, "sum", torch.bfloat16) == 256.0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_extremes_ignore_nan_unless_nothing_else_is_there(dtype):
    assert reduced([NAN, -3.0, -1.0, NAN], "max", dtype) == -1.0
    assert reduced([NAN, -3.0, -1.0, NAN], "min", dtype) == -3.0
    everything = reduced([NAN] * 4, "max", dtype)
    assert everything != everything


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_arg_reductions_give_the_first_of_equals(dtype):
    values = [float(i % 7) - 3 for i in range(64)]
    assert reduced(values, "argmax", dtype)[1] == 6
    assert reduced(values, "argmin", dtype)[1] == 0
    assert reduced(values, "max_index", dtype) == (3.0, 6)


def test_without_left_ties_any_of_equals_is_given():
    given = set()
    for seed in range(4):
        conditions = Conditions(fresh_byte=0, order_seed=None, choice_seed=seed, undefined_lanes=False)
        with interpreter.observe(conditions):
            _, index = reduced([0.0] * 8 + [1.0] * 48 + [0.0] * 8, "argmax_fast")
        assert 8 <= index < 56
        given.add(index)
    assert len(given) > 1
    assert reduced([0.0] * 8 + [1.0] + [0.0] * 55, "argmax_fast")[1] == 8


@triton.jit
def sorted_kernel(x, o, K: tl.constexpr, DESCENDING: tl.constexpr, B: tl.constexpr):
    block = tl.load(x + tl.arange(0, B))
    if K:
        tl.store(o + tl.arange(0, K), tl.topk(block, K))
    else:
        tl.store(o + tl.arange(0, B), tl.sort(block, descending=DESCENDING))


def ordered(x, top=0, descending=False):
    out = torch.zeros(top or x.numel(), dtype=x.dtype)
    sorted_kernel[(1,)](x, out, K=top, DESCENDING=descending, B=x.numel())
    return out


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.int32])
def test_numbers_with_ties_are_sorted(dtype):
    x = torch.randint(-4, 4, (64,)).to(dtype)
    for descending in (False, True):
        assert torch.equal(ordered(x, descending=descending), x.sort(descending=descending).values)
    assert torch.equal(ordered(x, top=8), x.topk(8).values)


def bitonic_network(values, descending):
    """What a GPU makes of `tl.sort`: comparisons decide which of two elements a place takes; NaN is never larger."""
    stages = len(values).bit_length() - 1
    for stage in range(1, stages + 1):
        for bit in reversed(range(stage)):
            flips = [place >> stage & 1 if stage < stages else int(descending) for place in range(len(values))]
            rights = [place >> bit & 1 for place in range(len(values))]
            pairs = [(value, values[place ^ (1 << bit)]) for place, value in enumerate(values)]
            values = [y if (x > y) != (f ^ r) else x for (x, y), f, r in zip(pairs, flips, rights, strict=True)]
    return torch.tensor(values)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
@pytest.mark.parametrize("places", [[0], [2], [7], [1, 6]], ids=str)
def test_nan_spoils_what_is_sorted_as_in_the_compiled_network(dtype, places):
    x = torch.tensor([3.0, 1.0, 6.0, 2.0, 0.0, 7.0, 5.0, 4.0])
    x[places] = NAN
    for descending in (False, True):
        found = ordered(x.to(dtype), descending=descending).float()
        torch.testing.assert_close(found, bitonic_network(x.tolist(), descending), rtol=0, atol=0, equal_nan=True)
        assert found.nan_to_num(9).unique().numel() < 8, "no element is lost"
    assert not torch.equal(ordered(x.to(dtype), top=4).float().nan_to_num(9), x.topk(4).values.nan_to_num(9))


def test_arg_reduction_of_nothing_but_nan_gives_the_last_index():
    assert reduced([NAN] * 64, "argmax")[1] == 63
    assert reduced([NAN] * 64, "argmin")[1] == 63


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("branches", [False, True])
def test_custom_reductions_agree_with_torch_on_every_axis(axis, branches):
    x = torch.rand(4, 8) + 0.5
    expected = x.amax(axis) if branches else x.double().prod(axis).float()
    out = torch.zeros(expected.shape)
    custom_kernel[(1,)](x, out, R=4, C=8, AXIS=axis, BRANCHES=branches)
    torch.testing.assert_close(out, expected)


def test_a_reduction_of_several_tensors_works():
    x = torch.randn(1024)
    out = torch.zeros(2)
    welford_kernel[(1,)](x, out, B=1024)
    torch.testing.assert_close(out, torch.stack([x.mean(), x.var(correction=0)]))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.int32])
def test_cumsum_agrees_with_torch(dtype, reverse):
    x = torch.randint(0, 3, (64,), generator=torch.Generator().manual_seed(0)).to(dtype)  # sums stay exact
    out = torch.zeros_like(x)
    scan_kernel[(1,)](x, out, REVERSE=reverse, CUSTOM=False, B=64)
    expected = x.flip(0).cumsum(0).flip(0) if reverse else x.cumsum(0)
    assert torch.equal(out, expected.to(dtype))


@pytest.mark.parametrize("reverse", [False, True])
def test_custom_scan_agrees_with_torch(reverse):
    x = torch.rand(64) + 0.5
    out = torch.zeros_like(x)
    scan_kernel[(1,)](x, out, REVERSE=reverse, CUSTOM=True, B=64)
    torch.testing.assert_close(out, x.flip(0).cumprod(0).flip(0) if reverse else x.cumprod(0))


def test_a_scan_that_branches_runs_element_by_element():
    x = torch.randn(32)
    out = torch.zeros_like(x)
    branching_scan_kernel[(1,)](x, out, B=32)
    assert torch.equal(out, x.cummax(0).values)


@triton.jit
def dot_kernel(a, b, c, S: tl.constexpr, IP: tl.constexpr, HALF: tl.constexpr):
    i = tl.arange(0, S)
    at = i[:, None] * S + i[None, :]
    x = tl.load(a + at)
    y = tl.load(b + at)
    if HALF:
        tl.store(c + at, tl.dot(x, y, out_dtype=tl.float16))
    elif IP == "default":
        tl.store(c + at, tl.dot(x, y))
    else:
        tl.store(c + at, tl.dot(x, y, input_precision=IP))


def dot(a, b, precision="default", out=torch.float32, half=False):
    c = torch.empty(a.shape, dtype=out)
    dot_kernel[(1,)](a, b, c, S=a.shape[0], IP=precision, HALF=half)
    return c


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float8_e4m3fn, torch.float8_e5m2])
def test_dot_of_narrow_floats_uses_their_values(dtype):
    a, b = (torch.randn(32, 32).to(dtype) for _ in range(2))
    torch.testing.assert_close(dot(a, b), (a.double() @ b.double()).float(), rtol=1e-5, atol=1e-5)


def test_float32_dot_is_tf32_unless_ieee_is_asked():
    a = torch.eye(16) * (1 + 2**-11 + 2**-12)  # measured on an H100: truncated, not rounded
    b = torch.eye(16)
    assert dot(a, b)[0, 0].item() == 1.0
    assert dot(a, b, "tf32")[0, 0].item() == 1.0
    assert dot(b, a, "tf32")[0, 0].item() == 1.0
    assert dot(a, b, "ieee")[0, 0].item() == 1 + 2**-11 + 2**-12
    assert dot(a, b, "tf32x3")[0, 0].item() == 1 + 2**-11 + 2**-12


@pytest.mark.parametrize(("precision", "bound"), [("tf32x3", 3e-5), ("bf16x3", 3e-4), ("bf16x6", 3e-5)])
def test_split_precisions_are_near_exact(precision, bound):
    a, b = torch.randn(32, 32), torch.randn(32, 32)
    exact = a.double() @ b.double()
    assert (dot(a, b, precision) - exact).abs().max() < bound
    assert (dot(a, b, "tf32") - exact).abs().max() > 10 * bound


def test_a_float16_accumulator_is_rounded():
    a = torch.full((64, 64), 1 / 16).half()
    a[:, 0] = 2048
    b = torch.ones(64, 64).half()
    assert dot(a, b)[0, 0].item() == 2048 + 63 / 16
    assert dot(a, b, out=torch.float16, half=True)[0, 0].item() == 2048  # each step adds less than half an ulp


@pytest.mark.parametrize("precision", ["default", "ieee", "tf32x3"])
def test_equal_rows_and_columns_of_a_dot_have_equal_bits(precision):
    a, b = torch.randn(5, 64)[torch.arange(64) % 5], torch.randn(64, 7)[:, torch.arange(64) % 7]
    product = dot(a, b, precision)
    assert torch.equal(product, product[torch.arange(64) % 5])
    assert torch.equal(product, product[:, torch.arange(64) % 7])


def test_int8_dot_is_exact():
    a, b = (torch.randint(-128, 128, (32, 32), dtype=torch.int8) for _ in range(2))
    assert torch.equal(dot(a, b, out=torch.int32), a.int() @ b.int())


@triton.jit
def float8_kernel(a, b, c, length, TILE: tl.constexpr, K: tl.constexpr, IMPRECISE: tl.constexpr):
    i, k = tl.arange(0, TILE), tl.arange(0, K)
    total = tl.zeros((TILE, TILE), tl.float32)
    for start in range(0, length, K):
        left = tl.load(a + i[:, None] * length + (start + k)[None, :])
        right = tl.load(b + (start + k)[:, None] * TILE + i[None, :])
        total = tl.dot(left, right, total, max_num_imprecise_acc=IMPRECISE)
    tl.store(c + i[:, None] * TILE + i[None, :], total)


def float8_error(*, dtype=torch.float8_e4m3fn, tile=64, width=64, imprecise=None, num_warps=4):
    """The largest error of a product of positive factors, as a part of the result."""
    a, b, c = torch.rand(tile, 512).to(dtype), torch.rand(512, tile).to(dtype), torch.zeros(tile, tile)
    float8_kernel[(1,)](a, b, c, 512, TILE=tile, K=width, IMPRECISE=imprecise, num_warps=num_warps)
    exact = a.double() @ b.double()
    return float(((c - exact) / exact).abs().max())


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_a_float8_product_by_wgmma_keeps_14_bits(dtype):
    assert 2**-12 < float8_error(dtype=dtype) < 2**-9


def test_partial_sums_in_float32_keep_more_of_a_float8_product():
    assert 2**-16 < float8_error(imprecise=32) < float8_error() / 3
    assert float8_error(width=128, imprecise=64) < float8_error(width=128, imprecise=128)


WIDENED = [{"imprecise": 0}, {"num_warps": 2}, {"tile": 32}, {"dtype": torch.float16}, {"dtype": torch.bfloat16}]


@pytest.mark.parametrize("widened", WIDENED, ids=str)
def test_what_sm_90_widens_keeps_its_float32_sums(widened):
    assert float8_error(**widened) < 2**-20
