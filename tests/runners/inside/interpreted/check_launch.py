"""Launches: scalars, order, lanes, fresh memory, guard pages, autotuning, line numbers."""
# ruff: noqa: N803  # kernels name their constexprs, and branch on them, as kernels do

import faulthandler
import os
import signal
import warnings
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
import triton
import triton.language as tl

from runners.inside import interpreter
from runners.inside.interpreter.conditions import CURRENT
from runners.inside.memory import guarded
from runners.wire import Conditions

NATURAL = Conditions(fresh_byte=0xFF, order_seed=None, choice_seed=0, undefined_lanes=False)
PERMUTED = Conditions(fresh_byte=0x7B, order_seed=1, choice_seed=0, undefined_lanes=True)


@triton.jit
def scalar_kernel(o, eps, n, flag):
    x = tl.load(o)
    tl.store(o, eps.to(tl.float32) + x + n.to(tl.float32) + flag.to(tl.float32))
    if eps > 0.0:
        tl.store(o + 1, 1.0 / eps)


@triton.jit
def promotion_kernel(x, o, scale, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i) * scale
    tl.static_assert(v.dtype == tl.float32)
    tl.store(o + i, v)


@triton.jit
def ticket_kernel(tickets, counter, W, H):
    at = tl.program_id(0) + W * (tl.program_id(1) + H * tl.program_id(2))
    tl.store(tickets + at, tl.atomic_add(counter, 1))


@triton.jit
def copy_kernel(x, o, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(o + i, tl.load(x + i, mask=i < n), mask=i < n)


@triton.jit
def undefined_kernel(x, o, n, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(o + i, tl.load(x + i, mask=i < n))


@triton.jit
def annotated_kernel(o, wide: tl.int64, plain, short: tl.float16, half: tl.bfloat16):
    tl.static_assert(wide.dtype == tl.int64)
    tl.static_assert(plain.dtype == tl.int32)
    tl.static_assert(short.dtype == tl.float16)
    tl.static_assert(half.dtype == tl.bfloat16)
    tl.store(o, wide * 4)
    tl.store(o + 1, (plain * 4).to(tl.int64))


def test_a_scalar_has_the_type_that_its_parameter_is_annotated_with():
    out = torch.zeros(2, dtype=torch.int64)
    annotated_kernel[(1,)](out, 1 << 30, 1 << 30, 0.5, 0.5)
    assert out.tolist() == [1 << 32, 0]


@triton.jit
def boolean_kernel(x, o, m, n, WANTED: tl.constexpr, B: tl.constexpr):
    i = tl.arange(0, B)
    both = i < m and i >= n
    neither = not (i < m or i >= n)
    tl.store(o + i, tl.where(both, 1, 0) + tl.where(neither, 2, 0))
    if WANTED and not (m < n):
        tl.store(o, 7)
    if WANTED is None or WANTED:
        tl.store(o + 1, 8)


@pytest.mark.parametrize(("wanted", "first"), [(True, [7, 8]), (False, [0, 0]), (None, [0, 8])])
def test_and_or_not_combine_blocks_element_by_element(wanted, first):
    out = torch.zeros(8, dtype=torch.int64)
    boolean_kernel[(1,)](out, out, 6, 3, wanted, 8)
    assert out.tolist() == [*first, 0, 1, 1, 1, 0, 0]


@triton.jit
def looping_kernel(o, n, step):
    for i in tl.range(0, n, step, num_stages=2):
        tl.store(o + i, i.to(tl.int64))
    for i in tl.range(n, step=2, loop_unroll_factor=1):
        tl.store(o + n + i, i.to(tl.int64) + 10)


def test_the_variable_of_a_pipelined_loop_is_a_scalar():
    out = torch.full((8,), -1)
    looping_kernel[(1,)](out, 4, 3)
    assert out.tolist() == [0, -1, -1, 3, 10, -1, 12, -1]


@triton.jit
def cast_to(value, dtype: tl.constexpr):
    return value.to(dtype.value if dtype.value is not None else dtype)


@triton.jit
def handing_kernel(o, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(o + i, cast_to(i, o.dtype.element_ty) / 4)


def test_a_dtype_handed_to_a_helper_is_a_constant():
    out = torch.zeros(4)
    handing_kernel[(1,)](out, 4)
    assert out.tolist() == [0, 0.25, 0.5, 0.75]


def test_float_int_and_bool_arguments_are_tensors():
    out = torch.zeros(2)
    scalar_kernel[(1,)](out, 0.5, 3, True)
    assert out.tolist() == [4.5, 2.0]


def test_a_float_argument_is_a_float32_that_promotes():
    x = torch.full((16,), 3.0, dtype=torch.bfloat16)
    out = torch.empty(16)
    promotion_kernel[(1,)](x, out, 1 / 3, B=16)
    assert torch.equal(out, x.float() * torch.tensor(1 / 3))


@pytest.mark.parametrize("conditions", [NATURAL, PERMUTED])
@pytest.mark.parametrize("grid", [(7,), (3, 4), (2, 3, 4), (1,)])
def test_every_program_runs_exactly_once(conditions, grid):
    width, height, depth = (*grid, 1, 1)[:3]
    count = width * height * depth
    with interpreter.observe(conditions) as seen:
        tickets, counter = torch.full((count,), -1, dtype=torch.int32), torch.zeros(1, dtype=torch.int32)
        ticket_kernel[grid](tickets, counter, width, height)
    assert sorted(tickets.tolist()) == list(range(count))
    assert (seen.launches, seen.atomics) == (1, True)
    if conditions.order_seed is None:
        assert tickets.tolist() == list(range(count))


def tickets_of(seed, launches=1):
    with interpreter.observe(Conditions(fresh_byte=0, order_seed=seed, choice_seed=seed or 0, undefined_lanes=False)):
        runs = []
        for _ in range(launches):
            tickets, counter = torch.zeros(64, dtype=torch.int32), torch.zeros(1, dtype=torch.int32)
            ticket_kernel[(64,)](tickets, counter, 64, 1)
            runs.append(tickets.tolist())
    return runs


def test_the_order_is_drawn_from_the_seed_and_differs_by_launch():
    assert tickets_of(5) == tickets_of(5)
    assert tickets_of(5) != tickets_of(6)
    first, second = tickets_of(-5, launches=2)
    assert first != second
    assert first != list(range(64))


def test_no_programs_do_nothing():
    x = torch.ones(4)
    copy_kernel[(0,)](x, x, 4, B=4)
    assert x.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float8_e4m3fn, torch.float8_e5m2]
)
def test_undefined_lanes_of_floats_hold_nan(dtype):
    x = torch.ones(8).to(dtype)
    out = torch.zeros(8).to(dtype)
    with interpreter.observe(PERMUTED):
        undefined_kernel[(1,)](x, out, 3, B=8)
    assert out.float().isnan().tolist() == [False] * 3 + [True] * 5


@triton.jit
def pick_kernel(x, at, o, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(o + i, tl.gather(tl.load(x + i), tl.load(at + i), 0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float8_e4m3fn, torch.int32])
def test_a_gathered_lane_that_no_index_names_is_undefined(dtype):
    x, out = torch.arange(1, 9).to(dtype), torch.zeros(8).to(dtype)
    at = torch.tensor([7, 0, -1, 3, 8, 3, 1 << 30, -(1 << 31)], dtype=torch.int32)
    with interpreter.observe(PERMUTED):
        pick_kernel[(1,)](x, at, out, B=8)
    found = out.double()
    assert found[[0, 1, 3, 5]].tolist() == [8, 1, 4, 4]
    assert (found[[2, 4, 6, 7]].isnan() | (found[[2, 4, 6, 7]] > 1e8)).all()


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int32, torch.int64])
def test_undefined_lanes_of_integers_are_large(dtype):
    x = torch.ones(8, dtype=dtype)
    out = torch.zeros(8, dtype=dtype)
    with interpreter.observe(PERMUTED):
        undefined_kernel[(1,)](x, out, 3, B=8)
    assert (out[3:].double() > torch.iinfo(dtype).max / 4).all()
    with interpreter.observe(NATURAL):
        undefined_kernel[(1,)](x, out, 3, B=8)
    assert out[3:].tolist() == [0] * 5


@pytest.mark.parametrize(
    "make",
    [
        lambda x: torch.empty(5, 3),
        lambda x: torch.empty_like(x),
        lambda x: torch.empty_strided((4, 3), (5, 1)),
        lambda x: x.new_empty(7),
        lambda x: x.new_empty_strided((4, 3), (1, 4)),
        lambda x: torch.empty(4, 5, dtype=torch.int8),
        lambda x: torch.empty((1, 2, 3, 4), memory_format=torch.channels_last),
    ],
)
def test_uninitialised_memory_holds_the_fresh_byte(make):
    with interpreter.observe(PERMUTED):
        made = make(torch.ones(3, 4))
    data = made.untyped_storage()
    assert set(bytes(data)) == {PERMUTED.fresh_byte}


def test_initialised_memory_keeps_its_values():
    with interpreter.observe(PERMUTED):
        x = torch.full((3, 4), 2.0)
        made = [torch.zeros(5), torch.ones_like(x), x.clone(), x.t().contiguous(), torch.arange(6), x.new_zeros(0)]
    assert made[0].tolist() == [0] * 5
    assert made[1].tolist() == [[1] * 4] * 3
    assert torch.equal(made[2], x)
    assert made[3].shape == (4, 3)
    assert made[3].is_contiguous()
    assert made[4].tolist() == list(range(6))


def signal_of(action):
    """Runs `action` in a forked child; returns the signal that ended it, or 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        faulthandler.disable()
        action()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


@triton.jit
def shifted_kernel(x, o, n, load_shift, store_shift, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(o + i + store_shift, tl.load(x + i + load_shift, mask=i < n), mask=i < n)


@triton.jit
def gather_kernel(index, values, o, n, B: tl.constexpr):
    i = tl.arange(0, B)
    at = tl.load(index + i, mask=i < n)
    tl.store(o + i, tl.load(values + at))


@contextmanager
def unmonitored(conditions):
    """The guard pages must hold without the monitor, which stops an access before it comes to them."""
    with interpreter.observe(conditions):
        CURRENT.run.monitor = None
        yield


@pytest.mark.parametrize("side", ["end", "start"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int8, torch.int64])
def test_one_element_out_of_bounds_is_a_segmentation_fault(side, dtype):
    n = 37
    buffers = [guarded(n * dtype.itemsize, side).view(dtype, (n,), (1,)) for _ in range(2)]
    step = 1 if side == "end" else -1
    assert signal_of(lambda: shifted_kernel[(1,)](*buffers, n, 0, 0, B=64)) == 0
    assert signal_of(lambda: shifted_kernel[(1,)](*buffers, n, step, 0, B=64)) == signal.SIGSEGV
    assert signal_of(lambda: shifted_kernel[(1,)](*buffers, n, 0, step, B=64)) == signal.SIGSEGV


def test_an_out_of_bounds_index_in_undefined_lanes_leaves_every_buffer():
    def gather():
        with unmonitored(PERMUTED):
            index, values = torch.zeros(8, dtype=torch.int32), torch.ones(8)
            gather_kernel[(1,)](index, values, torch.zeros(8), 3, B=8)

    assert signal_of(gather) == signal.SIGSEGV


@pytest.mark.parametrize("make", [torch.empty, torch.zeros])
def test_the_candidates_own_allocation_is_guarded_too(make):
    def run(shift):
        with unmonitored(NATURAL):
            shifted_kernel[(1,)](torch.ones(37), make(37), 37, 0, shift, B=64)

    assert signal_of(lambda: run(0)) == 0
    assert signal_of(lambda: run(1)) == signal.SIGSEGV


CONFIGS = [triton.Config({"B": 16}), triton.Config({"B": 32}), triton.Config({"B": 64}, num_warps=8)]


@triton.autotune(configs=CONFIGS, key=["n"])
@triton.jit
def tuned_kernel(x, o, used, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(o + i, tl.load(x + i, mask=i < n) + 1, mask=i < n)
    tl.store(used, B)


@triton.autotune(configs=CONFIGS, key=["n"], reset_to_zero=["o"])
@triton.jit
def resetting_kernel(x, o, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.atomic_add(o, tl.sum(tl.load(x + i, mask=i < n, other=0.0), 0))


@triton.autotune(configs=CONFIGS, key=["n"])
@triton.jit
def forgetful_kernel(x, o, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.atomic_add(o, tl.sum(tl.load(x + i, mask=i < n, other=0.0), 0))


@triton.autotune(configs=CONFIGS, key=["n"], restore_value=["x"])
@triton.jit
def in_place_kernel(x, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(x + i, tl.load(x + i, mask=i < n) + 1, mask=i < n)


@triton.autotune(
    configs=CONFIGS, key=["n"], prune_configs_by={"early_config_prune": lambda configs, named, **rest: configs[1:2]}
)
@triton.heuristics({"DOUBLE": lambda args: args["n"] > 50})
@triton.jit
def pruned_kernel(o, n, DOUBLE: tl.constexpr, B: tl.constexpr):
    tl.store(o, B)
    tl.store(o + 1, DOUBLE)


def blocks(n):
    return lambda meta: (triton.cdiv(n, meta["B"]),)


def under(seed):
    return interpreter.observe(Conditions(fresh_byte=0, order_seed=seed, choice_seed=seed or 0, undefined_lanes=False))


def test_autotune_picks_a_configuration_by_the_seed():
    x, out, used = torch.randn(100), torch.empty(100), torch.zeros(1, dtype=torch.int32)
    seen = []
    for seed in (None, 0, 1, 2, 3):
        with under(seed):
            tuned_kernel[blocks(100)](x, out, used, 100)
        assert torch.equal(out, x + 1)
        seen.append(used.item())
    assert seen == [16, 16, 32, 64, 16]


def test_autotune_works_without_a_gpu():
    x, out, used = torch.randn(100), torch.empty(100), torch.zeros(1, dtype=torch.int32)
    tuned_kernel[blocks(100)](x, out, used, 100)
    assert torch.equal(out, x + 1)


def test_autotune_honours_reset_and_restore_and_shows_a_kernel_that_forgot():
    x = torch.ones(100)
    with under(None):
        honest, forgetful = torch.zeros(1), torch.zeros(1)
        resetting_kernel[blocks(100)](x, honest, 100)
        forgetful_kernel[blocks(100)](x, forgetful, 100)
        assert (honest.item(), forgetful.item()) == (100.0, 200.0)
        forgetful.zero_()
        forgetful_kernel[blocks(100)](x, forgetful, 100)
        assert forgetful.item() == 100.0
        in_place_kernel[blocks(100)](x, 100)
    assert x.tolist() == [2.0] * 100


def test_pruning_and_heuristics_are_honoured():
    out = torch.zeros(2, dtype=torch.int32)
    for n, expected in ((100, [32, 1]), (10, [32, 0])):
        pruned_kernel[(1,)](out, n)
        assert out.tolist() == expected


def test_host_code_can_ask_the_driver_about_the_device():
    active = triton.runtime.driver.active
    device = active.get_current_device()
    assert active.utils.get_device_properties(device)["multiprocessor_count"] > 0
    assert active.get_current_target().backend == "cuda"


@triton.jit
def bfloat16_atomic_kernel(x, o, before, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(before + i, tl.atomic_add(o + i * 0, tl.load(x + i), mask=i < 3))


@triton.jit
def exchange_kernel(x, o, count, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(o + i, tl.atomic_xchg(x + i, i.to(x.dtype.element_ty) + 0.5, mask=i < count), mask=i < count)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_floats_are_exchanged(dtype):
    x, out = torch.full((8,), -1.25, dtype=dtype), torch.zeros(8, dtype=dtype)
    exchange_kernel[(1,)](x, out, 5, B=8)
    assert x.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, -1.25, -1.25, -1.25]
    assert out.tolist() == [-1.25] * 5 + [0.0] * 3


def test_a_bfloat16_atomic_add_adds_each_lane():
    out, before = torch.ones(1, dtype=torch.bfloat16), torch.zeros(4, dtype=torch.bfloat16)
    bfloat16_atomic_kernel[(1,)](torch.full((4,), 1.5, dtype=torch.bfloat16), out, before, B=4)
    assert out.item() == 5.5
    assert before.tolist()[:3] == [1.0, 2.5, 4.0]


@triton.jit
def helper(x):
    """Doubles.

    def is a word that this line begins with.
    """
    return x * 2


def closure(factor: tl.constexpr):
    @triton.jit
    def kernel(o):
        tl.store(o, helper(tl.load(o)) * factor)

    return kernel


def test_helpers_docstrings_and_enclosing_variables_work():
    out = torch.full((1,), 3.0)
    closure(tl.constexpr(5))[(1,)](out)
    assert out.item() == 30.0


@triton.jit
def descriptor_kernel(x, o, M, N, BM: tl.constexpr, BN: tl.constexpr):
    source = tl.make_tensor_descriptor(x, [M, N], [N, 1], [BM, BN])
    target = tl.make_tensor_descriptor(o, [M, N], [N, 1], [BM, BN])
    target.store([0, 0], source.load([0, 0]) * 2)


def test_a_tensor_descriptor_works_on_a_guarded_base():
    x = guarded(33 * 4).view(torch.float32, (33,), (1,))[:32].view(4, 8)
    assert x.data_ptr() % 16 != 0
    x.copy_(torch.randn(4, 8))
    out = torch.zeros(4, 8)
    descriptor_kernel[(1,)](x, out, 4, 8, BM=4, BN=8)
    assert torch.equal(out, x * 2)


SOURCE = '''
import triton
import triton.language as tl


@triton.jit
def inner(x):
    y = x + 1
    return y.no_such_member  # line 9


@triton.autotune(
    configs=[triton.Config({"B": 16})],
    key=[],
)
@triton.jit
def kernel(
    x,
    B: tl.constexpr,
):
    """A docstring.

    def in a docstring
    """
    i = tl.arange(0, B)
    v = tl.load(x + i)
    tl.store(x + i, inner(v))  # line 27


def entry(x):
    kernel[(1,)](x)  # line 31
'''


def test_the_line_of_an_error_is_that_of_the_file(tmp_path: Path):
    file = tmp_path / "candidate.py"
    file.write_text(SOURCE)
    namespace = {"__name__": "candidate"}
    exec(compile(SOURCE, str(file), "exec"), namespace)
    with pytest.raises(AttributeError) as caught:
        namespace["entry"](torch.ones(16))
    lines = SOURCE.splitlines()
    line = interpreter.candidate_line(caught.value, str(file))
    assert "# line 9" in lines[line - 1]
    wrapped = RuntimeError("outer")
    wrapped.__cause__ = caught.value
    assert interpreter.candidate_line(wrapped, str(file)) == line
    assert interpreter.candidate_line(caught.value, "elsewhere.py") is None


def test_a_syntax_error_has_its_line():
    with pytest.raises(SyntaxError) as caught:
        compile("x = 1\ny = = 2\n", "/tmp/bad.py", "exec")
    assert interpreter.candidate_line(caught.value, "/tmp/bad.py") == 2


def test_a_kernel_gets_no_names_that_its_file_did_not_import(tmp_path: Path):
    file = tmp_path / "forgot.py"
    file.write_text(
        "import triton\nimport triton.language as tl\n\n@triton.jit\ndef kernel(o):\n    tl.store(o, math.pi)\n"
    )
    namespace = {"__name__": "forgot"}
    exec(compile(file.read_text(), str(file), "exec"), namespace)
    with pytest.raises(NameError, match="math"):
        namespace["kernel"][(1,)](torch.zeros(1))
