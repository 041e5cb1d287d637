"""Hints to the compiler: a false one is the candidate's error; a true one passes, and so does an axis that wraps."""
# ruff: noqa: N803  # kernels name their constexprs, and branch on them, as kernels do

import pytest
import torch
import triton
import triton.language as tl
from triton.language import multiple_of as imported_multiple_of

from runners.inside import interpreter
from runners.inside.interpreter.blame import KernelMisuse
from runners.wire import Conditions

CONDITIONS = Conditions(fresh_byte=0xFF, order_seed=None, choice_seed=5, undefined_lanes=False)
UNDEFINED = Conditions(fresh_byte=0x47, order_seed=5, choice_seed=5, undefined_lanes=True)


@triton.jit
def scalar_kernel(x, o, n, B: tl.constexpr):
    stride = tl.multiple_of(n, 16)
    i = tl.arange(0, B)
    tl.store(o + i, tl.load(x + i, mask=i < stride, other=0.0))


@triton.jit
def imported_kernel(x, o, n, B: tl.constexpr):
    stride = imported_multiple_of(n, 16)
    i = tl.arange(0, B)
    tl.store(o + i, tl.load(x + i, mask=i < stride, other=0.0))


@triton.jit
def assumed_kernel(x, o, n, B: tl.constexpr):
    tl.assume(n % 16 == 0)
    i = tl.arange(0, B)
    tl.store(o + i, tl.load(x + i, mask=i < n, other=0.0))


@triton.jit
def start_kernel(x, o, n, B: tl.constexpr):
    i = tl.multiple_of(n + tl.arange(0, B), 16)
    tl.store(o + tl.arange(0, B), tl.load(x + i))


@triton.jit
def rows_kernel(x, o, n, B: tl.constexpr):
    row = tl.multiple_of(tl.arange(0, 4) * n, 16)
    i = row[:, None] + tl.arange(0, 4)[None, :]
    tl.store(o + tl.arange(0, 4)[:, None] * 4 + tl.arange(0, 4)[None, :], tl.load(x + i))


@triton.jit
def pointers_kernel(x, o, n, B: tl.constexpr):
    at = x + tl.arange(0, 4)[:, None] * n + tl.arange(0, 4)[None, :]
    at = tl.max_contiguous(tl.multiple_of(at, (1, 16)), (1, 4))
    tl.store(o + tl.arange(0, 4)[:, None] * 4 + tl.arange(0, 4)[None, :], tl.load(at))


@triton.jit
def argument_kernel(x, o, n, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(o + i, tl.load(tl.multiple_of(x + n, 16) + i))


@triton.jit
def constant_kernel(x, o, n, B: tl.constexpr):
    group = tl.max_constancy(tl.arange(0, B) // n, 16)
    tl.store(o + tl.arange(0, B), tl.load(x + group))


FALSE = [
    *((kernel, 17) for kernel in (scalar_kernel, imported_kernel, assumed_kernel, start_kernel, rows_kernel)),
    *((kernel, 17) for kernel in (pointers_kernel, argument_kernel)),
    *((constant_kernel, length) for length in (1, 8, 24)),
]
TRUE = [
    *((kernel, 16) for kernel in (scalar_kernel, imported_kernel, assumed_kernel, start_kernel, rows_kernel)),
    *((kernel, 32) for kernel in (scalar_kernel, pointers_kernel, argument_kernel, constant_kernel)),
    *((kernel, 0) for kernel in (start_kernel, rows_kernel, pointers_kernel, argument_kernel)),
]


def run(kernel, n, x=None, size=32):
    x = torch.arange(256, dtype=torch.float32) if x is None else x
    out = torch.zeros(size)
    with interpreter.observe(CONDITIONS, given=(x, out)) as seen:
        kernel[(1,)](x, out, n, B=size)
    return out, seen


def name(value):
    return value.fn.__name__ if hasattr(value, "fn") else str(value)


@pytest.mark.parametrize(("kernel", "n"), FALSE, ids=name)
def test_a_false_hint_is_the_candidates_error(kernel, n):
    with pytest.raises(AssertionError) as caught:
        run(kernel, n)
    assert interpreter.classify(caught.value) is None
    assert interpreter.candidate_line(caught.value, __file__) is not None


@pytest.mark.parametrize(("kernel", "n"), TRUE, ids=name)
def test_a_true_hint_is_none(kernel, n):
    run(kernel, n)


@triton.jit
def side_by_side_kernel(x, o, n, B: tl.constexpr):
    i = tl.max_contiguous(tl.multiple_of(tl.arange(0, B) * n, 8), 4)
    tl.store(o + tl.arange(0, B), tl.load(x + i))


@triton.jit
def groups_kernel(x, o, n, B: tl.constexpr):
    i = tl.arange(0, B)
    i = tl.max_contiguous(i // 8 * n + i % 8, 8)
    tl.store(o + tl.arange(0, B), tl.load(x + i))


def test_groups_of_neighbours_are_claimed_truly_and_falsely():
    out, _ = run(side_by_side_kernel, 1)
    assert out.tolist() == list(range(32))
    out, _ = run(groups_kernel, 20)
    assert out[7:10].tolist() == [7, 20, 21]
    with pytest.raises(AssertionError, match="max_contiguous"):
        run(side_by_side_kernel, 8)


@triton.jit
def wrapping_kernel(x, o, n, CLAMP: tl.constexpr, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    at = tl.where(i < n, i, 0) if CLAMP else i % n
    at = tl.max_contiguous(tl.multiple_of(at, B), B)
    tl.store(o + i, tl.load(x + at), mask=i < n)


@pytest.mark.parametrize("clamp", [False, True])
@pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 63, 64, 65, 97])
def test_an_index_that_wraps_around_at_the_end_of_an_axis_may_be_called_contiguous(n, clamp):
    x = torch.rand(n)
    for conditions in (CONDITIONS, UNDEFINED):
        out = torch.zeros(n)
        with interpreter.observe(conditions, given=(x,)) as seen:
            wrapping_kernel[(triton.cdiv(n, 32),)](x, out, n, CLAMP=clamp, B=32)
        assert torch.equal(out, x)
        assert not seen.faults


@triton.jit
def rotating_kernel(x, o, n, LENGTH: tl.constexpr, B: tl.constexpr):
    i = tl.arange(0, B)
    at = tl.max_contiguous(tl.multiple_of((i + 8) % n, 4), LENGTH)
    tl.store(o + i, tl.load(x + at), mask=i < n)


@pytest.mark.parametrize(("n", "length", "found"), [(19, 16, True), (19, 4, True), (20, 4, False), (20, 16, True)])
def test_who_uses_what_is_not_side_by_side_differs_between_the_runs_of_a_case(n, length, found):
    x, results = torch.rand(n), []
    for conditions in (CONDITIONS, UNDEFINED):
        results.append(torch.zeros(n))
        with interpreter.observe(conditions, given=(x,)):
            rotating_kernel[(1,)](x, results[-1], n, LENGTH=length, B=32)
    assert torch.equal(results[0], x.roll(-8))
    assert torch.equal(*results) is not found


@triton.jit
def aligned_argument_kernel(x, o, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(o + i, tl.load(tl.multiple_of(x, 16) + i))


def test_an_argument_that_begins_within_its_memory_is_aligned_as_it_is_on_a_gpu():
    whole, out = torch.rand(64), torch.zeros(16)
    for start in (0, 4, 8):
        x = whole[start : start + 16]
        with interpreter.observe(CONDITIONS, given=(x,)):
            aligned_argument_kernel[(1,)](x, out, B=16)
        assert torch.equal(out, x)
    with interpreter.observe(CONDITIONS, given=(whole[1:17],)), pytest.raises(AssertionError, match="multiple_of"):
        aligned_argument_kernel[(1,)](whole[1:17], out, B=16)


@triton.jit
def too_many_kernel(x, o, n, B: tl.constexpr):
    tl.store(o, tl.load(x + tl.multiple_of(n, (16, 16))))


@triton.jit
def contiguous_scalar_kernel(x, o, n, B: tl.constexpr):
    tl.store(o, tl.load(x + tl.max_contiguous(n, 1)))


@triton.jit
def no_number_kernel(x, o, n, B: tl.constexpr):
    tl.store(o, tl.load(x + tl.multiple_of(n, n)))


@pytest.mark.parametrize("kernel", [too_many_kernel, contiguous_scalar_kernel, no_number_kernel], ids=name)
def test_what_the_compiler_refuses_of_a_hint_is_refused(kernel):
    with pytest.raises(KernelMisuse) as caught:
        run(kernel, 16)
    assert interpreter.classify(caught.value) is None
