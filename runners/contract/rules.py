"""The facts that the contract can state, by rule id, and the report that collects them.

A report keeps a bounded number of facts for each rule: a file may break one in 50 000 places.
"""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from runners.evidence import SourceFact

SYNTAX_ERROR: Final = "source/syntax-error"
TOO_COMPLEX: Final = "source/too-complex"
IMPORT_NOT_ALLOWED: Final = "source/import-not-allowed"
STAR_IMPORT: Final = "source/star-import"
NO_ENTRY: Final = "source/no-entry"
HIDDEN_CHARACTER: Final = "source/hidden-character"
UNKNOWN_NAME: Final = "source/unknown-name"
UNKNOWN_ARGUMENT: Final = "source/unknown-argument"
STATEMENT_NOT_ALLOWED: Final = "source/statement-not-allowed"
PRIVATE_NAME: Final = "source/private-name"
REFLECTION: Final = "source/reflection"
REBINDING: Final = "source/rebinding"
ASSIGNMENT_NOT_ALLOWED: Final = "source/assignment-not-allowed"
MUTABLE_DEFAULT: Final = "source/mutable-default"
MODULE_STATE: Final = "source/module-state"
MODULE_CODE: Final = "source/module-code"
DECORATOR_NOT_ALLOWED: Final = "source/decorator-not-allowed"
HOOK: Final = "source/hook"
HOST_CALL: Final = "source/host-call-not-allowed"
HOST_ARITHMETIC: Final = "source/host-arithmetic"
HOST_DATA: Final = "source/host-data"
ENVIRONMENT: Final = "source/environment"
IDENTITY: Final = "source/identity"
KERNEL_OBJECT: Final = "source/kernel-object"
PYTHON_IN_KERNEL: Final = "source/python-in-kernel"
NO_LAUNCH: Final = "source/no-launch"
RESULT_NOT_FROM_KERNEL: Final = "source/result-not-from-kernel"

IDS: Final = (
    SYNTAX_ERROR, TOO_COMPLEX, IMPORT_NOT_ALLOWED, STAR_IMPORT, NO_ENTRY, UNKNOWN_NAME, UNKNOWN_ARGUMENT,
    HIDDEN_CHARACTER, STATEMENT_NOT_ALLOWED, PRIVATE_NAME, REFLECTION, REBINDING, ASSIGNMENT_NOT_ALLOWED,
    MUTABLE_DEFAULT, MODULE_STATE, MODULE_CODE, DECORATOR_NOT_ALLOWED, HOOK, HOST_CALL, HOST_ARITHMETIC, HOST_DATA,
    ENVIRONMENT, IDENTITY, KERNEL_OBJECT, PYTHON_IN_KERNEL, NO_LAUNCH, RESULT_NOT_FROM_KERNEL,
)  # fmt: skip

# Without the others there is no candidate that could run.
WAIVABLE: Final = IDS[IDS.index(UNKNOWN_NAME) :]

FACTS_CAP: Final = 50
NAME_SHOWN: Final = 120


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a policy lets the source do.

    Attributes:
        imports: Dotted module names, each allowed with everything below it. Calls into modules other than triton,
            torch and math are allowed with the import, and what they return is taken as it comes.
        host_calls: Calls that widen the built-in list: `torch.arange`, `torch.Tensor.to` (the method of any tensor),
            `print`.
        waived: Rules that are not applied.
    """

    imports: frozenset[str]
    host_calls: frozenset[str] = frozenset()
    waived: frozenset[str] = frozenset()

    def imports_module(self, module: str) -> bool:
        """Whether `module`, or one that it lies in, may be imported."""
        parts = module.split(".")
        return any(".".join(parts[: n + 1]) in self.imports for n in range(len(parts)))


@dataclass(slots=True)
class Report:
    """Collects facts, each once, at most `FACTS_CAP` for a rule. Those of `waived` rules will not count."""

    waived: frozenset[str] = frozenset()
    _facts: set[SourceFact] = field(default_factory=set)
    _counts: Counter[str] = field(default_factory=Counter)

    def add(self, rule: str, node: ast.AST | int | None, detail: str) -> None:
        """States that `rule` is broken at `node` (or a line, or nowhere)."""
        if self._counts[rule] >= FACTS_CAP:
            return
        line = node if isinstance(node, int) or node is None else getattr(node, "lineno", None)
        fact = SourceFact(rule=rule, line=line, detail=detail)
        if fact not in self._facts:
            self._facts.add(fact)
            self._counts[rule] += 1

    def is_full(self, rule: str) -> bool:
        """Whether no more facts of `rule` are kept."""
        return self._counts[rule] >= FACTS_CAP

    @property
    def facts(self) -> tuple[SourceFact, ...]:
        """All facts, by line."""
        return tuple(sorted(self._facts, key=lambda fact: (fact.line or 0, fact.rule, fact.detail)))


def shown(name: str) -> str:
    """Returns `name`, cut to what a message can carry."""
    return name if len(name) <= NAME_SHOWN else name[:NAME_SHOWN] + "…"
