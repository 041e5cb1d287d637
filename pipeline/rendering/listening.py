"""What stderr says while no result is there yet.

On a terminal that can do it, a live table has a row for each candidate that is being measured: its path, the check,
its cases and the seconds so far. It vanishes when the run ends; verdicts are printed above it. Anywhere else (a log, a
pipe, TERM=dumb) there are plain lines, and nothing that moves a cursor, whatever FORCE_COLOR says about colour.

Nobody reads ten thousand lines: where there are more than `EACH` candidates, a verdict gets a line of its own only
where it denies, `DENIED_EACH` times, and the others are counted in a line every `COUNT_S`. Where no line was printed
for `SILENCE_S` while something is measured, a line says what that is: the check, and how many of its cases or mutants
are done. A thread looks at the clock for that (`ticking`): a compiler or a GPU may be silent for longer than a case.

Quiet means: warnings alone. What decides (results, errors, the exit code) is the same. Nor does a run end because
nobody reads what it says here: a closed pipe is not written to, that is all.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from pipeline.gate.judged import Judged
from pipeline.gate.steps import CheckName
from pipeline.rendering.console import console_on
from pipeline.rendering.verdict_table import STYLES, waived_mark
from policies.policy import Tier
from sandbox.printable import printable

SHOWN_AT_ONCE: Final = 8
EACH: Final = 200  # so many candidates have a line each
DENIED_EACH: Final = 100  # beyond that, so many denials have one
COUNT_S: Final = 10.0
SILENCE_S: Final = 28.0  # with a tick, a line at least every 30 s
TICK_S: Final = 2.0
REFRESHES_PER_S: Final = 4.0
SMALLEST_PATH: Final = 8
CASE_CHECKS: Final[tuple[CheckName, ...]] = ("properties", "gpu")  # the others are not counted in cases


@dataclass(frozen=True, slots=True)
class Running:
    """A candidate that is being measured."""

    path: str
    since_s: float
    check: CheckName = "properties"
    done: int = 0
    planned: int = 0
    mutants: int = 0
    mutants_planned: int = 0

    @property
    def doing(self) -> str:
        """The check, with its cases or mutants where it has some."""
        if self.check == "mutants" and self.mutants_planned:
            return f"mutants {self.mutants}/{self.mutants_planned}"
        cases = f" {self.done}/{self.planned}" if self.planned and self.check in CASE_CHECKS else ""
        return f"{self.check}{cases}"


class StderrListener:
    """Prints how a run goes: a live table on a terminal, lines elsewhere; with `quiet` warnings alone."""

    def __init__(
        self, candidates: int | None, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`candidates` is how many there are; None where nobody knows."""
        self._console = console_on(sys.stderr)
        self._quiet, self._clock, self._total = quiet, clock, candidates
        self._printing = threading.Lock()  # held by who prints; the thread of the live table never wants it
        self._state = threading.Lock()  # held for moments, and never while something is printed
        self._running: dict[str, Running] = {}
        self._tiers: Counter[Tier] = Counter()
        self._untold = self._denied = 0
        self._spinner = Spinner("dots", "starting")
        self._told_s = self._counted_s = clock()
        self._live: Live | None = None
        if sys.stderr.isatty() and not self._console.is_dumb_terminal and not quiet:
            self._live = Live(
                console=self._console, get_renderable=self._table, refresh_per_second=REFRESHES_PER_S,
                transient=True, redirect_stdout=False, redirect_stderr=False,
            )  # fmt: skip
            self._live.start()

    def close(self) -> None:
        """Takes the live table away, and counts the verdicts that had no line."""
        if self._live is not None:
            self._live.stop()
        with self._printing:
            if self._untold:
                self._count()

    def note(self, text: str) -> None:
        """Prints what somebody may want to know while it happens."""
        if not self._quiet:
            self.warn(text)

    def warn(self, text: str) -> None:
        """Prints what must be seen, however quiet."""
        with self._printing:
            self._print(Text(text))

    def check(self, path: str, name: CheckName) -> None:
        """A check of a candidate begins."""
        with self._state:
            earlier = self._running.pop(path, None) or Running(path, self._clock())  # the latest is the last
            self._running[path] = replace(earlier, check=name)

    def case(self, path: str, done: int, planned: int) -> None:
        """Another case of a candidate is done."""
        with self._state:
            earlier = self._running.pop(path, None) or Running(path, self._clock())
            self._running[path] = replace(earlier, done=done, planned=planned)

    def mutant(self, path: str, done: int, planned: int) -> None:
        """It is known what became of another mutant; helpers may tell so late that the candidate has its verdict."""
        with self._state:
            earlier = self._running.pop(path, None)
            if earlier is not None:
                most = max(done, earlier.mutants)  # threads may tell in another order than they counted
                self._running[path] = replace(earlier, mutants=most, mutants_planned=planned)

    def tick(self) -> None:
        """Breaks a silence that was too long, where something is measured and no live table shows it."""
        if self._live is not None or self._quiet:
            return
        with self._printing:
            with self._state:
                is_measuring = bool(self._running)
            if is_measuring and self._clock() - self._told_s >= SILENCE_S:
                self._print(Text(self._still()))

    def judged(self, path: str, judged: Judged) -> None:
        """Prints a candidate's verdict, or counts it."""
        with self._printing:
            with self._state:
                self._running.pop(path, None)
                self._tiers[judged.verdict.tier] += 1
            if self._quiet:
                return
            self._untold += 1
            if self._is_told(judged):
                self._untold -= 1
                self._print(self._verdict(path, judged))
            elif self._clock() - self._counted_s >= COUNT_S:
                self._count()

    def _is_told(self, judged: Judged) -> bool:
        if self._total is None or self._total <= EACH:
            return True
        if judged.verdict.allowed:
            return False
        self._denied += 1
        return self._denied <= DENIED_EACH

    def _print(self, text: Text) -> None:
        with suppress(OSError):
            self._console.print(text)
        self._told_s = self._clock()

    def _count(self) -> None:
        self._print(Text(self._counts()))
        self._untold, self._counted_s = 0, self._clock()

    def _counts(self) -> str:
        with self._state:
            tiers = ", ".join(f"{self._tiers[tier]} {tier.value}" for tier in Tier if self._tiers[tier])
            return f"[{self._finished()}] {tiers or 'no verdict yet'}"

    def _finished(self) -> str:
        return f"{self._tiers.total()}{'' if self._total is None else f'/{self._total}'}"

    def _verdict(self, path: str, judged: Judged) -> Text:
        tier = judged.verdict.tier
        with self._state:
            finished = self._finished()
        return Text.assemble(
            f"[{finished}] {printable(path)}: ", (tier.value, STYLES[tier]), waived_mark(judged), _time(judged)
        )

    def _latest(self) -> tuple[Sequence[Running], int]:
        """Those of which something was heard last, by path, and how many more there are."""
        running = list(self._running.values())
        return sorted(running[-SHOWN_AT_ONCE:], key=lambda one: one.path), max(0, len(running) - SHOWN_AT_ONCE)

    def _still(self) -> str:
        with self._state:
            running, more = self._latest()
        now = self._clock()
        doing = ", ".join(f"{printable(one.path)} {one.doing} ({_seconds(now - one.since_s)})" for one in running[:3])
        more += max(0, len(running) - 3)
        return f"{self._counts()}; now {doing}{f' and {more} more' if more else ''}"

    def _table(self) -> RenderableType:
        """The live table; called by a thread of its own."""
        with self._state:
            running, more = self._latest()
            begun, finished = bool(running or self._tiers), self._finished()
        rows = running_table(running, self._console.width, self._clock())
        waiting = f", {len(running) + more} in play" if more else ""
        self._spinner.update(text=Text(f"[{finished}] verdicts{waiting}" if begun else "starting"))
        return Group(self._spinner, rows)


@contextmanager
def ticking(listener: StderrListener, every_s: float = TICK_S) -> Iterator[None]:
    """Lets `listener` look at the clock until the context ends."""
    ended = threading.Event()

    def tick() -> None:
        while not ended.wait(every_s):
            listener.tick()

    thread = threading.Thread(target=tick, name="silence", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def running_table(running: Sequence[Running], width: int, now_s: float) -> Table:
    """Returns a row for each candidate that fits into `width` cells: of a long path the end is shown."""
    rows = [(one.path, one.doing, _seconds(now_s - one.since_s)) for one in running]
    beside = max((cell_len(doing) + cell_len(took) + 4 for _, doing, took in rows), default=0)
    table = Table(box=None, show_header=False, pad_edge=False)
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for path, doing, took in rows:
        table.add_row(Text(path_end(printable(path), max(SMALLEST_PATH, width - beside))), Text(doing), Text(took))
    return table


def path_end(path: str, cells: int) -> str:
    """Returns the end of `path` in so many cells of a terminal; an ellipsis stands for what is left out."""
    if cell_len(path) <= cells:
        return path
    end = path
    while end and cell_len(end) > cells - 1:
        end = end[1:]
    return set_cell_size(f"…{end}", min(cells, cell_len(end) + 1))


def _seconds(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min"


def _time(entry: Judged) -> str:
    if entry.reused:
        return " (measured by an earlier run)"
    return f" ({entry.wall_s:.1f} s)" if entry.wall_s else ""
