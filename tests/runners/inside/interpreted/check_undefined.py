"""Integer operations without a result: no value of theirs is the same in both runs of a case; all others are exact."""
# ruff: noqa: N803  # kernels name their constexprs, and branch on them, as kernels do

import pytest
import torch
import triton
import triton.language as tl

from runners.inside import interpreter
from runners.wire import Conditions

NATURAL = Conditions(fresh_byte=0xFF, order_seed=None, choice_seed=5, undefined_lanes=False)
SHUFFLED = Conditions(fresh_byte=0x47, order_seed=5, choice_seed=5, undefined_lanes=True)
SIGNED = [torch.int8, torch.int16, torch.int32, torch.int64]
UNSIGNED = [torch.uint8, torch.uint16, torch.uint32, torch.uint64]


@triton.jit
def integer_kernel(x, y, o, OP: tl.constexpr, B: tl.constexpr):
    i = tl.arange(0, B)
    a = tl.load(x + i)
    b = tl.load(y + i)
    if OP == "div":
        r = a // b
    elif OP == "mod":
        r = a % b
    elif OP == "shl":
        r = a << b
    else:
        r = a >> b
    tl.store(o + i, r)


def run(op, pairs, dtype, conditions):
    """The results of `op` on up to 16 pairs of numbers."""
    padded = [*pairs, *[(1, 1)] * (16 - len(pairs))]
    x, y = (torch.tensor([pair[side] for pair in padded], dtype=dtype) for side in (0, 1))
    out = torch.zeros(16, dtype=dtype)
    with interpreter.observe(conditions):
        integer_kernel[(1,)](x, y, out, OP=op, B=16)
    return out[: len(pairs)].tolist()


def assert_undefined(op, pairs, dtype):
    natural, shuffled = run(op, pairs, dtype, NATURAL), run(op, pairs, dtype, SHUFFLED)
    assert not {0, 1} & {*natural, *shuffled}
    assert all(one != other for one, other in zip(natural, shuffled, strict=True)), (natural, shuffled)


@pytest.mark.parametrize("dtype", [*SIGNED, *UNSIGNED])
@pytest.mark.parametrize("op", ["div", "mod"])
def test_division_by_zero_has_no_result(op, dtype):
    assert_undefined(op, [(0, 0), (1, 0), (7, 0), (100, 0)], dtype)


@pytest.mark.parametrize("dtype", SIGNED)
@pytest.mark.parametrize("op", ["div", "mod"])
def test_the_smallest_number_divided_by_minus_one_has_no_result(op, dtype):
    assert_undefined(op, [(torch.iinfo(dtype).min, -1)], dtype)


@pytest.mark.parametrize("dtype", [*SIGNED, *UNSIGNED])
@pytest.mark.parametrize("op", ["shl", "shr"])
def test_a_shift_by_the_width_or_more_has_no_result(op, dtype):
    width = 8 * dtype.itemsize
    amounts = [width, width + 1, 100] + ([-1, -width] if dtype in SIGNED else [])
    assert_undefined(op, [(5, amount) for amount in amounts], dtype)


@pytest.mark.parametrize("conditions", [NATURAL, SHUFFLED], ids=["natural", "shuffled"])
@pytest.mark.parametrize("dtype", SIGNED)
def test_signed_division_truncates_as_compiled_triton_does(dtype, conditions):
    low, high = torch.iinfo(dtype).min, torch.iinfo(dtype).max
    pairs = [
        (7, 2),
        (-7, 2),
        (7, -2),
        (-7, -2),
        (0, 3),
        (-1, 3),
        (low, 1),
        (low, 2),
        (high, -1),
        (low + 1, -1),
        (low, low),
    ]
    quotients = [(abs(a) // abs(b)) * (1 if (a < 0) == (b < 0) else -1) for a, b in pairs]
    assert run("div", pairs, dtype, conditions) == quotients
    assert run("mod", pairs, dtype, conditions) == [a - q * b for (a, b), q in zip(pairs, quotients, strict=True)]


@pytest.mark.parametrize("conditions", [NATURAL, SHUFFLED], ids=["natural", "shuffled"])
@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.uint32])
def test_shifts_by_less_than_the_width_are_exact(dtype, conditions):
    width = 8 * dtype.itemsize
    high = torch.iinfo(dtype).max
    assert run("shl", [(1, 0), (1, 5), (3, width - 3)], dtype, conditions) == [1, 32, 3 << (width - 3)]
    assert run("shr", [(high, 0), (high, 4), (high, width - 2)], dtype, conditions) == [
        high,
        high >> 4,
        high >> (width - 2),
    ]
    if dtype in SIGNED:
        assert run("shr", [(-1, width - 1), (-8, 1)], dtype, conditions) == [-1, -4]


@triton.jit
def masked_kernel(x, y, o, n, B: tl.constexpr):
    i = tl.arange(0, B)
    a = tl.load(x + i, mask=i < n, other=0)
    b = tl.load(y + i, mask=i < n, other=0)
    quotient = tl.where(b != 0, a // b, -5)
    tl.store(o + i, quotient + (tl.where(b < 32, a >> b, 0)), mask=i < n)


def test_lanes_that_a_kernel_masks_off_may_divide_by_zero():
    x = torch.tensor([9, 8, 7, -6, 5], dtype=torch.int32)
    y = torch.tensor([2, 0, 40, 4, 0], dtype=torch.int32)
    for conditions in (NATURAL, SHUFFLED):
        out = torch.zeros(5, dtype=torch.int32)
        with interpreter.observe(conditions):
            masked_kernel[(1,)](x, y, out, 5, B=8)
        assert out.tolist() == [4 + 2, -5 + 8, 0, -1 - 1, -5 + 5]


@triton.jit
def scalar_kernel(o, n, m):
    tl.store(o, n // m)
    tl.store(o + 1, n % m)
    tl.store(o + 2, tl.cdiv(n, m))


def test_scalars_are_no_exception():
    results = []
    for conditions in (NATURAL, SHUFFLED):
        out = torch.zeros(3, dtype=torch.int32)
        with interpreter.observe(conditions):
            scalar_kernel[(1,)](out, 12, 0)
        results.append(out.tolist())
    assert all(one != other for one, other in zip(*results, strict=True)), results
