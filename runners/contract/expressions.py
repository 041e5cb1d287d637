"""Host expressions: which values they may have, and which of them are arithmetic on tensors.

Sizes are free. A tensor, or something that may be one, must not be computed with, compared, or read; what could be
anything is denied only where it is computed with. Subclasses say what calls do.
"""

from __future__ import annotations

import ast
import builtins
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Final

from runners.contract import rules
from runners.contract.rules import Report, shown
from runners.contract.scope import Scope
from runners.contract.values import (
    ABSENT,
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
    Cut,
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
_BUILTIN_NAMES: Final = frozenset(dir(builtins))
_OBJECTS: Final = (Kernel, Launcher, HostFunction, Closure, Compiled, Named, Method, Meta)


class BudgetSpent(Exception):
    """The file takes more steps to follow than any kernel does."""


class Expressions(ABC):
    """Evaluates expressions of host code.

    Attributes:
        frame: Where names are looked up first.
        loading: The module level is being read, or what it calls.
        checking: Inside an assertion or the reason of a `raise`, where looking at the machine does no harm.
        looked: How often that was made use of to decide something.
        kept: How often a name was given or something was changed inside an expression.
    """

    def __init__(self, scope: Scope, report: Report, *, turning: bool = False) -> None:
        """Begins with nothing known. `turning` says that exchanging axes is what the operator is for."""
        self.scope = scope
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

    def tick(self, steps: int = 1) -> None:
        """Counts work.

        Raises:
            BudgetSpent: it is more than a kernel needs.
        """
        self.steps += steps
        if self.steps > STEPS_CAP:
            raise BudgetSpent

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
            case ast.List(elts=elements) | ast.Set(elts=elements):
                return self.heap.make(node, join(*(self._element(one) for one in elements)))
            case ast.Dict(keys=keys, values=values):
                parts = [self.evaluate(one) for one in values]
                parts += [self.evaluate(key) for key in keys if key is not None]
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
        return self.heap.make(node, element, once=once)

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
            return join(self.evaluate(node.key), self.evaluate(node.value), told)
        return join(self.evaluate(node.elt), told)

    def later(self, node: ast.expr) -> None:
        """Notes an iterator that computes when it is asked for an item; it is read again where the function ends."""
        self.frame.function.late[node] = self.frame

    # What runs more than once ------------------------------------------------------------------------------------

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

    def put(self, node: ast.AST, container: Container, value: Value) -> None:
        """Adds to what a container may hold."""
        if self.heap.cells[container.site].sized:
            self.no_tensors(node, "put into something that counts as a size", [value])
            self.sized([value])
        self.heap.put(container, value)
        self.kept += 1

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

    # What a value holds ------------------------------------------------------------------------------------------

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

    # Rules about values ------------------------------------------------------------------------------------------

    def arithmetic(self, node: ast.AST, op: ast.AST, *operands: Value) -> Value:
        """Returns the result of arithmetic on sizes, and reports any other."""
        atoms = frozenset(atom for operand in operands for atom in self.leaves(operand))
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

    def _compare(self, node: ast.Compare) -> Value:
        operands = [self.evaluate(node.left), *(self.evaluate(one) for one in node.comparators)]
        if all(isinstance(op, ast.Is | ast.IsNot) for op in node.ops):
            return SIZE
        if self.no_tensors(node, "compared", operands):
            return self.denied(rules.HOST_ARITHMETIC, *(one for operand in operands for one in self.tensors(operand)))
        if any(isinstance(atom, Kernel | Launcher) for operand in operands for atom in operand):
            self.report.add(rules.KERNEL_OBJECT, node, "a kernel object is compared")
        return frozenset({Size(About.OBSERVED if self.about(operands) else About.NOTHING)})

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

    def truth(self, node: ast.AST, value: Value) -> About:
        """Reports a truth value that is read from a tensor; returns what it tells about the machine."""
        if any(isinstance(atom, Tensor) for atom in value):
            self.report.add(rules.HOST_DATA, node, "the host decides by a tensor's elements")
        about = self.about([value])
        return About.OBSERVED if about else About.NOTHING

    def decide(self, test: ast.expr) -> None:
        """Evaluates the condition of a branch, which must not depend on the machine."""
        value = self.evaluate(test)
        if self.truth(test, value):
            self.looked += 1
            if not self.checking:
                self.observes(test)

    def observes(self, node: ast.AST) -> None:
        """Reports that what happens depends on the machine."""
        detail = "what happens depends on the device or machine; it may be asserted, not branched on or computed with"
        self.report.add(rules.ENVIRONMENT, node, detail)


def _told(value: Value, about: About) -> Value:
    """Returns `value`, of which each size tells `about`."""
    return frozenset({Size(about)}) | frozenset(atom for atom in value if type(atom) is not Size)
