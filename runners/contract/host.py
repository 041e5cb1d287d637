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
from runners.contract.holding import ROUNDS_CAP, BudgetSpent
from runners.contract.launching import Launches
from runners.contract.names import bound_by
from runners.contract.placing import places_of, spread
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
    Exits,
    Foreign,
    Frame,
    Group,
    HostFunction,
    Named,
    Path,
    Tensor,
    Unknown,
    Value,
    join,
)

_CALL_DEPTH: Final = 12


class HostCode(Launches):
    """Follows statements."""

    def __init__(self, scope: Scope, allowance: Allowance, report: Report, *, turning: bool = False) -> None:
        """Begins with nothing known."""
        super().__init__(scope, allowance, report, turning=turning)
        self.counts = counts_of(scope.tree)
        self.assumed: dict[ast.AST, Value] = {}  # what functions on the stack return, as far as is known,
        self.assumed_written: dict[ast.AST, frozenset[str]] = {}  # and what they write
        self.asked: dict[ast.AST, dict[str, Value]] = {}  # what they are called with by themselves
        self.recursive: set[ast.AST] = set()
        self.defaults: dict[ast.AST, dict[str, Value]] = {}  # of functions, as their definition made them
        self.frames: dict[tuple[ast.AST, ast.AST, int], Frame] = {}
        self.on_return: Callable[[ast.Return, Value], None] | None = None

    # Functions ---------------------------------------------------------------------------------------------------

    def run(self, node: ast.AST, function: HostFunction | Closure, arguments: Arguments) -> Value:
        """Returns what a function of the file may return.

        Raises:
            BudgetSpent: functions call each other more deeply than any kernel's do.
        """
        made, outer, kept = self._made(function)
        if made in self.stack:
            self.recursive.add(made)
            asked = self.asked.setdefault(made, {})
            for name, value in self.bind(made.args, arguments, kept).items():
                asked[name] = join(asked.get(name, NOTHING), value)
            self.effects.launched = True  # as it will have on the path that ends the recursion, or that path is denied
            self.writes(self.assumed_written.get(made, frozenset()))
            return self.assumed.get(made, NOTHING)
        if len(self.stack) >= _CALL_DEPTH:
            raise BudgetSpent
        frame = self.frames.setdefault((node, made, id(outer)), Frame({}, outer))
        for _ in range(ROUNDS_CAP):  # a second round only where it calls itself
            env = self._with_asked(made, self.bind(made.args, arguments, kept))
            frame.begin(env)
            result = self._activate(made, frame)
            if self._is_settled(made, result, env):
                self.assumed.pop(made, None)
                self.asked.pop(made, None)
                return result
            self.assumed[made], self.assumed_written[made] = result, self.effects.written
        raise BudgetSpent

    def _made(
        self, function: HostFunction | Closure
    ) -> tuple[ast.Lambda | ast.FunctionDef, Frame | None, dict[str, Value]]:
        if isinstance(function, Closure):
            closure = self.closures[function.key]
            return closure.node, closure.frame, closure.defaults
        made = self.scope.functions[function.name]
        return made, None, self.defaults.get(made, {})

    def _with_asked(self, made: ast.AST, env: dict[str, Value]) -> dict[str, Value]:
        asked = self.asked.get(made, {})
        return {name: join(value, asked.get(name, NOTHING)) for name, value in env.items()}

    def _is_settled(self, made: ast.AST, result: Value, env: dict[str, Value]) -> bool:
        """Whether a function that may call itself was followed with all that it gives itself."""
        if made not in self.recursive:
            return True
        return result <= self.assumed.get(made, NOTHING) and self._with_asked(made, env) == env

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
        self._late(frame)
        self.frame, self.on_return, self.stack = outside, hook, self.stack[:-1]
        return frame.returned

    def _late(self, frame: Frame) -> None:
        """Reads once more what iterators compute, with all that names have meant and containers have held."""
        effects = self.effects.copy()
        env, frame.env = frame.env, dict(frame.ever)
        for node, at in list(frame.late.items()):
            self.frame = at
            self.settle(lambda node=node: self.evaluate(node))  # type: ignore[misc]  # bound at once
        frame.env, self.frame, self.effects = env, frame, effects

    def bind(self, parameters: ast.arguments, arguments: Arguments, kept: dict[str, Value]) -> dict[str, Value]:
        """Returns the variables that a call gives a function; `kept` are its defaults."""
        ordered = [one.arg for one in (*parameters.posonlyargs, *parameters.args)]
        names = [*ordered, *(one.arg for one in parameters.kwonlyargs)]
        env = dict(zip(ordered, arguments.positional, strict=False))
        env |= {name: value for name, value in arguments.named if name in names}
        placed = self._placed(parameters, arguments)
        env |= {ordered[place]: value for place, value in (placed or {}).items()}
        for name in names:
            if placed is not None:
                env[name] = join(env.get(name, NOTHING), kept.get(name, NOTHING)) or UNKNOWN
            elif arguments.rest:
                given = join(env.get(name, NOTHING), self.each(arguments.rest), arguments.rest)
                env[name] = join(given, kept.get(name, NOTHING))
            elif name not in env:
                env[name] = kept.get(name, UNKNOWN)
        if parameters.vararg is not None:
            extra = join(*arguments.positional[len(ordered) :], self.each(arguments.rest))
            env[parameters.vararg.arg] = self.heap.make(parameters.vararg, extra)
        if parameters.kwarg is not None:
            extra = join(*(value for name, value in arguments.named if name not in names), arguments.rest, SIZE)
            env[parameters.kwarg.arg] = self.heap.make(parameters.kwarg, extra)
        return env

    def _placed(self, parameters: ast.arguments, arguments: Arguments) -> dict[int, Value] | None:
        """Returns what lands on parameters by position behind a star; None where it could be anything."""
        if not arguments.following or arguments.opened or parameters.vararg is not None or parameters.kwonlyargs:
            return None
        named = frozenset(name for name, _ in arguments.named)
        self.tick(len(arguments.following) * (1 + len(parameters.args) // 20))
        return spread(arguments, places_of(parameters, named))

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
                self.frame.hold(name, self.closure(node))
            case ast.Import() | ast.ImportFrom():
                for name, dotted in bound_by(node).items():
                    self.frame.hold(name, self.imported(dotted))
            case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):  # denied; read all the same
                self.block([*body, *orelse, *(one for handler in handlers for one in handler.body), *final])
            case ast.Break() | ast.Continue() if self.frame.loops:
                exits = self.frame.loops[-1]
                paths = exits.broken if isinstance(node, ast.Break) else exits.continued
                paths.append(Path(dict(self.frame.env), self.effects.copy()))
                self.frame.alive = False
            case _:
                pass  # pass; or denied by the statement rules

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
        self.frame.alive, self.frame.left = False, True

    def _checked(self, expressions: list[ast.expr], *, decides: bool = False) -> None:
        """Looking at the machine does no harm where nothing of it is kept."""
        before, self.checking = self.checking, True
        looked, kept = self.looked, self.kept
        for expression in expressions:
            self.decide(expression) if decides else self.evaluate(expression)
        self.checking = before
        if self.kept > kept and self.looked > looked and not before:
            self.observes(expressions[0])

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
            self._checked([node.test], decides=True)
        else:
            self.decide(node.test)
        start_env, start = dict(self.frame.env), self.effects.copy()
        self.effects.empty = self.effects.empty or says_empty(node.test, self.counts, holds=True)
        self.block(node.body)
        then_env, then, then_alive = self.frame.env, self.effects, self.frame.alive
        self.frame.env, self.effects, self.frame.alive = start_env, start, True
        self.effects.empty = self.effects.empty or says_empty(node.test, self.counts, holds=False)
        self.block(node.orelse)
        self._meet(then_env, then, alive=then_alive)

    def _meet(self, env: dict[str, Value], effects: Effects, *, alive: bool) -> None:
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
        exits = Exits()
        self.frame.loops.append(exits)
        for _ in range(ROUNDS_CAP):
            before, start, known = dict(self.frame.env), self.effects.copy(), self.known()
            enter()
            self.block(node.body)
            for path in exits.continued:
                self._meet(path.env, path.effects, alive=True)
            exits.continued.clear()
            ends = self.frame.alive
            if not ends:
                self.frame.env, self.effects, self.frame.alive = dict(before), start, True
            for name, value in before.items():
                self.frame.env[name] = join(self.frame.env.get(name, NOTHING), value)
            if self.known() == known:
                break
        else:
            raise BudgetSpent
        self.frame.loops.pop()
        self._leave(node, exits, ends=ends)

    def _leave(self, node: ast.For | ast.While, exits: Exits, *, ends: bool) -> None:
        """Joins the paths that leave a loop; one whose every turn is left does not count as passed over."""
        if ends or not exits.broken or node.orelse:
            self.block(node.orelse)
        else:
            first = exits.broken[0]
            self.effects = first.effects.copy()
        for path in exits.broken:
            self._meet(path.env, path.effects, alive=True)

    # The entry ---------------------------------------------------------------------------------------------------

    def entry(self, function: ast.FunctionDef, arguments: Arguments) -> None:
        """Follows the entry, and reports returns that no launch stands behind."""
        frame = Frame({})
        self.frame, self.stack = frame, (function,)
        self.on_return = self._returns
        for _ in range(ROUNDS_CAP):  # a second round only where it calls itself
            env = self._with_asked(function, self.bind(function.args, arguments, self.defaults.get(function, {})))
            frame.begin(env)
            self.effects = Effects()
            self.block(function.body)
            self._late(frame)
            if self._is_settled(function, frame.returned, env):
                return
            self.assumed[function] = frame.returned
            self.assumed_written[function] = frame.ended.written if frame.ended else frozenset()
        raise BudgetSpent

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
