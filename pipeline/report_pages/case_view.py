"""The failing case, drawn: what went in, what came out, what would have been right."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.report_pages.error_map_view import ErrorMapView, error_map_view
from pipeline.report_pages.subject import Subject
from pipeline.report_pages.verdict_view import Fact
from pipeline.report_pages.visible import cut
from pipeline.report_pages.wording import index_text, number, short
from pipeline.runs.case_words import LAYOUTS, VALUES, sizes_in_words, special_in_words, tensors_in_words
from pipeline.runs.failing_cases import case_of
from runners.cases import Case
from runners.evidence import (
    AccessFault,
    Evidence,
    Failure,
    InputChanged,
    Missing,
    UnsupportedCase,
    WrongElement,
    WrongForm,
    WrongValues,
)
from runners.failures import BadPlan, CodeRaised, DeviceFault, OutsideWritten, RunnerEnded

ELEMENTS: Final = 32
_CONDITIONS: Final = {
    "natural order": "natural order: the programs one after the other",
    "shuffled order": "shuffled order: the programs in an order drawn at random, on other fresh memory",
}
_WIDTH: Final = 1000  # of a strip, in its own units


@dataclass(frozen=True, slots=True)
class TensorView:
    """How one argument was filled and laid out."""

    name: str
    dtype: str
    values: str
    special: str
    layout: str


@dataclass(frozen=True, slots=True)
class Strip:
    """A line of numbers, 1000 long: from `low` to `high` is right, `expected` and `got` are places on it.

    Attributes:
        beyond: Where `got` lies off the line: 'left', 'right' or 'nowhere' (not a number); empty where it is on it.
    """

    low: int
    high: int
    expected: int
    got: int
    beyond: str


@dataclass(frozen=True, slots=True)
class ElementView:
    """A wrong element; `off` is its distance from what was expected, in widths of what is allowed on that side."""

    index: str
    got: str
    expected: str
    low: str
    high: str
    off: str
    strip: Strip | None


@dataclass(frozen=True, slots=True)
class CaseView:
    """The failing case.

    Attributes:
        case: Its id; None where the candidate failed while it was loaded.
        line: The line of the source that failed, where somebody knows it.
    """

    where: str
    case: str | None
    sizes: tuple[Fact, ...]
    tensors: tuple[TensorView, ...]
    facts: tuple[Fact, ...]
    elements: tuple[ElementView, ...]
    maps: tuple[ErrorMapView, ...]
    map_lacks: str
    line: int | None
    message: str
    replay: str | None


def case_view(subject: Subject) -> CaseView | None:
    """Returns the case that failed, or that could not be run; None where there was none."""
    evidence = subject.judged.evidence
    found = _failure(evidence)
    if found is None:
        return None
    where, failure = found
    case = failure.case
    stored = case_of(subject.judged)
    maps = tuple(_maps(evidence, failure)) if isinstance(failure, WrongValues) else ()
    return CaseView(
        where=where,
        case=None if case is None else case.id,
        sizes=() if case is None else tuple(_sizes(case)),
        tensors=() if case is None else tuple(_tensors(case)),
        facts=tuple(_facts(failure)),
        elements=tuple(map(element_view, failure.first[:ELEMENTS])) if isinstance(failure, WrongValues) else (),
        maps=maps,
        map_lacks=_NO_MAP if isinstance(failure, WrongValues) and not maps else "",
        line=getattr(failure, "line", None),
        message=_message(failure),
        replay=None if stored is None else f"kernelgate replay {subject.run} {subject.folder}/{stored.id}",
    )


_NO_MAP: Final = (
    "The error of the whole tensor was not recorded: the evidence is of an earlier version, or the tensor has no "
    "elements to draw. The case can be replayed."
)


def _failure(evidence: Evidence) -> tuple[str, Failure | UnsupportedCase] | None:
    for where, part in (("on the interpreter", evidence.properties), ("on the GPU", evidence.device)):
        if not isinstance(part, Missing) and part.failure is not None:
            return where, part.failure
    for where, part in (("on the interpreter", evidence.properties), ("on the GPU", evidence.device)):
        if not isinstance(part, Missing) and part.unsupported is not None:
            return where, part.unsupported
    return None


def _maps(evidence: Evidence, failure: WrongValues) -> Iterator[ErrorMapView]:
    """The map of the smallest failing case and, before it, that of the case in which the fault was found."""
    for part in (evidence.properties, evidence.device):
        if not isinstance(part, Missing) and failure is part.failure and isinstance(part.found, WrongValues):
            drawn = error_map_view(part.found, f"Where it was found: {cut(_in_words(part.found.case), 300)}")
            yield from () if drawn is None else (drawn,)
    drawn = error_map_view(failure, "The smallest failing case")
    yield from () if drawn is None else (drawn,)


def _in_words(case: Case) -> str:
    return "; ".join((sizes_in_words(case), *tensors_in_words(case)))


def _sizes(case: Case) -> Iterator[Fact]:
    yield Fact("form", case.form, is_code=True)
    yield Fact("dtype", case.dtype, is_code=True)
    for name, size in case.sizes.items():
        yield Fact(name, str(size), is_code=True)
    for name, scalar in case.scalars.items():
        yield Fact(name, f"{scalar:g}", is_code=True)
    yield Fact("seed of its numbers", str(case.seed), is_code=True)


def _tensors(case: Case) -> Iterator[TensorView]:
    for name, plan in case.tensors.items():
        yield TensorView(
            name=name,
            dtype=case.dtype_of(name),
            values=VALUES[plan.values],
            special=special_in_words(plan) or "none",
            layout=LAYOUTS[plan.layout] or "contiguous",
        )


def _facts(failure: Failure | UnsupportedCase) -> Iterator[Fact]:
    match failure:
        case WrongValues():
            yield Fact("wrong elements", f"{failure.wrong} of {failure.total}")
            yield Fact("result", f"number {failure.output + 1}")
            yield Fact("run", _CONDITIONS.get(failure.conditions, failure.conditions))
        case WrongForm():
            yield Fact(f"{failure.aspect} that is due", failure.expected, is_code=True)
            yield Fact(f"{failure.aspect} that came", failure.got, is_code=True)
        case AccessFault():
            yield Fact("access", failure.fault.replace("_", " "))
            yield Fact("memory of", _touched(failure))
            yield Fact("element", f"{failure.element}, counted along memory")
            for name, program in (("program", failure.program), ("other program", failure.other)):
                if program is not None:
                    yield Fact(name, str(program), is_code=True)
            yield Fact("run", _CONDITIONS.get(failure.conditions, failure.conditions))
        case CodeRaised():
            yield Fact("error", failure.error, is_code=True)
        case RunnerEnded():
            yield Fact("it ended", failure.how.replace("_", " "))
        case InputChanged() | OutsideWritten():
            yield Fact("argument", failure.argument or "memory that the candidate allocated", is_code=True)
        case DeviceFault():
            yield Fact("error", failure.error, is_code=True)
            yield Fact("kernel", failure.kernel or "a fill or a copy", is_code=True)
            yield Fact("replay", failure.conditions)
        case _:
            return


def _touched(failure: AccessFault) -> str:
    if failure.argument is not None:
        return f"argument '{failure.argument}'"
    return "no argument" if failure.allocation is None else f"the call's allocation number {failure.allocation + 1}"


def _message(failure: Failure | UnsupportedCase) -> str:
    match failure:
        case CodeRaised():
            return failure.message
        case RunnerEnded():
            return failure.detail
        case BadPlan():
            return failure.problem
        case UnsupportedCase():
            return failure.reason
        case _:
            return ""


def element_view(element: WrongElement) -> ElementView:
    """Returns a wrong element with its drawing, where there are numbers to draw."""
    return ElementView(
        index=index_text(element.index),
        got=number(element.got),
        expected=number(element.expected),
        low=number(element.low),
        high=number(element.high),
        off=_off(element),
        strip=_strip(element),
    )


def _off(element: WrongElement) -> str:
    if not all(map(math.isfinite, (element.got, element.expected, element.low, element.high))):
        return "-"
    side = element.high - element.expected if element.got > element.expected else element.expected - element.low
    return f"{short(abs(element.got - element.expected) / side)} ×" if side > 0 else "nothing else is right"


def _strip(element: WrongElement) -> Strip | None:
    """Places on a line that holds what is right and, unless it is too far away, what came out.

    Too far is where what is right would be less than a fiftieth of the line.
    """
    low, high, expected, got = element.low, element.high, element.expected, element.got
    width = high - low
    if not all(map(math.isfinite, (low, high, expected))) or not 0 < width < math.inf:
        return None
    if not math.isfinite(got):
        start, end, beyond = low - width, high + width, {True: "right", False: "left"}.get(got > 0, "left")
        beyond = "nowhere" if math.isnan(got) else beyond
    else:
        start, end = min(low, got), max(high, got)
        beyond = ""
        if end - start > 50 * width:
            beyond = "right" if got > high else "left"
            start, end = low - width, high + width
    pad = 0.08 * (end - start)
    start, end = start - pad, end + pad

    def at(value: float) -> int:
        return round(_WIDTH * (value - start) / (end - start))

    place = {"right": _WIDTH - 8, "left": 8, "nowhere": _WIDTH // 2}.get(beyond)
    return Strip(at(low), at(high), at(expected), at(got) if place is None else place, beyond)
