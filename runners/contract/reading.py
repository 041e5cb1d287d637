"""Reads a candidate's source: every rule of the contract in turn, within bounds, as facts.

Where a file is beyond bounds, only its imports and its entry are looked at, and a fact says so.
"""

from __future__ import annotations

import ast
import time
from functools import lru_cache
from typing import Final, NamedTuple

from runners.candidate import Candidate
from runners.contract import rules
from runners.contract.arguments import check_arguments
from runners.contract.characters import check_characters
from runners.contract.holding import BudgetSpent
from runners.contract.kernel import check_kernel
from runners.contract.module import ModuleLevel
from runners.contract.names import Imports, check_names, imports_of
from runners.contract.parsing import beyond_bounds, parse
from runners.contract.rules import Allowance, Report, shown
from runners.contract.scope import Scope, scope_of
from runners.contract.syntax import check_syntax
from runners.contract.values import NOTHING, SIZE, Arguments, Tensor, Value
from runners.evidence import SourceFact
from runners.operators.model import TensorInput

TURNING: Final = frozenset({"transpose"})  # a copy of exchanged axes is layout elsewhere, and the result here


def read_source(candidate: Candidate, allowance: Allowance) -> tuple[SourceFact, ...]:
    """Returns what the contract has against the source, by line; nothing if it keeps the contract.

    Always ends, and never raises for what the author wrote.
    """
    return tuple(fact for fact in _read(candidate, allowance).facts if fact.rule not in allowance.waived)


def reading_s(candidate: Candidate, allowance: Allowance) -> float:
    """Returns how many seconds reading the source took, when it was read."""
    return _read(candidate, allowance).wall_s


class _Reading(NamedTuple):
    facts: tuple[SourceFact, ...]
    wall_s: float


def _read(candidate: Candidate, allowance: Allowance) -> _Reading:
    values = tuple(
        frozenset({Tensor(f"argument '{given.name}'")}) if isinstance(given, TensorInput) else SIZE
        for given in candidate.operator.inputs
    )
    return _timed(candidate.text, candidate.entry, values, allowance, candidate.operator.name in TURNING)


@lru_cache(maxsize=8)  # a candidate is read for its key, before it gets a runner, and for its evidence
def _timed(text: str, entry: str, inputs: tuple[Value, ...], allowance: Allowance, turning: bool) -> _Reading:
    began = time.monotonic()
    return _Reading(_facts(text, entry, inputs, allowance, turning), time.monotonic() - began)


def _facts(
    text: str, entry: str, inputs: tuple[Value, ...], allowance: Allowance, turning: bool
) -> tuple[SourceFact, ...]:
    tree = parse(text)
    report = Report(allowance.waived)
    check_characters(text, report)
    if isinstance(tree, SourceFact):
        return (*report.facts, tree)
    imports = imports_of(tree)
    _check_imports(tree, imports, allowance, report)
    scope = scope_of(tree)
    if entry not in scope.functions:
        detail = f"no function '{shown(entry)}' is defined at the top level of the file"
        report.add(rules.NO_ENTRY, None, detail)
    too_large = beyond_bounds(tree)
    if too_large is not None:
        return (*report.facts, too_large)
    check_names(tree, imports, report)
    check_syntax(scope, report)
    check_arguments(tree, imports, report)
    try:
        _follow(scope, entry, inputs, allowance, report, turning)
    except (BudgetSpent, RecursionError):
        detail = "the file takes more steps to follow than any kernel does"
        report.add(rules.TOO_COMPLEX, None, detail)
    return report.facts


def _follow(
    scope: Scope, entry: str, inputs: tuple[Value, ...], allowance: Allowance, report: Report, turning: bool
) -> None:
    for kernel in scope.kernels.values():
        check_kernel(kernel, scope, allowance, report)
    module = ModuleLevel(scope, allowance, report, turning=turning)
    module.load()
    if entry in scope.functions:
        module.entry(scope.functions[entry], Arguments(inputs, (), NOTHING))


def _check_imports(tree: ast.Module, imports: Imports, allowance: Allowance, report: Report) -> None:
    for module, line in imports.statements:
        if not allowance.imports_module(module):
            allowed = ", ".join(sorted(allowance.imports))
            detail = f"'{shown(module)}' may not be imported; allowed are {allowed}"
            report.add(rules.IMPORT_NOT_ALLOWED, line, detail)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            report.add(rules.STAR_IMPORT, node, "'import *' binds names that nobody reads here")
