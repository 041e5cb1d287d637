"""Attributes, items and assignments of host values: what may be read of a tensor, and what may be changed.

A tensor's shape, strides and dtype may be read, and views be made by indexing. Lists and dicts may be changed where a
function made them itself; everything else stays as it is.
"""

from __future__ import annotations

import ast
from abc import abstractmethod

from runners.contract import rules, tables
from runners.contract.expressions import Expressions
from runners.contract.names import is_method
from runners.contract.rules import shown
from runners.contract.values import (
    NOTHING,
    SIZE,
    UNKNOWN,
    About,
    Absent,
    Atom,
    Closure,
    Compiled,
    Container,
    Cut,
    Foreign,
    Group,
    HostFunction,
    Kernel,
    Launcher,
    Meta,
    Method,
    Named,
    Size,
    Tensor,
    Unknown,
    Value,
    join,
)


class Parts(Expressions):
    """Evaluates attributes and items, and follows assignments."""

    def attribute_of(self, node: ast.Attribute) -> Value:
        """Returns what an attribute may be."""
        value = self.evaluate(node.value)
        odd = frozenset(atom for atom in value if self._has_no(atom, node.attr))
        if odd and odd == value:
            detail = f"'.{shown(node.attr)}' is no method of a list, tuple, dict or set"
            self.report.add(rules.HOST_CALL, node, detail)
            return self.denied(rules.HOST_CALL)
        return join(*(self.attribute(node, atom, node.attr) for atom in value - odd))

    @staticmethod
    def _has_no(atom: Atom, name: str) -> bool:
        return isinstance(atom, Group | Container) and name not in tables.CONTAINER_METHODS and name[:1] != "_"

    def attribute(self, node: ast.AST, atom: Atom, name: str) -> Value:
        """Returns what the attribute `name` of one alternative may be."""
        match atom:
            case Absent():
                return NOTHING
            case Named(dotted=dotted):
                return self.named(node, f"{dotted}.{name}")
            case Foreign(dotted=dotted):
                return frozenset({Foreign(f"{dotted}.{name}")})
            case Tensor():
                return self._tensor_attribute(node, atom, name)
            case Kernel() | Launcher() | HostFunction() | Closure():
                if not (isinstance(atom, Kernel) and name == "warmup"):
                    detail = f"'.{shown(name)}' looks into a function or kernel object; launch it with kernel[grid](…)"
                    self.report.add(rules.KERNEL_OBJECT, node, detail)
                    return self.denied(rules.KERNEL_OBJECT)
                return frozenset({Method(atom, name)})
            case Compiled():
                if name not in tables.COMPILED_FACTS:
                    self.report.add(rules.KERNEL_OBJECT, node, f"'.{shown(name)}' looks into a compiled kernel")
                return frozenset({Size(About.HARDWARE)})
            case _:
                return self._plain_attribute(node, atom, name)

    def _plain_attribute(self, node: ast.AST, atom: Atom, name: str) -> Value:
        if name.startswith("_"):
            self.report.add(rules.PRIVATE_NAME, node, f"'.{shown(name)}' is private")
            return self.denied(rules.PRIVATE_NAME)
        if isinstance(atom, Unknown):
            return frozenset({atom})
        if isinstance(atom, Size):
            if name in tables.MUTATORS:
                detail = f"'.{shown(name)}' changes something that is no list or dict made in the function"
                self.report.add(rules.ASSIGNMENT_NOT_ALLOWED, node, detail)
            elif name not in tables.SIZE_ATTRIBUTES:
                detail = f"'.{shown(name)}' is no attribute of a number, a text, a tuple, a dtype or a device"
                self.report.add(rules.HOST_CALL, node, detail)
                return self.denied(rules.HOST_CALL)
            return frozenset({Size(About.OBSERVED if atom.about is About.PLACE else atom.about)})
        return frozenset({Method(atom, name)})

    def _tensor_attribute(self, node: ast.AST, tensor: Tensor, name: str) -> Value:
        if name in tables.TENSOR_FACTS:
            return SIZE
        if name in tables.TENSOR_PLACE:
            return frozenset({Size(About.PLACE)})
        if name in tables.TENSOR_DEVICES:
            return frozenset({Size(About.OBSERVED)})
        if name in tables.TENSOR_TURNED:
            return frozenset({Tensor(tensor.origin, turned=True)})
        if name == "data":
            return frozenset({tensor})
        if name.startswith("_"):
            self.report.add(
                rules.PRIVATE_NAME, node, f"'.{shown(name)}' of a tensor ({shown(tensor.origin)}) is private"
            )
            return self.denied(rules.PRIVATE_NAME)
        if is_method(name) or f"torch.Tensor.{name}" in self.allowance.host_calls:
            return frozenset({Method(tensor, name)})
        return self.told_apart(node, tensor, name)

    def told_apart(self, node: ast.AST, tensor: Tensor, name: str) -> Value:
        """Reports that more is asked of a tensor than its values and form."""
        detail = (
            f"'.{shown(name)}' of a tensor ({shown(tensor.origin)}) tells more than its shape, strides and dtype; "
            "no result may depend on it"
        )
        self.report.add(rules.IDENTITY, node, detail)
        return self.denied(rules.IDENTITY, Size())

    def subscript_of(self, node: ast.Subscript) -> Value:
        """Returns what an item may be."""
        value, index = self.evaluate(node.value), self.evaluate(node.slice)
        return join(*(self._item(node, atom, index) for atom in value))

    def _item(self, node: ast.Subscript, atom: Atom, index: Value) -> Value:
        about = self.about([index])
        if not isinstance(atom, Kernel):
            self.no_tensors(node, "used as an index", [index])
        if about is About.OBSERVED and not isinstance(atom, Size | Kernel):
            self.observes(node)
        match atom:
            case Kernel(name=name):
                return self.grid(node, name, index)
            case Tensor():
                inside = (part for one in index if isinstance(one, Group) for item in one.items for part in item)
                if any(isinstance(one, Container) for one in (*index, *inside)):
                    detail = "indexing by a list picks elements, which is a kernel's work"
                    self.report.add(rules.HOST_ARITHMETIC, node, detail)
                return frozenset({Tensor(atom.origin, atom.turned or (self.turning and not _leads(node.slice)))})
            case Size():
                told = max(atom.about, About.OBSERVED if about else About.NOTHING)
                return frozenset({Size(told)})
            case Group(items=items):
                match node.slice:
                    case ast.Constant(value=int(n)) if 0 <= n < len(items):
                        return items[n]
                return join(*items)
            case Container(site=site):
                if about:
                    self.observes(node)
                if any(isinstance(one, Method) for one in self.leaves(index)):
                    self.no_identity(node, "looked up by its method", [index])
                if isinstance(node.slice, ast.Slice):
                    return self.heap.make(node, self.heap.cells[site].contents)
                sliced = any(isinstance(one, Cut) for one in index)
                made = self.heap.make(node, self.heap.cells[site].contents) if sliced else NOTHING
                return join(self.heap.cells[site].contents, made)
            case Meta(items=items):
                if isinstance(node.slice, ast.Constant):
                    return dict(items).get(str(node.slice.value), SIZE)
                return join(SIZE, *(value for _, value in items))
            case Foreign() | Unknown():
                return frozenset({atom})
            case Absent():
                return NOTHING
            case _:
                return UNKNOWN

    @abstractmethod
    def grid(self, node: ast.Subscript, kernel: str, grid: Value) -> Value:
        """Returns a kernel with its grid."""

    # Assignment --------------------------------------------------------------------------------------------------

    def assign(self, target: ast.expr, value: Value) -> None:
        """Binds names; a container's item may be set, a tensor's or an attribute may not."""
        match target:
            case ast.Name(id=name):
                self.frame.hold(name, value)
            case ast.Starred(value=inner):
                self.assign(inner, self.heap.make(target, value))
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                self._unpack(elements, value)
            case ast.Subscript(value=base, slice=index):
                key, held = self.evaluate(index), self.evaluate(base)
                if any(isinstance(one, Cut) for one in key):
                    value = join(value, self.each(value))
                if any(isinstance(one, Container) for one in held):
                    self.no_identity(target, "the key of a dict", [key])
                self.store(target, held, value)
            case _:
                pass  # an attribute; the syntax rules deny it

    def _unpack(self, targets: list[ast.expr], value: Value) -> None:
        exact = [atom for atom in value if isinstance(atom, Group) and len(atom.items) == len(targets)]
        if len(exact) == len(value) and exact and not any(isinstance(one, ast.Starred) for one in targets):
            for n, target in enumerate(targets):
                self.assign(target, join(*(group.items[n] for group in exact)))
            return
        element = self.each(value)
        for target in targets:
            self.assign(target, element)

    def store(self, node: ast.AST, base: Value, value: Value) -> None:
        """Puts `value` into a container."""
        for atom in base:
            match atom:
                case Container(site=site):
                    if self.heap.cells[site].shared:
                        detail = "an object of the module level is changed; it would carry state between calls"
                        self.report.add(rules.MODULE_STATE, node, detail)
                    self.put(node, atom, value)
                case Tensor(origin=origin):
                    detail = f"elements of a tensor ({shown(origin)}) are assigned outside a kernel"
                    self.report.add(rules.ASSIGNMENT_NOT_ALLOWED, node, detail)
                case Absent():
                    pass
                case _:
                    detail = "an item is assigned of something that is no list or dict made in the function"
                    self.report.add(rules.ASSIGNMENT_NOT_ALLOWED, node, detail)


def _leads(index: ast.expr) -> bool:
    """Whether an index takes whole blocks of a tensor: numbers first, and after them nothing but full slices."""
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    rest = parts
    while rest and isinstance(rest[0], ast.Constant) and type(rest[0].value) is int:
        rest = rest[1:]
    whole = all(isinstance(one, ast.Slice) and (one.lower, one.upper, one.step) == (None,) * 3 for one in rest)
    return whole or (len(parts) == 1 and isinstance(index, ast.Slice) and index.step is None)
