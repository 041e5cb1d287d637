"""What a host expression can be: a set of alternatives, joined over all paths.

A value is the set of the things that it may be. Sizes (numbers, text, None, dtypes, shapes of them) are all alike;
tensors are told apart by where their memory comes from, since views share it. Containers that can change live on a
heap, one cell for each place in the source that makes them, so that two names of one list are one list here, too.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple


class About(IntEnum):
    """What a size tells about the machine; the greater covers the less."""

    NOTHING = 0
    PLACE = 1  # a device, as an allocation takes it
    HARDWARE = 2  # a count of the hardware: fine in arithmetic, nothing to branch on
    OBSERVED = 3  # tells one machine from another: fine in an assertion only


@dataclass(frozen=True, slots=True)
class Size:
    """A number, a text, a dtype, or a tuple of such."""

    about: About = About.NOTHING


@dataclass(frozen=True, slots=True)
class Cut(Size):
    """A slice: what it takes from a list is another list, and what it sets in one are items."""


@dataclass(frozen=True, slots=True)
class Absent:
    """None."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor. `origin` says where its memory comes from; `turned` that its axes were exchanged."""

    origin: str
    turned: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """A tuple with known items, at least one of which is no size."""

    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Container:
    """A list, dict, set or iterator; `site` is its cell on the heap."""

    site: str


@dataclass(frozen=True, slots=True)
class Named:
    """Something of torch, triton, math or Python's builtins, by its dotted name."""

    dotted: str


@dataclass(frozen=True, slots=True)
class Foreign:
    """Something of a module that the policy allows, or the result of calling it; it is taken as it comes."""

    dotted: str
    result: bool = False


@dataclass(frozen=True, slots=True)
class Kernel:
    """A jitted function of the file."""

    name: str


@dataclass(frozen=True, slots=True)
class Launcher:
    """A kernel with its grid."""

    kernel: str
    grid: Value


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a launch or a warm-up returns."""


@dataclass(frozen=True, slots=True)
class HostFunction:
    """A function of the file that is no kernel."""

    name: str


@dataclass(frozen=True, slots=True)
class Closure:
    """A lambda or nested function; `key` finds it among those that were made."""

    key: int


@dataclass(frozen=True, slots=True)
class Method:
    """An attribute of a value, which may be called."""

    receiver: Atom
    name: str


@dataclass(frozen=True, slots=True)
class Meta:
    """What a grid or heuristics function receives: the launch's arguments by name, and sizes."""

    items: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that can't be followed; `denied` where a finding says so, and what follows from it says no more."""

    denied: bool = False


Atom = (
    Size | Absent | Tensor | Group | Container | Named | Foreign | Kernel | Launcher | Compiled | HostFunction | Closure
    | Method | Meta | Unknown
)  # fmt: skip
Value = frozenset[Atom]

SIZE: Final[Value] = frozenset({Size()})
ABSENT: Final[Value] = frozenset({Absent()})
UNKNOWN: Final[Value] = frozenset({Unknown()})
DENIED: Final[Value] = frozenset({Unknown(denied=True)})
NOTHING: Final[Value] = frozenset()
WIDEST: Final = 24


class Passed(NamedTuple):
    """What is passed by position: a value, or each of what a star of unknown length gives."""

    value: Value
    starred: bool


@dataclass(frozen=True, slots=True)
class Arguments:
    """A call's arguments.

    Attributes:
        positional: Those before the first star of unknown length.
        named: Those that are passed by name.
        rest: What stars and double stars may add, anywhere.
        following: What is passed by position from that star on, in order; it is in `rest`, too.
        opened: What double stars give, by names that are not known; it is in `rest`, too.
    """

    positional: tuple[Value, ...]
    named: tuple[tuple[str, Value], ...]
    rest: Value
    following: tuple[Passed, ...] = ()
    opened: Value = NOTHING

    @property
    def all(self) -> tuple[Value, ...]:
        """Every value that is passed."""
        return (*self.positional, *(value for _, value in self.named), self.rest)

    def keyword(self, name: str) -> Value:
        """Returns what is passed as `name`, by keyword."""
        return dict(self.named).get(name, NOTHING)


def join(*values: Value) -> Value:
    """Returns what may be any of `values`."""
    joined: Value = frozenset().union(*values)
    return joined if len(joined) <= WIDEST else UNKNOWN | frozenset(a for a in joined if isinstance(a, Tensor))


@dataclass(slots=True)
class Cell:
    """The contents of containers made at one place.

    `shared` ones live between calls, `once` ones can be used up, `hashed` ones are sets. `sized` ones went into
    something that counts as a size and can be taken out of it again, so that they hold sizes for good.
    """

    contents: Value = NOTHING
    shared: bool = False
    once: bool = False
    sized: bool = False
    hashed: bool = False


@dataclass(slots=True)
class Frame:
    """The variables of a function as it is called at one place, or of a comprehension.

    Attributes:
        outer: The frame that a nested function was made in, or that a comprehension stands in.
        ended: What holds wherever it returns.
        ever: All that its names have ever meant, for code that runs later than it was read: functions made on a path
            that has ended, and what iterators compute.
        left: Some path has ended.
        loops: The paths that leave the loops which are being followed, innermost last.
        inner: Frames of comprehensions.
        late: Iterators that compute when they are asked, as written, and where they stand.
    """

    env: dict[str, Value]
    outer: Frame | None = None
    comprehension: bool = False
    returned: Value = NOTHING
    alive: bool = True
    ended: Effects | None = None
    ever: dict[str, Value] = field(default_factory=dict)
    left: bool = False
    loops: list[Exits] = field(default_factory=list)
    inner: dict[ast.AST, Frame] = field(default_factory=dict)
    late: dict[ast.expr, Frame] = field(default_factory=dict)

    def hold(self, name: str, value: Value) -> None:
        """Gives a name a value."""
        self.env[name] = value
        self.ever[name] = join(self.ever.get(name, NOTHING), value)

    def begin(self, env: dict[str, Value]) -> None:
        """Begins an activation with these variables."""
        self.env, self.returned, self.alive, self.ended, self.loops = {}, NOTHING, True, None, []
        for name, value in env.items():
            self.hold(name, value)

    @property
    def function(self) -> Frame:
        """The frame of the function that a comprehension stands in, or this one."""
        frame = self
        while frame.comprehension and frame.outer is not None:
            frame = frame.outer
        return frame


class Path(NamedTuple):
    """Where a loop was left."""

    env: dict[str, Value]
    effects: Effects


@dataclass(slots=True)
class Exits:
    """The paths that end a loop by `break`, or one of its turns by `continue`."""

    broken: list[Path] = field(default_factory=list)
    continued: list[Path] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Made:
    """A lambda or nested function as it was made: where its free names are looked up, and its defaults."""

    node: ast.Lambda | ast.FunctionDef
    frame: Frame
    defaults: dict[str, Value]


@dataclass(slots=True)
class Effects:
    """What has happened on the way here.

    Attributes:
        written: Origins of tensors that some launch may have written.
        launched: Every path to here launched a kernel.
        empty: Every path to here is for empty inputs.
    """

    written: frozenset[str] = frozenset()
    launched: bool = False
    empty: bool = False

    def copy(self) -> Effects:
        """Returns a copy to branch with."""
        return Effects(self.written, self.launched, self.empty)

    def merged(self, other: Effects) -> Effects:
        """Returns what holds where two paths meet."""
        launched = (self.launched or self.empty) and (other.launched or other.empty)
        return Effects(self.written | other.written, launched, self.empty and other.empty)


@dataclass(slots=True)
class Heap:
    """Cells by site."""

    cells: dict[str, Cell] = field(default_factory=dict)

    def make(self, node: ast.AST, contents: Value, *, once: bool = False) -> Value:
        """Returns a container made at `node` that may hold `contents`."""
        site = place(node)
        cell = self.cells.setdefault(site, Cell())
        cell.contents = join(cell.contents, contents)
        cell.once = cell.once or once
        return frozenset({Container(site)})

    def put(self, container: Container, value: Value) -> None:
        """Adds to what the container may hold."""
        cell = self.cells[container.site]
        cell.contents = join(cell.contents, value - {container})


def place(node: ast.AST) -> str:
    """Names a place in the source."""
    line, column = getattr(node, "lineno", 0), getattr(node, "col_offset", 0)
    return f"{line}:{column}:{getattr(node, 'end_lineno', 0)}:{getattr(node, 'end_col_offset', 0)}"
