"""Conversions, bit for bit."""
# ruff: noqa: N803  # kernels name their constexprs, and branch on them, as kernels do

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
FP8 = {torch.float8_e4m3fn: 448.0, torch.float8_e5m2: 57344.0}
HALVES = (torch.bfloat16, torch.float16)


@triton.jit
def cast_kernel(x, o, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(o + i, tl.load(x + i).to(o.dtype.element_ty))


@triton.jit
def truncating_cast_kernel(x, o, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(o + i, tl.load(x + i).to(o.dtype.element_ty, fp_downcast_rounding="rtz"))


@triton.jit
def mask_kernel(x, o, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i)
    tl.store(o + i, (v > v * 0.0).to(o.dtype.element_ty))


@triton.jit
def constant_kernel(o, B: tl.constexpr):
    tl.store(o + tl.arange(0, B), tl.full((B,), 1.1, o.dtype.element_ty))


def cast(x, dtype, kernel=cast_kernel):
    padded = torch.zeros(-(-x.numel() // 4096) * 4096, dtype=x.dtype)
    padded[: x.numel()] = x
    out = torch.empty(padded.shape, dtype=dtype)
    kernel[(padded.numel() // 4096,)](padded, out, B=4096)
    return out[: x.numel()]


def patterns(dtype):
    return torch.arange(-32768, 32768, dtype=torch.int32).to(torch.int16).view(dtype)


def assert_same_bits(actual, expected):
    assert actual.dtype == expected.dtype
    kind = BITS[actual.dtype.itemsize]
    different = actual.view(kind) != expected.view(kind)
    if actual.is_floating_point():
        different &= ~(actual.to(torch.float64).isnan() & expected.to(torch.float64).isnan())
    where = different.nonzero().flatten()[:3]
    assert not different.any(), (int(different.sum()), where, actual[where], expected[where])


def saturated(x, dtype):
    """What `cvt.rn.satfinite` gives; torch rounds alike and overflows otherwise."""
    limit = FP8[dtype]
    return x.to(torch.float32).clamp(-limit, limit).to(dtype)


def float32_boundaries(dtype):
    """Every value of a 16- or 8-bit format, every midpoint, and the floats beside each of them."""
    kind, size = (torch.int16, 32768) if dtype.itemsize == 2 else (torch.uint8, 128)
    values = torch.arange(size).to(kind).view(dtype).to(torch.float32)
    values = values[values.isfinite()].numpy()
    midpoints = (values[1:].astype(np.float64) + values[:-1]) / 2
    points = np.concatenate([values, midpoints.astype(np.float32)])
    points = np.concatenate([points, np.nextafter(points, np.float32(np.inf)), np.nextafter(points, np.float32(-1))])
    special = np.array([np.inf, np.nan, 3.4e38, 1e-45, 1e-40, 1.1754944e-38], dtype=np.float32)
    points = np.concatenate([points, special])
    return torch.from_numpy(np.concatenate([points, -points]))


@pytest.mark.parametrize("source", HALVES)
@pytest.mark.parametrize("target", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_every_16_bit_pattern_converts_as_in_torch(source, target):
    x = patterns(source)
    assert_same_bits(cast(x, target), x.to(target))


@pytest.mark.parametrize("source", HALVES)
@pytest.mark.parametrize("target", list(FP8))
def test_every_16_bit_pattern_converts_to_float8_saturating(source, target):
    x = patterns(source)
    assert_same_bits(cast(x, target), saturated(x, target))


@pytest.mark.parametrize("source", list(FP8))
@pytest.mark.parametrize("target", [torch.float32, torch.float16, torch.bfloat16])
def test_every_float8_pattern_widens_exactly(source, target):
    x = torch.arange(256, dtype=torch.int32).to(torch.uint8).view(source)
    assert_same_bits(cast(x, target), x.to(target))


@pytest.mark.parametrize("target", HALVES)
def test_float32_rounds_to_16_bits_at_every_boundary(target):
    x = float32_boundaries(target)
    assert_same_bits(cast(x, target), x.to(target))


@pytest.mark.parametrize("target", list(FP8))
def test_float32_rounds_to_float8_at_every_boundary(target):
    x = float32_boundaries(target)
    assert_same_bits(cast(x, target), saturated(x, target))


def test_float8_overflow_and_nan_are_those_of_the_hardware():
    # measured on an H100: cvt.rn.satfinite
    x = torch.tensor([float("nan"), float("inf"), -float("inf"), 464.0, 1e30, -1e30])
    assert cast(x, torch.float8_e4m3fn).view(torch.uint8).tolist() == [0x7F, 0x7E, 0xFE, 0x7E, 0x7E, 0xFE]
    assert cast(x, torch.float8_e5m2).view(torch.uint8).tolist() == [0x7F, 0x7B, 0xFB, 0x5F, 0x7B, 0xFB]


def test_float64_and_int32_round_to_bfloat16_once():
    # measured on an H100; torch rounds twice
    x = torch.tensor([1 + 2**-8 + 2**-40, 1 + 2**-8 - 2**-40, 1 + 3 * 2**-8 - 2**-40], dtype=torch.float64)
    assert cast(x, torch.bfloat16).tolist() == [1.0078125, 1.0, 1.0078125]
    n = torch.tensor([16842753, 16842751, 33686017, -16842753], dtype=torch.int32)
    assert cast(n, torch.bfloat16).tolist() == [16908288.0, 16777216.0, 33816576.0, -16908288.0]


@pytest.mark.parametrize("target", [torch.bfloat16, torch.float16])
def test_rounding_towards_zero_truncates(target):
    x = float32_boundaries(target)
    x = x[x.isfinite()]
    got = cast(x, target, truncating_cast_kernel).to(torch.float64)
    near = x.to(target)
    assert (got.abs() <= x.to(torch.float64).abs()).all()
    inward = near.to(torch.float64).abs() <= x.to(torch.float64).abs()
    assert torch.equal(got[inward], near.to(torch.float64)[inward])


NAN, INF = float("nan"), float("inf")
FLOATS = [NAN, INF, -INF, 1e20, -1e20, 300.7, -2.7, -300.0, 3e9, 70000.0, 255.5, -1.0]
I16, I32, I64 = 2**15 - 1, 2**31 - 1, 2**63 - 1
MEASURED = {  # on an H100
    (torch.float32, torch.int8): [0, -1, 0, -1, 0, 44, -2, -44, -1, -1, -1, -1],
    (torch.float32, torch.uint8): [0, 255, 0, 255, 0, 44, 0, 0, 255, 255, 255, 0],
    (torch.float32, torch.int16): [0, I16, -I16 - 1, I16, -I16 - 1, 300, -2, -300, I16, I16, 255, -1],
    (torch.float32, torch.int32): [0, I32, -I32 - 1, I32, -I32 - 1, 300, -2, -300, I32, 70000, 255, -1],
    (torch.float32, torch.uint32): [0, 2**32 - 1, 0, 2**32 - 1, 0, 300, 0, 0, 3000000000, 70000, 255, 0],
    (torch.float32, torch.int64): [-I64 - 1, I64, -I64 - 1, I64, -I64 - 1, 300, -2, -300, 3 * 10**9, 70000, 255, -1],
    (torch.float64, torch.int8): [0, -1, 0, -1, 0, 44, -2, -44, -1, -1, -1, -1],
    (torch.float64, torch.int16): [-I16 - 1, I16, -I16 - 1, I16, -I16 - 1, 300, -2, -300, I16, I16, 255, -1],
    (torch.float64, torch.int32): [-I32 - 1, I32, -I32 - 1, I32, -I32 - 1, 300, -2, -300, I32, 70000, 255, -1],
    (torch.bfloat16, torch.int32): [0, I32, -I32 - 1, I32, -I32 - 1, 300, -2, -300, I32, 70144, 256, -1],
}  # fmt: skip


@pytest.mark.parametrize(("source", "target"), list(MEASURED))
def test_float_to_integer_truncates_and_saturates_as_measured(source, target):
    x = torch.tensor(FLOATS, dtype=torch.float64).to(source)
    assert cast(x, target).tolist() == MEASURED[source, target]


@pytest.mark.parametrize("source", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("target", [torch.bfloat16, torch.float32, torch.int32])
def test_a_mask_converts_to_zeros_and_ones(source, target):
    x = torch.tensor([1.0, -1.0] * 8, dtype=source)
    out = torch.empty(16, dtype=target)
    mask_kernel[(1,)](x, out, B=16)
    assert out.tolist() == [1, 0] * 8


# the front end of Triton 3.6 has no float8 constants
CONSTANTS = HALVES if triton.__version__.startswith("3.6.") else (*HALVES, *FP8)


@pytest.mark.parametrize("dtype", CONSTANTS)
def test_a_constant_is_rounded_to_its_type(dtype):
    out = torch.empty(16, dtype=dtype)
    constant_kernel[(1,)](out, B=16)
    assert_same_bits(out, torch.full((16,), 1.1).to(dtype))
