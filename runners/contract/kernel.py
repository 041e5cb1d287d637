"""The body of a kernel: what Triton's compiler accepts, and nothing of Python's beside it.

The interpreter runs a kernel as Python, so it would take imports, host functions and builtins that the compiler
refuses. What is refused here is what would make the two differ. `written_parameters` says into which arguments a
kernel can store; it errs towards saying that it can.
"""

from __future__ import annotations

import ast
from types import ModuleType
from typing import Final

import triton.language as tl

from runners.contract import rules
from runners.contract.constants import CONSTEXPR, Constants, is_constexpr_function
from runners.contract.names import bound_by, dotted_of, loaded
from runners.contract.rules import Allowance, Report, shown
from runners.contract.scope import Scope

_NODES: Final = (
    ast.Return, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.For, ast.While, ast.If, ast.Assert, ast.Expr, ast.Pass,
    ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.IfExp, ast.Compare, ast.Call, ast.Constant, ast.Attribute, ast.Subscript,
    ast.Starred, ast.Name, ast.List, ast.Tuple, ast.Slice, ast.JoinedStr, ast.FormattedValue, ast.keyword,
    ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop, ast.With, ast.withitem,
)  # fmt: skip
_BUILTINS: Final = frozenset({"len", "list", "range", "float", "int", "print", "min", "max"})
_METHODS: Final = frozenset(
    name
    for kind in (tl.tensor, tl.dtype, tl.constexpr, tl.tensor_descriptor)
    for name in dir(kind)
    if not name.startswith("_")
) | {
    "shape", "dtype", "type", "value", "numel", "ndim", "T", "element_ty", "primitive_bitwidth", "itemsize", "name",
    "strides", "block_shape", "desc", "base", "scalar", "values", "int_bitwidth", "int_signedness",
    "fp_mantissa_width", "exponent_bias", "nbytes", "address_space",
}  # fmt: skip
_HIDDEN: Final = frozenset({"handle", "to_ir", "_flatten_ir"})
_STRINGS: Final = frozenset({
    "triton.language.static_print", "triton.language.static_assert", "triton.language.device_assert",
    "triton.language.device_print",
})  # fmt: skip
_MACHINE: Final = ("target_info", "globaltimer", "clock", "clock64", "smid", "num_threads", "num_warps")
_LOOPS: Final = frozenset({"triton.language.range", "triton.language.static_range"})
_HELPER_DEPTH: Final = 12  # how deep helpers may call each other before all they get counts as written
_STORES: Final = frozenset({"store", "scatter", "store_tensor_descriptor"})


def check_kernel(kernel: ast.FunctionDef, scope: Scope, allowance: Allowance, report: Report) -> None:
    """Reports what stands in the kernel's body and can't be compiled or would behave otherwise when interpreted."""
    _Kernel(kernel, scope, allowance, report).check()


class _Kernel:
    def __init__(self, kernel: ast.FunctionDef, scope: Scope, allowance: Allowance, report: Report) -> None:
        self.kernel = kernel
        self.scope = scope
        self.allowance = allowance
        self.report = report
        self.locals = _locals(kernel)
        self.constants = Constants(kernel, self.locals, scope)

    def check(self) -> None:
        for statement in self.kernel.body:
            self._visit(statement, in_message=False)

    def _deny(self, node: ast.AST, detail: str, rule: str = rules.PYTHON_IN_KERNEL) -> None:
        self.report.add(rule, node, f"in kernel '{shown(self.kernel.name)}': {detail}")

    def _visit(self, node: ast.AST, *, in_message: bool) -> None:
        if not isinstance(node, _NODES):
            self._deny(node, f"{_named(node)} is Python that Triton does not compile")
            return
        match node:
            case ast.Call():
                self._call(node, in_message=in_message)
                return
            case ast.Assert(test=test, msg=message):
                self._visit(test, in_message=False)
                if message is not None:
                    self._visit(message, in_message=True)
                return
            case ast.For(iter=source):
                if not self._is_range(source):
                    self._deny(source, "a loop runs over range, tl.range or tl.static_range")
            case ast.JoinedStr() if not in_message:
                self._deny(node, "a formatted string is for messages")
            case ast.Subscript(ctx=ast.Store()) | ast.Attribute(ctx=ast.Store()):
                self._deny(node, "only names can be assigned; write memory with tl.store")
            case ast.Attribute():
                self._attribute(node)
                return
            case ast.Name(ctx=ast.Load()):
                self._name(node, called=False)
        for child in ast.iter_child_nodes(node):
            self._visit(child, in_message=in_message)

    def _call(self, node: ast.Call, *, in_message: bool) -> None:
        dotted = dotted_of(node.func, self._aliases())
        if isinstance(node.func, ast.Name):
            self._name(node.func, called=True)
            if node.func.id in self.scope.functions and node.func.id not in self.locals:
                self._of_constants(node)
        else:
            self._visit(node.func, in_message=False)
        messages = in_message or dotted in _STRINGS
        for child in (*node.args, *node.keywords):
            self._visit(child, in_message=messages)

    def _of_constants(self, node: ast.Call) -> None:
        for given in (*node.args, *(keyword.value for keyword in node.keywords)):
            if not self.constants.holds(given):
                self._deny(given, "what is passed to a function that runs at compile time is no constant")

    def _aliases(self) -> dict[str, str]:
        return {name: dotted for name, dotted in self.scope.aliases.items() if name not in self.locals}

    def _is_range(self, node: ast.expr) -> bool:
        if not isinstance(node, ast.Call):
            return False
        if isinstance(node.func, ast.Name) and node.func.id == "range":
            return not self._rebound("range")
        return dotted_of(node.func, self._aliases()) in _LOOPS

    def _rebound(self, name: str) -> bool:
        scope = self.scope
        return name in self.locals or name in scope.functions or name in scope.kernels or name in scope.constants

    def _attribute(self, node: ast.Attribute) -> None:
        dotted = dotted_of(node, self._aliases())
        if dotted is not None:
            self._imported(node, dotted)
            return
        if node.attr in _HIDDEN or node.attr.startswith("_"):
            self._deny(node, f"'.{shown(node.attr)}' reaches behind Triton's language")
        elif node.attr not in _METHODS:
            detail = f"'.{shown(node.attr)}' is no attribute that a value in a kernel has in the installed Triton"
            self._deny(node, detail)
        self._visit(node.value, in_message=False)

    def _name(self, node: ast.Name, *, called: bool) -> None:
        name, scope = node.id, self.scope
        if name in self.locals or name in scope.kernels:
            return
        if name in scope.functions:
            if not called or not is_constexpr_function(scope.functions[name], scope.aliases):
                self._deny(node, f"'{shown(name)}' is a host function; a kernel can call jitted functions")
        elif name in scope.constants:
            self._constant(node, scope.constants[name])
        elif name in scope.aliases:
            self._imported(node, scope.aliases[name])
        elif name not in _BUILTINS:
            what = "called" if called else "used"
            self._deny(node, f"'{shown(name)}' is {what}, and Triton knows no such name")

    def _constant(self, node: ast.Name, value: ast.expr) -> None:
        """A global is frozen into the compiled kernel, so the compiler takes constexprs and Triton's own names only."""
        if isinstance(value, ast.Call):
            if dotted_of(value.func, self.scope.aliases) in CONSTEXPR:
                return
        elif (dotted := dotted_of(value, self.scope.aliases)) is not None:
            self._imported(node, dotted)
            return
        elif isinstance(value, ast.Name) and value.id in self.scope.kernels:
            return
        self._deny(node, f"the global '{shown(node.id)}' is not a tl.constexpr; Triton does not compile that")

    def _imported(self, node: ast.expr, dotted: str) -> None:
        parts = dotted.split(".")
        if any(part in _MACHINE for part in parts[1:]):
            self._deny(node, f"'{shown(dotted)}' asks what the kernel runs on, or for the time", rules.ENVIRONMENT)
        elif any(part.startswith("_") for part in parts[1:]) and parts[0] in ("triton", "torch", "math"):
            self._deny(node, f"'{shown(dotted)}' is private", rules.PRIVATE_NAME)
        elif parts[0] == "triton":
            if not _in_language(dotted):
                self._deny(node, f"'{shown(dotted)}' is no part of Triton's language")
        elif parts[0] in ("torch", "math") or not self.allowance.imports_module(dotted):
            self._deny(node, f"'{shown(dotted)}' is Python, which can't run in a kernel")


def _in_language(dotted: str) -> bool:
    if dotted in ("triton.language", "triton.language.extra", "triton.cdiv", "triton.next_power_of_2", "triton"):
        return True
    parts = dotted.split(".")
    for n in range(2, len(parts) + 1):
        found = loaded(".".join(parts[:n]))
        if type(found) is ModuleType and not found.__name__.startswith("triton.language"):
            return False
    if parts[1] == "language":
        return True
    return getattr(loaded(dotted), "__module__", "").startswith("triton.language")


def _named(node: ast.AST) -> str:
    names = {ast.ListComp: "a comprehension", ast.FunctionDef: "a nested function", ast.Import: "an import"}
    names |= {ast.ImportFrom: "an import", ast.Lambda: "a lambda", ast.Try: "'try'", ast.Dict: "a dict"}
    return names.get(type(node), f"'{type(node).__name__}'")


def _locals(kernel: ast.FunctionDef) -> set[str]:
    names = {node.arg for node in ast.walk(kernel.args) if isinstance(node, ast.arg)}
    for node in ast.walk(kernel):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update(bound_by(node))
    return names


def written_parameters(scope: Scope) -> dict[str, frozenset[str]]:
    """Returns for every kernel the parameters that a pointer which it stores through may come from.

    Flow does not count: a name stands for every parameter that any of its assignments mentions. A helper's parameters
    count at its calls; what a function from elsewhere gets counts as written.
    """
    origins = {name: _origins(kernel) for name, kernel in scope.kernels.items()}
    written: dict[str, frozenset[str]] = dict.fromkeys(scope.kernels, frozenset())
    for _ in range(_HELPER_DEPTH):
        found = {name: _written(kernel, origins[name], written, scope) for name, kernel in scope.kernels.items()}
        if found == written:
            return written
        written = found
    return {name: frozenset(origins[name]) for name in scope.kernels}


def _origins(kernel: ast.FunctionDef) -> dict[str, set[str]]:
    origins = {one.arg: {one.arg} for one in ast.walk(kernel.args) if isinstance(one, ast.arg)}
    flows: list[tuple[str, set[str]]] = []
    for node in ast.walk(kernel):
        match node:
            case ast.Assign(targets=targets, value=value):
                flows += [(one, _names(value)) for target in targets for one in _names(target)]
            case ast.AugAssign(target=target, value=value) | ast.AnnAssign(target=target, value=ast.expr() as value):
                flows += [(one, _names(value)) for one in _names(target)]
            case ast.For(target=target, iter=value):
                flows += [(one, _names(value)) for one in _names(target)]
    for _ in range(20):  # longer chains against the order of the text do not occur in kernels
        before = sum(map(len, origins.values()))
        for name, sources in flows:
            origins.setdefault(name, set()).update(*(origins.get(source, set()) for source in sources))
        if sum(map(len, origins.values())) == before:
            break
    return origins


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _written(
    kernel: ast.FunctionDef, origins: dict[str, set[str]], written: dict[str, frozenset[str]], scope: Scope
) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(kernel):
        if isinstance(node, ast.Call):
            for part in _stored_through(node, written, scope):
                found.update(*(origins.get(name, set()) for name in _names(part)))
    return frozenset(found)


def _stored_through(call: ast.Call, written: dict[str, frozenset[str]], scope: Scope) -> list[ast.expr]:
    """Returns the expressions among a call's parts whose memory it may write."""
    every = [*call.args, *(keyword.value for keyword in call.keywords)]
    match call.func:
        case ast.Name(id=name) if name in scope.kernels:
            names = [one.arg for one in (*scope.kernels[name].args.posonlyargs, *scope.kernels[name].args.args)]
            starred = any(isinstance(arg, ast.Starred) for arg in call.args) or len(call.args) > len(names)
            if starred or any(keyword.arg is None for keyword in call.keywords):
                return every
            bound = dict(zip(names, call.args, strict=False)) | {k.arg: k.value for k in call.keywords if k.arg}
            return [value for parameter, value in bound.items() if parameter in written[name]]
        case ast.Name(id=name) if name not in scope.aliases:
            return [] if name in _BUILTINS else every  # else a jitted function that came as an argument
        case ast.Attribute(attr=attr) | ast.Name(id=attr):
            dotted = dotted_of(call.func, scope.aliases)
            if dotted is None:  # a method of a tensor or a descriptor
                writes = attr in _STORES or attr.startswith("atomic_")
                return [call.func.value] if writes and isinstance(call.func, ast.Attribute) else []
            last = dotted.rsplit(".", 1)[1] if "." in dotted else dotted
            if dotted.split(".")[0] != "triton" or last == "inline_asm_elementwise":
                return every
            if last in _STORES or last.startswith("atomic_"):
                return call.args[:1] or [k.value for k in call.keywords if k.arg in ("pointer", "desc")]
        case _:
            return every
    return []
