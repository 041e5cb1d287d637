"""Host functions, followed from the entry: what each path does before it returns.

Abstract execution: branches are both taken and joined, loops are repeated until nothing changes, functions of the file
are entered at their calls. A path that is for empty inputs only (its condition says that a size is 0) need not launch.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Final

from runners.contract import rules, tables
from runners.contract.emptiness import counts_of, says_empty
from runners.contract.expressions import BudgetSpent
from runners.contract.launching import Launches
from runners.contract.names import bound_by
from runners.contract.rules import Allowance, Report, shown
from runners.contract.scope import Scope
from runners.contract.values import (
    ABSENT,
    NOTHING,
    SIZE,
    UNKNOWN,
    About,
    Arguments,
    Atom,
    Closure,
    Container,
    Effects,
    Foreign,
    Frame,
    Group,
    HostFunction,
    Named,
    Tensor,
    Unknown,
    Value,
    join,
)

_LOOP_ROUNDS: Final = 4
_CALL_DEPTH: Final = 12


class HostCode(Launches):
    """Follows statements."""

    def __init__(self, scope: Scope, allowance: Allowance, report: Report, *, turning: bool = False) -> None:
        """Begins with nothing known."""
        super().__init__(scope, allowance, report, turning=turning)
        self.counts = counts_of(scope.tree)
        self.stack: tuple[ast.AST, ...] = ()
        self.assumed: dict[ast.AST, Value] = {}  # what functions on the stack return, as far as is known,
        self.assumed_written: dict[ast.AST, frozenset[str]] = {}  # and what they write
        self.recursive: set[ast.AST] = set()
        self.on_return: Callable[[ast.Return, Value], None] | None = None

    # Functions ---------------------------------------------------------------------------------------------------

    def run(self, node: ast.AST, function: HostFunction | Closure, arguments: Arguments) -> Value:
        """Returns what a function of the file may return.

        Raises:
            BudgetSpent: functions call each other more deeply than any kernel's do.
        """
        made: ast.Lambda | ast.FunctionDef
        outer: Frame | None = None
        kept: dict[str, Value] = {}
        if isinstance(function, Closure):
            made, outer, kept = (closure := self.closures[function.key]).node, closure.frame, closure.defaults
        else:
            made = self.scope.functions[function.name]
        if made in self.stack:
            self.recursive.add(made)
            self.effects.launched = True  # as it will have on the path that ends the recursion, or that path is denied
            self.writes(self.assumed_written.get(made, frozenset()))
            return self.assumed.get(made, NOTHING)
        if len(self.stack) >= _CALL_DEPTH:
            raise BudgetSpent
        for _ in range(_LOOP_ROUNDS):  # a second round only where it calls itself
            result = self._activate(made, Frame(self.bind(made.args, arguments, kept), outer))
            if result <= self.assumed.get(made, NOTHING) or made not in self.recursive:
                break
            self.assumed[made], self.assumed_written[made] = result, self.effects.written
        self.assumed.pop(made, None)
        return result

    def _activate(self, made: ast.Lambda | ast.FunctionDef, frame: Frame) -> Value:
        outside, hook, self.stack = self.frame, self.on_return, (*self.stack, made)
        self.frame, self.on_return = frame, None
        if isinstance(made, ast.Lambda):
            frame.returned = self.evaluate(made.body)
        else:
            self.block(made.body)
            if frame.alive:
                frame.returned = join(frame.returned, ABSENT)
                self._end()
            self.effects = frame.ended or self.effects
        self.frame, self.on_return, self.stack = outside, hook, self.stack[:-1]
        return frame.returned

    def bind(
        self, parameters: ast.arguments, arguments: Arguments, kept: dict[str, Value] | None = None
    ) -> dict[str, Value]:
        """Returns the variables that a call gives a function; `kept` are defaults that are known."""
        ordered = [one.arg for one in (*parameters.posonlyargs, *parameters.args)]
        names = [*ordered, *(one.arg for one in parameters.kwonlyargs)]
        env = dict(zip(ordered, arguments.positional, strict=False))
        env |= {name: value for name, value in arguments.named if name in names}
        defaults = dict(zip(reversed(ordered), reversed(parameters.defaults), strict=False))
        defaults |= {
            one.arg: value for one, value in zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True) if value
        }
        for name in names:
            if arguments.rest:
                env[name] = join(env.get(name, NOTHING), self.each(arguments.rest), arguments.rest)
            elif name not in env:
                env[name] = kept[name] if kept and name in kept else self._default(defaults.get(name))
        if parameters.vararg is not None:
            extra = join(*arguments.positional[len(ordered) :], self.each(arguments.rest))
            env[parameters.vararg.arg] = self.heap.make(parameters.vararg, extra)
        if parameters.kwarg is not None:
            extra = join(*(value for name, value in arguments.named if name not in names), arguments.rest, SIZE)
            env[parameters.kwarg.arg] = self.heap.make(parameters.kwarg, extra)
        return env

    def _default(self, default: ast.expr | None) -> Value:
        if default is None:
            return UNKNOWN
        frame, self.frame = self.frame, Frame(self.globals)
        value = self.evaluate(default)
        self.frame = frame
        return value

    # Statements --------------------------------------------------------------------------------------------------

    def block(self, statements: list[ast.stmt]) -> None:
        """Follows statements until a path ends."""
        for statement in statements:
            if not self.frame.alive:
                return
            self.tick(1 + len(self.frame.env) // 20)
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        """Follows one statement."""
        match node:
            case ast.Expr(value=value):
                self.evaluate(value)
            case ast.Assign(targets=targets, value=value):
                given = self.evaluate(value)
                for target in targets:
                    self.assign(target, given)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self.assign(target, self.evaluate(value))
            case ast.AnnAssign(target=ast.Subscript() as target):
                self.evaluate(_loaded(target))  # Python does, too
            case ast.AugAssign():
                self._augmented(node)
            case ast.Return():
                self._return(node)
            case ast.If():
                self._if(node)
            case ast.For():
                self._loop(node, lambda: self.assign(node.target, self._iterated(node.iter)))
            case ast.While():
                self._loop(node, lambda: self.decide(node.test))
            case ast.Assert(test=test, msg=message):
                self._checked([test, *([message] if message else [])])
            case ast.Raise(exc=error, cause=cause):
                self._checked([one for one in (error, cause) if one is not None])
                self.frame.alive = False
            case ast.With(items=items, body=body):
                self._with(items)
                self.block(body)
            case _:
                self._binding(node)

    def _binding(self, node: ast.stmt) -> None:
        match node:
            case ast.FunctionDef(name=name):
                if node.decorator_list:
                    detail = "a nested function is decorated; kernels and what is decorated belong at the top level"
                    self.report.add(rules.DECORATOR_NOT_ALLOWED, node, detail)
                self.frame.env[name] = self.closure(node)
            case ast.Import() | ast.ImportFrom():
                for name, dotted in bound_by(node).items():
                    self.frame.env[name] = self.imported(dotted)
            case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):  # denied; read all the same
                self.block([*body, *orelse, *(one for handler in handlers for one in handler.body), *final])
            case _:
                pass  # pass, break, continue; or denied by the statement rules

    def imported(self, dotted: str) -> Value:
        """Returns what an import binds."""
        root = dotted.split(".")[0]
        if root in ("torch", "triton", "math") and "." in dotted:
            return self.named(self.scope.tree, dotted)
        if root in ("torch", "triton", "math", "typing", "__future__", "builtins"):
            return frozenset({Named(dotted)})
        return frozenset({Foreign(dotted)})

    def _iterated(self, source: ast.expr) -> Value:
        value = self.evaluate(source)
        if self.about([value]) is About.OBSERVED:
            self.observes(source)
        return self.each(value)

    def _augmented(self, node: ast.AugAssign) -> None:
        current = self.evaluate(_loaded(node.target))
        value = self.evaluate(node.value)
        changed = self.arithmetic(node, node.op, current, value)
        for atom in current:
            if isinstance(atom, Container):  # += changes a list in place
                self.store(node, frozenset({atom}), self.each(value))
                changed = join(changed, frozenset({atom}))
        self.assign(node.target, changed)

    def _return(self, node: ast.Return) -> None:
        value = ABSENT if node.value is None else self.evaluate(node.value)
        if self.on_return is not None:
            self.on_return(node, value)
        self.frame.returned = join(self.frame.returned, value)
        self._end()

    def _end(self) -> None:
        ended = self.frame.ended
        self.frame.ended = self.effects.copy() if ended is None else ended.merged(self.effects)
        self.frame.alive = False

    def _checked(self, expressions: list[ast.expr]) -> None:
        before, self.checking = self.checking, True
        for expression in expressions:
            self.evaluate(expression)
        self.checking = before

    def _with(self, items: list[ast.withitem]) -> None:
        for item in items:
            call = item.context_expr
            function = self.evaluate(call.func) if isinstance(call, ast.Call) else NOTHING
            known = {Named(name) for name in tables.CONTEXTS} | {Named(name) for name in self.allowance.host_calls}
            if not function or not function <= known:
                detail = "'with' may hold torch.cuda.device(…), torch.no_grad() and their kin only"
                self.report.add(rules.STATEMENT_NOT_ALLOWED, call, detail)
            value = self.evaluate(call)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value)

    # Paths -------------------------------------------------------------------------------------------------------

    def _if(self, node: ast.If) -> None:
        if _only_raises(node.body) or _only_raises(node.orelse):
            before, self.checking = self.checking, True
            self.decide(node.test)
            self.checking = before
        else:
            self.decide(node.test)
        start_env, start = dict(self.frame.env), self.effects.copy()
        self.effects.empty = self.effects.empty or says_empty(node.test, self.counts, holds=True)
        self.block(node.body)
        then_env, then, then_alive = self.frame.env, self.effects, self.frame.alive
        self.frame.env, self.effects, self.frame.alive = start_env, start, True
        self.effects.empty = self.effects.empty or says_empty(node.test, self.counts, holds=False)
        self.block(node.orelse)
        self._meet(then_env, then, then_alive)

    def _meet(self, env: dict[str, Value], effects: Effects, alive: bool) -> None:
        """Joins the path that is followed now with another one."""
        if not alive:
            return
        if not self.frame.alive:
            self.frame.env, self.effects, self.frame.alive = env, effects, True
            return
        for name, value in env.items():
            self.frame.env[name] = join(self.frame.env.get(name, NOTHING), value)
        self.effects = self.effects.merged(effects)
        self.tick(len(env) // 20)

    def _loop(self, node: ast.For | ast.While, enter: Callable[[], None]) -> None:
        """A body that launches counts as run: a loop over nothing is a loop over an empty input."""
        for _ in range(_LOOP_ROUNDS):
            before, start = dict(self.frame.env), self.effects.copy()
            cells = {site: cell.contents for site, cell in self.heap.cells.items()}
            self.tick(len(cells) // 10)
            enter()
            self.block(node.body)
            if not self.frame.alive:
                self.frame.env, self.effects, self.frame.alive = dict(before), start, True
            for name, value in before.items():
                self.frame.env[name] = join(self.frame.env.get(name, NOTHING), value)
            if self.frame.env == before and cells == {s: cell.contents for s, cell in self.heap.cells.items()}:
                break
        self.block(node.orelse)

    # The entry ---------------------------------------------------------------------------------------------------

    def entry(self, function: ast.FunctionDef, arguments: Arguments) -> None:
        """Follows the entry, and reports returns that no launch stands behind."""
        frame = Frame(self.bind(function.args, arguments))
        self.frame, self.effects, self.stack = frame, Effects(), (function,)
        self.on_return = self._returns
        for _ in range(2):  # the second round knows what it returns to itself
            frame.env, frame.alive, frame.ended = self.bind(function.args, arguments), True, None
            self.effects = Effects()
            self.block(function.body)
            if frame.returned <= self.assumed.get(function, NOTHING) or function not in self.recursive:
                return
            self.assumed[function] = frame.returned
            self.assumed_written[function] = frame.ended.written if frame.ended else frozenset()

    def _returns(self, node: ast.Return, value: Value) -> None:
        if self.effects.empty:
            return
        if any(isinstance(atom, Tensor) for atom in self.leaves(value)) and not self.effects.launched:
            self.report.add(rules.NO_LAUNCH, node, "this path returns a result and launches no kernel")
            return
        for result in self._results(value):
            origins = sorted(atom.origin for atom in result if isinstance(atom, Tensor))
            others = any(isinstance(atom, Foreign | Unknown) for atom in result)
            if origins and not others and not self.effects.written & set(origins):
                detail = f"the tensor that is returned ({shown(origins[0])}) was not written by any launch before"
                self.report.add(rules.RESULT_NOT_FROM_KERNEL, node, detail)

    def _results(self, value: Value) -> list[frozenset[Atom]]:
        groups = [atom for atom in value if isinstance(atom, Group)]
        if groups:
            return [self.leaves(item) for group in groups for item in group.items]
        return [self.leaves(value)]


def _only_raises(body: list[ast.stmt]) -> bool:
    return bool(body) and all(isinstance(node, ast.Raise) for node in body)


def _loaded(target: ast.expr) -> ast.expr:
    match target:
        case ast.Name():
            return ast.copy_location(ast.Name(id=target.id, ctx=ast.Load()), target)
        case ast.Subscript():
            return ast.copy_location(ast.Subscript(value=target.value, slice=target.slice, ctx=ast.Load()), target)
    return ast.copy_location(ast.Constant(value=None), target)
