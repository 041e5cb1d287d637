"""Blocks whose elements may be reordered: they are, alike in both runs of a case; what needs no order stays right."""
# ruff: noqa: N803  # kernels name their constexprs, and branch on them, as kernels do

import pytest
import torch
import triton
import triton.language as tl

from runners.inside import interpreter
from runners.wire import Conditions

pytestmark = pytest.mark.filterwarnings("ignore:.*can_reorder")  # triton 3.9 warns that it will go

NATURAL = Conditions(fresh_byte=0xFF, order_seed=None, choice_seed=5, undefined_lanes=False)
SHUFFLED = Conditions(fresh_byte=0x47, order_seed=5, choice_seed=5, undefined_lanes=True)


@triton.jit
def cat_kernel(x, o, B: tl.constexpr):
    i = tl.arange(0, B)
    both = tl.cat(tl.load(x + i), tl.load(x + B + i), can_reorder=True)
    tl.store(o + tl.arange(0, 2 * B), both)


@triton.jit
def reshape_kernel(x, o, B: tl.constexpr):
    i = tl.arange(0, 2 * B)
    block = tl.reshape(tl.load(x + i), (2, B), can_reorder=True)
    tl.store(o + tl.arange(0, 2)[:, None] * B + tl.arange(0, B)[None, :], block)


@triton.jit
def method_kernel(x, o, B: tl.constexpr):
    i = tl.arange(0, 2 * B)
    block = tl.load(x + i).reshape(2, B, can_reorder=True)
    tl.store(o + tl.arange(0, 2)[:, None] * B + tl.arange(0, B)[None, :], block)


@triton.jit
def view_kernel(x, o, B: tl.constexpr):
    i = tl.arange(0, 2 * B)
    block = tl.view(tl.load(x + i), (2, B))
    tl.store(o + tl.arange(0, 2)[:, None] * B + tl.arange(0, B)[None, :], block)


@triton.jit
def ravel_kernel(x, o, B: tl.constexpr):
    at = tl.arange(0, 2)[:, None] * B + tl.arange(0, B)[None, :]
    tl.store(o + tl.arange(0, 2 * B), tl.ravel(tl.load(x + at), can_reorder=True))


@triton.jit
def there_and_back_kernel(x, o, B: tl.constexpr):
    i = tl.arange(0, 2 * B)
    block = tl.reshape(tl.load(x + i), (2, B), can_reorder=True)
    tl.store(o + i, tl.reshape(block, (2 * B,), can_reorder=True))


REORDERING = [cat_kernel, reshape_kernel, method_kernel, view_kernel, ravel_kernel, there_and_back_kernel]


def run(kernel, x, conditions, dtype=None):
    out = torch.zeros(x.numel(), dtype=dtype or x.dtype)
    with interpreter.observe(conditions):
        kernel[(1,)](x, out, B=x.numel() // 2)
    return out


@pytest.mark.parametrize("kernel", REORDERING, ids=lambda kernel: kernel.fn.__name__)
@pytest.mark.parametrize("size", [4, 64])
@pytest.mark.parametrize("seed", [0, 1, 2, -7])
def test_what_may_be_reordered_never_keeps_its_order(kernel, size, seed):
    x = torch.arange(size, dtype=torch.float32)
    out = run(kernel, x, Conditions(fresh_byte=0, order_seed=None, choice_seed=seed, undefined_lanes=False))
    assert not torch.equal(out, x)
    assert torch.equal(out.sort().values, x)


@pytest.mark.parametrize("kernel", REORDERING, ids=lambda kernel: kernel.fn.__name__)
def test_both_runs_of_a_case_reorder_alike(kernel):
    x = torch.arange(64, dtype=torch.float32)
    assert torch.equal(run(kernel, x, NATURAL), run(kernel, x, SHUFFLED))


@triton.jit
def ordered_kernel(x, o, B: tl.constexpr):
    i = tl.arange(0, 2 * B)
    block = tl.reshape(tl.load(x + i), (2, B))
    tl.store(o + i, tl.ravel(tl.trans(tl.trans(block))))


def test_without_leave_the_order_is_kept():
    x = torch.arange(64, dtype=torch.float32)
    assert torch.equal(run(ordered_kernel, x, NATURAL), x)


@triton.jit
def orderless_kernel(x, o, B: tl.constexpr):
    i = tl.arange(0, B)
    both = tl.cat(tl.load(x + i), tl.load(x + B + i), can_reorder=True)
    tl.store(o, tl.sum(both, 0))
    tl.store(o + 1, tl.max(tl.max(tl.view(both, (2, B)), 1), 0))
    tl.store(o + 2, tl.sum(tl.histogram(both, 2 * B), 0))
    tl.atomic_add(o + 3 + tl.zeros_like(both), both)


def test_what_needs_no_order_is_right():
    x = torch.arange(64, dtype=torch.int32)
    assert run(orderless_kernel, x, NATURAL)[:4].tolist() == [2016, 63, 64, 2016]


@triton.jit
def pairs_kernel(x, o, B: tl.constexpr):
    i = tl.arange(0, B).to(tl.int64)
    both = tl.cat(tl.load(x + i), tl.load(x + B + i), can_reorder=True)
    tl.store(o + tl.cat(i, i + B, can_reorder=True), both)


def test_values_and_their_indices_still_belong_together():
    x = torch.arange(64, dtype=torch.float16)
    assert torch.equal(run(pairs_kernel, x, SHUFFLED), x)


@triton.jit
def _later(a, b):
    return b


@triton.jit
def _larger(a, b):
    return tl.where(a > b, a, b)


@triton.jit
def _larger_by_branch(a, b):
    if a > b:
        return a
    return b


@triton.jit
def _later_by_branch(a, b):
    if a > b:
        return b
    return b


@triton.jit
def _first_largest(value, index, other, where):
    keep = value >= other
    return tl.where(keep, value, other), tl.where(keep, index, where)


@triton.jit
def _least_index_of_largest(value, index, other, where):
    keep = (value > other) | ((value == other) & (index < where))
    return tl.where(keep, value, other), tl.where(keep, index, where)


@triton.jit
def reduce_kernel(x, o, combine: tl.constexpr, AXIS: tl.constexpr, B: tl.constexpr):
    tl.store(o, tl.reduce(tl.load(x + tl.arange(0, B)), AXIS, combine))


@triton.jit
def arg_kernel(x, o, combine: tl.constexpr, B: tl.constexpr):
    i = tl.arange(0, B)
    _, best = tl.reduce((tl.load(x + i), i), 0, combine)
    tl.store(o, best.to(tl.float32))


def reduced(kernel, x, combine, seed, **constants):
    out = torch.zeros(1)
    with interpreter.observe(Conditions(fresh_byte=0, order_seed=None, choice_seed=seed, undefined_lanes=False)):
        kernel[(1,)](x, out, combine, B=x.numel(), **constants)
    return out.item()


@pytest.mark.parametrize("axis", [0, None])
@pytest.mark.parametrize("combine", [_later, _later_by_branch], ids=lambda function: function.fn.__name__)
def test_a_reduction_that_is_not_commutative_depends_on_the_draw(combine, axis):
    x = torch.arange(64, dtype=torch.float32)
    assert len({reduced(reduce_kernel, x, combine, seed, AXIS=axis) for seed in range(4)}) > 1


@pytest.mark.parametrize("axis", [0, None])
@pytest.mark.parametrize("combine", [_larger, _larger_by_branch], ids=lambda function: function.fn.__name__)
def test_a_commutative_reduction_is_right(combine, axis):
    x = torch.arange(64, dtype=torch.float32)
    assert {reduced(reduce_kernel, x, combine, seed, AXIS=axis) for seed in range(4)} == {63}


def test_the_first_of_equals_is_had_by_its_index_alone():
    x = torch.ones(64)
    assert {reduced(arg_kernel, x, _least_index_of_largest, seed) for seed in range(4)} == {0}
    assert {reduced(arg_kernel, x, _first_largest, seed) for seed in range(4)} != {0}
