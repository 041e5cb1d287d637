"""Every rule of the contract has attacks that trip it and honest look-alikes that pass."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from contract_sources import IMPORTS, KERNEL, LAUNCH, candidate_of, kernel, relu, rules_of

from policies.rules import RULES
from runners.contract import rules
from runners.contract.reading import read_source


class Pair(NamedTuple):
    attack: str
    honest: str


NOOP = "@triton.jit\ndef _noop(x_ptr, y_ptr, n):\n    value = tl.load(x_ptr)\n"
PRUNE = "def prune(configs, named, **rest):\n    return configs[:1]\n\n\nOPTIONS = {'prune_configs_by': {'x': prune}}\n"
PRUNING = ("prune_configs_by={'early_config_prune': prune}", "prune_configs_by={'top_k': 1}", "**OPTIONS")


def _tuned(options: str) -> str:
    tuner = f"{PRUNE}@triton.autotune([triton.Config({{'BLOCK': 64}})], {options})\n@triton.jit"
    return relu().replace("@triton.jit", tuner).replace(", BLOCK=64)", ")")


TEXTS = (
    ("f'{_relu}'", "f'{x.shape}'"), ("f'{_relu!r}'", "f'{x.dtype!r}'"), ("f'{(_relu, 1)}'", "f'{(x.ndim, 1)}'"),
    ("f'{[_relu, tl]}'", "f'{[x.ndim, 2]}'"), ("f'{relu}'", "f'{x.numel()}'"), ("f'{tl}'", "f'{tl.float32}'"),
    ("f'{1:{_relu}}'", "f'{1:{x.ndim}}'"), ("'{}'.format(_relu)", "'{}'.format(x.ndim)"),
    ("'%s' % _relu", "'%s' % x.ndim"), ("'%s' % (_relu,)", "'%s' % (x.ndim,)"), ("str(_relu)", "str(x.ndim)"),
    ("repr([_relu])", "repr([x.ndim])"), ("format(_relu)", "format(x.ndim)"), ("f'{torch.Tensor}'", "f'{torch.half}'"),
    ("f'{(k for k in x.shape)}'", "f'{[k for k in x.shape]}'"),
    ("f'{max([_relu], key=len)}'", "f'{max([3], key=abs)}'"),
    ("str(ValueError(_relu))", "str(ValueError(x.ndim))"), ("f'{(lambda: 1)}'", "f'{(lambda: 1)()}'"),
    ("list(map(str, [_relu]))", "list(map(str, x.shape))"), ("f'{_relu[(1,)]}'", "f'{(1,)}'"),
    ("f'{torch.no_grad()}'", "f'{x.dtype}'"), ("max([_relu], key=str)", "max(x.shape, key=str)"),
    ("f'{triton.Config({0: _relu})}'", "f'{triton.Config({})}'"), ("f'{slice(_relu)}'", "f'{slice(3)}'"),
)  # fmt: skip
# What an application's tensors have and the gate's never do, or what only their being the same object says.
TOLD_APART = (
    ("2 if x.requires_grad else 1", "2 if x.is_floating_point() else 1"), ("x.is_leaf", "x.is_complex()"),
    ("x.grad is not None", "x.stride(0) is not None"), ("x.grad_fn is None", "x.dtype is torch.float32"),
    ("x.retains_grad", "x.itemsize"), ("x.is_nested", "x.is_signed()"), ("x.is_sparse", "x.dim()"),
    ("x.layout == torch.strided", "x.dtype == torch.half"), ("x.nbytes", "x.numel() * x.element_size()"),
    ("x.storage_offset()", "x.nelement()"), ("torch.empty_like(x).storage_offset()", "torch.empty_like(x).stride()"),
    ("torch.Tensor.storage_offset(x)", "torch.Tensor.stride(x)"), ("x.output_nr", "x.ndim"), ("x.names", "x.shape"),
    ("x.is_quantized", "x.detach().is_contiguous()"), ("x.view(-1).requires_grad", "x.view(-1).ndim"),
    ("x.is_contiguous(memory_format=torch.channels_last)", "x.is_contiguous()"),
    ("x.is_contiguous(**{'memory_format': torch.channels_last})", "x.size(**{'dim': 0})"),
    ("torch.Tensor.is_contiguous(x, memory_format=torch.preserve_format)",
     "torch.Tensor.is_contiguous(x, memory_format=torch.contiguous_format)"),
    ("x.is_pinned()", "x.is_contiguous(memory_format=torch.contiguous_format)"), ("x.is_shared()", "x.data.ndim"),
    ("x.is_inference()", "x.ndimension()"), ("x.type()", "x.dtype"), ("x.no_such_thing", "x.T.shape"),
    ("isinstance(x, torch.nn.Parameter)", "isinstance(x, torch.Tensor)"),
    ("isinstance(x, (int, torch.nn.Parameter))", "isinstance(x, (int, torch.Tensor))"),
    ("isinstance(x, int | torch.nn.Parameter)", "isinstance(x, int | torch.Tensor)"),
    ("isinstance(x, torch.FloatTensor)", "isinstance(x.shape, torch.Size)"),
    ("isinstance(x, *[torch.nn.Parameter])", "isinstance(x.ndim, int)"),
    ("x is y", "x is None"), ("x is not y", "x is not None"), ("None is x is y", "None is x"),
    ("x.contiguous() is x", "x.contiguous().ndim is None"), ("x.numel is y.numel", "x.dtype is y.dtype"),
    ("x.shape[0] is y.shape[0]", "x.shape[0] == y.shape[0]"), ("'a' is str(x.ndim)", "(x.ndim == 3) is True"),
    ("x.numel == y.numel", "x.numel() == y.numel()"), ("x.numel in (y.numel,)", "x.numel() in (y.numel(),)"),
    ("len({x, y})", "len({x.ndim, y.ndim})"), ("len({x.numel, y.numel})", "len({x.numel(), y.numel()})"),
    ("len({x: 1, y: 1})", "len({1: x, 2: y})"), ("len({t for t in (x, y)})", "len({t.ndim for t in (x, y)})"),
    ("len({t: 1 for t in (x, y)})", "len({1: t for t in (x, y)})"), ("len(set([x, y]))", "len(list([x, y]))"),
    ("len(dict([(x, 1), (y, 1)]))", "len(dict([(1, x), (2, y)]))"), ("len(dict(zip([x, y], (1, 2))))",
     "len(dict(zip((1, 2), [x, y])))"), ("len({1}.union([x, y]))", "len({1}.union(x.shape))"),
    ("{1: 1}[x.numel]", "{1: 1}.get(x.numel())"),
)  # fmt: skip
HIDDEN = (
    "\u202e", "\u2066", "\u2069", "\u200b", "\u200d", "\u200f", "\u00ad", "\ufeff", "\u2060", "\U000e0041", "\u061c",
    "\u2028", "\u3164", "\x1b[2K", "\x08", "\r#",
)  # fmt: skip
SHOWN = (
    "5 \u00b5s", "\u00e9t\u00e9", "a \u2192 b", "\u03b1\u03b2", "\u884c\u3054\u3068", "\u05e9\u05d5\u05e8",
    "\u0441\u0442\u0440", "\u2264 \u2211", "\u00a0", "\u2026", "\u26a0\ufe0f", "\U0001f680", "\uc904", "\t", "\x0c",
    "\r\n#",
)  # fmt: skip
NO_ENTRY = relu().replace("def relu", "def rely")

PAIRS: dict[str, list[Pair]] = {
    rules.SYNTAX_ERROR: [Pair(relu("y = ("), relu("y = (y)"))],
    rules.TOO_COMPLEX: [
        Pair(relu("n = " + "+".join("1" * 100)), relu("n = " + "+".join("1" * 30))),
        Pair(
            relu("n = f0(1)", top="\n".join(f"def f{k}(n):\n    return f{k + 1}(n) + f{k + 1}(n)" for k in range(40))),
            relu("n = f0(1)", top="\n".join(f"def f{k}(n):\n    return n + {k}" for k in range(40))),
        ),
    ],
    rules.IMPORT_NOT_ALLOWED: [Pair("import os\n" + relu(), "import typing\n" + relu())],
    rules.STAR_IMPORT: [Pair("from math import *\n" + relu(), "from math import sqrt, pi\n" + relu("n = sqrt(pi)"))],
    rules.NO_ENTRY: [Pair(NO_ENTRY, NO_ENTRY + "\n\ndef relu(x):\n    return rely(x)\n")],
    rules.UNKNOWN_NAME: [
        Pair(kernel("value = tl.rellu(value)"), kernel("value = tl.maximum(value, 0.0)")),
        Pair(relu("z = torch.empty_liek(x)"), relu("z = torch.empty_like(x)")),
    ],
    rules.UNKNOWN_ARGUMENT: [
        Pair(kernel("value = tl.sum(value, dim=0)"), kernel("value = tl.sum(value, axis=0)")),
        Pair(kernel("value = tl.where(value > 0, value)"), kernel("value = tl.where(value > 0, value, 0.0)")),
        Pair(kernel("value = tl.exp(value, 2)"), kernel("value = tl.exp(value)")),
        Pair(relu("z = torch.empty((3,), kind=x.dtype)"), relu("z = torch.empty((3,), dtype=x.dtype)")),
        Pair(relu("n = triton.cdiv(x.numel(), by=3)"), relu("n = triton.cdiv(x.numel(), 3)")),
    ],
    rules.HIDDEN_CHARACTER: [
        Pair(relu("# one ? two").replace("?", attack), relu("# one ? two").replace("?", honest))
        for attack, honest in zip(HIDDEN, SHOWN, strict=True)
    ]
    + [Pair(relu("n = len('a\u202eb')"), relu("n = len('a\\u202eb')"))],
    rules.STATEMENT_NOT_ALLOWED: [
        Pair(relu("try:\n    n = 1\nexcept ValueError:\n    n = 2"), relu("if x.numel() > 4:\n    n = 1")),
        Pair(relu(top="class Cache:\n    seen = 0"), relu(top="CACHE = (1, 2)")),
        Pair(relu("global N\nN = 1", top="N = 0"), relu("n = N", top="N = 0")),
        Pair(relu("def g():\n    nonlocal y\n    y = 1"), relu("def g():\n    return x.numel()\nn = g()")),
        Pair(relu("n = 1\ndel n"), relu("n = 1\nn = 2")),
        Pair(relu(top="def g():\n    yield 1"), relu("n = max(k for k in x.shape)", launch=LAUNCH)),
        Pair(relu(top="async def g():\n    return 1"), relu(top="def g():\n    return 1")),
        Pair(relu("match x:\n    case _:\n        n = 1"), relu("n = 1 if x.ndim else 2")),
        Pair(relu("with open('f') as f:\n    n = 1"), relu("with torch.cuda.device(x.device):\n    n = 1")),
    ],
    rules.PRIVATE_NAME: [
        Pair(relu("n = x.__class__"), relu("n = x.dtype")),
        Pair(relu("n = torch._C"), relu("n = torch.float32")),
        *(Pair(relu(f"n = x.{one}"), relu("n = x.dtype")) for one in ("_version", "_backward_hooks", "_is_view()")),
        Pair(relu("g = (lambda: 0).gi_frame"), relu("n = x.ndim")),
        Pair(relu("n = __builtins__"), relu("n = None")),
        Pair(kernel("value = value.__add__(1)"), kernel("value = value + 1")),
    ],
    rules.REFLECTION: [
        *(
            Pair(relu(f"if x.ndim > 9:\n    raise {ends}"), relu("if x.ndim > 9:\n    raise RuntimeError('nine')"))
            for ends in ("SystemExit", "SystemExit(3)", "KeyboardInterrupt()", "GeneratorExit", "BaseException('x')")
        ),
        Pair(relu("f = getattr(torch, 're' + 'lu')"), relu("f = 're' + 'lu'")),
        Pair(relu("exec('n = 1')"), relu("n = 1")),
        Pair(relu("n = type(x)"), relu("n = isinstance(x, torch.Tensor)")),
        Pair(relu("n = vars()"), relu("n = len(x.shape)")),
        Pair(relu(top="f = eval"), relu(top="f = max")),
    ],
    rules.REBINDING: [
        Pair(relu(top="_relu = 1"), relu(top="N = 1\nN = 2")),
        Pair(relu(top="def f():\n    return 1\n\n\ndef f():\n    return 2"), relu(top="import math\nimport torch")),
        Pair(relu() + "\nrelu = torch.relu\n", relu() + "\nalias = relu\n"),
    ],
    rules.ASSIGNMENT_NOT_ALLOWED: [
        Pair(relu("torch.empty_like = torch.relu"), relu("empty = torch.empty_like\ny = empty(x)")),
        Pair(relu(after="y[:] = 0"), relu("shape = list(x.shape)\nshape[-1] = 1")),
        Pair(relu("relu.calls = 1"), relu("calls = 1")),
        Pair(relu("x.shape.append(1)"), relu("s = list(x.shape)\ns.append(1)")),
    ],
    rules.MUTABLE_DEFAULT: [
        Pair(
            relu(top="def f(n, seen=[]):\n    return n"),
            relu(top="def f(n, seen=(), by=2.0, d=torch.float32):\n    return n"),
        ),
        Pair(
            relu(top="S = [1]\ndef f(n, seen=S):\n    return n"), relu(top="S = (1,)\ndef f(n, seen=S):\n    return n")
        ),
        Pair(relu("f = lambda n, seen={}: n"), relu("f = lambda n, by=2: n * by")),
    ],
    rules.MODULE_STATE: [
        Pair(relu("SEEN.append(1)", top="SEEN = []"), relu("n = SEEN[0]", top="SEEN = [1]")),
        Pair(relu("SEEN['n'] = 1", top="SEEN = {}"), relu("n = SEEN.get('n', 1)", top="SEEN = {'n': 2}")),
        Pair(relu("s = SEEN\ns += [1]", top="SEEN = [0]"), relu("s = list(SEEN)\ns += [1]", top="SEEN = [0]")),
        Pair(relu(top="BUFFER = torch.zeros(4)"), relu(top="SHAPE = (4,)")),
        Pair(
            relu("n = 0 if any(True for _ in TWO) else 1", top="TWO = zip((1,), (2,))"),
            relu("n = 0 if any(True for _ in TWO) else 1", top="TWO = (1, 2)"),
        ),
        Pair(relu("COUNT[0][0] += 1", top="COUNT = ([0],)"), relu("n = COUNT[0][0] + 1", top="COUNT = ([0],)")),
        Pair(
            relu(
                "n = count()",
                top="def make():\n    s = [0]\n    def g():\n        s.append(1)\n        return len(s)\n"
                "    return g\n\n\ncount = make()",
            ),
            relu("n = count()", top="def count():\n    s = [0]\n    s.append(1)\n    return len(s)"),
        ),
    ],
    rules.MODULE_CODE: [
        Pair(relu(top="print('loaded')"), relu(top="'a docstring'")),
        Pair(relu(top="for n in range(3):\n    pass"), relu(top="N = tuple(n for n in range(3))")),
        Pair(
            relu(top="def f(x: print(1)) -> None:\n    return None"),
            relu(top="def f(x: torch.Tensor | None, n: 'int') -> tuple[int, ...]:\n    return (1,)"),
        ),
        Pair(
            relu(top="if torch.float32:\n    N = 1"),
            relu() + "\nif __name__ == '__main__':\n    print(relu(torch.ones(3)))\n",
        ),
    ],
    rules.DECORATOR_NOT_ALLOWED: [
        Pair(
            relu().replace("def relu", "@torch.compile\ndef relu"),
            relu().replace("def relu", "@torch.no_grad()\ndef relu"),
        ),
        Pair(
            relu(top="def wrap(f):\n    return f").replace("def relu", "@wrap\ndef relu"),
            relu(top="def wrap(f):\n    return f"),
        ),
        Pair(
            relu().replace("@triton.jit", "@torch.jit.script\n@triton.jit"),
            relu()
            .replace("@triton.jit", "@triton.autotune(configs=[triton.Config({'BLOCK': 64})], key=['n'])\n@triton.jit")
            .replace(", BLOCK=64)", ")"),
        ),
    ],
    rules.HOOK: [
        Pair(
            relu(top="C = triton.Config({}, pre_hook=lambda a: None)"), relu(top="C = triton.Config({}, num_warps=2)")
        ),
        Pair(
            relu().replace("@triton.jit", "@triton.jit(launch_metadata=print)"),
            relu().replace("@triton.jit", "@triton.jit(do_not_specialize=['n'])"),
        ),
        *(Pair(_tuned(f"key=['n'], {how}"), _tuned("key=['n']")) for how in PRUNING),
        Pair(_tuned("['n'], None, {'early_config_prune': prune}"), _tuned("['n'], None, ['y_ptr']")),
    ],
    rules.HOST_CALL: [
        Pair(relu("z = torch.arange(4)"), relu("z = torch.zeros((4,))")),
        Pair(relu("print('hello')"), relu("n = len('hello')")),
        Pair(
            relu("torch.cuda.synchronize()").replace("cuda.synchronize", "set_num_threads"),
            relu("n = torch.iinfo(torch.int32).max"),
        ),
        Pair(relu("z = torch.empty((4,), out=y)"), relu("z = torch.empty((4,), device=x.device)")),
        Pair(relu("z = torch.manual_seed(4)"), relu("z = math.sqrt(4)")),
    ],
    rules.HOST_ARITHMETIC: [
        Pair(relu(after="y = y * 1"), relu("n = x.numel() * 2")),
        Pair(relu(after="y += 1"), relu("n = 1\nn += x.shape[0]")),
        Pair(relu("y = torch.relu(x)"), relu("y = torch.empty_like(x)")),
        Pair(relu(after="y = y.to(x.dtype)"), relu("y = torch.empty(x.shape, dtype=x.dtype)")),
        Pair(relu("z = x @ x"), relu("z = x.transpose(0, -1)")),
        Pair(relu("z = -x"), relu("z = -x.numel()")),
        Pair(relu("z = x < 0"), relu("z = x.numel() < 0")),
        Pair(relu("z = sum([x, x])"), relu("z = sum([x.numel(), 1])")),
        Pair(relu("z = x[x]"), relu("z = x[0:1]")),
        Pair(relu("z = torch.cat([x, x])"), relu("z = x.expand(x.shape)")),
    ],
    rules.HOST_DATA: [
        Pair(relu("n = x.sum().item()").replace(".sum()", "[0]"), relu("n = x.numel()")),
        Pair(relu("n = float(x.view(-1)[0])"), relu("n = float(x.shape[0])")),
        Pair(relu("if x.view(-1)[0]:\n    n = 1"), relu("if x.view(-1).shape[0]:\n    n = 1")),
        Pair(relu("n = f'{x}'"), relu("n = f'{x.shape}'")),
        Pair(relu("n = x.tolist()"), relu("n = list(x.shape)")),
    ],
    rules.ENVIRONMENT: [
        Pair(relu("if x.is_cuda:\n    y = torch.empty_like(y)"), relu("assert x.device == y.device, f'{x.device}'")),
        Pair(relu("n = 1 if torch.cuda.is_available() else 2"), relu("n = 1 if x.dtype == torch.float16 else 2")),
        Pair(relu("b = {'cpu': 64}\nn = b[x.device.type]"), relu("b = {torch.float16: 64}\nn = b.get(x.dtype, 32)")),
        Pair(relu("n = triton.knobs.runtime.interpret"), relu("n = triton.next_power_of_2(5)")),
        Pair(relu("n = torch.version.cuda is None"), relu("n = x.stride(0) is None")),
        Pair(
            relu("sms = torch.cuda.get_device_properties(x.device).multi_processor_count\nif sms == 3:\n    y = x"),
            relu("sms = torch.cuda.get_device_properties(x.device).multi_processor_count\nn = min(sms, 4)"),
        ),
        Pair(relu("if not x.is_cuda:\n    y = x"), relu("if not x.is_contiguous():\n    raise ValueError('layout')")),
        Pair(relu("n = torch.os.environ"), relu("n = torch.finfo(torch.float32).eps")),
        Pair(kernel("value = tl.extra.cuda.globaltimer()"), kernel("value = tl.num_programs(0)")),
    ],
    rules.IDENTITY: [
        Pair(relu("n = x.data_ptr()"), relu("n = x.stride()")),
        Pair(relu("n = id(x)"), relu("n = x.ndim")),
        *(Pair(relu(f"n = {attack}"), relu(f"n = {honest}")) for attack, honest in TOLD_APART),
        *(
            Pair(relu(f"d = {made}\n{put.format('x', 'x')}"), relu(f"d = {made}\n{put.format('x.ndim', 'x')}"))
            for made, put in (
                ("{}", "d[{0}] = 1"),
                ("{}", "d.setdefault({0}, {1})"),
                ("{}", "d.update([({0}, {1})])"),
                ("set()", "d.add({0})"),
                ("{1}", "d.update([{0}])"),
                ("set()", "d |= {{{0}}}"),
            )
        ),
    ],
    rules.KERNEL_OBJECT: [
        Pair(relu("n = _relu.fn"), relu("launch = _relu[(1,)]")),
        Pair(relu("n = isinstance(_relu, int)"), relu("n = isinstance(x, torch.Tensor)")),
        Pair(relu("n = _relu == None"), relu("f = _relu")),
        *(Pair(relu(f"n = {text}"), relu("n = " + honest)) for text, honest in TEXTS),
        Pair(
            relu("raise ValueError(f'{_relu}')"), relu("if x.ndim > 9:\n    raise ValueError(f'{x.dtype}, {x.shape}')")
        ),
    ],
    rules.PYTHON_IN_KERNEL: [
        Pair(kernel("import math\nvalue = value * math.pi"), kernel("value = value * 3.14")),
        Pair(
            kernel("value = g(value)", top="def g(v):\n    return v"),
            kernel("value = g(value)", top="@triton.jit\ndef g(v):\n    return v"),
        ),
        Pair(kernel("value = sum([value])"), kernel("value = max(value, 0)")),
        Pair(kernel("n = [k for k in range(3)]"), kernel("for k in tl.static_range(3):\n    value += k")),
        Pair(kernel("value = value.numpy()"), kernel("value = value.to(tl.float32)")),
        Pair(kernel("value = value * N", top="N = 2"), kernel("value = value * N", top="N = tl.constexpr(2)")),
        Pair(kernel("f = lambda v: v\nvalue = f(value)"), kernel("value = value if BLOCK > 1 else value + 0")),
        Pair(kernel("value = torch.relu(value)"), kernel("value = tl.maximum(value, 0)")),
        Pair(kernel("value = value.handle"), kernel("value = value.T")),
        Pair(kernel("s = f'{n}'"), kernel("tl.static_assert(BLOCK > 1, f'block {BLOCK}')")),
        Pair(kernel("while True:\n    break"), kernel("k = 0\nwhile k < 3:\n    k += 1")),
        Pair(kernel("for k in (1, 2):\n    value += k"), kernel("for k in range(0, n, BLOCK):\n    value += k")),
    ],
    rules.NO_LAUNCH: [
        Pair(
            relu("if x.numel() > 100:\n    return torch.zeros_like(x)"),
            relu("if x.numel() == 0:\n    return torch.zeros_like(x)"),
        ),
        Pair(relu("return x"), relu("if 0 in x.shape:\n    return y")),
        Pair(relu(launch="if x.numel() < 8:\n    " + LAUNCH), relu(launch="if x.numel() > 0:\n    " + LAUNCH)),
        Pair(relu(launch="pass"), relu(launch="for _ in range(x.shape[0]):\n    " + LAUNCH)),
    ],
    rules.RESULT_NOT_FROM_KERNEL: [
        Pair(relu(after="y = torch.zeros_like(x)"), relu(after="y = y.view(x.shape)")),
        Pair(
            relu("z = torch.empty_like(x)", launch=LAUNCH.replace("x, y,", "x, z,")),
            relu(after="z = y\ny = z.reshape(x.shape)"),
        ),
        Pair(
            relu(top=NOOP, launch="_noop[(1,)](x, y, 1)"),
            relu(top=NOOP + "    tl.store(y_ptr, value)", launch="_noop[(1,)](x, y, 1)"),
        ),
    ],
}
TABLE = [(rule, n, pair) for rule, pairs in PAIRS.items() for n, pair in enumerate(pairs)]
NAMES = [f"{rule.removeprefix('source/')}-{n}" for rule, n, _ in TABLE]


def test_every_rule_has_an_attack_and_an_honest_look_alike() -> None:
    assert set(PAIRS) == set(rules.IDS)
    assert all(PAIRS.values())


def test_every_rule_of_the_contract_can_be_explained_to_its_reader() -> None:
    assert {rule for rule in RULES if rule.startswith("source/")} == set(rules.IDS)


@pytest.mark.parametrize(("rule", "n", "pair"), TABLE, ids=NAMES)
def test_an_attack_trips_its_rule(rule: str, n: int, pair: Pair) -> None:
    assert rule in rules_of(pair.attack)


@pytest.mark.parametrize(("rule", "n", "pair"), TABLE, ids=NAMES)
def test_an_honest_look_alike_passes(rule: str, n: int, pair: Pair) -> None:
    assert read_source(candidate_of(pair.honest), _allowed()) == ()


def _allowed() -> rules.Allowance:
    return rules.Allowance(frozenset({"torch", "triton", "math", "typing", "__future__"}))


def test_a_finding_has_the_line_of_what_it_is_about() -> None:
    text = relu(after="y = y * 1")
    lines = [fact.line for fact in read_source(candidate_of(text), _allowed())]
    assert lines == [next(n for n, line in enumerate(text.splitlines(), start=1) if "y * 1" in line)]


def test_a_character_that_is_not_seen_has_its_place_and_its_name() -> None:
    text = relu("# access \u202e level")
    line = next(n for n, one in enumerate(text.split("\n"), start=1) if "\u202e" in one)
    (fact,) = read_source(candidate_of(text.replace("\n", "\r\n")), _allowed())
    assert (fact.line, fact.detail.partition(",")[0]) == (
        line,
        "U+202E (RIGHT-TO-LEFT OVERRIDE) stands in column 14",
    )


def test_a_character_that_is_not_seen_is_told_beside_a_syntax_error() -> None:
    assert rules_of(relu("n = (\u200b")) == {rules.HIDDEN_CHARACTER, rules.SYNTAX_ERROR}


FOLLOWED_BY = (
    "x.data_ptr() % 16", "(x * 2).contiguous().item", "(x > 0).float()", "torch.relu(x).contiguous() * 2",
    "getattr(x, 'relu')() + 1", "torch.version.cuda.major + 1", "_relu.fn(x).view(-1) * 2", "print(x).shape[0] * 2",
    "x._base.view(-1) + 1", "f'{_relu}'.nothing", "math.sqrt(x.storage() % 3)", "(x @ x).relu() * 2",
)  # fmt: skip


@pytest.mark.parametrize("expression", FOLLOWED_BY)
def test_what_follows_from_something_denied_is_not_reported_again(expression: str) -> None:
    assert len(read_source(candidate_of(relu(f"n = {expression}")), _allowed())) == 1


def test_what_follows_from_something_waived_is_reported() -> None:
    waived = rules.Allowance(_allowed().imports, waived=frozenset({rules.HOST_CALL, rules.HOST_DATA}))
    facts = [read_source(candidate_of(relu(f"n = {one} * 2")), waived) for one in ("torch.seed_all()", "x.tolist()")]
    assert [[fact.rule for fact in found if fact.rule != rules.UNKNOWN_NAME] for found in facts] == [
        [rules.HOST_ARITHMETIC]
    ] * 2


def test_a_finding_says_which_tensor_it_is_about() -> None:
    (fact,) = read_source(
        candidate_of(
            IMPORTS + KERNEL + "\n\ndef relu(x):\n    " + LAUNCH.replace(" y,", " x,") + "\n    return x + 1\n"
        ),
        _allowed(),
    )
    assert "argument 'x'" in fact.detail
