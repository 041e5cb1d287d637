"""Reading the source without running it: each fact with its rule and line, no false alarm, always an end."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from runners.candidate import Candidate
from runners.evidence import SourceFact
from runners.operators import OPERATORS
from runners.source import FACTS_CAP, read_source

ALLOWED = frozenset({"torch", "triton", "math"})
ENTRY = "def softmax(x):\n    return x\n"
KERNELS = sorted(
    path for path in (Path(__file__).parents[1] / "kernels").rglob("*.py") if path.parent.name in OPERATORS
)


def facts(text: str, allowed: frozenset[str] = ALLOWED) -> tuple[SourceFact, ...]:
    return read_source(Candidate("x.py", text.encode(), text, OPERATORS["softmax"], "softmax"), allowed)


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
        "from math import *", "from triton import *", "def f():\n    import math",
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
        "import sys; from runners.source import _missing; before = set(sys.modules); "
        "print(_missing('torch.onnx.export'), _missing('torch._inductor.config'), set(sys.modules) - before)"
    )
    said = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["None", "None", "set()"]


def test_only_so_many_facts_are_told() -> None:
    names = "\n".join(f"tl.a{n}" for n in range(20_000))
    imports = "\n".join(f"import m{n}" for n in range(10_000))
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


@pytest.mark.parametrize("path", KERNELS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_no_bundled_kernel_is_denied_by_its_source(path: Path) -> None:
    text = path.read_text()
    operator = OPERATORS[path.parent.name]
    assert read_source(Candidate(path.name, text.encode(), text, operator, operator.name), ALLOWED) == ()
