"""Host calls: what of torch, triton, math and Python's builtins host code may call, and what comes back.

Functions of the file are followed into, with the values that they are called with. Calls into modules that the policy
allows beyond triton, torch and math are not: what they return is taken as it comes, and they may have written any
tensor that they got.
"""

from __future__ import annotations

import ast
import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Final

import torch
import triton.language as tl

from runners.contract import rules, tables
from runners.contract.builtin import Builtins, environmental
from runners.contract.kernel import written_parameters
from runners.contract.names import dotted_of, leaves_package, loaded
from runners.contract.placing import pieces
from runners.contract.ranks import Ranks, form_of
from runners.contract.rules import Allowance, Report, shown
from runners.contract.scope import Scope
from runners.contract.values import (
    ABSENT,
    DENIED,
    NOTHING,
    SIZE,
    UNKNOWN,
    About,
    Absent,
    Arguments,
    Atom,
    Closure,
    Container,
    Foreign,
    Group,
    HostFunction,
    Kernel,
    Launcher,
    Meta,
    Method,
    Named,
    Passed,
    Size,
    Tensor,
    Unknown,
    Value,
    join,
    place,
)

_DRIVER: Final = "triton.runtime.driver.active"
_CONSTANTS: Final = (torch.dtype, torch.layout, torch.memory_format, tl.dtype, tl.constexpr, int, float)


class Calls(Builtins):
    """Evaluates calls."""

    def __init__(self, scope: Scope, allowance: Allowance, report: Report, *, turning: bool = False) -> None:
        """Begins with nothing known."""
        super().__init__(scope, allowance, report, turning=turning)
        self.written = written_parameters(scope)
        self.stack: tuple[ast.AST, ...] = ()  # the functions that are being followed
        self.ranks = Ranks()
        self.heuristics: dict[str, Value] = {}  # by kernel, the functions that are called at its launch
        self.pruning: dict[str, Value] = {}

    @abstractmethod
    def run(self, node: ast.AST, function: HostFunction | Closure, arguments: Arguments) -> Value:
        """Returns what a function of the file may return."""

    @abstractmethod
    def launch(self, node: ast.Call, kernel: str, grid: Value, arguments: Arguments) -> Value:
        """Follows a launch."""

    @abstractmethod
    def warm_up(self, node: ast.Call, kernel: str, arguments: Arguments) -> Value:
        """Follows a compilation that is asked for: it runs on the host what a launch runs there."""

    def call(self, node: ast.Call) -> Value:
        """Returns what a call may return."""
        function = self.evaluate(node.func)
        return self.apply(node, function, self._arguments(node))

    def apply(self, node: ast.Call, functions: Value, arguments: Arguments) -> Value:
        """Returns what a call of any of `functions` may return."""
        return join(*(self._call(node, atom, arguments) for atom in sorted(functions, key=repr)))

    def _arguments(self, node: ast.Call) -> Arguments:
        positional, following = list[Value](), list[Passed]()
        for one in self._by_position(node.args, node):
            if following or one.starred:
                following.append(one)
            else:
                positional.append(one.value)
        named, opened = list[tuple[str, Value]](), NOTHING
        for keyword in node.keywords:
            value = self.evaluate(keyword.value)
            if keyword.arg is None:
                opened = join(opened, self.each(value))
            else:
                named.append((keyword.arg, value))
        rest = join(opened, *(one.value for one in following))
        return Arguments(tuple(positional), tuple(named), rest, tuple(following), opened)

    def _by_position(self, arguments: list[ast.expr], call: ast.Call) -> Iterator[Passed]:
        """Yields what is passed by position; what a star gives one by one, where their number is known."""
        for argument in arguments:
            match argument:
                case ast.Starred(value=ast.Tuple(elts=elements) | ast.List(elts=elements)):
                    yield from self._by_position(elements, call)
                case ast.Starred(value=inner):
                    value = self.evaluate(inner)
                    known = pieces(value, [atom.items for atom in value if isinstance(atom, Group)])
                    rank = self._rank(inner, call) if known is None else None
                    items = (self.each(value),) * rank if rank is not None else known
                    yield from (Passed(item, starred=False) for item in items or ())
                    if items is None:
                        yield Passed(self.each(value), starred=True)
                case _:
                    yield Passed(self.evaluate(argument), starred=False)

    def _rank(self, form: ast.expr, call: ast.Call) -> int | None:
        """Returns how many strides or sizes a tensor has, where its function has unpacked its shape."""
        name = form_of(form)
        if name is None or name not in self.frame.env or self.frame.comprehension or not self.stack:
            return None
        if not all(isinstance(atom, Tensor) for atom in self.frame.env[name]):
            return None
        function = self.stack[-1]
        if not isinstance(function, ast.FunctionDef):
            return None
        self.tick(1 + len(function.body) // 20)
        return self.ranks.at(function, name, call)

    def _call(self, node: ast.Call, function: Atom, arguments: Arguments) -> Value:
        match function:
            case Named(dotted=dotted):
                return self._named_call(node, dotted, arguments)
            case HostFunction() | Closure():
                return self.run(node, function, arguments)
            case Launcher(kernel=name, grid=grid):
                return self.launch(node, name, grid, arguments)
            case Method(receiver=Kernel(name=name), name="warmup"):
                return self.warm_up(node, name, arguments)
            case Method(receiver=Tensor() as tensor, name=name):
                return self._tensor_method(node, tensor, name, arguments)
            case Method(receiver=Container() as container, name=name):
                return self.container_method(node, container, name, arguments)
            case Method(receiver=Meta(items=items)):
                return join(SIZE, *(value for _, value in items))
            case Method(receiver=Group() as group):
                self.no_tensors(node, "compared", arguments.all)
                return frozenset({Size(self.about([frozenset({group}), *arguments.all]))})
            case Foreign():
                self.effects.launched = True
                self.writes(tensor.origin for tensor in self.passed(arguments))
                return frozenset({Foreign(function.dotted, result=True)})
            case Size():
                self.no_tensors(node, "passed to a function of sizes", arguments.all)
                joins = isinstance(node.func, ast.Attribute) and node.func.attr == "join"
                if self.no_objects(node, "made into text", arguments.all, iterators=not joins):
                    return self.denied(rules.KERNEL_OBJECT)
                return frozenset({Size(self.about([frozenset({function}), *arguments.all]))})
            case Absent():
                return NOTHING
            case Unknown(denied=True):
                return DENIED
            case Kernel():
                self.deny(node, "a kernel is called without a grid")
            case _:
                self.deny(node, "what is called here can't be followed")
        return self.denied(rules.HOST_CALL)

    def writes(self, origins: Iterable[str]) -> None:
        """Notes that a launch may have written tensors."""
        self.effects.written |= frozenset(origins)

    # Names -------------------------------------------------------------------------------------------------------

    def named(self, node: ast.AST, dotted: str) -> Value:
        """Returns what a name of torch, triton, math or builtins stands for."""
        parts = dotted.split(".")
        if dotted in self.allowance.host_calls or dotted.startswith(_DRIVER):
            return frozenset({Named(dotted)})
        if any(part.startswith("_") for part in parts[1:]):
            rule = rules.ENVIRONMENT if dotted.endswith("__version__") else rules.PRIVATE_NAME
            self.report.add(rule, node, f"'{shown(dotted)}' is private")
            return self.denied(rule)
        if parts[0] == "math":
            return SIZE if isinstance(getattr(math, parts[-1], None), float) else frozenset({Named(dotted)})
        if parts[0] not in ("torch", "triton"):
            return frozenset({Named(dotted)})
        outside = leaves_package(dotted)
        found = loaded(dotted)
        if outside is not None:
            self.report.add(rules.ENVIRONMENT, node, f"'{shown(dotted)}' is the module '{shown(outside)}'")
        elif isinstance(found, _CONSTANTS):
            return SIZE
        elif isinstance(found, str | bytes) or (found is None and environmental(dotted)) or _of_interpreter(dotted):
            self.report.add(rules.ENVIRONMENT, node, f"'{shown(dotted)}' tells one machine from another")
        else:
            return frozenset({Named(dotted)})
        return self.denied(rules.ENVIRONMENT)

    def _named_call(self, node: ast.Call, dotted: str, arguments: Arguments) -> Value:
        root, _, rest = dotted.partition(".")
        if dotted.removeprefix("builtins.") in self.allowance.host_calls:
            return self._allowed_by_policy(node, arguments)
        if root == "builtins":
            return self.builtin(node, rest, arguments)
        if dotted.startswith("torch.Tensor."):
            return self._unbound_method(node, dotted.removeprefix("torch.Tensor."), arguments)
        if root == "torch" and rest in tables.VIEW_FUNCTIONS:
            return self._unbound_method(node, rest, arguments)
        if dotted in tables.ALLOCATIONS:
            return self._allocation(node, dotted, arguments)
        if root == "math" or dotted in tables.SIZE_FUNCTIONS:
            return self.size(node, dotted, arguments)
        return self._other_named(node, dotted, arguments)

    def _other_named(self, node: ast.Call, dotted: str, arguments: Arguments) -> Value:
        if dotted in tables.TORCH_SIZES:
            return SIZE
        if dotted == "torch.broadcast_tensors":
            return self.heap.make(node, join(*(self.each(v) if not self._is_tensor(v) else v for v in arguments.all)))
        if dotted in tables.PLACES or dotted in (f"{_DRIVER}.get_current_device", f"{_DRIVER}.get_active_torch_device"):
            return frozenset({Size(About.PLACE)})
        if dotted in tables.HARDWARE or dotted == f"{_DRIVER}.utils.get_device_properties":
            return frozenset({Size(About.HARDWARE)})
        if dotted == f"{_DRIVER}.get_current_target":  # the target is what the kernel is compiled for
            return SIZE
        if dotted in tables.OBSERVING:
            return frozenset({Size(About.OBSERVED)})
        if dotted in tables.DESCRIPTORS:
            return join(*(frozenset({tensor}) for tensor in self.passed(arguments)))
        if dotted in tables.CONTEXTS:
            return UNKNOWN
        if dotted == "triton.set_allocator":
            return self._set_allocator(node, arguments)
        return self.denied_name(node, dotted, arguments)

    @staticmethod
    def _is_tensor(value: Value) -> bool:
        return any(isinstance(atom, Tensor) for atom in value)

    def _allowed_by_policy(self, node: ast.AST, arguments: Arguments) -> Value:
        """What the policy allows gives a tensor of the same origins, so that a kernel's result stays one."""
        tensors = self.passed(arguments)
        return frozenset(tensors) or frozenset({Tensor(f"made at {place(node)}"), Size()})

    def _set_allocator(self, node: ast.Call, arguments: Arguments) -> Value:
        for value in arguments.all:
            for atom in value:
                if isinstance(atom, HostFunction | Closure):
                    self.run(node, atom, Arguments((SIZE, SIZE, SIZE), (), NOTHING))
        return ABSENT

    # Tensors -----------------------------------------------------------------------------------------------------

    def _allocation(self, node: ast.Call, name: str, arguments: Arguments) -> Value:
        like = name.endswith("_like")
        if arguments.keyword("out"):
            self.deny(node, "'out=' writes a tensor outside a kernel")
        self._plain(node, self._beside_pattern(arguments) if like else arguments.all)
        pattern = any(tensor.turned for tensor in self.passed(arguments)) and like
        turned = pattern or name in tables.STRIDED or self._ordered(node)
        return frozenset({Tensor(f"allocated in line {node.lineno}", turned)})

    @staticmethod
    def _beside_pattern(arguments: Arguments) -> tuple[Value, ...]:
        """Returns what an allocation is given besides the tensor whose form it takes."""
        if arguments.positional:
            return arguments.all[1:]
        return (*(value for name, value in arguments.named if name != "input"), arguments.rest)

    def _ordered(self, node: ast.Call) -> bool:
        """Whether a call names an order of axes for the memory of its result."""
        formats = [keyword.value for keyword in node.keywords if keyword.arg in ("memory_format", None)]
        return any(dotted_of(one, self.scope.aliases) not in tables.PLAIN_FORMATS for one in formats)

    def _plain(self, node: ast.AST, values: tuple[Value, ...]) -> None:
        self.no_tensors(node, "read as a size or a value", values)
        if self.about(values) is About.OBSERVED and not self.checking:
            self.observes(node)

    def _unbound_method(self, node: ast.Call, name: str, arguments: Arguments) -> Value:
        receivers = arguments.positional[0] if arguments.positional else self._named_receivers(arguments)
        named = tuple((key, value) for key, value in arguments.named if key != "input")
        rest = Arguments(arguments.positional[1:], named, arguments.rest)
        return join(*(
            self._tensor_method(node, atom, name, rest) if isinstance(atom, Tensor)
            else frozenset({atom if isinstance(atom, Unknown) else Unknown()})
            for atom in receivers
        ))  # fmt: skip

    def _named_receivers(self, arguments: Arguments) -> Value:
        """Returns what a method of the tensor class may be called of, where that comes by name or behind a star."""
        named = arguments.keyword("input")
        if named and not arguments.rest:
            return named
        return join(named, arguments.rest, frozenset(self.passed(arguments))) or UNKNOWN

    def _tensor_method(self, node: ast.Call, tensor: Tensor, name: str, arguments: Arguments) -> Value:
        others = arguments.all
        if f"torch.Tensor.{name}" in self.allowance.host_calls:
            return frozenset({tensor, *self.passed(arguments)})
        if name in tables.TENSOR_SIZES:
            self._plain(node, others)
            return SIZE if name != "is_contiguous" else self._contiguity(node, tensor, arguments)
        if name in tables.TENSOR_OBSERVED:
            return frozenset({Size(About.OBSERVED)})
        if name in tables.VIEWS | tables.SPLITTING | tables.NEW_METHODS | tables.SETTING:
            self._plain(node, () if name.endswith("_as") else others)
        if name in tables.VIEWS:
            return frozenset({self._view(node, tensor, name)})
        if name in tables.SPLITTING:
            return self.heap.make(node, frozenset({self._part(node, tensor, name)}))
        if name in tables.NEW_METHODS:
            return self._allocation(node, name, arguments)
        if name in tables.SETTING:
            return frozenset({tensor})
        return self._denied_method(node, tensor, name)

    def _contiguity(self, node: ast.Call, tensor: Tensor, arguments: Arguments) -> Value:
        """In the order of the shape it may be asked for; what is channels-last is no question of the gate's inputs."""
        formats = [dotted_of(keyword.value, self.scope.aliases) for keyword in node.keywords]
        if arguments.positional or arguments.rest or any(one != "torch.contiguous_format" for one in formats):
            return self.told_apart(node, tensor, "is_contiguous(memory_format=…)")
        return SIZE

    def _view(self, node: ast.Call, tensor: Tensor, name: str) -> Tensor:
        if self.turning and name in tables.COPYING and (tensor.turned or self._ordered(node)):
            detail = f"'.{name}' copies a tensor ({shown(tensor.origin)}) with its axes exchanged: the kernel's work"
            self.report.add(rules.HOST_ARITHMETIC, node, detail)
        if name in ("select", "narrow"):
            return self._part(node, tensor, name)
        return Tensor(tensor.origin, tensor.turned or name in tables.TURNING)

    def _part(self, node: ast.Call, tensor: Tensor, name: str) -> Tensor:
        """Returns a part of a tensor; where axes are exchanged, a part along any but the first counts as turned."""
        place = 0 if name in ("select", "narrow", "unbind") else 1
        given = [keyword.value for keyword in node.keywords if keyword.arg == "dim"] or node.args[place : place + 1]
        first = all(isinstance(one, ast.Constant) and one.value == 0 for one in given)
        return Tensor(tensor.origin, tensor.turned or (self.turning and not first))

    def _denied_method(self, node: ast.AST, tensor: Tensor, name: str) -> Value:
        of = f"of a tensor ({shown(tensor.origin)})"
        if name in ("item", "tolist", "numpy", "cpu", "__array__", "storage", "untyped_storage"):
            self.report.add(rules.HOST_DATA, node, f"'.{name}' {of} reads its elements on the host")
            return self.denied(rules.HOST_DATA, tensor)
        if name == "data_ptr":
            self.report.add(rules.IDENTITY, node, f"'.data_ptr' {of} is its identity; no result may depend on it")
            return self.denied(rules.IDENTITY, Size())
        if name in tables.TENSOR_TELLING or name.startswith("is_"):
            return self.told_apart(node, tensor, name)
        what = "is no view and no allocation; arithmetic and dtype conversion belong in a kernel"
        self.report.add(rules.HOST_ARITHMETIC, node, f"'.{shown(name)}' {of} {what}")
        return frozenset({tensor})


def _of_interpreter(dotted: str) -> bool:
    return f"{dotted}.".startswith(f"{tables.INTERPRETER}.")
