"""Host expressions: which values they may have, and which of them are arithmetic on tensors.

Sizes are free. A tensor, or something that may be one, must not be computed with, compared, or read; what could be
anything is denied only where it is computed with. Subclasses say what calls do.
"""

from __future__ import annotations

import ast
import builtins
from abc import ABC, abstractmethod
from itertools import pairwise
from types import EllipsisType
from typing import Final

import torch
import triton.language as tl

from runners.contract import rules
from runners.contract.holding import Holding
from runners.contract.names import dotted_of, loaded
from runners.contract.values import (
    ABSENT,
    NOTHING,
    SIZE,
    UNKNOWN,
    About,
    Absent,
    Closure,
    Cut,
    Frame,
    Group,
    Kernel,
    Launcher,
    Made,
    Method,
    Named,
    Size,
    Value,
    join,
)

_BUILTIN_NAMES: Final = frozenset(dir(builtins))


class Expressions(Holding, ABC):
    """Evaluates expressions of host code."""

    @abstractmethod
    def call(self, node: ast.Call) -> Value:
        """Returns what a call may return."""

    @abstractmethod
    def attribute_of(self, node: ast.Attribute) -> Value:
        """Returns what an attribute may be."""

    @abstractmethod
    def subscript_of(self, node: ast.Subscript) -> Value:
        """Returns what an item may be."""

    @abstractmethod
    def assign(self, target: ast.expr, value: Value) -> None:
        """Binds a target."""

    @abstractmethod
    def named(self, node: ast.AST, dotted: str) -> Value:
        """Returns what a name of torch, triton, math or builtins stands for."""

    def evaluate(self, node: ast.expr) -> Value:
        """Returns what `node` may be, and reports what it must not do."""
        self.tick()
        match node:
            case ast.Constant(value=None):
                return ABSENT
            case ast.Constant():
                return SIZE
            case ast.Name():
                return self.lookup(node)
            case ast.Attribute():
                return self.attribute_of(node)
            case ast.Subscript():
                return self.subscript_of(node)
            case ast.Call():
                return self.call(node)
            case ast.BinOp(left=left, op=op, right=right):
                return self.arithmetic(node, op, self.evaluate(left), self.evaluate(right))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return frozenset({Size(self.truth(operand, self.evaluate(operand)))})
            case ast.UnaryOp(operand=operand):
                return self.arithmetic(node, node.op, self.evaluate(operand))
            case ast.Compare():
                return self._compare(node)
            case ast.BoolOp():
                return self._either(node)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self.decide(test)
                return join(self.evaluate(body), self.evaluate(orelse))
            case ast.Lambda():
                return self.closure(node)
            case ast.NamedExpr(target=target, value=inner):
                value = self.evaluate(inner)
                frame = self.frame.function
                frame.hold(target.id, join(frame.env.get(target.id, NOTHING), value))  # it may be passed over
                self.kept += 1
                return value
            case _:
                return self._display(node)

    def _display(self, node: ast.expr) -> Value:
        match node:
            case ast.Tuple(elts=elements):
                return self.group(node, elements)
            case ast.List(elts=elements):
                return self.heap.make(node, join(*(self._element(one) for one in elements)))
            case ast.Set(elts=elements):
                return self.hashed(node, join(*(self._element(one) for one in elements)))
            case ast.Dict(keys=keys, values=values):
                parts = [self.evaluate(one) for one in values]
                parts += [self.evaluate(key) for key in keys if key is not None]
                self.no_identity(node, "the key of a dict", parts[len(values) :])
                contents = [self.each(part) if key is None else part for key, part in zip(keys, parts, strict=False)]
                return self.heap.make(node, join(*contents, *parts[len(keys) :]))
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node)
            case ast.JoinedStr(values=values):
                return self.text(node, [self.evaluate(one) for one in values])
            case ast.FormattedValue(value=inner, format_spec=spec):
                return join(self.evaluate(inner), NOTHING if spec is None else self.evaluate(spec))
            case ast.Slice(lower=lower, upper=upper, step=step):
                parts = [self.evaluate(one) for one in (lower, upper, step) if one is not None]
                if any(self.tensors(part) for part in parts):
                    self.report.add(rules.HOST_DATA, node, "a slice is bounded by a tensor's element")
                return frozenset({Cut(self.about(parts))})
            case ast.Starred(value=inner):
                return self.each(self.evaluate(inner))
            case _:
                return UNKNOWN  # the statement rules deny it

    def closure(self, node: ast.Lambda | ast.FunctionDef) -> Value:
        """Returns a function made here, whose defaults are what they are now."""
        defaults = self.default_values(node.args)
        for key, made in enumerate(self.closures):
            if made.node is node and made.frame is self.frame:
                for name, value in defaults.items():
                    made.defaults[name] = join(made.defaults[name], value)
                return frozenset({Closure(key)})
        self.closures.append(Made(node, self.frame, defaults))
        return frozenset({Closure(len(self.closures) - 1)})

    def default_values(self, arguments: ast.arguments) -> dict[str, Value]:
        """Returns what the defaults of a function are where it is made."""
        ordered = (*arguments.posonlyargs, *arguments.args)
        given = dict(zip((one.arg for one in reversed(ordered)), reversed(arguments.defaults), strict=False))
        given |= {one.arg: kw for one, kw in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if kw}
        return {name: self.evaluate(default) for name, default in given.items()}

    def lookup(self, node: ast.Name) -> Value:
        """Returns what a name means here."""
        frame: Frame | None = self.frame
        here = True
        while frame is not None:
            later = not here and (frame.left or frame.comprehension)
            if node.id in frame.env or (later and node.id in frame.ever):
                now = frame.env.get(node.id, NOTHING)
                return join(now, frame.ever[node.id]) if later and node.id in frame.ever else now
            here = here and frame.comprehension
            frame = frame.outer
        if node.id in self.globals:
            return self.globals[node.id]
        if node.id in _BUILTIN_NAMES:
            return frozenset({Named(f"builtins.{node.id}")})
        return UNKNOWN

    def group(self, node: ast.AST, elements: list[ast.expr]) -> Value:
        """Returns a tuple: of sizes a size, else one whose items are known."""
        if any(isinstance(one, ast.Starred) for one in elements):
            return self.heap.make(node, join(*(self._element(one) for one in elements)))
        items = tuple(self.evaluate(one) for one in elements)
        if all(isinstance(atom, Size | Absent) and not isinstance(atom, Cut) for item in items for atom in item):
            return frozenset({Size(self.about(items))})
        return frozenset({Group(items)})

    def _element(self, node: ast.expr) -> Value:
        return self.evaluate(node)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Value:
        outside = self.frame
        self.frame = outside.inner.setdefault(node, Frame({}, outside, comprehension=True))
        element = self.settle(lambda: self._turn(node))
        self.frame = outside
        once = isinstance(node, ast.GeneratorExp)
        if once:
            self.later(node)
        return self.hashed(node, element) if isinstance(node, ast.SetComp) else self.heap.make(node, element, once=once)

    def _turn(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Value:
        told = NOTHING
        for generator in node.generators:
            source = self.evaluate(generator.iter)
            if self.about([source]) is About.OBSERVED:
                told = frozenset({Size(About.OBSERVED)})  # the number of items tells it
                if not self.checking:
                    self.observes(generator.iter)
            self.assign(generator.target, self.each(source))
            for test in generator.ifs:
                self.decide(test)
        if isinstance(node, ast.DictComp):
            key = self.evaluate(node.key)
            self.no_identity(node.key, "the key of a dict", [key])
            return join(key, self.evaluate(node.value), told)
        return join(self.evaluate(node.elt), told)

    def _compare(self, node: ast.Compare) -> Value:
        operands = [self.evaluate(node.left), *(self.evaluate(one) for one in node.comparators)]
        if all(isinstance(op, ast.Is | ast.IsNot) for op in node.ops):
            return self._identical(node, operands)
        if self.no_tensors(node, "compared", operands):
            return self.denied(rules.HOST_ARITHMETIC, *(one for operand in operands for one in self.tensors(operand)))
        if any(isinstance(atom, Kernel | Launcher) for operand in operands for atom in operand):
            self.report.add(rules.KERNEL_OBJECT, node, "a kernel object is compared")
        if any(isinstance(atom, Method) for operand in operands for atom in self.leaves(operand)):
            self.no_identity(node, "compared by its method", operands)
            return self.denied(rules.IDENTITY, Size())
        return frozenset({Size(About.OBSERVED if self.about(operands) else About.NOTHING)})

    def _identical(self, node: ast.Compare, operands: list[Value]) -> Value:
        """Something may be compared with None, a truth value or a dtype; who else is the same object is no result's."""
        sides = [node.left, *node.comparators]
        single = [one == ABSENT or self._is_single(side) for one, side in zip(operands, sides, strict=True)]
        if not all(one or other for one, other in pairwise(single)):
            detail = (
                "'is' tells one object that is passed twice from two that are equal; compare with None, or use '=='"
            )
            self.report.add(rules.IDENTITY, node, detail)
            return self.denied(rules.IDENTITY, Size())
        return SIZE

    def _is_single(self, node: ast.expr) -> bool:
        """Whether an expression is one of the objects of which there is one: a truth value or a dtype."""
        match node:
            case ast.Constant(value=bool() | EllipsisType()):
                return True
            case ast.Attribute(attr="dtype"):
                return True
        found = loaded(dotted_of(node, self.scope.aliases) or "")
        return isinstance(found, torch.dtype | tl.dtype)

    def _either(self, node: ast.BoolOp) -> Value:
        values: list[Value] = []
        for operand in node.values:
            before = self.effects.copy()
            value = self.evaluate(operand)
            observed = self.truth(operand, value) if operand is not node.values[-1] else About.NOTHING
            if self.effects != before and self.about(values) >= About.HARDWARE:
                self.observes(node)
            values.append(value if not observed else _told(value, observed))
        return join(*values)

    def decide(self, test: ast.expr) -> None:
        """Evaluates the condition of a branch, which must not depend on the machine."""
        value = self.evaluate(test)
        if self.truth(test, value):
            self.looked += 1
            if not self.checking:
                self.observes(test)


def _told(value: Value, about: About) -> Value:
    """Returns `value`, of which each size tells `about`."""
    return frozenset({Size(about)}) | frozenset(atom for atom in value if type(atom) is not Size)
