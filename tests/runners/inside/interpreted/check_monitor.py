"""The monitor: each fault is reported with its place, and kernels that only look like one are not."""
# ruff: noqa: N803  # kernels name their constexprs, and branch on them, as kernels do

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
import triton
import triton.language as tl

from runners.inside import interpreter
from runners.inside.aliasing import aliases
from runners.inside.interpreter.monitor import CAP
from runners.inside.memory import guarded
from runners.wire import Conditions, Fault

NATURAL = Conditions(fresh_byte=0xFF, order_seed=None, choice_seed=0, undefined_lanes=False)
ORDERS = (
    NATURAL,
    *(Conditions(fresh_byte=0x47, order_seed=seed, choice_seed=1, undefined_lanes=True) for seed in range(5)),
)


def faults(entry: Callable[..., Any], given: Sequence[object] = (), conditions: Conditions = NATURAL) -> list[Fault]:
    with interpreter.observe(conditions, "end", given, __file__) as seen:
        entry(*given)
    return seen.faults


def one(entry: Callable[..., Any], *given: object, conditions: Conditions = NATURAL) -> tuple[str, int | None, int]:
    seen = faults(entry, given, conditions)
    assert len({fault.kind for fault in seen}) == 1, seen
    return seen[0].kind, seen[0].argument, seen[0].element


def assert_clean(entry: Callable[..., Any], *given: object, orders: Sequence[Conditions] = ORDERS) -> None:
    for conditions in orders:
        assert faults(entry, given, conditions) == [], conditions


def padded(rows: int, columns: int, stride: int, offset: int = 0) -> torch.Tensor:
    reach = offset + (rows - 1) * stride + columns
    base = guarded(reach * 4).buffer.view(torch.float32)
    return base.copy_(torch.arange(reach)).as_strided((rows, columns), (stride, 1), offset)


@triton.jit
def copy_kernel(x, o, first, count, step, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(o + i, tl.load(x + first + i * step, mask=i < count, other=0.0), mask=i < count)


@triton.jit
def matrix_kernel(x, o, rows, columns, stride_r, stride_c, R: tl.constexpr, C: tl.constexpr):
    r, c = tl.arange(0, R)[:, None], tl.arange(0, C)[None, :]
    mask = (r < rows) & (c < columns)
    tl.store(o + r * columns + c, tl.load(x + r * stride_r + c * stride_c, mask=mask), mask=mask)


@triton.jit
def descriptor_kernel(x, o, rows, columns, stride, R: tl.constexpr, C: tl.constexpr):
    source = tl.make_tensor_descriptor(x, (rows, columns), (stride, 1), (R, C))
    target = tl.make_tensor_descriptor(o, (rows, columns), (columns, 1), (R, C))
    target.store((0, 0), source.load((0, 0)))


@triton.jit
def store_kernel(o, at, value):
    tl.store(o + at, value)


@triton.jit
def load_kernel(x, o, at):
    tl.store(o, tl.load(x + at))


@triton.jit
def program_kernel(o, at, VALUE: tl.constexpr):
    tl.store(o + at, tl.program_id(0) if VALUE == "own" else 7)


def program_rows(x):
    matrix_kernel[(1,)](x, torch.empty(x.shape), *x.shape, *x.stride(), R=8, C=8)


VIEWS = {
    "padded rows": padded(5, 7, 12, 3),
    "stepped": padded(5, 14, 14)[:, ::2],
    "transposed": padded(7, 5, 5).t(),
    "expanded": padded(1, 7, 7).expand(5, 7),
    "overlapping": padded(1, 11, 11).as_strided((5, 7), (1, 1)),
    "one column": padded(5, 1, 9),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_every_element_of_a_view_may_be_read(view):
    assert_clean(program_rows, view)


def test_a_descriptor_does_not_reach_beyond_its_tensor():
    def entry(x):
        descriptor_kernel[(1,)](x, torch.empty(5, 8), 5, 8, x.stride(0), R=8, C=16)

    assert_clean(entry, padded(5, 8, 12, 3))


@pytest.mark.parametrize("at", [-1, -4, 35, 7, 11, 1 << 30, -(1 << 30)])
def test_a_load_outside_of_the_elements_is_reported_with_its_place(at):
    def entry(x):
        load_kernel[(1,)](x, torch.empty(1), at)

    assert one(entry, padded(3, 7, 12, 1)) == ("out_of_bounds_load", 0, at)


@pytest.mark.parametrize("at", [-1, 35, 7, 11, 1 << 30])
def test_a_store_outside_of_the_elements_is_reported_and_not_made(at):
    x = padded(3, 7, 12, 1)
    before = x.as_strided((32,), (1,), 0).clone()
    assert one(lambda x: store_kernel[(1,)](x, at, 5.0), x) == ("out_of_bounds_store", 0, at)
    assert torch.equal(before, x.as_strided((32,), (1,), 0))


def test_the_candidates_own_memory_has_bounds_too():
    assert one(lambda: store_kernel[(1,)](torch.zeros(4), 4, 1.0)) == ("out_of_bounds_store", None, 4)
    assert one(lambda: load_kernel[(1,)](torch.zeros(4), torch.empty(1), -2)) == ("out_of_bounds_load", None, -2)


def test_a_fault_names_line_and_program():
    def entry(x):
        copy_kernel[(4,)](x, torch.empty(32), 0, 25, 1, B=8)

    (fault,) = faults(entry, [guarded(24 * 4).buffer.view(torch.float32)])
    source = copy_kernel.fn.__code__.co_firstlineno
    assert (fault.line, fault.program, fault.element) == (source + 3, (3, 0, 0), 24)


def test_a_pointer_that_reaches_another_tensor_is_reported():
    def entry(x, y):
        load_kernel[(1,)](x, torch.empty(1), (y.data_ptr() - x.data_ptr()) // 4 + 2)

    assert one(entry, padded(1, 4, 4), padded(1, 4, 4)) == ("foreign_argument", 1, 2)


@triton.jit
def table_kernel(table, o, B: tl.constexpr):
    source = tl.load(table + tl.program_id(0)).to(tl.pointer_type(tl.float32))
    i = tl.arange(0, B)
    tl.store(o + tl.program_id(0) * B + i, tl.load(source + i))


def test_addresses_from_a_table_belong_to_what_they_lie_in():
    def entry(*tensors):
        table = torch.tensor([tensor.data_ptr() for tensor in tensors])
        table_kernel[(len(tensors),)](table, torch.empty(4 * len(tensors)), B=4)

    assert_clean(entry, padded(1, 4, 4), padded(1, 4, 4))
    assert one(entry, padded(1, 4, 4), padded(3, 2, 3)) == ("out_of_bounds_load", 1, 2)


def test_an_unwritten_element_that_is_read_is_reported():
    def entry():
        scratch = torch.empty(8)
        scratch[:3] = 0
        scratch[4:].fill_(1.0)
        load_kernel[(1,)](scratch, torch.empty(1), 4)
        load_kernel[(1,)](scratch, torch.empty(1), 3)

    assert one(entry) == ("uninitialised_read", None, 3)


def test_what_torch_or_a_kernel_wrote_may_be_read():
    def entry(x):
        scratch = torch.empty_like(x, memory_format=torch.contiguous_format).copy_(x)
        copy_kernel[(3,)](scratch, torch.empty(20), 0, 20, 1, B=8)
        second = torch.empty(20)
        copy_kernel[(3,)](scratch, second, 0, 20, 1, B=8)
        copy_kernel[(1,)](second[10:], torch.empty(10), 0, 10, 1, B=16)
        bytes_ = torch.empty(8)
        torch.add(bytes_.zero_(), 1, out=bytes_)
        copy_kernel[(1,)](bytes_.view(torch.int16), torch.empty(16, dtype=torch.int16), 0, 16, 1, B=16)
        copy_kernel[(1,)](x.contiguous(), torch.empty(20), 0, 20, 1, B=32)

    assert_clean(entry, padded(4, 5, 9))


def test_a_store_of_part_of_a_word_leaves_the_rest_unwritten():
    def entry():
        words = torch.empty(4, dtype=torch.int32)
        store_kernel[(1,)](words.view(torch.int8), 5, 1)
        load_kernel[(1,)](words.view(torch.int8), torch.empty(1, dtype=torch.int8), 5)
        load_kernel[(1,)](words, torch.empty(1, dtype=torch.int32), 1)

    assert one(entry) == ("uninitialised_read", None, 1)


def test_a_store_that_changes_an_input_is_reported_and_one_that_does_not_is_not():
    assert one(lambda x: store_kernel[(1,)](x, 13, 0.5), padded(2, 4, 12)) == ("write_to_input", 0, 13)
    assert_clean(lambda x: store_kernel[(1,)](x, 13, 13.0), padded(2, 4, 12))


@triton.jit
def add_kernel(o, n, B: tl.constexpr, SEM: tl.constexpr):
    i = tl.arange(0, B)
    tl.atomic_add(o + i, 1.0, mask=i < n, sem=SEM)


def test_atomic_operations_are_held_to_the_same_rules():
    assert one(lambda: add_kernel[(1,)](torch.zeros(4), 5, B=8, SEM=None)) == ("out_of_bounds_store", None, 4)
    assert one(lambda: add_kernel[(1,)](torch.empty(4), 4, B=8, SEM=None)) == ("uninitialised_read", None, 0)
    assert one(lambda x: add_kernel[(1,)](x, 4, B=8, SEM=None), padded(1, 4, 4)) == ("write_to_input", 0, 0)


@pytest.mark.parametrize("conditions", ORDERS)
def test_two_programs_that_leave_different_values_are_reported(conditions):
    def entry():
        program_kernel[(3,)](torch.empty(4, dtype=torch.int32), 2, VALUE="own")

    assert one(entry, conditions=conditions) == ("double_store", None, 2)


@triton.jit
def lanes_kernel(o, B: tl.constexpr, VALUE: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(o + i // 2, i if VALUE == "own" else i // 2)


def test_two_lanes_of_one_store_must_agree():
    assert one(lambda: lanes_kernel[(1,)](torch.zeros(8, dtype=torch.int32), B=8, VALUE="own"))[0] == "double_store"
    assert_clean(lambda: lanes_kernel[(1,)](torch.zeros(8, dtype=torch.int32), B=8, VALUE="same"))


@triton.jit
def twice_kernel(o, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(o + i, tl.zeros((B,), tl.float32))
    for k in range(3):
        tl.store(o + i, tl.load(o + i) + k)


def test_equal_stores_and_stores_that_one_program_repeats_are_no_fault():
    assert_clean(lambda: program_kernel[(5,)](torch.empty(4, dtype=torch.int32), 2, VALUE="same"))
    assert_clean(lambda: twice_kernel[(1,)](torch.empty(16), B=16))
    assert_clean(lambda: twice_kernel[(4,)](torch.empty(16), B=16))


def test_programs_without_work_are_no_fault():
    assert_clean(lambda x: copy_kernel[(9,)](x, torch.empty(20), 0, 20, 1, B=8), padded(1, 20, 20))


@triton.jit
def neighbour_kernel(o, r, n, WHICH: tl.constexpr):
    p = tl.program_id(0)
    tl.store(o + p, p + 1)
    tl.store(r + p, tl.load(o + ((p + 1) % n if WHICH == "next" else p)))


@pytest.mark.parametrize("conditions", ORDERS)
def test_a_program_that_reads_what_another_one_writes_is_reported(conditions):
    def entry(which):
        o, r = torch.zeros(4, dtype=torch.int32), torch.zeros(4, dtype=torch.int32)
        neighbour_kernel[(4,)](o, r, 4, WHICH=which)

    assert {fault.kind for fault in faults(lambda: entry("next"), (), conditions)} == {"unsynchronised"}
    assert faults(lambda: entry("own"), (), conditions) == []


def test_one_launch_may_read_what_another_one_wrote():
    def entry(x):
        first, second = torch.empty(20), torch.empty(20)
        copy_kernel[(3,)](x, first, 0, 20, 1, B=8)
        copy_kernel[(5,)](first, second, 19, 20, -1, B=4)
        copy_kernel[(2,)](second, first, 0, 20, 1, B=16)

    assert_clean(entry, padded(1, 20, 20))


@triton.jit
def reversed_kernel(x, scratch, o, n, B: tl.constexpr, BETWEEN: tl.constexpr, BACK: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i, mask=i < n, other=0.0)
    tl.store(scratch + n - 1 - i, v, mask=i < n)
    if BETWEEN == "barrier":
        tl.debug_barrier()
    elif BETWEEN == "sum":
        v += tl.sum(v) * 0
    elif BETWEEN == "same lanes":
        tl.store(scratch + i, v, mask=i < n)
    at = n - 1 - i if BACK else i
    tl.store(o + i, tl.load(scratch + at, mask=i < n) + v * 0, mask=i < n)


def through_scratch(x, between, back=False):
    n = x.numel()
    reversed_kernel[(1,)](x, torch.empty(n), torch.empty(n), n, B=32, BETWEEN=between, BACK=back)


@pytest.mark.parametrize("conditions", ORDERS)
@pytest.mark.parametrize("between", ["nothing", "sum"])
def test_a_lane_that_reads_what_another_lane_stored_is_reported_unless_they_meet(conditions, between):
    x = padded(1, 20, 20)
    (seen,) = faults(lambda x: through_scratch(x, between), (x,), conditions)
    assert (seen.kind, seen.argument, seen.program) == ("unsynchronised", None, seen.other)


@pytest.mark.parametrize("between", ["barrier", "same lanes"])
def test_lanes_that_met_or_read_their_own_are_no_fault(between):
    assert_clean(lambda x: through_scratch(x, between), padded(1, 20, 20))


def test_a_lane_may_read_back_what_it_stored():
    assert_clean(lambda x: through_scratch(x, "nothing", back=True), padded(1, 20, 20))


@triton.jit
def wrapped_kernel(x, scratch, o, n, B: tl.constexpr):
    i = tl.arange(0, B) % n
    tl.store(scratch + i, tl.load(x + i))
    tl.store(o + i, tl.load(scratch + i))


def test_lanes_that_stored_the_same_may_each_read_it_back():
    assert_clean(lambda x: wrapped_kernel[(1,)](x, torch.empty(20), torch.empty(20), 20, B=32), padded(1, 20, 20))


@triton.jit
def ticket_kernel(x, partial, counter, o, n, B: tl.constexpr, P: tl.constexpr, SEM: tl.constexpr, GUARD: tl.constexpr):
    p = tl.program_id(0)
    i = p * B + tl.arange(0, B)
    tl.store(partial + p, tl.sum(tl.load(x + i, mask=i < n, other=0.0)))
    if tl.atomic_add(counter, 1, sem=SEM) == P - 1 or GUARD == "none":
        tl.store(o, tl.sum(tl.load(partial + tl.arange(0, P))))


def last_block(x, sem, guard="ticket"):
    partial, counter = torch.zeros(4), torch.zeros(1, dtype=torch.int32)
    ticket_kernel[(4,)](x, partial, counter, torch.empty(1), x.numel(), B=8, P=4, SEM=sem, GUARD=guard)


def test_the_last_block_may_read_what_all_others_left():
    assert_clean(lambda x: last_block(x, None), padded(1, 30, 30))


@pytest.mark.parametrize("conditions", ORDERS)
@pytest.mark.parametrize(
    ("sem", "guard"), [("relaxed", "ticket"), ("release", "ticket"), ("acquire", "ticket"), (None, "none")]
)
def test_without_order_or_without_waiting_the_last_block_is_a_race(conditions, sem, guard):
    kinds = {fault.kind for fault in faults(lambda x: last_block(x, sem, guard), (padded(1, 30, 30),), conditions)}
    assert "unsynchronised" in kinds


@triton.jit
def scoped_kernel(o, n, SHARED: tl.constexpr, SCOPE: tl.constexpr):
    tl.atomic_add(o + (0 if SHARED else tl.program_id(0)), 1, scope=SCOPE)
    tl.atomic_add(o + (0 if SHARED else tl.program_id(0)), 1, scope=SCOPE)


@pytest.mark.parametrize("conditions", ORDERS)
def test_an_atomic_of_the_block_is_none_between_programs(conditions):
    def kinds(shared, scope):
        entry = lambda: scoped_kernel[(3,)](torch.zeros(3, dtype=torch.int32), 3, SHARED=shared, SCOPE=scope)  # noqa: E731
        return {fault.kind for fault in faults(entry, (), conditions)}

    assert kinds(True, "cta") == {"unsynchronised"}
    assert kinds(False, "cta") == kinds(True, "gpu") == kinds(True, "sys") == kinds(True, None) == set()


@triton.jit
def chained_kernel(x, sums, flags, o, SCOPE: tl.constexpr):
    p = tl.program_id(0)
    total = tl.load(x + p)
    if p > 0:
        while tl.atomic_cas(flags + p - 1, 1, 1, sem="acquire", scope=SCOPE) != 1:
            pass
        total += tl.load(sums + p - 1)
    tl.store(sums + p, total)
    tl.debug_barrier()
    tl.atomic_xchg(flags + p, 1, sem="release", scope=SCOPE)
    tl.store(o + p, total)


def test_flags_of_the_block_order_nothing_between_programs():
    def entry(scope):
        def call(x):
            chained_kernel[(4,)](x, torch.empty(4), torch.zeros(4, dtype=torch.int32), torch.empty(4), SCOPE=scope)

        return call

    assert "unsynchronised" in {fault.kind for fault in faults(entry("cta"), (padded(1, 4, 4),))}
    assert_clean(entry("gpu"), padded(1, 4, 4), orders=[NATURAL])


@triton.jit
def lock_kernel(x, total, count, lock, n, B: tl.constexpr, UNLOCK: tl.constexpr):
    i = tl.arange(0, B)
    part = tl.load(x + tl.program_id(0) * B + i, mask=i < n, other=0.0)
    if UNLOCK != "never locked":
        while tl.atomic_cas(lock, 0, 1) == 1:
            pass
    if tl.load(count) == 0:
        tl.atomic_xchg(count, 1)
    else:
        part += tl.load(total + i, mask=i < n)
    tl.store(total + i, part, mask=i < n)
    tl.debug_barrier()
    if UNLOCK == "exchange":
        tl.atomic_xchg(lock, 0)
    elif UNLOCK == "plain":
        tl.store(lock, 0)


def locked(x, unlock):
    flags = torch.zeros(2, dtype=torch.int32)
    lock_kernel[(4,)](x, torch.empty(8), flags[1:], flags, 8, B=8, UNLOCK=unlock)


def test_a_lock_orders_what_it_guards():
    assert_clean(lambda x: locked(x, "exchange"), padded(1, 32, 32))


@pytest.mark.parametrize("conditions", ORDERS)
@pytest.mark.parametrize("unlock", ["plain", "never locked"])
def test_a_lock_that_releases_nothing_orders_nothing(conditions, unlock):
    kinds = {fault.kind for fault in faults(lambda x: locked(x, unlock), (padded(1, 32, 32),), conditions)}
    assert "unsynchronised" in kinds


@triton.jit
def split_kernel(x, total, o, n, B: tl.constexpr, READ: tl.constexpr):
    i = tl.arange(0, B)
    tl.atomic_add(total + i, tl.load(x + tl.program_id(0) * B + i), mask=i < n)
    if READ:
        tl.store(o + i, tl.load(total + i, mask=i < n), mask=i < n)


def test_atomic_sums_of_many_programs_are_no_fault():
    assert_clean(lambda x: split_kernel[(4,)](x, torch.zeros(8), torch.empty(8), 8, B=8, READ=False), padded(1, 32, 32))


@pytest.mark.parametrize("conditions", ORDERS)
def test_a_sum_that_is_read_while_others_add_is_reported(conditions):
    def entry(x):
        split_kernel[(4,)](x, torch.zeros(8), torch.zeros(8), 8, B=8, READ=True)

    assert "unsynchronised" in {fault.kind for fault in faults(entry, (padded(1, 32, 32),), conditions)}


@triton.jit
def histogram_kernel(ids, o, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.atomic_add(o + tl.load(ids + i, mask=i < n, other=0), 1, mask=i < n, sem="relaxed")


def test_atomic_additions_of_several_lanes_to_one_element_are_no_fault():
    ids = torch.randint(0, 5, (50,))
    assert_clean(lambda ids: histogram_kernel[(4,)](ids, torch.zeros(5, dtype=torch.int32), 50, B=16), ids)


@triton.jit
def fixup_kernel(x, partial, flag, o, B: tl.constexpr):
    i = tl.arange(0, B)
    if tl.program_id(0) == 0:
        tl.store(partial + i, tl.load(x + i))
        tl.debug_barrier()
        tl.atomic_xchg(flag, 1, sem="release")
    else:
        while tl.atomic_cas(flag, 1, 1, sem="acquire") != 1:
            pass
        tl.store(o + i, tl.load(partial + i))


def test_a_semaphore_orders_what_was_left_before_it():
    def entry(x):
        fixup_kernel[(2,)](x, torch.empty(8), torch.zeros(1, dtype=torch.int32), torch.empty(8), B=8)

    assert_clean(entry, padded(1, 8, 8), orders=[NATURAL])


@triton.jit
def gathered_kernel(shared, counter, o, P: tl.constexpr):
    tl.store(o + tl.program_id(0), tl.load(shared))
    if tl.atomic_add(counter, 1) == P - 1:
        tl.store(shared, 5.0)


def test_an_element_may_be_overwritten_once_all_its_readers_said_that_they_are_done():
    def entry():
        gathered_kernel[(5,)](torch.zeros(1), torch.zeros(1, dtype=torch.int32), torch.empty(5), P=5)

    assert_clean(entry)


@triton.jit
def bytes_kernel(o, n):
    tl.store(o + tl.program_id(0), tl.program_id(0).to(tl.int8))


def test_programs_may_store_different_bytes_of_one_word():
    def entry():
        words = torch.empty(4, dtype=torch.int32)
        bytes_kernel[(16,)](words.view(torch.int8), 16)
        copy_kernel[(1,)](words, torch.empty(4, dtype=torch.int32), 0, 4, 1, B=4)

    assert_clean(entry)


@triton.jit
def wide_kernel(o, r):
    tl.store(r + tl.program_id(0), tl.load(o))
    tl.atomic_add(o, 1)


@pytest.mark.parametrize("conditions", ORDERS)
def test_a_wide_access_covers_several_narrow_cells(conditions):
    def entry():
        narrow = torch.zeros(8, dtype=torch.int16)
        wide_kernel[(3,)](narrow.view(torch.int64), torch.empty(3, dtype=torch.int64))

    assert one(entry, conditions=conditions) == ("unsynchronised", None, 0)


def test_parts_of_one_allocation_are_arguments_of_their_own():
    def entry(x):
        both = torch.empty(40)
        copy_kernel[(3,)](x, both[:20], 0, 20, 1, B=8)
        copy_kernel[(3,)](x, both[20:], 0, 20, 1, B=8)
        copy_kernel[(3,)](both[20:], both[:20], 0, 20, 1, B=8)

    assert_clean(entry, padded(1, 20, 20))


@triton.autotune(configs=[triton.Config({"B": 8}), triton.Config({"B": 16})], key=["n"], reset_to_zero=["o"])
@triton.jit
def tuned_kernel(x, o, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.atomic_add(o + i, tl.load(x + i, mask=i < n, other=0.0), mask=i < n)


def test_a_rehearsal_of_the_autotuner_is_no_fault():
    assert_clean(
        lambda x: tuned_kernel[lambda meta: (triton.cdiv(20, meta["B"]),)](x, torch.zeros(20), 20), padded(1, 20, 20)
    )


@triton.jit
def wrapping_kernel(x, o, row, stride, WIDE: tl.constexpr):
    index = row.to(tl.int64) if WIDE else row
    tl.store(o, tl.load(x + index * stride + 2))


def test_an_offset_beyond_32_bits_must_not_wrap():
    stride = (1 << 30) + 16
    base = guarded((2 * stride + 5) * 4).buffer.view(torch.float32)
    x = base.as_strided((3, 5), (stride, 1))
    x.copy_(torch.arange(15).view(3, 5))
    assert_clean(lambda x: wrapping_kernel[(1,)](x, torch.empty(1), 2, stride, WIDE=True), x)
    wrapped = (2 * stride + (1 << 31)) % (1 << 32) - (1 << 31) + 2
    assert one(lambda x: wrapping_kernel[(1,)](x, torch.empty(1), 2, stride, WIDE=False), x) == (
        "out_of_bounds_load", 0, wrapped)  # fmt: skip
    assert one(lambda x: load_kernel[(1,)](x, torch.empty(1), 5), x) == ("out_of_bounds_load", 0, 5)


def test_only_the_first_few_faults_are_kept():
    def entry(x):
        for _ in range(CAP + 3):
            load_kernel[(1,)](x, torch.empty(1), 99)
            load_kernel[(1,)](torch.zeros(3), torch.empty(1), 99)

    seen = faults(entry, (padded(1, 4, 4),))
    assert len(seen) == CAP
    assert len([fault for fault in seen if fault.argument == 0]) == 1


def test_results_must_not_share_memory_with_arguments_or_each_other():
    x, whole = padded(4, 5, 5), torch.zeros(10)
    assert [(f.argument, f.element) for f in aliases([x[1]], [3, x])] == [(1, 5)]
    assert [(f.argument, f.element) for f in aliases([whole[:6], whole[5:]], [x])] == [(None, 5)]
    assert aliases([whole[:5], whole[5:]], [x]) == []
    assert aliases([x[:0], torch.empty(0)], [x, torch.empty(0)]) == []
    assert aliases([x.clone()], [x]) == []


def test_a_result_under_another_storage_shares_the_memory_all_the_same():
    x = torch.zeros(8)
    memory = (ctypes.c_char * 16).from_address(x.data_ptr() + 8)
    assert [(f.argument, f.element) for f in aliases([torch.frombuffer(memory, dtype=torch.float32)], [x])] == [(0, 2)]
    beside = (ctypes.c_char * 16).from_address(x.data_ptr() + 32)
    assert aliases([torch.frombuffer(beside, dtype=torch.float32)], [x]) == []
