"""Calls of Python's builtins, of functions of sizes, and of methods of lists and dicts.

What is passed to them to be called back is entered with what they will pass to it. Sizes go in and come out; an
object with an identity (a kernel, a function, a module, an iterator) may be kept in a list or dict, and no more.
"""

from __future__ import annotations

import ast
import builtins
from abc import abstractmethod
from collections.abc import Iterable

from runners.contract import rules, tables
from runners.contract.parts import Parts
from runners.contract.rules import shown
from runners.contract.syntax import IDENTITY, REFLECTION, python_itself
from runners.contract.values import (
    ABSENT,
    NOTHING,
    SIZE,
    About,
    Absent,
    Arguments,
    Atom,
    Closure,
    Container,
    Cut,
    Foreign,
    Group,
    HostFunction,
    Kernel,
    Launcher,
    Named,
    Size,
    Tensor,
    Unknown,
    Value,
    join,
)


def environmental(dotted: str) -> bool:
    """Whether a name of torch or triton tells one machine, or one moment, from another."""
    return any(dotted == name or dotted.startswith(name + ".") for name in tables.ENVIRONMENT)


class Builtins(Parts):
    """Evaluates calls of what is Python's own."""

    @abstractmethod
    def apply(self, node: ast.Call, functions: Value, arguments: Arguments) -> Value:
        """Returns what a call of any of `functions` may return."""

    def deny(self, node: ast.AST, detail: str) -> None:
        """Reports a call that host code may not make."""
        self.report.add(rules.HOST_CALL, node, detail)

    def passed(self, arguments: Arguments) -> list[Tensor]:
        """Returns the tensors among the arguments of a call."""
        return [tensor for value in arguments.all for tensor in self.tensors(value)]

    def denied_name(self, node: ast.AST, dotted: str, arguments: Arguments) -> Value:
        """Reports a call of something that is not on the list; returns what stands for its result."""
        name, rule = shown(dotted.removeprefix("builtins.")), rules.HOST_CALL
        if environmental(dotted):
            rule, detail = rules.ENVIRONMENT, f"'{name}' asks about the machine, the clock, chance or the interpreter"
        elif self.passed(arguments):
            rule = rules.HOST_ARITHMETIC
            detail = f"'{name}' is no view and no allocation; arithmetic and copies belong in a kernel"
        else:
            detail = f"'{name}' is not among the calls that host code may make"
        self.report.add(rule, node, detail)
        return self.denied(rule)

    def size(self, node: ast.AST, dotted: str, arguments: Arguments) -> Value:
        """Returns what a function of sizes gives."""
        self.no_tensors(node, f"passed to '{shown(dotted)}'", arguments.all)
        self._unfollowed(node, dotted, arguments)
        self.sized(arguments.all)
        hooks = ("pre_hook", "ir_override")  # the syntax rules deny them
        given = [
            *arguments.positional,
            arguments.rest,
            *(value for name, value in arguments.named if name not in hooks),
        ]
        if self.no_objects(node, f"passed to '{shown(dotted)}'", given) or self._slices(node, dotted, given):
            return self.denied(rules.KERNEL_OBJECT)
        about = self.about(arguments.all)
        return frozenset({Size(About.OBSERVED if about is About.PLACE else about)})

    def _slices(self, node: ast.AST, name: str, values: Iterable[Value]) -> bool:
        """Reports slices that would come out again as sizes."""
        found = any(isinstance(atom, Cut) for value in values for atom in self.leaves(value))
        if found:
            self.report.add(rules.KERNEL_OBJECT, node, f"a slice is passed to '{shown(name)}'")
        return found

    def _unfollowed(self, node: ast.AST, dotted: str, arguments: Arguments) -> None:
        if any(atom == Unknown() for value in arguments.all for atom in self.leaves(value)):
            detail = f"something that can't be shown to be a size is passed to '{shown(dotted)}'"
            self.report.add(rules.HOST_ARITHMETIC, node, detail)

    def builtin(self, node: ast.Call, name: str, arguments: Arguments) -> Value:
        """Returns what a builtin of Python may return."""
        if name in tables.BUILTIN_SIZES:
            return self._builtin_size(node, name, arguments)
        if name in tables.BUILTIN_CONTAINERS:
            return self._builtin_container(node, name, arguments)
        if name in tables.BUILTIN_ITERATORS:
            items = tuple(self.each(value) for value in arguments.positional)
            items = (SIZE, *items) if name == "enumerate" else items
            element = join(*items) if name == "reversed" else frozenset({Group(items)})
            return self.heap.make(node, join(element, self.each(arguments.rest)), once=True)
        if name in ("iter", "next"):
            elements = [self.each(value) for value in arguments.positional[:1]]
            if name == "iter":
                if len(arguments.positional) > 1:  # it calls the first until it returns the second
                    called = Arguments((), (), NOTHING)
                    elements = [self.settle(lambda: self.apply(node, arguments.positional[0], called))]
                    self.later(node)
                return self.heap.make(node, join(*elements), once=True)
            return join(*elements, *arguments.positional[1:])
        if name in ("map", "filter") and arguments.positional:
            items = tuple(self.each(value) for value in arguments.positional[1:])
            rest = self.each(arguments.rest)
            made = self.settle(lambda: self.apply(node, arguments.positional[0], Arguments(items, (), rest)))
            self.later(node)
            return self.heap.make(node, join(made, rest, *items) if name == "filter" else made, once=True)
        kind = getattr(builtins, name, None)
        if isinstance(kind, type) and issubclass(kind, BaseException):
            return self.text(node, arguments.all)
        if name.startswith("__"):
            return self.denied(rules.PRIVATE_NAME)  # the syntax rules report it
        if name in REFLECTION | IDENTITY:
            rule, detail = python_itself(name)
            self.report.add(rule, node.func, detail)
            return self.denied(rule)
        return self.denied_name(node, f"builtins.{name}", arguments)

    def _callbacks(self, arguments: Arguments) -> Value:
        """Returns what may be called with elements: `key`, by name or by double star."""
        starred = (atom for atom in self.leaves(arguments.rest) if isinstance(atom, HostFunction | Closure | Named))
        return arguments.keyword("key") | frozenset(starred)

    def _call_back(self, node: ast.Call, arguments: Arguments, elements: Value) -> None:
        called = Arguments((elements,), (), NOTHING)
        self.settle(lambda: self.apply(node, self._callbacks(arguments), called))

    def _builtin_size(self, node: ast.Call, name: str, arguments: Arguments) -> Value:
        if name == "isinstance":
            if any(isinstance(atom, Kernel | Launcher | HostFunction) for value in arguments.all for atom in value):
                self.report.add(rules.KERNEL_OBJECT, node, "the type of a kernel or function object is asked for")
            return self._of_class(node, arguments)
        if name != "len":
            direct = any(isinstance(atom, Tensor) for value in arguments.all for atom in value)
            if name in tables.BUILTIN_READING and direct:
                self.report.add(rules.HOST_DATA, node, f"'{name}' reads a tensor's elements on the host")
            else:
                self.no_tensors(node, f"passed to '{name}'", arguments.all)
                self._unfollowed(node, name, arguments)
        self._call_back(node, arguments, join(*(self.each(value) for value in (*arguments.positional, arguments.rest))))
        given = [*arguments.positional, arguments.rest, *(value for key, value in arguments.named if key != "key")]
        text = name in tables.BUILTIN_TEXTS
        if name not in tables.BUILTIN_TRUTHS and self.no_objects(node, f"passed to '{name}'", given, iterators=text):
            return self.denied(rules.KERNEL_OBJECT)
        if name not in tables.BUILTIN_DROPPING:
            self.sized(arguments.all)
            if self._slices(node, name, given):
                return self.denied(rules.KERNEL_OBJECT)
        about = self.about(arguments.all)
        told = About.OBSERVED if about is About.PLACE else about
        return frozenset({Cut(told) if name == "slice" else Size(told)})

    def _of_class(self, node: ast.Call, arguments: Arguments) -> Value:
        """Returns what isinstance() tells: whether something is a tensor or a number, and no more of a tensor."""
        classes = self.leaves(join(*arguments.positional[1:], arguments.rest))
        known = (atom for atom in classes if isinstance(atom, Absent | Foreign) or self._is_plain_class(atom))
        odd = sorted(classes - frozenset(known), key=repr)
        if odd and odd != [Unknown(denied=True)]:
            what = f"'{shown(odd[0].dotted)}'" if isinstance(odd[0], Named) else "something that can't be followed"
            detail = f"isinstance() asks for {what}; of a tensor only whether it is a torch.Tensor may be asked"
            self.report.add(rules.IDENTITY, node, detail)
            return self.denied(rules.IDENTITY, Size())
        return SIZE

    @staticmethod
    def _is_plain_class(atom: Atom) -> bool:
        return isinstance(atom, Named) and (atom.dotted in tables.CLASSES or atom.dotted.startswith("typing."))

    def _builtin_container(self, node: ast.Call, name: str, arguments: Arguments) -> Value:
        rest = arguments.rest - (self._callbacks(arguments) if name == "sorted" else NOTHING)
        contents = join(*(self.each(value) for value in (*arguments.positional, rest)))
        if name == "sorted":
            self.no_tensors(node, "compared", (contents,))
            self._call_back(node, arguments, contents)
        else:
            contents = join(contents, *(value for _, value in arguments.named))
        if name == "dict":  # made from pairs, too
            self._keys(node, arguments)
            contents = join(contents, self._opened(contents))
        if name in ("set", "frozenset"):
            return self.hashed(node, contents)
        if name == "tuple" and all(isinstance(atom, Size) for atom in contents):
            return contents or SIZE
        return self.heap.make(node, contents)

    def _keys(self, node: ast.AST, arguments: Arguments) -> None:
        """Looks at the keys of a dict that is made of pairs, or of lists of two."""
        for pair in join(*(self.each(value) for value in (*arguments.positional, arguments.rest))):
            if isinstance(pair, Group | Container):
                key = pair.items[0] if isinstance(pair, Group) and pair.items else self.each(frozenset({pair}))
                self.no_identity(node, "the key of a dict", [key])

    def _opened(self, items: Value) -> Value:
        """Returns what pairs hold, or lists of two."""
        return self.each(frozenset(atom for atom in items if isinstance(atom, Group | Container)))

    def container_method(self, node: ast.Call, container: Container, name: str, arguments: Arguments) -> Value:
        """Returns what a method of a list, dict or set may return, and follows what it changes."""
        cell = self.heap.cells[container.site]
        items = join(*(self.each(value) for value in arguments.all))
        if name in tables.MUTATORS:
            if cell.shared:
                detail = f"'.{name}' changes an object of the module level; it would carry state between calls"
                self.report.add(rules.MODULE_STATE, node, detail)
            if name == "setdefault":
                self.no_identity(node, "the key of a dict", [*arguments.positional[:1], arguments.rest])
            if name.endswith("update"):  # of a dict by pairs, too
                self._keys(node, arguments)
                self.put(node, container, join(items, self._opened(items), *(value for _, value in arguments.named)))
            elif name != "sort":
                self.put(node, container, items if name == "extend" else join(*arguments.all))
        if name == "sort":
            self._call_back(node, arguments, cell.contents)
            return ABSENT
        if name in ("index", "count", "isdisjoint", "issubset", "issuperset"):
            self.no_tensors(node, "compared", arguments.all)
            return frozenset({Size(self.about([frozenset({container}), *arguments.all]))})
        if name in ("copy", "union", "intersection", "difference", "symmetric_difference"):
            contents = join(cell.contents, items)
            return self.hashed(node, contents) if name != "copy" or cell.hashed else self.heap.make(node, contents)
        if name == "fromkeys":
            self.no_identity(node, "the key of a dict", [self.each(value) for value in arguments.positional[:1]])
            return self.heap.make(node, join(items, *arguments.all))
        if name in ("items", "keys", "values"):
            item: Value = frozenset({Group((cell.contents, cell.contents))}) if name == "items" else cell.contents
            return self.heap.make(node, item)
        return join(cell.contents, *arguments.all)
