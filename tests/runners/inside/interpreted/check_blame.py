"""Whose error it is, case by case."""
# ruff: noqa: N803  # kernels name their constexprs, and branch on them, as kernels do

import pytest
import torch
import triton
import triton.language as tl
from triton.runtime.errors import InterpreterError

from runners.inside import interpreter


@triton.jit
def asm_kernel(o):
    v = tl.load(o)
    tl.store(o, tl.inline_asm_elementwise("ex2 $0, $1;", "=f,f", [v], dtype=tl.float32, is_pure=True, pack=1))


@triton.jit
def address_kernel(o, SIGNED: tl.constexpr):
    near = o.to(tl.int64 if SIGNED else tl.uint64, bitcast=True) % 16
    tl.store(o, near.to(tl.float32))


@triton.jit
def clock_kernel(o):
    tl.store(o, tl.extra.cuda.globaltimer())


@triton.jit
def constexpr_member_kernel(o, B: tl.constexpr):
    tl.store(o, B.bit_twiddle)


@triton.jit
def scaled_dot_kernel(o):
    x = tl.zeros((32, 32), tl.uint8)
    tl.store(o, tl.sum(tl.dot_scaled(x, None, "e4m3", x, None, "e4m3")))


@triton.jit
def unknown_name_kernel(o):
    tl.store(o, tl.no_such_function(1))


@triton.jit
def undefined_name_kernel(o):
    tl.store(o, no_such_name)  # noqa: F821


@triton.jit
def shape_kernel(o):
    tl.store(o + tl.arange(0, 4), tl.arange(0, 4) + tl.arange(0, 8))


@triton.jit
def dtype_kernel(o):
    tl.store(o, tl.exp(tl.load(o).to(tl.int32)))


@triton.jit
def assert_kernel(o):
    tl.static_assert(False, "not for this shape")


@triton.jit
def arange_kernel(o):
    tl.store(o + tl.arange(0, 5), 0.0)


@triton.jit
def precision_kernel(o):
    x = tl.zeros((16, 16), tl.float32)
    tl.store(o, tl.sum(tl.dot(x, x, input_precision="exact")))


@triton.jit
def fine_kernel(o, n):
    tl.store(o, n)


def own_error():
    raise ValueError("this shape is not supported")


def own_assertion():
    assert torch.ones(1).is_cuda, "only CUDA tensors"


CANNOT = {
    "inline assembly": lambda o: asm_kernel[(1,)](o),
    "an address as a number": lambda o: address_kernel[(1,)](o, True),
    "an address as an unsigned number": lambda o: address_kernel[(1,)](o, False),
    "inline assembly of a library": lambda o: clock_kernel[(1,)](o),
    "block-scaled products": lambda o: scaled_dot_kernel[(1,)](o),
    "members of a constexpr": lambda o: constexpr_member_kernel[(1,)](o, B=4),
    "a CUDA device": lambda o: torch.empty(4, device="cuda"),
    "properties of a CUDA device": lambda o: torch.cuda.get_device_properties(0),
    "facts of compilation": lambda o: fine_kernel.warmup(o, 1, grid=(1,)).n_regs,
    "members of a compiled function": lambda o: fine_kernel.device_caches,
    "members of the driver": lambda o: triton.runtime.driver.active.get_empty_cache_for_benchmark(),
    "alignment of a descriptor": lambda o: triton.tools.tensor_descriptor.TensorDescriptor(
        torch.ones(9)[1:], [8], [1], [8]
    ),
}
CANDIDATE = {
    "an unknown name of tl": lambda o: unknown_name_kernel[(1,)](o),
    "an undefined name": lambda o: undefined_name_kernel[(1,)](o),
    "shapes that do not match": lambda o: shape_kernel[(1,)](o),
    "a dtype that an operation refuses": lambda o: dtype_kernel[(1,)](o),
    "a static assertion": lambda o: assert_kernel[(1,)](o),
    "a range that is no power of two": lambda o: arange_kernel[(1,)](o),
    "an unknown precision": lambda o: precision_kernel[(1,)](o),
    "an own error": lambda o: own_error(),
    "an own assertion": lambda o: own_assertion(),
    "a missing argument": lambda o: fine_kernel[(1,)](o),
    "an unknown keyword": lambda o: fine_kernel[(1,)](o, 1, no_such_option=3),
    "a grid that is no tuple": lambda o: fine_kernel[1](o, 1),
    "a grid of floats": lambda o: fine_kernel[(1.5,)](o, 1),
    "a grid beyond the limits": lambda o: fine_kernel[(1, 1 << 20)](o, 1),
    "a kernel called as a function": lambda o: fine_kernel(o, 1),
    "a tl function called from the host": lambda o: tl.zeros((4,), tl.float32),
    "torch on tensors that do not match": lambda o: torch.ones(3) + torch.ones(4),
    "recursion without end": lambda o: CANDIDATE["recursion without end"](o),
}


def raised_by(action):
    with pytest.raises(Exception) as caught:  # noqa: PT011  # which one is what is judged
        action(torch.zeros(8))
    return caught.value


@pytest.mark.parametrize("name", sorted(CANNOT))
def test_a_limit_of_the_interpreter_is_not_the_candidates_fault(name):
    reason = interpreter.classify(raised_by(CANNOT[name]))
    assert reason
    assert "\n" not in reason


@pytest.mark.parametrize("name", sorted(CANDIDATE))
def test_an_error_that_a_gpu_would_show_too_is_the_candidates(name):
    assert interpreter.classify(raised_by(CANDIDATE[name])) is None


def test_a_wrapped_error_is_judged_by_its_cause():
    wrapped = InterpreterError("wrapped")
    wrapped.__cause__ = raised_by(CANNOT["inline assembly"])
    assert "inline assembly" in interpreter.classify(wrapped)


def test_a_keyword_that_is_neither_argument_nor_option_is_refused():
    with pytest.raises(TypeError, match="no_such_option"):
        CANDIDATE["an unknown keyword"](torch.zeros(1))


def test_launch_options_of_gpus_are_accepted():
    out = torch.zeros(1)
    fine_kernel[(1,)](out, 7, num_warps=8, num_stages=3, num_ctas=1, maxnreg=64)
    assert out.item() == 7


def test_the_language_is_unbound_outside_of_a_launch_even_after_an_error():
    raised_by(CANDIDATE["shapes that do not match"])
    raised_by(CANDIDATE["a tl function called from the host"])
    assert "__call__" in dir(tl.load)
    with pytest.raises(ValueError, match="_semantic"):
        tl.load(1)
