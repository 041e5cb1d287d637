"""Launches: which tensors a kernel gets, which of them it may write, and what runs on the host meanwhile.

Grid functions, heuristics and the pruning of configurations are entered with what the launch passes; they make sizes,
not results.
"""

from __future__ import annotations

import ast

from runners.contract import rules
from runners.contract.calling import Calls
from runners.contract.values import (
    NOTHING,
    SIZE,
    About,
    Arguments,
    Closure,
    Compiled,
    HostFunction,
    Launcher,
    Meta,
    Value,
    join,
)


class Launches(Calls):
    """Follows launches."""

    def grid(self, node: ast.Subscript, kernel: str, grid: Value) -> Value:
        """Returns a kernel with its grid."""
        return frozenset({Launcher(kernel, grid)})

    def launch(self, node: ast.Call, kernel: str, grid: Value, arguments: Arguments) -> Value:
        """Follows a launch: what it calls on the host, and what it may write."""
        bound = self._bound(kernel, arguments)
        self._grid(node, kernel, grid, Meta(tuple(bound.items())))
        if any(isinstance(atom, HostFunction | Closure) for value in arguments.all for atom in self.leaves(value)):
            self.report.add(rules.PYTHON_IN_KERNEL, node, "a host function is passed to a kernel")
        if self.about(arguments.all) is About.OBSERVED:
            self.observes(node)
        if self.loading:
            self.report.add(rules.MODULE_CODE, node, "a kernel is launched while the file is loaded")
        self.effects.launched = True
        stored = self.written[kernel]
        self.writes(one.origin for name in stored for one in self.tensors(bound.get(name, NOTHING)))
        return frozenset({Compiled()})

    def _bound(self, kernel: str, arguments: Arguments) -> dict[str, Value]:
        """Returns what the kernel's parameters may receive; what follows a star may land on any that are left."""
        parameters = self.scope.kernels[kernel].args
        every = (*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs)
        bound = dict(zip((one.arg for one in every), arguments.positional, strict=False)) | dict(arguments.named)
        left = join(self.each(arguments.rest), arguments.rest)
        if left:
            for one in every:
                constant = one.annotation is not None and "constexpr" in ast.unparse(one.annotation)
                bound.setdefault(one.arg, SIZE if constant else left)
        if parameters.vararg is not None:
            bound[parameters.vararg.arg] = join(*arguments.positional[len(every) :], left)
        return bound

    def _grid(self, node: ast.Call, kernel: str, grid: Value, meta: Meta) -> None:
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

    def _functions(self, value: Value) -> list[HostFunction | Closure]:
        found = [atom for atom in self.leaves(value) if isinstance(atom, HostFunction | Closure)]
        return sorted(found, key=repr)
