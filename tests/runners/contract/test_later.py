"""Code that runs later, again, or with other values than where it stands: each way to lose a tensor is denied.

Every attack computes with tensors where a single reading from top to bottom would see numbers or nothing at all. The
look-alikes do the same with sizes, or hand tensors on without computing.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest
from contract_sources import IMPORTS, KERNEL, LAUNCH, indented, rules_of

DECOY = "y = torch.empty_like(x)\n" + LAUNCH + "\n"


def entry(body: str, top: str = "") -> str:
    return f"{IMPORTS}{KERNEL}\n{top}\n\ndef relu(x):\n{indented(DECOY + body)}    return y\n"


class Pair(NamedTuple):
    attack: str
    honest: str


def pair(attack: str, honest: str, top: str = "") -> Pair:
    return Pair(entry(attack, top), entry(honest, top))


MOVES = (
    "a = b = c = d = e = f = 1\nfor _ in range(6):\n    f = e\n    e = d\n    d = c\n    c = b\n    b = a\n    a = {}\n"
)
LATER = "def later(x, wanted):\n    a = x\n    if wanted:\n        return lambda: {}\n    a = 0\n    return lambda: 1"
CALLS = "def g(a, n):\n    if n == 0:\n        return {}\n    return g({}, n - 1)"

PAIRS = {
    "names_in_a_loop": pair(MOVES.format("x") + "y = f * 2", MOVES.format("x.ndim") + "n = f * 2"),
    "break": pair(
        "a = 0\nfor n in range(2):\n    a = x\n    if n == 0:\n        break\n    a = 0\ny = a * 2",
        "a = 0\nfor n in range(2):\n    a = x.ndim\n    if n == 0:\n        break\n    a = 0\nn = a * 2",
    ),
    "continue": pair(
        "a = 0\nfor n in range(3):\n    y = a * 2\n    a = x\n    if n == 0:\n        continue\n    a = 0",
        "a = 0\nfor n in range(3):\n    m = a * 2\n    a = x.ndim\n    if n == 0:\n        continue\n    a = 0",
    ),
    "break_out_of_while": pair(
        "a = 0\nwhile True:\n    a = x\n    break\ny = a * 2",
        "a = 0\nwhile True:\n    a = x.ndim\n    break\nn = a * 2"
    ),
    "closure_of_another_path": Pair(
        entry("y = later(x, True)()", LATER.format("a * 2")), entry("n = later(x.ndim, True)()", LATER.format("a * 2"))
    ),
    "closures_in_a_comprehension": pair(
        "y = [lambda: a * 2 for a in (1, x)][1]()", "n = [lambda: a * 2 for a in (1, x.ndim)][1]()"
    ),
    "recursion_with_tensors": Pair(
        entry("y = g(1, 1)", CALLS.format("a * 2", "X").replace("X", "x_of()") + "\n\n\ndef x_of():\n    return X")
        .replace("g(1, 1)", "g(1, 1, x)")
        .replace("def g(a, n)", "def g(a, n, x)")
        .replace("g(x_of(), n - 1)", "g(x, n - 1, x)"),
        entry("n = g(1, 1)", CALLS.format("a * 2", "a + 1")),
    ),
    "mutual_recursion_with_tensors": pair(
        "y = g(1, x, 1)",
        "n = g(1, x.ndim, 1)",
        "def g(a, x, n):\n    return a * 2 if n == 0 else h(a, x, n)\n\n\n"
        "def h(a, x, n):\n    return g(x, x, n - 1)",
    ),
    "walrus_in_a_comprehension": pair(
        "a = 0\nn = len([(a := x) for _ in range(1)])\ny = a * n",
        "a = 0\nn = len([(a := x.ndim) for _ in range(1)]) * a"
    ),
    "walrus_that_is_passed_over": pair(
        "a = x\nn = 0 and (a := 0)\ny = a * 2", "a = x.ndim\nn = 0 and (a := 0)\nn = a * 2"
    ),
    "turns_of_a_comprehension": pair(
        "a = 0\nb = 0\nys = [(a * 2, a := b, b := x) for _ in range(3)]",
        "a = 0\nb = 0\nns = [(a * 2, a := b, b := x.ndim) for _ in range(3)]",
    ),
    "list_filled_in_a_comprehension": pair(
        "box = []\nys = [box[0] * 2 if n else box.append(x) for n in range(2)]",
        "box = []\nns = [box[0] * 2 if n else box.append(x.ndim) for n in range(2)]",
    ),
    "list_filled_by_a_callback": pair(
        "box = []\nys = list(map(lambda n: box[0] * 2 if n else box.append(x), range(2)))",
        "box = []\nns = list(map(lambda n: box[0] * 2 if n else box.append(x.ndim), range(2)))",
    ),
    "generator_that_is_asked_later": pair(
        "box = []\nlate = (box[0] * 2 for _ in range(1))\nbox.append(x)\ny = next(late)",
        "box = []\nlate = (box[0] * 2 for _ in range(1))\nbox.append(x.ndim)\nn = next(late)",
    ),
    "generator_with_another_meaning_later": pair(
        "a = 0\nlate = (a * 2 for _ in range(1))\na = x\ny = next(late)\na = 0",
        "a = 0\nlate = (a * 2 for _ in range(1))\na = x.ndim\nn = next(late)\na = 0",
    ),
    "map_that_is_asked_later": pair(
        "box = []\nlate = map(lambda n: box[0] * 2, range(1))\nbox.append(x)\ny = next(late)",
        "box = []\nlate = map(lambda n: box[0] * 2, range(1))\nbox.append(x.ndim)\nn = next(late)",
    ),
    "iterator_that_calls_later": pair(
        "box = []\nlate = iter(lambda: box[0] * 2, None)\nbox.append(x)\ny = next(late)",
        "box = []\nlate = iter(lambda: box[0] * 2, None)\nbox.append(x.ndim)\nn = next(late)",
    ),
    "elements_picked_by_a_list_in_a_tuple": pair("z = x[([0, 1],)]", "z = x[(0, 1)]"),
    "list_filled_after_it_was_a_size": pair(
        "box = []\nheld = max(box, [])\nbox.append(x)\ny = held[0] * 2",
        "box = []\nheld = max(box, [])\nbox.append(x.ndim)\nn = held[0] * 2",
    ),
    "list_within_a_list_filled_after_it_was_a_size": pair(
        "box = []\nheld = sum([[box]], [])\nbox.append(x)\ny = held[0][0] * 2",
        "box = []\nn = sum([[1], [2]], [])\nbox.append(x)",
    ),
    "dict_filled_after_a_configuration_took_it": pair(
        "d = {}\nc = triton.Config(d)\nd['x'] = x\ny = c.kwargs['x'] * 2",
        "d = {}\nc = triton.Config(d)\nd['x'] = x.ndim\nn = c.kwargs['x'] * 2",
    ),
    "merged_dicts": pair(
        "d = {}\nm = {'d': d} | {}\nd['x'] = x\ny = m['d']['x'] * 2", "m = {'d': 1} | {'e': x.ndim}\nn = m['d'] * 2"
    ),
    "copied_list": pair("a = [].copy()\na.append(x)\ny = a[0] * 2", "a = [].copy()\na.append(x.ndim)\nn = a[0] * 2"),
    "sliced_list": pair("a = [][:]\na.append(x)\ny = a[0] * 2", "a = [x][:]\ny2 = a[0].view(-1)"),
    "sliced_by_an_object": pair(
        "s = [slice(None)]\na = [][s[0]]\na.append(x)\ny = a[0] * 2",
        "s = [slice(None)] * x.ndim\nz = x[tuple(s)]",
    ),
    "list_filled_by_a_slice": pair("a = []\na[:] = [x]\ny = a[0] * 2", "a = []\na[:] = [x]\ny2 = a[0].view(-1)"),
    "list_filled_by_a_slice_object": pair(
        "a = []\na[(slice(None), 1)[0]] = [x]\ny = a[0].relu()", "a = [0]\na[0] = x\nz = a[0]"
    ),
    "dict_of_pairs": pair("y = dict([('x', x)])['x'].relu()", "z = dict([('x', x)])['x']"),
    "dict_updated_by_pairs": pair(
        "d = {}\nd.update([('x', x)])\ny = d['x'].relu()", "d = {}\nd.update([('x', x)])\nz = d['x']"
    ),
    "set_updated": pair(
        "s = set()\ns.symmetric_difference_update([x])\nfor a in s:\n    y = a.relu()",
        "s = set()\ns.symmetric_difference_update([x.ndim])\nfor a in s:\n    n = a * 2",
    ),
    "method_behind_a_star": pair("y = torch.Tensor.relu(*[x])", "z = torch.Tensor.view(x, *[-1])"),
    "mapped_method": pair(
        "y = list(map(torch.Tensor.relu, *[[x]]))[0]", "z = list(map(torch.Tensor.detach, [x]))[0]"
    ),
    "view_by_name": pair("y = torch.detach(input=x).relu()", "z = torch.detach(input=x).view(-1)"),
    "beside_what_tells_the_device": pair(
        "held = [x.is_cuda, x] or 0\ny = held[1] * 2", "held = [x, x] or 0\nz = held[1]"
    ),
    "element_as_a_bound": pair("n = range(9)[x[0] :].start", "n = range(9)[x.ndim :].start"),
    "element_as_an_index": pair("n = range(9)[x[0]]", "n = range(9)[x.ndim]"),
    "element_as_an_axis": pair("n = y.size(x[0])", "n = y.size(x.ndim - 1)"),
    "elements_as_a_size": pair("n = torch.Size(x)", "n = torch.Size(x.shape)"),
    "element_as_a_fill_value": pair("z = torch.full_like(*[x, x[0]])", "z = torch.full_like(x, *[1])"),
    "device_by_a_comprehension_in_an_assertion": pair(
        "assert (k := [0 for _ in range(int(x.is_cuda))]) is not None\nz = y[: len(k)]",
        "assert all(t.is_cuda for t in [x, y]) or True",
    ),
    "device_by_a_branch_in_an_assertion": pair(
        "assert (n := told(x)) >= 0\nz = y[:n]",
        "assert told(x) >= 0",
        "def told(x):\n    if x.is_cuda:\n        return 1\n    return 0",
    ),
    "default_of_an_old_constant": Pair(
        entry("y = g(x)", "f = torch.relu\n\n\ndef g(x, h=f):\n    return h(x)\n\n\nf = len"),
        entry("n = g(x)", "f = 2\n\n\ndef g(x, h=f):\n    return h\n\n\nf = 3"),
    ),
    "entry_named_in_a_decorator": Pair(
        entry("", "def g(x):\n    return x\n").replace(
            "@triton.jit", "@triton.autotune([triton.Config({'BLOCK': len([relu := 1])})], key=['n'])\n@triton.jit"
        ),
        entry("").replace(
            "@triton.jit", "@triton.autotune([triton.Config({'BLOCK': len([1])})], key=['n'])\n@triton.jit"
        ).replace(", BLOCK=64)", ")"),
    ),
    "heuristics_of_a_warm_up": Pair(
        entry("_relu.warmup(x, y, 4, grid=(1,))").replace(
            "@triton.jit", "@triton.heuristics({'BLOCK': lambda a: len([a['y_ptr'].relu()])})\n@triton.jit"
        ),
        entry("_relu.warmup(x, y, 4, grid=(1,))").replace(
            "@triton.jit", "@triton.heuristics({'BLOCK': lambda a: a['n'] * 2})\n@triton.jit"
        ).replace(", BLOCK=64)", ")"),
    ),
    "tensor_as_a_constant": pair("_relu[(1,)](x, y, 1, BLOCK=x)", "_relu[(1,)](x, y, 1, BLOCK=x.ndim)"),
    "function_of_torch_as_a_constant": pair(
        "_relu[(1,)](x, y, 1, BLOCK=torch.relu)", "_relu[(1,)](x, y, 1, BLOCK=tl.float32)"
    ),
}  # fmt: skip


@pytest.mark.parametrize("one", PAIRS.values(), ids=PAIRS)
def test_what_runs_later_or_again_is_followed(one: Pair) -> None:
    assert rules_of(one.attack) & DENYING, "not noticed"
    assert rules_of(one.honest) == set()


DENYING = {
    "source/host-arithmetic", "source/host-data", "source/environment", "source/rebinding",
    "source/host-call-not-allowed", "source/python-in-kernel", "source/kernel-object",
}  # fmt: skip
COMPILED = "\n\n@triton.constexpr_function\ndef f({}):\n    return {}\n"


@pytest.mark.parametrize(
    ("given", "body", "rules"),
    [
        ("BLOCK", "n * 2", set()),
        ("tl.cdiv(BLOCK, 2)", "n * 2", set()),
        ("value.dtype", "n.primitive_bitwidth", set()),
        ("value", "n", {"source/python-in-kernel"}),
        ("tl.arange(0, 2)", "n", {"source/python-in-kernel"}),
        ("BLOCK", "int(torch.cuda.is_available())", {"source/environment"}),
        ("BLOCK", "n.handle", {"source/host-call-not-allowed"}),
    ],
)
def test_a_function_that_runs_at_compile_time_gets_constants_and_is_followed(
    given: str, body: str, rules: set[str]
) -> None:
    text = entry("", COMPILED.format("n", body)).replace("    tl.store", f"    k = f({given})\n    tl.store", 1)
    assert rules_of(text) == rules


def test_a_loop_that_never_settles_is_too_complex() -> None:
    assert "source/too-complex" in rules_of(entry("t = (x, 1)\nfor _ in range(3):\n    t = (t, x)"))
    assert rules_of(entry("t = []\nfor _ in range(3):\n    t = [*t, x]")) == set()
