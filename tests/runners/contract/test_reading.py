"""Reading a source without running it: parsing within bounds, imports, names and arguments, always an end."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from policies.rules import RULES
from runners.candidate import Candidate
from runners.contract.reading import read_source
from runners.contract.rules import FACTS_CAP, Allowance
from runners.evidence import SourceFact
from runners.operators import OPERATORS

ALLOWED = frozenset({"torch", "triton", "math"})
ENTRY = "def softmax(x):\n    return x\n"
# What this file is about; the rest of the contract has files of its own.
READING = frozenset({
    "source/syntax-error", "source/too-complex", "source/import-not-allowed", "source/star-import", "source/no-entry",
    "source/unknown-name", "source/unknown-argument",
})  # fmt: skip


def facts(text: str, allowed: frozenset[str] = ALLOWED) -> tuple[SourceFact, ...]:
    candidate = Candidate("x.py", text.encode(), text, OPERATORS["softmax"], "softmax")
    return tuple(fact for fact in read_source(candidate, Allowance(allowed)) if fact.rule in READING)


def found(text: str, allowed: frozenset[str] = ALLOWED) -> list[tuple[str, int | None]]:
    return [(fact.rule, fact.line) for fact in facts(text + "\n" + ENTRY, allowed)]


EXHAUSTING = {
    "parentheses": "(" * 5000,
    "unary": "-" * 100_000 + "1",
    "attributes": "a" + ".b" * 100_000,
    "calls": "a" + "()" * 100_000,
    "sums": "1+" * 100_000 + "1",
    "huge_integer": "1" * 200_000,
    "lambdas": "lambda:" * 30_000 + "1",
    "elifs": "if 1:\n pass\n" + "elif 1:\n pass\n" * 15_000,
    "indents": "".join(" " * n + "if 1:\n" for n in range(150)) + " " * 150 + "pass",
    "formatted": 'f"{' * 200 + "1",
}


@pytest.mark.parametrize("text", EXHAUSTING.values(), ids=EXHAUSTING)
def test_a_source_that_exhausts_the_parser_is_a_syntax_error(text: str) -> None:
    assert [fact.rule for fact in facts(text)] == ["source/syntax-error"]


@pytest.mark.parametrize("text", [EXHAUSTING["attributes"], EXHAUSTING["unary"], EXHAUSTING["parentheses"]])
def test_a_source_that_exhausts_the_parser_is_a_syntax_error_in_a_thread_too(text: str) -> None:
    seen: list[str] = []
    thread = threading.Thread(target=lambda: seen.extend(fact.rule for fact in facts(text)))
    thread.start()
    thread.join()
    assert seen == ["source/syntax-error"]


MANY = {
    "decorators": "@a\n" * 80_000 + "def f(): pass",
    "comparisons": "1<" * 120_000 + "1",
    "chains": "import triton.language as tl\n" + ("tl" + ".a" * 900 + "\n") * 130,
}


@pytest.mark.parametrize("text", MANY.values(), ids=MANY)
def test_a_source_with_very_many_nodes_is_read_to_the_end(text: str) -> None:
    assert "source/no-entry" in [fact.rule for fact in facts(text)]


def test_a_syntax_error_has_its_line() -> None:
    assert [(fact.rule, fact.line) for fact in facts("x = 1\ndef f(:\n")] == [("source/syntax-error", 2)]


def test_an_invalid_escape_is_no_warning_of_ours() -> None:
    assert found(r'pattern = "\d"') == []


@pytest.mark.parametrize(
    "text",
    [
        "import torch", "import math", "import torch.nn.functional as F", "from torch import nn", "import triton",
        "import triton.language as tl", "from triton.language.extra import libdevice",
        "import triton.language.extra.libdevice", "from triton.language.extra.libdevice import tanh",
        "def f():\n    import math",
    ],
)  # fmt: skip
def test_an_allowed_module_may_be_imported_with_everything_below_it(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "import os", "import os.path as path", "from os import system", "import mathematics", "import torchvision",
        "from . import torch", "from .torch import nn", "from ..torch import nn", "import math, os",
        "from __future__ import annotations", "if 0:\n    import os", "try:\n    import os\nexcept E:\n    pass",
        "def f():\n    def g():\n        from os import path", "class A:\n    import os", "import ｏｓ",
    ],
)  # fmt: skip
def test_any_other_import_is_denied_wherever_it_stands(text: str) -> None:
    rules = [fact.rule for fact in facts(text + "\n" + ENTRY)]
    assert rules == ["source/import-not-allowed"]


def test_a_dotted_allowance_allows_what_is_below_it_only() -> None:
    allowed = ALLOWED | {"liger_kernel.ops"}
    assert found("from liger_kernel.ops.softmax import f\nimport liger_kernel.ops", allowed) == []
    assert found("import liger_kernel\nimport liger_kernel.transformers", allowed) == [
        ("source/import-not-allowed", 1), ("source/import-not-allowed", 2)]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["", "softmax = None", "async def softmax(x): pass", "class softmax: pass", "if 1:\n    def softmax(x): pass"],
)
def test_the_entry_has_to_be_a_function_at_the_top_level(text: str) -> None:
    assert [fact.rule for fact in facts(text)] == ["source/no-entry"]


@pytest.mark.parametrize(
    "text",
    [
        "import triton.language as tl\ntl.sofmax",
        "import triton\ntriton.cdivide",
        "import triton\ntriton.language.expp",
        "from triton import language\nlanguage.expp",
        "from triton import language as l\nl.expp",
        "import torch\ntorch.empty_lik",
        "import torch.nn.functional as F\nF.softmaxx",
        "import triton.language.extra.libdevice as d\nd.tanhh",
        "\nfrom triton.language import expp",
        "\nfrom torch.nn import functionall",
        "\nfrom triton.language.extra.libdevice import tanhh",
        "import torch\ndef f(x=torch.empty_lik): pass",
        "import torch\nx = [torch.empty_lik for _ in y]",
        "import torch\ntorch.empty_lik.x.y(1).z",
    ],
)
def test_a_name_that_the_installed_version_lacks_is_told_with_its_line(text: str) -> None:
    assert found(text) == [("source/unknown-name", 2)]


def test_the_shortest_unknown_name_is_told_once_a_line() -> None:
    told = facts("import triton.language as tl\ntl.nope.a(tl.nope.b)\n" + ENTRY)
    assert [fact.detail.split()[0] for fact in told] == ["'triton.language.nope'"]


@pytest.mark.parametrize(
    "text",
    [
        "import triton.language as tl\ntl.exp, tl.float32, tl.constexpr, tl.math.rsqrt, tl.extra.libdevice.tanh",
        "import triton\ntriton.jit, triton.autotune, triton.Config, triton.cdiv, triton.next_power_of_2",
        "import torch\ntorch.float16, torch.empty, torch.Tensor.anything, torch.ops.mine.kernel, torch.classes.a.b",
        "import torch\ntorch.nn.functional.softmax, torch.cuda.current_device, torch.backends.cuda.matmul.allow_tf32",
        "import torch\ntorch.onnx.export, torch._dynamo.optimize, torch.has_cuda",
        "from triton.language.extra import libdevice\nlibdevice.tanh",
        "import triton.language as tl\ndef f(tl): return tl.anything",
        "import torch\ndef f():\n    torch = 1\n    return torch.anything",
        "import torch\nfor torch in x: torch.anything",
        "import torch\nwith x as torch: torch.anything",
        "import torch\nclass torch: pass\ntorch.anything",
        "import torch\ndef torch(): pass\ntorch.anything",
        "import torch\ntry: pass\nexcept E as torch: torch.anything",
        "import torch\nmatch x:\n    case [*torch]: torch.anything\n    case {**torch}: pass",
        "x.tl.anything, tl.anything",
        "import math\nmath.anything",
    ],
)
def test_names_that_exist_or_are_not_those_modules_raise_no_alarm(text: str) -> None:
    assert [fact for fact in found(text) if fact[0] == "source/unknown-name"] == []


def test_naming_a_module_does_not_load_it() -> None:
    program = (
        "import sys; from runners.contract.names import missing; before = set(sys.modules); "
        "print(missing('torch.onnx.export'), missing('torch._inductor.config'), set(sys.modules) - before)"
    )
    said = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["None", "None", "set()"]


def test_only_so_many_facts_are_told() -> None:
    names = "\n".join(f"tl.a{n}" for n in range(5_000))
    imports = "\n".join(f"import m{n}" for n in range(3_000))
    told = facts("import triton.language as tl\n" + names + "\n" + imports)
    assert len(told) == 2 * FACTS_CAP + 1


def test_nothing_that_the_candidate_names_is_imported_on_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bait.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    text = "import bait\nfrom bait import x\nimport bait.inner as y\nbait.z, y.z\n"
    assert {fact.rule for fact in facts(text + ENTRY, ALLOWED | {"bait"})} == set()
    assert "bait" not in sys.modules


LONG = {
    "calls": "relu(" * 80 + ")" * 80,
    "branches": "def f(n):\n" + "".join(f"    if n == {k}:\n        a{k} = n\n" for k in range(4000)),
    "variables": "def softmax(x):\n" + "".join(f"    a{k} = x.shape[0] + a{max(k - 1, 0)}\n" for k in range(6000)),
    "loops": "def softmax(x):\n" + "".join(" " * k + f"for i{k} in range(3):\n" for k in range(1, 19)) + " " * 19 + "x",
    "lambdas": "def softmax(x):\n f = lambda: x\n" + " f = (lambda g: lambda: (g(), g()))(f)\n" * 50 + " f()",
    "kernels": "import triton\n" + "".join(f"@triton.jit\ndef k{n}(p):\n    k{n + 1}(p)\n" for n in range(1500)),
    "assignments": "import triton\n@triton.jit\ndef k(p):\n" + "".join(f"    a{n} = a{n + 1}\n" for n in range(5000)),
    "tuples": "def softmax(x):\n    a = (x, x)\n" + "    a = (a, a)\n" * 60,
    "lists": "def softmax(x):\n" + "".join(f" a{n} = [x, {', '.join(f'a{m}' for m in range(n))}]\n" for n in range(60)),
}  # fmt: skip


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_a_source_made_to_be_followed_for_ever_comes_to_an_end(text: str) -> None:
    assert len(facts(text)) <= len(READING) * FACTS_CAP
    assert all(fact.rule in RULES for fact in facts(text))
