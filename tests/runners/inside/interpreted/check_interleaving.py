"""Programs meet at atomic operations: what they lose to each other is lost, and who waits is not waited for forever."""
# ruff: noqa: N803  # kernels name their constexprs, and branch on them, as kernels do

import threading
from pathlib import Path

import pytest
import torch
import triton
import triton.language as tl

from runners.inside import interpreter
from runners.inside.interpreter import InterpreterCannot
from runners.wire import Conditions

NATURAL = Conditions(fresh_byte=0xFF, order_seed=None, choice_seed=0, undefined_lanes=False)
DRAWN = [Conditions(fresh_byte=0x47, order_seed=seed, choice_seed=1, undefined_lanes=True) for seed in range(8)]


@triton.jit
def update_kernel(total, HOW: tl.constexpr):
    if HOW == "add":
        tl.atomic_add(total, 1)
    elif HOW == "read, exchange":
        tl.atomic_xchg(total, tl.atomic_add(total, 0) + 1)
    elif HOW == "compare and swap":
        seen = tl.atomic_add(total, 0)
        while tl.atomic_cas(total, seen, seen + 1) != seen:
            seen = tl.atomic_add(total, 0)


def updated(how, conditions):
    total = torch.zeros(1, dtype=torch.int32)
    with interpreter.observe(conditions, source=__file__):
        update_kernel[(12,)](total, HOW=how)
    return int(total)


@pytest.mark.parametrize("how", ["add", "read, exchange", "compare and swap"])
def test_in_natural_order_programs_do_not_disturb_each_other(how):
    assert updated(how, NATURAL) == 12


@pytest.mark.parametrize("conditions", DRAWN)
def test_in_a_drawn_order_an_update_between_a_read_and_an_exchange_is_lost(conditions):
    assert updated("read, exchange", conditions) < 12
    assert updated("add", conditions) == updated("compare and swap", conditions) == 12


def test_who_meets_whom_follows_from_the_seed():
    assert len({updated("read, exchange", conditions) for conditions in DRAWN}) > 1
    assert [updated("read, exchange", DRAWN[0]) for _ in range(3)] == [updated("read, exchange", DRAWN[0])] * 3


@triton.jit
def chain_kernel(flags, order, count, STEP: tl.constexpr, VOLATILE: tl.constexpr):
    p = tl.program_id(0)
    before = p + STEP
    if (before >= 0) & (before < count):
        if VOLATILE:
            while tl.load(flags + before, volatile=True) == 0:
                pass
        else:
            while tl.atomic_add(flags + before, 0) == 0:
                pass
    tl.store(order + p, tl.atomic_add(flags + count, 1))
    tl.atomic_xchg(flags + p, 1)


def chained(conditions, count, step, volatile=False):
    flags, order = torch.zeros(count + 1, dtype=torch.int32), torch.zeros(count, dtype=torch.int32)
    with interpreter.observe(conditions, source=__file__):
        chain_kernel[(count,)](flags, order, count, STEP=step, VOLATILE=volatile)
    return order.tolist()


@pytest.mark.parametrize("conditions", [NATURAL, *DRAWN])
@pytest.mark.parametrize("volatile", [False, True])
def test_a_program_may_wait_for_an_earlier_one_in_every_order(conditions, volatile):
    assert chained(conditions, 40, -1, volatile) == list(range(40))


@pytest.mark.parametrize("conditions", [NATURAL, *DRAWN])
def test_a_few_programs_may_wait_for_later_ones(conditions):
    assert chained(conditions, 3, 1) == [2, 1, 0]


def test_many_programs_that_wait_for_later_ones_are_not_judged():
    with pytest.raises(InterpreterCannot, match="3 program instances wait for others that have not started"):
        chained(NATURAL, 40, 1)


@triton.jit
def largest_kernel(x, largest, n):
    for i in range(n):
        tl.atomic_max(largest, tl.load(x + i))


@pytest.mark.parametrize("conditions", [NATURAL, *DRAWN])
def test_atomic_operations_that_change_nothing_are_no_waiting(conditions):
    x, largest = -torch.arange(50, dtype=torch.int32), torch.zeros(1, dtype=torch.int32)
    with interpreter.observe(conditions, source=__file__):
        largest_kernel[(6,)](x, largest, 50)
    assert int(largest) == 0


@triton.jit
def ring_kernel(flags, count):
    p = tl.program_id(0)
    while tl.atomic_add(flags + (p + 1) % count, 0) == 0:
        pass
    tl.atomic_xchg(flags + p, 1)


@pytest.mark.parametrize("conditions", [NATURAL, DRAWN[0]])
def test_programs_that_all_wait_for_each_other_are_not_judged(conditions):
    threads = threading.active_count()
    with (
        interpreter.observe(conditions, source=__file__),
        pytest.raises(InterpreterCannot, match="all program instances that are left wait for each other"),
    ):
        ring_kernel[(3,)](torch.zeros(3, dtype=torch.int32), 3)
    assert threading.active_count() == threads


@triton.jit
def failing_kernel(flags):
    if tl.atomic_add(flags, 1) > 3:
        tl.store(flags, tl.sum(tl.full((3,), 1, tl.int32)))
    tl.atomic_add(flags, 1)


@pytest.mark.parametrize("conditions", [NATURAL, *DRAWN])
def test_what_a_program_raises_ends_the_launch_with_its_line(conditions):
    threads = threading.active_count()
    with interpreter.observe(conditions, source=__file__), pytest.raises(ValueError, match="power of 2") as raised:
        failing_kernel[(9,)](torch.zeros(1, dtype=torch.int32))
    assert interpreter.candidate_line(raised.value, __file__) == failing_line()
    assert threading.active_count() == threads


def failing_line():
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if "tl.full((3,)" in line)


@triton.jit
def scratch_kernel(x, scratch, counter, o, P: tl.constexpr):
    p = tl.program_id(0)
    tl.store(scratch + p, tl.load(x + p))
    if tl.atomic_add(counter, 1) == P - 1:
        tl.store(scratch + tl.arange(0, P), tl.load(scratch + tl.arange(0, P)) * 2)
        tl.store(o, tl.sum(tl.load(scratch + tl.arange(0, P))))


@pytest.mark.parametrize("conditions", [NATURAL, *DRAWN])
def test_a_program_that_makes_way_is_not_blamed_for_what_an_ordered_one_does_meanwhile(conditions):
    x, counter, out = torch.arange(8.0), torch.zeros(1, dtype=torch.int32), torch.empty(1)
    with interpreter.observe(conditions, source=__file__) as seen:
        scratch_kernel[(8,)](x, torch.empty(8), counter, out, P=8)
    assert seen.faults == []
    assert out.item() == 56
