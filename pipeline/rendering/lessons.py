"""How lessons look: a table that fits 80 columns, what mended the most frequent ones, and what was offered.

Names and changes are a model's text: they are shown in printable characters, a line each.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from pipeline.generation.lessons.entries import Offered
from pipeline.generation.lessons.report import Failure, Lesson, LessonsDocument
from pipeline.rendering.fitted_table import FittedTable
from sandbox.printable import printable

CHANGES: Final = 3  # that are shown below the table


def print_lessons(document: LessonsDocument, runs: Path, console: Console) -> None:
    """Prints the ranking, the most frequent first, and what was read.

    Args:
        runs: The folder that was read.
    """
    about = "" if document.operator is None else f" at {document.operator}"
    if document.lessons:
        console.print(_table(document))
        console.print()
        shown = [one for one in document.lessons if one.example.mended is not None and one.example.mended.change]
        for lesson in shown[:CHANGES]:
            _print_change(lesson, console)
    for line in document.damaged:
        console.print(Text(printable(line), "yellow"))
    if not document.runs:
        console.print(Text(f"no finished run of 'kernelgate generate' is in {runs}"))
        return
    failed = len(document.failures)
    console.print(Text(f"{failed} of {document.attempts} attempts{about} failed; {document.runs} runs in {runs}"))


def print_offered(offered: Offered, console: Console) -> None:
    """Prints what was written, and that somebody has to look at it."""
    for line in offered.damaged:
        console.print(Text(printable(line), "yellow"))
    for path in offered.written:
        console.print(Text(path))
    known = f"; {offered.known} more are the same as another" if offered.known else ""
    console.print(Text(f"{len(offered.written)} wrong kernels offered in {offered.folder}{known}"))
    if offered.written:
        console.print(
            Text(
                "The label is the gate's own word: a person has to look at each before it is added to a corpus.",
                "bold yellow",
            )
        )


def _table(document: LessonsDocument) -> FittedTable:
    table = FittedTable(lead=8)
    for title in ("att.", "runs", "op.", "next", "ever", "tries", "tokens", "cost"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("what goes wrong", overflow="fold")
    for lesson in document.lessons:
        table.add_row(*_numbers(lesson), _what(lesson))
    table.caption = (
        "Attempts, runs and operators that show it; mended by the next attempt, ever, and after how many (median); "
        "its share of all tokens and of the cost."
    )
    table.caption_justify = "left"
    return table


def _numbers(lesson: Lesson) -> Iterator[str]:
    yield str(lesson.attempts)
    yield str(lesson.runs)
    yield str(len(lesson.operators))
    yield _percent(lesson.mended_next / lesson.attempts)
    yield _percent(lesson.mended / lesson.attempts)
    yield "-" if lesson.median_tries is None else f"{lesson.median_tries:g}"
    yield _percent(lesson.tokens_share)
    yield _percent(lesson.usd_share)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _what(lesson: Lesson) -> Text:
    kinds = f" ({', '.join(lesson.where)})" if lesson.where else ""
    symbol = f" '{printable(lesson.symbol)}'" if lesson.symbol else ""
    return Text.assemble((lesson.rule, "bold"), f"{symbol}: {lesson.title}{kinds}\n", (_example(lesson.example), "dim"))


def _example(example: Failure) -> str:
    place = f"{printable(example.run)}, {example.operator}, attempt {example.attempt}"
    if example.mended is None:
        return f"{place}: never mended"
    return f"{place}: mended by {example.mended.attempt}{', which stands' if example.mended.stands else ''}"


def _print_change(lesson: Lesson, console: Console) -> None:
    example = lesson.example
    assert example.mended is not None
    console.print(Text.assemble((lesson.rule, "bold"), f", mended in {printable(example.run)}, {example.operator}:"))
    for line in example.mended.change.split("\n"):
        console.print(Text(f"  {printable(line)}"))
    console.print()
