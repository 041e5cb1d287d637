"""Honest styles of real kernels keep the contract."""

from __future__ import annotations

from pathlib import Path

import pytest
from contract_sources import IMPORTS, KERNEL, LAUNCH, indented, relu, rules_of

from runners.candidate import Candidate, read_candidate
from runners.contract.reading import read_source
from runners.contract.rules import Allowance

KERNELS = Path(__file__).parents[2] / "kernels"
RIGHT = sorted(KERNELS.glob("*/right_*.py")) + sorted(KERNELS.glob("*/honest_*.py"))
LIGER = sorted((KERNELS / "liger").glob("*.py"))
ALLOWED = frozenset({"torch", "triton", "math", "typing", "__future__"})


def entry(body: str, top: str = "", parameters: str = "x") -> str:
    return f"{IMPORTS}{KERNEL}\n{top}\n\ndef relu({parameters}):\n{indented(body)}"


OUT = "x = x.contiguous()\ny = torch.empty_like(x)\n"
DONE = OUT + LAUNCH + "\nreturn y"
STYLES = {
    "grid_lambda": entry(
        OUT + "grid = lambda meta: (triton.cdiv(x.numel(), meta['BLOCK']),)\n"
        "_relu[grid](x, y, x.numel(), BLOCK=64)\nreturn y"
    ),
    "grid_function": entry(
        OUT + "n = x.numel()\ndef grid(META):\n    return (triton.cdiv(n, META['BLOCK']),)\n"
        "_relu[grid](x, y, n, BLOCK=64)\nreturn y"
    ),
    "grid_with_a_default": entry(
        OUT + "n = x.numel()\n_relu[lambda META, n=4: (triton.cdiv(n, META['BLOCK']),)](x, y, n, BLOCK=64)\nreturn y"
    ),
    "heuristics": relu()
    .replace(
        "@triton.jit",
        "@triton.heuristics({'BLOCK': lambda a: max(16, a['n'] % 64), "
        "'EVEN': lambda args: args['n'] % args['BLOCK'] == 0})\n@triton.jit",
    )
    .replace(", BLOCK=64)", ")")
    .replace("BLOCK: tl.constexpr", "BLOCK: tl.constexpr, EVEN: tl.constexpr"),
    "autotune": relu(top="")
    .replace(
        "@triton.jit",
        "@triton.autotune(configs=configs(), key=['n'], reset_to_zero=['y_ptr'], restore_value=['x_ptr'])\n@triton.jit",
    )
    .replace(", BLOCK=64)", ")")
    .replace(
        "\n@triton.autotune",
        "\ndef configs():\n    return [triton.Config({'BLOCK': b}, num_warps=w)"
        " for b in (64, 128) for w in [2, 4]]\n\n\n@triton.autotune",
    ),
    "empty_input": entry("y = torch.empty_like(x)\nif x.numel() == 0:\n    return y\n" + DONE),
    "empty_dimension": entry("y = torch.empty_like(x)\nif any(n == 0 for n in x.shape):\n    return y\n" + DONE),
    "empty_by_truth": entry(OUT + "n = x.numel()\nif not n:\n    return y\n" + LAUNCH + "\nreturn y"),
    "empty_zeros": entry("if x.shape[0] == 0 or x.shape[-1] < 1:\n    return torch.zeros_like(x)\n" + DONE),
    "launch_unless_a_product_is_empty": entry(
        OUT + "blocks = triton.cdiv(x.shape[-1], 64)\nif x.numel() * blocks:\n    " + LAUNCH + "\nreturn y"
    ),
    "launch_unless_a_named_product_is_empty": entry(
        OUT + "n, m = x.numel(), x.shape[-1]\ntotal = n * m\nif total:\n    " + LAUNCH + "\nreturn y"
    ),
    "empty_product": entry(OUT + "total = x.numel() * x.ndim\nif total == 0:\n    return y\n" + LAUNCH + "\nreturn y"),
    "launch_if_all_sizes": entry(OUT + "if all(x.shape):\n    " + LAUNCH + "\nreturn y"),
    "launch_if_the_least_size": entry(OUT + "if min(x.numel(), 2 * x.shape[0]):\n    " + LAUNCH + "\nreturn y"),
    "launch_if_the_least_size_is_not_zero": entry(OUT + "if min(x.shape) != 0:\n    " + LAUNCH + "\nreturn y"),
    "launch_if_sizes": entry(OUT + "if x.numel() and x.shape[0] > 0:\n    " + LAUNCH + "\nreturn y"),
    "text_of_sizes": entry(
        "if x.ndim > 9:\n    raise ValueError(f'unsupported {x.dtype}, {x.shape}, {str(x.ndim)}, ' + ', '.join(str(n) "
        "for n in x.shape))\nassert x.ndim < 9, 'of %s dimensions, {}'.format(x.stride()) % x.ndim\n" + DONE
    ),
    "callbacks_on_sizes": entry(
        "sizes = list(x.shape)\nsizes.sort(key=lambda n: -n)\nsizes = sorted(sizes, **{'key': lambda n: n * 2})\n"
        "n = max((n for n in sizes), default=1) + min(map(int, *[sizes]), default=1)\n" + DONE
    ),
    "closure_defaults": entry("f = lambda n=x.numel: n\ng = f\n" + DONE),
    "launch_unless_empty": entry(OUT + "n = x.numel()\nif n > 0:\n    " + LAUNCH + "\nreturn y"),
    "two_branches_launch": entry(
        OUT + "if x.is_contiguous():\n    " + LAUNCH + "\nelse:\n    " + LAUNCH + "\nreturn y"
    ),
    "launch_in_a_helper": entry("return go(x)", "def go(x: torch.Tensor) -> torch.Tensor:\n" + indented(DONE)),
    "launch_in_each_branch_of_a_helper": entry(
        OUT + "go(x, y)\nreturn y",
        "def go(x, y):\n    if x.ndim > 2:\n        "
        + LAUNCH
        + "\n        return\n    if x.ndim > 1:\n        "
        + LAUNCH
        + "\n    else:\n        raise ValueError('rank')",
    ),
    "launch_into_an_argument": entry(
        OUT + "go(x, y, block=64)\nreturn y", "def go(x, y, *, block=32):\n    " + LAUNCH.replace("=64", "=block")
    ),
    "launcher_in_a_variable": entry(OUT + "launch = _relu[(1, 1, 1)]\nlaunch(x, y, x.numel(), BLOCK=64)\nreturn y"),
    "arguments_in_a_list": entry(OUT + "args = [x, y, x.numel()]\n_relu[(1,)](*args, BLOCK=64)\nreturn y"),
    "options_in_a_dict": entry(
        OUT + "opts = dict(BLOCK=64, num_warps=4)\n_relu[(1,)](x, y, x.numel(), **opts)\nreturn y"
    ),
    "starred_strides": entry(
        OUT + "_relu[lambda m: (triton.cdiv(4, m['BLOCK']),)](x, y, *x.stride(), BLOCK=64)\nreturn y"
    ),
    "many_tensors_at_once": entry("a, b = [t.contiguous() for t in (x, x)]\n" + DONE),
    "buffers_in_turn": entry(
        "cur = x.contiguous()\nfor _ in range(3):\n    y = torch.empty_like(cur)\n"
        "    _relu[(1,)](cur, y, cur.numel(), BLOCK=64)\n    cur = y\nreturn cur"
    ),
    "in_place_on_a_copy": entry("y = x.clone()\n_relu[(1,)](y, y, y.numel(), BLOCK=64)\nreturn y"),
    "zeroed_by_hand": entry("y = torch.empty_like(x)\ny.zero_()\ny.fill_(-math.inf)\n" + LAUNCH + "\nreturn y"),
    "recursion_on_a_view": entry("if x.ndim > 2:\n    return relu(x.reshape(-1, x.shape[-1])).view(x.shape)\n" + DONE),
    "optional_output": entry(
        "if out is None:\n    out = torch.empty_like(x)\ny = out\n" + LAUNCH + "\nreturn out", parameters="x, out=None"
    ),
    "checks": entry(
        "assert x.is_cuda or True, 'on a GPU'\nif x.dtype not in (torch.float16, torch.float32):\n"
        "    raise TypeError(f'{x.dtype} on {x.device}')\nif not x.is_floating_point():\n"
        "    raise NotImplementedError\nassert isinstance(x, torch.Tensor) and x.dim() >= 0\n" + DONE
    ),
    "dtype_table": entry(
        "kind = KINDS[x.dtype]\n" + DONE, "KINDS = {torch.float16: tl.float16, torch.float32: tl.float32}"
    ),
    "settings_helper": entry(
        "block, warps = settings(x.numel())\n" + DONE,
        "def settings(n):\n    block = triton.next_power_of_2(n)\n    warps = 4\n"
        "    if block >= 2048:\n        warps = 8\n    if block > 65536:\n"
        "        raise RuntimeError(f'{n} is too wide')\n    return block, warps",
    ),
    "shape_arithmetic": entry(
        "*lead, n = x.shape\nshape = [1] * (3 - len(x.shape)) + list(x.shape)\nshape[-1] *= 2\n"
        "rows = math.prod(lead)\nscale = 1.0 / math.sqrt(n)\ns = tuple(reversed(shape))\n" + DONE
    ),
    "persistent": entry(
        "sms = torch.cuda.get_device_properties(x.device).multi_processor_count\n"
        + OUT
        + "grid = (min(sms * 2, triton.cdiv(x.numel(), 64)),)\n_relu[grid](x, y, x.numel(), BLOCK=64)\nreturn y"
    ),
    "persistent_by_driver": entry(
        "device = torch.cuda.current_device()\n"
        "sms = triton.runtime.driver.active.utils.get_device_properties(device)['multiprocessor_count']\n"
        + OUT
        + "_relu[(min(sms, 8),)](x, y, x.numel(), BLOCK=64)\nreturn y"
    ),
    "device_context": entry(OUT + "with torch.cuda.device_of(x), torch.no_grad():\n    " + LAUNCH + "\nreturn y"),
    "split_heads": entry("q, k, v = x.chunk(3, dim=-1)\na, b = x.unbind(0)\n" + DONE),
    "broadcast": entry("a, b = torch.broadcast_tensors(x, x)\ns = torch.broadcast_shapes(x.shape, (1,))\n" + DONE),
    "warm_up": entry(
        OUT + "k = _relu.warmup(x, y, 4, BLOCK=64, grid=(1,))\nk._init_handles()\n"
        "programs = 65536 // (k.n_regs * 32)\n_relu[(programs,)](x, y, x.numel(), BLOCK=64)\nreturn y"
    ),
    "reinterpreted_bits": entry("b = x.view(torch.uint8) if x.dtype == torch.float8_e4m3fn else x\n" + DONE),
    "typed": "from __future__ import annotations\nfrom typing import Optional\n"
    + entry(DONE, parameters="x: torch.Tensor, out: Optional[torch.Tensor] = None"),
    "benchmark_in_main": entry(DONE) + "\n\nif __name__ == '__main__':\n    try:\n        x = torch.randn(8) * 2\n"
    "        print((relu(x) - torch.relu(x)).abs().max().item())\n    except RuntimeError as e:\n        print(e)\n",
    "nested_blocks": entry(
        OUT + "if x.dtype == torch.float16:\n    block = 128\nelif x.numel() > 4096:\n    block = 256\n"
        "else:\n    block = 64\n_relu[(triton.cdiv(x.numel(), block),)](x, y, x.numel(), BLOCK=block)\n"
        "return y"
    ),
}


@pytest.mark.parametrize("text", STYLES.values(), ids=STYLES)
def test_an_honest_style_passes(text: str) -> None:
    assert rules_of(text) == set()


@pytest.mark.parametrize("path", RIGHT, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_no_right_kernel_is_denied_by_its_source(path: Path) -> None:
    candidate = read_candidate(path)
    assert isinstance(candidate, Candidate)
    assert read_source(candidate, Allowance(ALLOWED)) == ()


@pytest.mark.parametrize("path", LIGER, ids=lambda path: path.stem)
def test_a_library_that_the_policy_allows_may_be_called(path: Path) -> None:
    candidate = read_candidate(path)
    assert isinstance(candidate, Candidate)
    assert read_source(candidate, Allowance(ALLOWED | {"liger_kernel"})) == ()
    text = candidate.text
    assert {fact.rule for fact in read_source(candidate, Allowance(ALLOWED))} >= {"source/import-not-allowed"}, text


WIDENED = {
    "torch.arange": "z = torch.arange(4)",
    "torch.Tensor.to": "z = x.to(torch.float32)",
    "print": "print('hello')",
    "torch.cat": "z = torch.cat([x, x])",
}


@pytest.mark.parametrize(("name", "body"), WIDENED.items(), ids=WIDENED)
def test_a_policy_widens_the_host_calls_by_name(name: str, body: str) -> None:
    assert rules_of(relu(body)) != set()
    assert rules_of(relu(body), allowance=Allowance(ALLOWED, frozenset({name}))) == set()


def test_a_kernels_result_stays_one_through_an_allowed_call() -> None:
    allowance = Allowance(ALLOWED, frozenset({"torch.Tensor.to"}))
    assert rules_of(relu(after="y = y.to(x.dtype)"), allowance=allowance) == set()
    assert rules_of(relu(after="y = x.to(y.dtype)"), allowance=allowance) == {"source/result-not-from-kernel"}


def test_a_waived_rule_is_not_applied_and_the_others_are() -> None:
    text = relu("print('x')", after="y = y * 1")
    waived = Allowance(ALLOWED, waived=frozenset({"source/host-arithmetic"}))
    assert rules_of(text, allowance=waived) == {"source/host-call-not-allowed"}
