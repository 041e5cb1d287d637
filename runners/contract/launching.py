"""Launches: which tensors a kernel gets, which of them it may write, and what runs on the host meanwhile.

Grid functions, heuristics and the pruning of configurations are entered with what the launch passes; they make sizes,
not results.
"""

from __future__ import annotations

import ast

from runners.contract import rules
from runners.contract.calling import Calls
from runners.contract.placing import Given, given_by_decorators, kernel_places, spread
from runners.contract.rules import Allowance, Report, shown
from runners.contract.scope import Scope
from runners.contract.values import (
    NOTHING,
    SIZE,
    About,
    Arguments,
    Atom,
    Closure,
    Compiled,
    Foreign,
    HostFunction,
    Launcher,
    Meta,
    Method,
    Named,
    Value,
    join,
)


class Launches(Calls):
    """Follows launches."""

    def __init__(self, scope: Scope, allowance: Allowance, report: Report, *, turning: bool = False) -> None:
        """Begins with nothing known."""
        super().__init__(scope, allowance, report, turning=turning)
        self.given: dict[str, Given] = {}  # by kernel, what its decorators give

    def grid(self, node: ast.Subscript, kernel: str, grid: Value) -> Value:
        """Returns a kernel with its grid."""
        return frozenset({Launcher(kernel, grid)})

    def launch(self, node: ast.Call, kernel: str, grid: Value, arguments: Arguments) -> Value:
        """Follows a launch: what it calls on the host, and what it may write."""
        bound = self._passed(node, kernel, grid, arguments)
        if self.about(arguments.all) is About.OBSERVED:
            self.observes(node)
        if self.loading:
            self.report.add(rules.MODULE_CODE, node, "a kernel is launched while the file is loaded")
        self.effects.launched = True
        stored = self.written[kernel]
        self.writes(one.origin for name in stored for one in self.tensors(bound.get(name, NOTHING)))
        return frozenset({Compiled()})

    def warm_up(self, node: ast.Call, kernel: str, arguments: Arguments) -> Value:
        """Follows a compilation that is asked for: it runs on the host what a launch runs there."""
        named = tuple((name, value) for name, value in arguments.named if name != "grid")
        self._passed(node, kernel, arguments.keyword("grid"), Arguments(arguments.positional, named, arguments.rest))
        return frozenset({Compiled()})

    def _passed(self, node: ast.Call, kernel: str, grid: Value, arguments: Arguments) -> dict[str, Value]:
        """Follows what runs on the host around a launch, and returns what the kernel's parameters receive."""
        bound = self._bound(kernel, arguments)
        self.settle(lambda: self._grid(node, kernel, grid, Meta(tuple(bound.items()))))
        if any(_is_python(atom) for value in arguments.all for atom in self.leaves(value)):
            self.report.add(rules.PYTHON_IN_KERNEL, node, "a host function is passed to a kernel")
        for one in self._constants(kernel):
            if self.tensors(bound.get(one, NOTHING)):
                detail = f"a tensor is passed for the constexpr '{shown(one)}', so that the kernel computes with torch"
                self.report.add(rules.PYTHON_IN_KERNEL, node, detail)
        return bound

    def _constants(self, kernel: str) -> list[str]:
        return [one.arg for one in _parameters(self.scope.kernels[kernel].args) if _is_constant(one)]

    def _bound(self, kernel: str, arguments: Arguments) -> dict[str, Value]:
        """Returns what the kernel's parameters may receive.

        What a star of unknown length gives, or follows it, may land where a call can place it; what a double star gives
        on any that are left.
        """
        parameters = self.scope.kernels[kernel].args
        every = _parameters(parameters)
        bound = dict(zip((one.arg for one in every), arguments.positional, strict=False)) | dict(arguments.named)
        placed = self._placed_in(self.scope.kernels[kernel], arguments)
        left = join(self.each(arguments.rest), arguments.rest)
        if placed is not None:
            bound |= {every[place].arg: value for place, value in placed.items()}
            left = join(self.each(arguments.opened), arguments.opened)
        if left:
            fixed = {one.arg for one in every[: len(arguments.positional)]} | {name for name, _ in arguments.named}
            bound |= {one.arg: join(bound.get(one.arg, NOTHING), left) for one in every if one.arg not in fixed}
        if parameters.vararg is not None:
            bound[parameters.vararg.arg] = join(*arguments.positional[len(every) :], left)
        return bound

    def _placed_in(self, kernel: ast.FunctionDef, arguments: Arguments) -> dict[int, Value] | None:
        if not arguments.following or kernel.args.vararg is not None:
            return None
        named = frozenset(name for name, _ in arguments.named)
        self.tick(len(arguments.following) * (1 + len(_parameters(kernel.args)) // 20))
        given = self.given.get(kernel.name)
        if given is None:
            given = self.given[kernel.name] = given_by_decorators(kernel, self.scope)
        return spread(arguments, kernel_places(kernel.args, given, named, is_open=bool(arguments.opened)))

    def _grid(self, node: ast.Call, kernel: str, grid: Value, meta: Meta) -> Value:
        given: Value = frozenset({meta})
        sizes = [grid]
        for functions in (grid, self.heuristics.get(kernel, NOTHING)):
            sizes += [self.run(node, one, Arguments((given,), (), NOTHING)) for one in self._functions(functions)]
        for function in self._functions(self.pruning.get(kernel, NOTHING)):
            self.run(node, function, Arguments((SIZE, given), (), NOTHING))
        if any(self.tensors(value) for value in sizes):
            self.report.add(rules.HOST_DATA, node, "a grid or a heuristic is made from a tensor's elements")
        if self.about(sizes) is About.OBSERVED:
            self.observes(node)
        return NOTHING

    def _functions(self, value: Value) -> list[HostFunction | Closure]:
        found = [atom for atom in self.leaves(value) if isinstance(atom, HostFunction | Closure)]
        return sorted(found, key=repr)


def _parameters(arguments: ast.arguments) -> tuple[ast.arg, ...]:
    return (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)


def _is_constant(parameter: ast.arg) -> bool:
    return parameter.annotation is not None and "constexpr" in ast.unparse(parameter.annotation)


def _is_python(atom: Atom) -> bool:
    """Whether a kernel could call it as Python; Triton's own functions are compiled."""
    if isinstance(atom, Named):
        return not atom.dotted.startswith("triton.language")
    return isinstance(atom, HostFunction | Closure | Method) or (isinstance(atom, Foreign) and not atom.result)
