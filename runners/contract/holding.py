"""What values hold, what becomes known of them, and the rules that hold for any of them.

Lists and dicts are opened here, and what may run more than once is repeated until it finds nothing new.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Final

from runners.contract import rules
from runners.contract.rules import Allowance, Report, shown
from runners.contract.scope import Scope
from runners.contract.values import (
    DENIED,
    NOTHING,
    SIZE,
    UNKNOWN,
    About,
    Absent,
    Atom,
    Closure,
    Compiled,
    Container,
    Effects,
    Foreign,
    Frame,
    Group,
    Heap,
    HostFunction,
    Kernel,
    Launcher,
    Made,
    Meta,
    Method,
    Named,
    Size,
    Tensor,
    Unknown,
    Value,
    join,
)

STEPS_CAP: Final = 120_000
ROUNDS_CAP: Final = 40  # how often anything is followed again before it counts as endless; kernels need three rounds
_JOINING: Final = (ast.Add, ast.Mult, ast.BitOr, ast.BitAnd, ast.BitXor, ast.Sub)  # of lists, dicts and sets
_OBJECTS: Final = (Kernel, Launcher, HostFunction, Closure, Compiled, Named, Method, Meta)


class BudgetSpent(Exception):
    """The file takes more steps to follow than any kernel does."""


class Holding:
    """Knows the values of a file as far as it was followed.

    Attributes:
        frame: Where names are looked up first.
        loading: The module level is being read, or what it calls.
        checking: Inside an assertion or the reason of a `raise`, where looking at the machine does no harm.
        looked: How often that was made use of to decide something.
        kept: How often a name was given or something was changed inside an expression.
    """

    def __init__(self, scope: Scope, allowance: Allowance, report: Report, *, turning: bool = False) -> None:
        """Begins with nothing known. `turning` says that exchanging axes is what the operator is for."""
        self.scope = scope
        self.allowance = allowance
        self.report = report
        self.turning = turning
        self.heap = Heap()
        self.globals: dict[str, Value] = {}
        self.frame = Frame({})
        self.effects = Effects()
        self.closures: list[Made] = []
        self.loading = True
        self.checking = False
        self.looked = 0
        self.kept = 0
        self.steps = 0

    def tick(self, steps: int = 1) -> None:
        """Counts work.

        Raises:
            BudgetSpent: it is more than a kernel needs.
        """
        self.steps += steps
        if self.steps > STEPS_CAP:
            raise BudgetSpent

    # What values hold -------------------------------------------------------------------------------------------------

    def leaves(self, value: Value, seen: frozenset[str] = frozenset()) -> frozenset[Atom]:
        """Returns everything that a value may be or hold, containers opened; an iterator is also something itself."""
        found: set[Atom] = set()
        for atom in value:
            self.tick()
            match atom:
                case Group(items=items):
                    found.update(*(self.leaves(item, seen) for item in items))
                case Container(site=site):
                    if self.heap.cells[site].once:
                        found.add(atom)
                    if site not in seen:
                        found |= self.leaves(self.heap.cells[site].contents, seen | {site})
                case _:
                    found.add(atom)
        return frozenset(found)

    def tensors(self, value: Value) -> list[Tensor]:
        """Returns the tensors that a value may be or hold."""
        return [atom for atom in self.leaves(value) if isinstance(atom, Tensor)]

    def about(self, values: Iterable[Value]) -> About:
        """Returns what values together tell about the machine."""
        sizes = (atom.about for value in values for atom in self.leaves(value) if isinstance(atom, Size))
        return max(sizes, default=About.NOTHING)

    def each(self, value: Value) -> Value:
        """Returns what iterating over a value gives."""
        found: list[Value] = []
        for atom in value:
            match atom:
                case Size() | Tensor() | Foreign() | Unknown():
                    found.append(frozenset({atom}))
                case Group(items=items):
                    found.extend(items)
                case Container(site=site):
                    found.append(self.heap.cells[site].contents)
                case Meta():
                    found.append(SIZE)
                case Absent():
                    pass
                case _:
                    found.append(UNKNOWN)
        return join(*found)

    # What becomes known -----------------------------------------------------------------------------------------------

    def settle(self, step: Callable[[], Value]) -> Value:
        """Returns all that `step` gives when it is repeated until it changes nothing.

        Raises:
            BudgetSpent: it always does.
        """
        found = NOTHING
        for _ in range(ROUNDS_CAP):
            before = self.known()
            found = join(found, step())
            if before == self.known():
                return found
        raise BudgetSpent

    def known(self) -> tuple[dict[str, Value], dict[str, Value]]:
        """Returns what the function's names mean and what its containers hold, as far as is known now."""
        self.tick(len(self.heap.cells) // 10)
        return dict(self.frame.function.env), {site: cell.contents for site, cell in self.heap.cells.items()}

    def later(self, node: ast.expr) -> None:
        """Notes an iterator that computes when it is asked for an item; it is read again where the function ends."""
        self.frame.function.late[node] = self.frame

    def put(self, node: ast.AST, container: Container, value: Value) -> None:
        """Adds to what a container may hold."""
        if self.heap.cells[container.site].hashed:
            self.no_identity(node, "put into a set", [value])
        if self.heap.cells[container.site].sized:
            self.no_tensors(node, "put into something that counts as a size", [value])
            self.sized([value])
        self.heap.put(container, value)
        self.kept += 1

    def hashed(self, node: ast.AST, contents: Value) -> Value:
        """Returns a set made at `node`, in which equal things are one; of tensors, the same ones."""
        made = self.heap.make(node, contents)
        for atom in made:
            if isinstance(atom, Container):
                self.heap.cells[atom.site].hashed = True
        self.no_identity(node, "put into a set", [contents])
        return made

    def sized(self, values: Iterable[Value]) -> None:
        """Notes that whatever containers are among `values` can be taken out of something that counts as a size."""
        left = [atom for value in values for atom in value]
        while left:
            match left.pop():
                case Group(items=items):
                    left.extend(atom for item in items for atom in item)
                case Container(site=site) if not self.heap.cells[site].sized:
                    self.heap.cells[site].sized = True
                    left.extend(self.heap.cells[site].contents)

    # Rules about values -----------------------------------------------------------------------------------------------

    def arithmetic(self, node: ast.AST, op: ast.AST, *operands: Value) -> Value:
        """Returns the result of arithmetic on sizes, and reports any other."""
        atoms = frozenset(atom for operand in operands for atom in self.leaves(operand))
        alternatives = join(*operands)
        if isinstance(op, ast.BitOr) and all(isinstance(atom, Named | Absent) for atom in alternatives):
            return alternatives  # a union of classes asks for each
        wrong = self.no_tensors(node, "computed with", operands)
        if any(isinstance(atom, Foreign | Method | Compiled) or atom == Unknown() for atom in atoms):
            detail = "something that can't be shown to be a size is computed with outside a kernel"
            self.report.add(rules.HOST_ARITHMETIC, node, detail)
            wrong = True
        elif isinstance(op, ast.Mod) and self.no_objects(node, "made into text", operands, iterators=True):
            return self.denied(rules.KERNEL_OBJECT)
        containers = [one for operand in operands for one in operand if isinstance(one, Container | Group)]
        if containers and isinstance(op, _JOINING):
            return self.heap.make(node, join(*(self.each(operand) for operand in operands)))
        if wrong:
            return self.denied(rules.HOST_ARITHMETIC, *(one for one in atoms if isinstance(one, Tensor)))
        if any(isinstance(atom, Unknown) for atom in atoms):
            return DENIED
        about = self.about(operands)
        return frozenset({Size(About.OBSERVED if about is About.PLACE else about)})

    def text(self, node: ast.AST, parts: Iterable[Value]) -> Value:
        """Returns a text made from `parts`, and reports what must not be read."""
        parts = tuple(parts)
        about = self.about(parts)
        if self.no_objects(node, "made into text", parts, iterators=True):
            return self.denied(rules.KERNEL_OBJECT)
        if any(self.tensors(part) for part in parts):
            about = About.OBSERVED  # in a message, too: it may be kept by `:=`
            if not self.checking:
                self.report.add(rules.HOST_DATA, node, "a tensor's elements are made into text")
                return self.denied(rules.HOST_DATA, Size(about))
        return frozenset({Size(About.OBSERVED if about is About.PLACE else about)})

    def denied(self, rule: str, *otherwise: Atom) -> Value:
        """Returns what stands for a value that a finding of `rule` is about, so that nothing more is said of it.

        Where the rule is waived it is `otherwise`, or something that can't be followed.
        """
        return DENIED if rule not in self.report.waived else frozenset(otherwise) or UNKNOWN

    def no_objects(self, node: ast.AST, what: str, values: Iterable[Value], *, iterators: bool = False) -> bool:
        """Reports objects with an identity among `values`, since their text tells one run from another.

        They are kernels, functions, modules, classes, what can't be followed, and `iterators` where these are not read.
        Returns whether there were any.
        """
        atoms = frozenset(atom for value in values for atom in self.leaves(value))
        found = any(isinstance(atom, _OBJECTS) or atom == Unknown() for atom in atoms)
        found = found or (iterators and any(isinstance(atom, Container) for atom in atoms))
        found = found or any(isinstance(atom, Foreign) and not atom.result for atom in atoms)
        if found:
            detail = f"a kernel, function, module or other object is {what}; that would tell one run from another"
            self.report.add(rules.KERNEL_OBJECT, node, detail)
        return found

    def no_tensors(self, node: ast.AST, what: str, operands: Iterable[Value]) -> bool:
        """Reports tensors among `operands`; returns whether there were any."""
        tensors = sorted({one.origin for operand in operands for one in self.tensors(operand)})
        if tensors:
            detail = f"a tensor ({shown(tensors[0])}) is {what} outside a kernel"
            self.report.add(rules.HOST_ARITHMETIC, node, detail)
        return bool(tensors)

    def no_identity(self, node: ast.AST, what: str, values: Iterable[Value]) -> bool:
        """Reports tensors among `values`, or methods of them, where Python tells them apart by being the same object.

        Returns whether there were any.
        """
        atoms = (atom for value in values for atom in self.leaves(value))
        found = any(
            isinstance(atom, Tensor | Method) or atom == Unknown() or (isinstance(atom, Foreign) and atom.result)
            for atom in atoms
        )
        if found:
            detail = f"a tensor, or what may be one, is {what}: that tells one passed twice from two with equal values"
            self.report.add(rules.IDENTITY, node, detail)
        return found

    def truth(self, node: ast.AST, value: Value) -> About:
        """Reports a truth value that is read from a tensor; returns what it tells about the machine."""
        if any(isinstance(atom, Tensor) for atom in value):
            self.report.add(rules.HOST_DATA, node, "the host decides by a tensor's elements")
        about = self.about([value])
        return About.OBSERVED if about else About.NOTHING

    def observes(self, node: ast.AST) -> None:
        """Reports that what happens depends on the machine."""
        detail = "what happens depends on the device or machine; it may be asserted, not branched on or computed with"
        self.report.add(rules.ENVIRONMENT, node, detail)
