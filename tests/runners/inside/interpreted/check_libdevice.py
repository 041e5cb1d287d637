"""libdevice stand-ins, under every import path."""
# ruff: noqa: N803  # kernels name their constexprs, and branch on them, as kernels do

import math

import pytest
import torch
import triton
import triton.language as tl
from triton.language.extra import libdevice
from triton.language.extra.cuda import libdevice as cuda_libdevice
from triton.language.extra.libdevice import tanh as imported_tanh

from runners.inside import interpreter

UNARY = {
    "tanh": torch.tanh, "exp": torch.exp, "exp2": torch.exp2, "expm1": torch.expm1, "log": torch.log,
    "log2": torch.log2, "log10": torch.log10, "log1p": torch.log1p, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt,
    "erf": torch.erf, "erfc": torch.erfc, "sin": torch.sin, "cos": torch.cos, "tan": torch.tan, "atan": torch.atan,
    "sinh": torch.sinh, "cosh": torch.cosh, "asinh": torch.asinh, "floor": torch.floor, "ceil": torch.ceil,
    "trunc": torch.trunc, "rint": torch.round, "nearbyint": torch.round, "abs": torch.abs, "lgamma": torch.lgamma,
    "erfinv": torch.erfinv, "asin": torch.asin, "acos": torch.acos, "atanh": torch.atanh, "acosh": torch.acosh,
    "cbrt": lambda x: x.sign() * x.abs() ** (1 / 3), "rcp_rn": torch.reciprocal, "sqrt_rn": torch.sqrt,
}  # fmt: skip
UNIT_DOMAIN = {"erfinv", "asin", "acos", "atanh"}
FAST = {"fast_expf": torch.exp, "fast_logf": torch.log, "fast_sinf": torch.sin, "fast_cosf": torch.cos}
BINARY = {"pow": torch.pow, "atan2": torch.atan2, "fmod": torch.fmod, "hypot": torch.hypot, "copysign": torch.copysign,
          "div_rn": torch.div, "mul_rn": torch.mul, "add_rn": torch.add, "sub_rn": torch.sub}  # fmt: skip


def kernel_of(name, arity, holder):
    """Kernels are read from their source, so one file holds one function for each name."""
    arguments = ", ".join(f"tl.load({p} + i)" for p in "xyz"[:arity])
    pointers = ", ".join("xyz"[:arity])
    return (
        "import triton\nimport triton.language as tl\nfrom triton.language.extra import libdevice\n\n"
        f"@triton.jit\ndef kernel({pointers}, o, B: tl.constexpr):\n    i = tl.arange(0, B)\n"
        f"    tl.store(o + i, {holder}.{name}({arguments}))\n"
    )


@pytest.fixture
def call(tmp_path):
    def run(name, *inputs, out=None, holder="libdevice"):
        file = tmp_path / f"{name}_{inputs[0].dtype}.py"
        file.write_text(kernel_of(name, len(inputs), holder))
        namespace = {"__name__": "kernels"}
        exec(compile(file.read_text(), str(file), "exec"), namespace)
        result = torch.empty(inputs[0].shape, dtype=out or inputs[0].dtype)
        namespace["kernel"][(1,)](*inputs, result, B=inputs[0].numel())
        return result

    return run


def assert_close(actual, expected, ulps):
    different = ~((actual == expected) | (actual.isnan() & expected.isnan()))
    eps = torch.finfo(actual.dtype).eps
    error = (actual - expected).abs()[different] / expected.abs()[different].clamp_min(torch.finfo(actual.dtype).tiny)
    assert different.sum() == 0 or error.max() <= ulps * eps, (
        error.max() / eps,
        actual[different],
        expected[different],
    )


@pytest.mark.parametrize("name", sorted(UNARY))
def test_float32_functions_are_rounded_from_float64(call, name):
    x = torch.cat([torch.linspace(-0.999, 0.999, 64), torch.linspace(-20, 20, 60), torch.tensor([0.0, 1.0, 2.5, -2.5])])
    x = x.clamp(-0.999, 0.999) if name in UNIT_DOMAIN else x
    assert_close(call(name, x), UNARY[name](x.double()).float(), 1)


@pytest.mark.parametrize("name", ["tanh", "exp", "log", "rsqrt", "erf", "sin", "floor", "expm1"])
def test_float64_functions_work(call, name):
    x = torch.linspace(0.1, 5, 64, dtype=torch.float64)
    assert_close(call(name, x), UNARY[name](x), 4)


@pytest.mark.parametrize("name", sorted(FAST))
def test_fast_variants_work(call, name):
    x = torch.linspace(0.1, 3, 64)
    assert_close(call(name, x), FAST[name](x.double()).float(), 1)


@pytest.mark.parametrize("name", sorted(BINARY))
def test_functions_of_two_arguments_work(call, name):
    x, y = torch.linspace(0.1, 5, 64), torch.linspace(-3, 3, 64)
    assert_close(call(name, x, y), BINARY[name](x.double(), y.double()).float(), 1)


def test_fma_rounds_once(call):
    x, y = torch.full((16,), 1 + 2**-12), torch.full((16,), 1 - 2**-12)
    assert torch.equal(call("fma", x, y, -torch.ones(16)), torch.full((16,), -(2.0**-24)))


def test_round_takes_halves_away_from_zero(call):
    x = torch.tensor([0.5, 1.5, 2.5, -0.5, -2.5, 0.49999997, 1e20, -7.2])
    assert call("round", x).tolist() == [1, 2, 3, -1, -3, 0, x[6].item(), -7]


def test_predicates_give_integers(call):
    x = torch.tensor([math.nan, math.inf, -math.inf, 1.0])
    assert call("isnan", x, out=torch.int32).tolist() == [1, 0, 0, 0]
    assert call("isinf", x, out=torch.int32).tolist() == [0, 1, 1, 0]


def test_conversions_saturate(call):
    x = torch.tensor([2.5, -2.5, 1e20, math.nan])
    assert call("float2int_rn", x, out=torch.int32).tolist() == [2, -2, 2**31 - 1, 0]
    assert call("float2int_rz", x, out=torch.int32).tolist() == [2, -2, 2**31 - 1, 0]


@triton.jit
def paths_kernel(x, o, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i)
    same = libdevice.tanh(v) + cuda_libdevice.tanh(v) + imported_tanh(v) + tl.extra.cuda.libdevice.tanh(v)
    tl.store(o + i, same + tl.extra.libdevice.tanh(v))


def test_every_import_path_reaches_the_same_function():
    x = torch.linspace(-2, 2, 64)
    out = torch.empty(64)
    paths_kernel[(1,)](x, out, B=64)
    torch.testing.assert_close(out, 5 * torch.tanh(x))


def test_what_is_not_covered_is_named_and_is_not_the_candidates_fault(call):
    with pytest.raises(interpreter.InterpreterCannot, match="j0f") as caught:
        call("j0", torch.ones(16))
    assert "j0f" in interpreter.classify(caught.value)


def test_a_type_that_the_library_does_not_take_is_the_candidates_error(call):
    with pytest.raises(KeyError) as caught:
        call("tanh", torch.ones(16, dtype=torch.int32))
    assert interpreter.classify(caught.value) is None
