"""What the interpreter lets pass and a GPU's compiler does not: each with its honest look-alike, really compiled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from piped import PipedCompiler

from runners.candidate import Candidate
from runners.compiler import Compiler
from runners.compiling import CompileCheck, CompileEffort
from runners.evidence import CompileEvidence
from runners.operators import OPERATORS
from runners.specialisation import Specialisation

ROOT = Path(__file__).parents[3]
TARGETS = ("sm_80", "sm_90", "sm_100")
EFFORT = CompileEffort(required=TARGETS, informative=(), specialisations=1, deadline_s=120, total_s=600)
IMPORTS = "import os\nimport numpy as np\nimport torch\nimport triton\nimport triton.language as tl\n"


class Pair(NamedTuple):
    """A kernel that the compiler refuses and one that looks like it and compiles; `says` is in the message."""

    wrong: str
    right: str
    says: str
    call: str = "k[(1,)](torch.zeros(4096), torch.zeros(4096), 7)"


def kernel(body: str, arguments: str = "x, y, n", before: str = "", decorators: str = "") -> str:
    lines = "".join(f"    {line}\n" for line in body.strip("\n").split("\n"))
    return f"{IMPORTS}{before}\n{decorators}@triton.jit\ndef k({arguments}):\n{lines}"


DOT = """
i = tl.arange(0, 16)
j = tl.arange(0, {k})
a = tl.load(x + i[:, None] * {k} + j[None, :])
b = tl.load(x + j[:, None] * 16 + i[None, :])
tl.store(y + i[:, None] * 16 + i[None, :], tl.dot(a, b))
"""
SHAPES = """
if {condition}:
    i = tl.arange(0, 16)
else:
    i = tl.arange(0, 32)
tl.store(y + i, tl.load(x + i))
"""
ACCUMULATE = """
total = {start}
for i in range(n):
    total += tl.load(x + i)
tl.store(y, total)
"""
GLOBAL = "i = tl.arange(0, 16)\ntl.store(y + i, tl.load(x + i) * SCALE)"
COPY = "i = tl.arange(0, {size})\ntl.store(y + i, tl.load(x + i){rest})"
BLOCK = "i = tl.arange(0, B)\ntl.store(y + i, tl.load(x + i))"
TILES = """
m = tl.arange(0, {m})
total = tl.zeros(({m}, {m}), tl.float32)
for start in range(0, n, {k}):
    j = start + tl.arange(0, {k})
    total = tl.dot(tl.load(x + m[:, None] * n + j[None, :]), tl.load(x + j[:, None] * {m} + m[None, :]), total)
tl.store(y + m[:, None] * {m} + m[None, :], total)
"""
TILES_CALL = "k[(1,)](torch.zeros(1 << 16), torch.zeros(1 << 16), 128{options})"

HELPER = "@triton.jit\ndef h(n):\n    tl.static_assert(n.dtype == {kind})\n    return n\n"

PAIRS = {
    "dot_of_4": Pair(kernel(DOT.format(k=4)), kernel(DOT.format(k=16)), "K >="),
    "shape_by_branch": Pair(
        kernel(SHAPES.format(condition="n > 5")), kernel(SHAPES.format(condition="n > 5"), "x, y, n: tl.constexpr"),
        "i",
    ),
    "python_call": Pair(
        kernel(COPY.format(size=16, rest=" + os.getpid() * 0")), kernel(COPY.format(size=16, rest=" + min(1, 2)")), ""
    ),
    "import_inside": Pair(
        kernel("import math\n" + COPY.format(size=16, rest=" * math.pi")),
        kernel(COPY.format(size=16, rest=" * math.pi"), before="import math"),
        "unsupported AST node type: Import",
    ),
    "list_comprehension": Pair(
        kernel("i = tl.arange(0, 16)\nfor v in [tl.load(x + i + j) for j in range(2)]:\n    tl.store(y + i, v)"),
        kernel("i = tl.arange(0, 16)\nfor j in tl.static_range(2):\n    tl.store(y + i, tl.load(x + i + j))"),
        "",
    ),
    "break": Pair(
        kernel("for i in range(n):\n    if i == 3:\n        break\n    tl.store(y + i, tl.load(x + i))"),
        kernel("for i in range(n):\n    if i != 3:\n        tl.store(y + i, tl.load(x + i))"),
        "unsupported AST node type: Break",
    ),
    "type_changes_in_loop": Pair(
        kernel(ACCUMULATE.format(start="0")), kernel(ACCUMULATE.format(start="0.0")), "Loop-carried variable total"
    ),
    "global_number": Pair(
        kernel(GLOBAL, before="SCALE = 2.0"), kernel(GLOBAL, before="SCALE = tl.constexpr(2.0)"), "SCALE"
    ),
    "block_not_constexpr": Pair(
        kernel(BLOCK, "x, y, B"), kernel(BLOCK, "x, y, B: tl.constexpr"), "constexpr",
        "k[(1,)](torch.zeros(4096), torch.zeros(4096), 16)",
    ),
    "range_not_a_power_of_two": Pair(
        kernel(COPY.format(size=24, rest="")), kernel(COPY.format(size=32, rest="")), "power of 2"
    ),
    "tensor_too_large": Pair(
        kernel("i = tl.zeros((2048, 1024), tl.float32)\ntl.store(y, tl.sum(i))"),
        kernel("i = tl.zeros((256, 256), tl.float32)\ntl.store(y, tl.sum(i))"),
        "1048576",
    ),
    "numpy_argument": Pair(
        kernel(COPY.format(size=16, rest=" + n")), kernel(COPY.format(size=16, rest=" + n")), "int64",
        "k[(1,)](torch.zeros(99), torch.zeros(99), {np}(5))",
    ),
    "shared_memory": Pair(
        kernel(TILES.format(m=128, k=128)), kernel(TILES.format(m=64, k=32)), "shared memory",
        TILES_CALL.format(options=", num_stages=4"),
    ),
    "threads": Pair(
        kernel(COPY.format(size=64, rest="")), kernel(COPY.format(size=64, rest="")), "",
        "k[(1,)](torch.zeros(99), torch.zeros(99), 7, num_warps={warps})",
    ),
    "odd_warps": Pair(
        kernel(COPY.format(size=64, rest="")), kernel(COPY.format(size=64, rest="")), "power of 2",
        "k[(1,)](torch.zeros(99), torch.zeros(99), 7, num_warps={odd})",
    ),
    "static_assert_in_a_helper": Pair(
        kernel(COPY.format(size=16, rest=" + h(n)"), before=HELPER.format(kind="tl.int64")),
        kernel(COPY.format(size=16, rest=" + h(n)"), before=HELPER.format(kind="tl.int32")),
        "",
    ),
}  # fmt: skip
WORDS = {"{np}": ("np.int64", "int"), "{warps}": ("64", "8"), "{odd}": ("6", "4")}


def sources() -> dict[str, tuple[str, str]]:
    """Every source with the call that launches it."""
    found = {}
    for name, pair in PAIRS.items():
        for side, source in enumerate((pair.wrong, pair.right)):
            call = pair.call
            for word, values in WORDS.items():
                call = call.replace(word, values[side])
            found[f"{name}/{('wrong', 'right')[side]}"] = (source, call)
    return found


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[object]]:
    """What the interpreter saw of each source."""
    program = ROOT / "tests" / "support" / "see_launches.py"
    done = subprocess.run(
        [sys.executable, program, tmp_path_factory.mktemp("seen") / "candidate.py"],
        input=json.dumps(sources()), capture_output=True, text=True, timeout=200, check=False,
        env=os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers: dict[str, list[object]] = json.loads(done.stdout)
    return answers


@pytest.fixture(scope="module")
def compiled(seen, tmp_path_factory):
    """Compiles what was seen of a source, in one process for all."""
    worker = PipedCompiler(tmp_path_factory.mktemp("compiler"))

    def check(name: str, source: str, effort: CompileEffort = EFFORT) -> CompileEvidence:
        candidate = Candidate("k.py", source.encode(), source, OPERATORS["relu"], "torch")
        specialisations = [Specialisation.model_validate_json(json.dumps(one)) for one in seen[name]]
        assert specialisations
        take = lambda: Compiler(_Shared(worker))  # noqa: E731
        return CompileCheck(candidate, take, effort).run(specialisations)

    yield check
    worker.end()


class _Shared:
    """A worker that outlives the check that it is given to: starting one takes seconds."""

    def __init__(self, worker: PipedCompiler) -> None:
        self.greeting, self.exchange, self.last_words = worker.greeting, worker.exchange, worker.last_words

    def end(self) -> None:
        pass


@pytest.mark.parametrize("name", PAIRS)
def test_what_only_the_interpreter_runs_is_refused(name: str, compiled) -> None:
    evidence = compiled(f"{name}/wrong", sources()[f"{name}/wrong"][0], replace(EFFORT, required=TARGETS[:1]))
    assert evidence.failures, "it compiles"
    failure = evidence.failures[0]
    assert failure.cause in ("refused", "out_of_resources")
    assert failure.required
    assert PAIRS[name].says in f"{failure.error} {failure.message}"


@pytest.mark.parametrize("name", PAIRS)
def test_its_look_alike_compiles_for_every_required_target(name: str, compiled) -> None:
    evidence = compiled(f"{name}/right", sources()[f"{name}/right"][0])
    assert evidence.failures == ()
    assert [(target.target, target.compiled) for target in evidence.targets] == [(t, 1) for t in TARGETS]
    assert all(target.registers > 0 for target in evidence.targets)
