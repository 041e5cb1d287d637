"""Element-wise operations on formats that the stock interpreter gets wrong."""
# ruff: noqa: N803  # kernels name their constexprs, and branch on them, as kernels do

import pytest
import torch
import triton
import triton.language as tl
from triton.language.math import rsqrt as imported_rsqrt

BITS = {2: torch.int16, 4: torch.int32}
# Triton 3.6 compiles −x as 0 − x, which loses the sign of −0: its front end, not its interpreter
SIGN_FLIPS = not triton.__version__.startswith("3.6.")
HALVES = (torch.bfloat16, torch.float16)
ALL = tl.constexpr(tl.PropagateNan.ALL)


@triton.jit
def binary_kernel(x, y, o, OP: tl.constexpr, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    a = tl.load(x + i)
    b = tl.load(y + i)
    if OP == "add":
        r = a + b
    elif OP == "sub":
        r = a - b
    elif OP == "mul":
        r = a * b
    elif OP == "div":
        r = a / b
    elif OP == "maximum":
        r = tl.maximum(a, b)
    elif OP == "minimum":
        r = tl.minimum(a, b)
    elif OP == "maximum_all":
        r = tl.maximum(a, b, propagate_nan=ALL)
    elif OP == "where":
        r = tl.where(a < b, a, b)
    elif OP == "less":
        r = (a < b).to(tl.float32)
    elif OP == "fma":
        r = tl.fma(a, b, a)
    elif OP == "clamp":
        r = tl.clamp(a, -1.0, 1.0)
    tl.store(o + i, r)


@triton.jit
def unary_kernel(x, o, OP: tl.constexpr, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    a = tl.load(x + i)
    if OP == "neg":
        r = -a
    elif OP == "abs":
        r = tl.abs(a)
    elif OP == "exp":
        r = tl.exp(a.to(tl.float32)).to(a.dtype)
    elif OP == "rsqrt":
        r = imported_rsqrt(a.to(tl.float32)).to(a.dtype)
    tl.store(o + i, r)


def patterns(dtype):
    return torch.arange(-32768, 32768, dtype=torch.int32).to(torch.int16).view(dtype)


def pairs(dtype):
    """All patterns against a shuffle of all patterns, and every special value against every one."""
    every = patterns(dtype)
    order = torch.randperm(65536, generator=torch.Generator().manual_seed(1))
    inf, nan = float("inf"), float("nan")
    special = torch.tensor([0.0, -0.0, 1.0, -1.0, 3.0, inf, -inf, nan, 1e-7, -1e-7, 6e4, 1.0078125], dtype=dtype)
    grid = torch.cartesian_prod(special, special)
    padding = torch.ones(4096 - len(grid), dtype=dtype)
    x = torch.cat([every, grid[:, 0], padding])
    y = torch.cat([every[order], grid[:, 1], padding])
    return x.contiguous(), y.contiguous()


def binary(x, y, op, dtype):
    out = torch.empty(x.shape, dtype=dtype)
    binary_kernel[(x.numel() // 4096,)](x, y, out, OP=op, B=4096)
    return out


def unary(x, op):
    out = torch.empty_like(x)
    unary_kernel[(x.numel() // 4096,)](x, out, OP=op, B=4096)
    return out


def assert_same_bits(actual, expected):
    kind = BITS[actual.dtype.itemsize]
    different = (actual.view(kind) != expected.view(kind)) & ~(actual.isnan() & expected.isnan())
    where = different.nonzero().flatten()[:3]
    assert not different.any(), (int(different.sum()), where, actual[where], expected[where])


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("op", ["add", "sub", "mul"])
def test_16_bit_arithmetic_is_that_of_torch(dtype, op):
    x, y = pairs(dtype)
    assert_same_bits(binary(x, y, op, dtype), getattr(torch, op)(x, y))


@pytest.mark.parametrize("dtype", HALVES)
def test_16_bit_division_is_done_in_float32(dtype):
    x, y = pairs(dtype)
    assert_same_bits(binary(x, y, "div", torch.float32), x.float() / y.float())


@pytest.mark.parametrize("dtype", [*HALVES, torch.float32])
def test_maximum_and_minimum_take_the_number_where_the_other_is_nan(dtype):
    x, y = (side.to(dtype) for side in pairs(torch.float16))
    wide = torch.fmax(x.float(), y.float()), torch.fmin(x.float(), y.float())
    high, low = binary(x, y, "maximum", dtype), binary(x, y, "minimum", dtype)
    assert torch.equal(high.float().nan_to_num(7.0), wide[0].nan_to_num(7.0))
    assert torch.equal(low.float().nan_to_num(7.0), wide[1].nan_to_num(7.0))


def test_maximum_takes_the_positive_zero():
    x = torch.zeros(4096)
    y = -torch.zeros(4096)
    for a, b in ((x, y), (y, x)):
        assert not binary(a, b, "maximum", torch.float32).signbit().any()
        assert binary(a, b, "minimum", torch.float32).signbit().all()


@pytest.mark.parametrize("dtype", [*HALVES, torch.float32])
def test_maximum_propagates_nan_when_asked(dtype):
    x, y = (side.to(dtype) for side in pairs(torch.float16))
    got = binary(x, y, "maximum_all", dtype)
    assert torch.equal(got.isnan(), x.isnan() | y.isnan())


@pytest.mark.parametrize("dtype", HALVES)
def test_comparison_and_where_use_values(dtype):
    x, y = pairs(dtype)
    assert torch.equal(binary(x, y, "less", torch.float32), (x.float() < y.float()).float())
    assert_same_bits(binary(x, y, "where", dtype), torch.where(x.float() < y.float(), x, y))


@pytest.mark.parametrize("dtype", HALVES)
def test_clamp_uses_values(dtype):
    x, y = pairs(dtype)
    keep = ~x.isnan()
    got = binary(x, y, "clamp", dtype)[keep].float()
    assert torch.equal(got, x[keep].float().clamp(-1, 1))


@pytest.mark.parametrize("dtype", HALVES)
def test_fma_rounds_once(dtype):
    x, y = pairs(dtype)
    exact = x.double() * y.double() + x.double()  # 53 bits hold almost every such sum exactly
    single = binary(x, y, "fma", dtype)
    keep = exact.isfinite() & (exact.abs() < torch.finfo(dtype).max)
    step = (single.double()[keep] - exact[keep]).abs()
    up = torch.nextafter(single.float()[keep], torch.tensor(float("inf")))
    assert (step <= (exact[keep].abs() * torch.finfo(dtype).eps / 2).clamp_min(torch.finfo(dtype).tiny)).all()
    assert up.numel() > 40000


def test_float32_fma_rounds_once():
    x = torch.full((4096,), 1 + 2**-12)
    y = torch.full((4096,), 1 - 2**-12)
    got = binary(-x, y, "fma", torch.float32)
    exact = -(x.double() * y.double()) - x.double()
    assert torch.equal(got, exact.float())


@pytest.mark.parametrize("dtype", HALVES)
def test_negation_and_absolute_value_touch_the_sign_only(dtype):
    x = patterns(dtype)
    negated = -x if SIGN_FLIPS else 0 - x
    assert_same_bits(unary(x, "neg"), negated)
    assert_same_bits(unary(x, "abs"), x.abs())


@pytest.mark.parametrize("dtype", HALVES)
def test_functions_of_float32_are_rounded_from_the_exact_value(dtype):
    x = patterns(dtype)
    assert_same_bits(unary(x, "exp"), torch.exp(x.double()).float().to(dtype))


def test_a_builtin_imported_by_name_works():
    x = torch.linspace(0.5, 4.0, 4096)
    assert torch.equal(unary(x, "rsqrt"), (1 / x.double().sqrt()).float())


def test_integers_wrap():
    x = torch.full((4096,), 2**31 - 1, dtype=torch.int32)
    assert torch.equal(binary(x, x, "add", torch.int32), torch.full_like(x, -2))
    assert torch.equal(binary(x, x, "mul", torch.int32), torch.full_like(x, 1))
