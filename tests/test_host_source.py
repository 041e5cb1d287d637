"""No module of the host can run, unpickle or expand bytes: read off the source of all of them.

What runs inside the container is left out: there the candidate's code is what is run. Each place that is allowed is
named, with what it runs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
INSIDE = ("runners/inside/", "sandbox/probe_inside.py", "runners/planted.py")
RUNS = (
    "eval",
    "exec",
    "compile",
    "__import__",
    "import_module",
    "exec_module",
    "spec_from_file_location",
    "breakpoint",
)
UNPACKS = (
    "pickle",
    "cPickle",
    "marshal",
    "shelve",
    "dill",
    "cloudpickle",
    "joblib",
    "jsonpickle",
    "code",
    "runpy",
    "pty",
)
SPAWNS = ("system", "popen", "execv", "execve", "execvp", "spawnv", "spawnl", "posix_spawn", "getoutput")
UNSAFE_LOADERS = ("torch.load", "numpy.load", "np.load", "yaml.unsafe_load", "yaml.full_load")
ALLOWED = {
    ("runners/operators/sizes.py", "eval"),  # sizes of trusted operators, arithmetic by construction
    ("runners/operators/sizes.py", "compile"),
    ("pipeline/own_operators.py", "exec"),  # the operators of a team, which are trusted
    ("pipeline/own_operators.py", "compile"),
    (
        "pipeline/rollout/source_unsafe.py",
        "exec",
    ),  # approved kernels in an application, from the bytes that were verified
    ("pipeline/rollout/source_unsafe.py", "compile"),
    ("policies/access_findings.py", "template"),  # chosen among constants by a literal of the wire format
    ("pipeline/generation/demo/__main__.py", "template"),  # two constants of its own
    ("pipeline/rendering/experiments.py", "template"),  # a constant of its callers
    ("pipeline/rendering/measure.py", "template"),  # one of two constants of its caller
}


def offences(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names if name.name.split(".")[0] in UNPACKS)
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in UNPACKS:
                yield module
            case ast.Call(func=ast.Name(id=name)) if name in RUNS:
                yield name
            case ast.Call(func=ast.Attribute(attr=name) as called, keywords=keywords):
                yield from _of_method(name, called, keywords)
            case ast.BinOp(left=left, op=ast.Mod()) if isinstance(left, ast.JoinedStr):
                yield "template"


def _of_method(name: str, called: ast.Attribute, keywords: list[ast.keyword]) -> Iterator[str]:
    owner = ast.unparse(called.value)
    if name in ("import_module", "exec_module", "spec_from_file_location") or (name in SPAWNS and owner != "platform"):
        yield name
    if name in ("format", "format_map", "substitute") and not isinstance(called.value, ast.Constant):
        yield "template"
    if f"{owner}.{name}" in UNSAFE_LOADERS:
        yield f"{owner}.{name}"
    yield from ("shell" for keyword in keywords if keyword.arg == "shell")
    yield from ("allow_pickle" for keyword in keywords if keyword.arg == "allow_pickle")


def host_modules() -> list[Path]:
    paths = [
        path
        for package in ("sandbox", "runners", "policies", "pipeline", "kernelgate")
        for path in ROOT.glob(f"{package}/**/*.py")
    ]
    return sorted(path for path in paths if not path.relative_to(ROOT).as_posix().startswith(INSIDE))


def test_no_module_of_the_host_runs_unpickles_or_expands_what_it_is_given() -> None:
    found = {
        (path.relative_to(ROOT).as_posix(), offence)
        for path in host_modules()
        for offence in offences(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == ALLOWED


def test_what_touches_a_workers_bytes_imports_nothing_that_could_run_them() -> None:
    """The modules between the socket and the evidence: what they import is known by name."""
    known = {
        "__future__", "abc", "collections",
        "contextlib", "dataclasses", "hashlib", "json", "math", "pydantic", "runners",
        "sandbox", "select", "signal", "socket", "struct", "time", "torch", "types", "typing", "io",
    }  # fmt: skip
    touching = (
        "sandbox/frames.py", "sandbox/demultiplex.py", "sandbox/attached.py", "sandbox/conversation.py",
        "sandbox/started_worker.py", "runners/message.py", "runners/specialisation.py", "runners/wire.py",
        "runners/conversation.py", "runners/compiler.py", "runners/launches.py", "runners/session.py",
        "runners/examine.py", "runners/evidence.py",
    )  # fmt: skip
    for name in touching:
        tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert {module.split(".")[0] for module in imported} <= known, name


@pytest.mark.parametrize(
    "source",
    [
        "eval(said)", "exec(said)", "compile(said, '', 'exec')", "__import__(said)", "import pickle",
        "from marshal import loads", "import os; os.system(said)", "import os; os.popen(said)", "said.format(1)",
        "import subprocess; subprocess.run(said, shell=True)", "import numpy as np; np.load(said)", "f'{said}' % 1",
        "import torch; torch.load(said)", "import importlib; importlib.import_module(said)",
    ],
)  # fmt: skip
def test_a_module_that_could_would_be_noticed(source: str) -> None:
    assert list(offences(ast.parse(source)))


@pytest.mark.parametrize("source", ["'{}'.format(x)", "re.compile(x)", "json.loads(x)", "'%d' % x", "tl.load(x)"])
def test_what_only_looks_like_it_is_not_flagged(source: str) -> None:
    assert not list(offences(ast.parse(source)))
