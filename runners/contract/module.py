"""The module level: imports, constants, functions, kernels and their decorators, and nothing that runs.

It is followed as host code, so that constants and tuning configurations are known where functions use them. What
stays in a variable lives between calls: lists and dicts are marked as shared and may only be read, tensors, iterators
and functions that remember are denied.
"""

from __future__ import annotations

import ast
from typing import Final

from runners.contract import rules
from runners.contract.constants import is_constexpr_function
from runners.contract.host import HostCode
from runners.contract.names import dotted_of
from runners.contract.rules import shown
from runners.contract.scope import JIT, decorator_name, is_main_guard
from runners.contract.values import (
    NOTHING,
    SIZE,
    Arguments,
    Closure,
    Compiled,
    Container,
    Foreign,
    Frame,
    HostFunction,
    Kernel,
    Launcher,
    Method,
    Named,
    Tensor,
    Unknown,
    Value,
    join,
)  # fmt: skip

_KERNEL_DECORATORS: Final = frozenset({
    *JIT, "triton.autotune", "triton.runtime.autotune", "triton.runtime.autotuner.autotune", "triton.heuristics",
    "triton.runtime.heuristics", "triton.runtime.autotuner.heuristics",
})  # fmt: skip
_HOST_DECORATORS: Final = frozenset({
    "torch.no_grad", "torch.inference_mode", "triton.constexpr_function", "triton.language.constexpr",
})  # fmt: skip


class ModuleLevel(HostCode):
    """Follows the statements of the module level."""

    def load(self) -> None:
        """Follows all of them, in order."""
        self.frame = Frame(self.globals)
        bound: dict[str, str] = {}
        for name in self.scope.functions:
            self.globals[name] = frozenset({HostFunction(name)})
        for name in self.scope.kernels:
            self.globals[name] = frozenset({Kernel(name)})
        for node in self.scope.tree.body:
            self._rebinding(node, bound)
            self._top(node)
        for name, function in self.scope.functions.items():
            if is_constexpr_function(function, self.scope.aliases):
                self._at_compile_time(name, function)
        self.loading = False

    def _at_compile_time(self, name: str, function: ast.FunctionDef) -> None:
        """Follows what kernels call while they are compiled; they pass constants."""
        arguments = function.args
        count = len(arguments.posonlyargs) + len(arguments.args)
        named = tuple((one.arg, SIZE) for one in arguments.kwonlyargs)
        result = self.run(function, HostFunction(name), Arguments((SIZE,) * count, named, NOTHING))
        if self.about([result]):
            self.observes(function)

    def _top(self, node: ast.stmt) -> None:
        match node:
            case ast.Import() | ast.ImportFrom():
                self.statement(node)
            case ast.FunctionDef():
                self._definition(node)
            case ast.Assign() | ast.AnnAssign():
                self.statement(node)
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    self._kept(target)
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                pass
            case ast.If(test=test) if is_main_guard(test):
                if node.orelse:
                    self.report.add(rules.MODULE_CODE, node.orelse[0], "this runs while the file is loaded")
            case ast.ClassDef() | ast.AsyncFunctionDef() | ast.Try() | ast.TryStar() | ast.Delete() | ast.Match():
                pass  # the statement rules deny it
            case _:
                detail = "a candidate's module level imports, defines and names constants; this runs while it is loaded"
                self.report.add(rules.MODULE_CODE, node, detail)

    def _rebinding(self, node: ast.stmt, bound: dict[str, str]) -> None:
        """A function, kernel or module keeps its name; a constant may be replaced by a constant."""
        names: dict[str, str] = {}
        match node:
            case ast.Import() | ast.ImportFrom():
                names = {a.asname or a.name.split(".")[0]: f"import {a.name if a.asname else ''}" for a in node.names}
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                around = [*node.decorator_list, *(_defaults(node) if isinstance(node, ast.FunctionDef) else [])]
                names = {one: "constant" for part in around for one in _stored(part)}
                names[name] = f"definition in line {node.lineno}" if name not in names else "both"
            case ast.Assign() | ast.AnnAssign():
                names = dict.fromkeys(_stored(node), "constant")
        for name, what in names.items():
            if bound.setdefault(name, what) != what:
                detail = f"'{shown(name)}' is given a second meaning; which one a call sees must not depend on order"
                self.report.add(rules.REBINDING, node, detail)

    def _kept(self, target: ast.expr) -> None:
        for name in (one for one in ast.walk(target) if isinstance(one, ast.Name)):
            value = self.globals.get(name.id, frozenset())
            self._share(value)
            leaves = self.leaves(value)
            kept = any(isinstance(atom, Foreign) and atom.result for atom in leaves)
            if kept or any(
                isinstance(atom, Tensor | Compiled | Launcher | Method) or atom == Unknown() for atom in leaves
            ):
                detail = f"'{shown(name.id)}' keeps something between calls that is no constant"
                self.report.add(rules.MODULE_STATE, name, detail)
            elif any(isinstance(atom, Closure) and self.closures[atom.key].frame is not self.frame for atom in leaves):
                self.report.add(rules.MODULE_STATE, name, f"'{shown(name.id)}' is a function that remembers")

    def _share(self, value: Value) -> None:
        for site in self._sites(value):
            self.heap.cells[site].shared = True
            if self.heap.cells[site].once:
                self.report.add(rules.MODULE_STATE, int(site.split(":")[0]), "an iterator is used up by the first call")

    def _sites(self, value: Value) -> set[str]:
        found: set[str] = set()
        left = list(value)
        while left:
            atom = left.pop()
            if isinstance(atom, Container) and atom.site not in found:
                found.add(atom.site)
                left.extend(self.heap.cells[atom.site].contents)
            elif hasattr(atom, "items"):
                left.extend(one for item in atom.items if isinstance(item, frozenset) for one in item)
        return found

    def _definition(self, node: ast.FunctionDef) -> None:
        kernel = node is self.scope.kernels.get(node.name)
        known = _KERNEL_DECORATORS if kernel else _HOST_DECORATORS
        for decorator in node.decorator_list:
            name = decorator_name(decorator, self.scope.aliases)
            if name not in known:
                what = shown(name or ast.unparse(decorator))
                detail = f"'@{what}' may not decorate {'a kernel' if kernel else 'a host function'}"
                self.report.add(rules.DECORATOR_NOT_ALLOWED, decorator, detail)
            elif isinstance(decorator, ast.Call) and kernel:
                self._tuning(node.name, decorator)
        self.defaults[node] = self.default_values(node.args)
        for name, value in self.defaults[node].items():
            if self._sites(value):
                detail = f"the default of '{shown(name)}' is made once and lives between calls; use a plain constant"
                self.report.add(rules.MUTABLE_DEFAULT, node, detail)

    def _tuning(self, kernel: str, decorator: ast.Call) -> None:
        """Keeps the functions that a decorator brings for the launches; sizes and configurations are read here."""
        heuristic = (dotted_of(decorator.func, self.scope.aliases) or "").endswith("heuristics")
        values = {keyword.arg: self.evaluate(keyword.value) for keyword in decorator.keywords}
        values |= {str(n): self.evaluate(argument) for n, argument in enumerate(decorator.args)}
        for value in values.values():
            self._share(value)
        if heuristic:
            self.heuristics[kernel] = join(self.heuristics.get(kernel, frozenset()), *values.values())
            return
        unnamed = [*decorator.args, *(keyword.value for keyword in decorator.keywords if keyword.arg is None)]
        if any(isinstance(atom, HostFunction | Closure | Named) for one in unnamed for atom in self._held(one)):
            self.report.add(rules.HOOK, decorator, "a function is passed to the tuner, which runs it around a launch")
        self.pruning[kernel] = join(self.pruning.get(kernel, frozenset()), *values.values())

    def _held(self, node: ast.expr) -> Value:
        return self.leaves(self.evaluate(node))


def _defaults(function: ast.FunctionDef) -> list[ast.expr]:
    return [*function.args.defaults, *(one for one in function.args.kw_defaults if one is not None)]


def _stored(node: ast.AST) -> list[str]:
    return [one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)]
