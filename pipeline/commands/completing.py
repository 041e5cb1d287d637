"""What the shell offers for a word that is not finished: policies, runs, cases, operators, rules.

It has to be there at once, so nothing here imports torch, and operators are a list (a test holds it against the real
one). What goes wrong while somebody types is not worth a word: then nothing is offered.

The scripts that the shell runs put what is offered through `eval` (zsh) and through expansion (bash). Names in a run
folder may be anybody's, so only what no shell gives a meaning to is offered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import wraps
from itertools import islice
from pathlib import Path
from typing import Any, Final

import typer

from pipeline.settings import Settings

MOST: Final = 200
PLAIN: Final = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./-]*", re.ASCII)
OPERATOR_NAMES: Final = (
    "relu", "sigmoid", "tanh", "silu", "gelu", "gelu_tanh", "leaky_relu", "elu", "add", "swiglu", "softmax",
    "log_softmax", "logsumexp", "sum", "max", "argmax", "cumsum", "layer_norm", "rms_norm", "l2_norm",
    "fused_add_rms_norm", "matmul", "bmm", "linear", "conv2d", "attention", "rope", "cross_entropy",
    "embedding", "scatter_add", "histogram", "transpose", "quantize_int8", "int8_matmul", "int4_matmul",
    "fp8_matmul",
)  # fmt: skip

Complete = Callable[[typer.Context, str], list[str]]


def silent(offered: Callable[[typer.Context, str], Iterable[str]]) -> Complete:
    """Makes a completion of what yields possible words: only those that fit, in plain characters, never an error."""

    @wraps(offered)
    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        try:
            words = (word for word in offered(ctx, incomplete) if word.startswith(incomplete) and PLAIN.fullmatch(word))
            return list(islice(words, MOST))
        except Exception:  # noqa: BLE001  # whoever presses a key must not get a traceback for it
            return []

    return complete


@silent
def complete_policies(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """The built-in policies, and the YAML files beside what was typed."""
    import policies

    yield from sorted(path.stem for folder in policies.__path__ for path in Path(folder).glob("*.yaml"))
    folder = incomplete.rpartition("/")[0]
    start = f"{folder}/" if "/" in incomplete else ""
    for path in sorted(Path(start or ".").iterdir()):
        if path.suffix in (".yaml", ".yml"):
            yield f"{start}{path.name}"


@silent
def complete_runs(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """The stored runs, the newest first."""
    for folder in sorted(_runs(ctx).iterdir(), reverse=True):
        if (folder / "policy.json").is_file():
            yield folder.name


@silent
def complete_cases(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """The failing cases of the run that was typed before; with the candidate where two failed on one case."""
    paths = sorted(_folder(ctx, ctx.params["run"]).glob("*/cases/*.json"))
    names = [path.stem for path in paths]
    for path in paths:
        yield f"{path.parents[1].name}/{path.stem}" if "/" in incomplete or names.count(path.stem) > 1 else path.stem


@silent
def complete_verdicts(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Runs, and behind a slash the candidates of one."""
    run, slash, _ = incomplete.partition("/")
    if not slash:
        yield from complete_runs(ctx, incomplete)
        return
    for path in sorted(_folder(ctx, run).glob("*/verdict.json")):
        yield f"{run}/{path.parent.name}"


@silent
def complete_operators(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """The built-in operators."""
    return OPERATOR_NAMES


@silent
def complete_rules(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """The rules."""
    from policies.rules import RULES

    return RULES


def _runs(ctx: typer.Context) -> Path:
    given: Any = ctx.params.get("runs")
    return Settings.resolve(runs=given).runs


def _folder(ctx: typer.Context, run: str) -> Path:
    own = _runs(ctx) / run
    return own if own.is_dir() else Path(run)
