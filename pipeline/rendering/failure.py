"""A failing case, small enough to understand: what was given, what came out, on which line, and how to run it again.

`kernelgate verify` shows the first one below its table, `kernelgate replay` the one that it ran; both by the same code.
What a candidate's author wrote (the line of its source) is shown in printable characters and cut off.
"""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

import torch
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from pipeline.gate.judged import Judged
from pipeline.rendering.fitted_table import FittedTable
from pipeline.runs.case_words import sizes_in_words, tensors_in_words
from pipeline.runs.finished import Run
from pipeline.runs.folder import case_of, folder_names
from pipeline.settings import SandboxKind, Settings
from policies.verdict import Finding
from runners.cases import Case
from runners.dtypes import TORCH_DTYPES
from runners.evidence import DeviceEvidence, Failure, PropertiesEvidence, WrongValues
from runners.operators import OPERATORS, Operator
from runners.operators.model import CASE_DTYPE
from sandbox.printable import printable

ELEMENTS: Final = 3  # shown below a table of verdicts
SOURCE_CELLS: Final = 100
INDENT: Final = (0, 0, 0, 2)


def print_first_failure(run: Run, console: Console, operators: Mapping[str, Operator] = OPERATORS) -> None:
    """Prints the first denied candidate's failing case, the command that replays it, and how to see the others.

    Where no denied candidate has a failing case, its first finding with the line of the source.
    """
    denied = [entry for entry in run.judged if not entry.verdict.allowed and entry.verdict.findings]
    shown = next((entry for entry in denied if case_of(entry) is not None), next(iter(denied), None))
    if shown is None:
        return
    finding = next((one for one in shown.verdict.findings if one.case is not None), shown.verdict.findings[0])
    failure = failure_of(shown, finding)
    console.print()
    console.print(Text.assemble("first denied: " if shown is denied[0] else "first failing case: ", _path(shown)))
    for line in finding_lines(finding, shown.source):
        console.print(Padding(line, INDENT))
    case = finding.case
    for line in case_lines(case) if case is not None else ():
        console.print(Padding(line, INDENT))
    if isinstance(failure, WrongValues):
        console.print(Padding(wrong_elements(failure, operators, ELEMENTS), INDENT))
    if case is not None:
        _print_command("replay the first failing case", replay_command(run, shown, case.id, operators), console)
    _print_command("what a rule means and how to mend it", f"kernelgate rules {finding.rule}", console)
    if len(denied) > 1:
        others = f"the other {len(denied) - 1}" if len(denied) > 2 else "the other one"
        _print_command(others, shlex.join(["kernelgate", "policy", "explain", _run_argument(run)]), console)


def _print_command(what: str, command: str, console: Console) -> None:
    """In one line however narrow the terminal is, which breaks it itself: what is copied from there is whole."""
    console.print(Text(f"{what}: {command}"), soft_wrap=True)


def failure_of(entry: Judged, finding: Finding) -> Failure | None:
    """Returns the failure that a finding is about, from the evidence; None where it is about none."""
    checks = (entry.evidence.properties, entry.evidence.device)
    failures = (one.failure for one in checks if isinstance(one, PropertiesEvidence | DeviceEvidence))
    return next((one for one in failures if one is not None and one.case == finding.case), None)


def finding_lines(finding: Finding, source: bytes) -> Iterator[Text]:
    """Yields a finding, and the line of the source that it names."""
    line = f" (line {finding.line})" if finding.line is not None else ""
    yield Text.assemble((finding.rule, "bold red"), f"{line}: {finding.message}")
    code = None if finding.line is None else source_line(source, finding.line)
    if code:
        yield Text(f"{finding.line} | {code}")


def case_lines(case: Case, where: str = "") -> Iterator[Text]:
    """Yields a case in words: its sizes, what is in its tensors and how they lie; `where` says where it was run."""
    yield Text(f"case {case.id}{where}: {sizes_in_words(case)}")
    if case.tensors:
        yield Text("; ".join(tensors_in_words(case)))


def wrong_elements(failure: WrongValues, operators: Mapping[str, Operator], most: int | None = None) -> FittedTable:
    """Returns the table of the first wrong elements: what came, what was due, the interval of what would have done."""
    dtype, first = _result_dtype(failure, operators), failure.first[:most]
    ulps = [None if dtype is None else error_in_ulp(one.got, one.expected, dtype) for one in first]
    table = FittedTable()
    titles = ("index", "got", "expected", "right from", "to", *(("error, ulp",) if any(ulps) else ()))
    for title in titles:
        table.add_column(title, justify="right", no_wrap=True)
    for element, ulp in zip(first, ulps, strict=True):
        index = ", ".join(str(i) for i in element.index)
        numbers = (f"{one:.9g}" for one in (element.got, element.expected, element.low, element.high))
        row = (f"[{index}]", *numbers, "-" if ulp is None else f"{ulp:.3g}")
        table.add_row(*map(Text, row[: len(titles)]))
    return table


def source_line(source: bytes, line: int) -> str:
    """Returns a line of a candidate's source as it can be shown; empty where there is no such line."""
    lines = source.decode(errors="replace").splitlines()
    shown = printable(lines[line - 1].strip()) if 0 < line <= len(lines) else ""
    return shown if len(shown) <= SOURCE_CELLS else f"{shown[: SOURCE_CELLS - 1]}…"


def replay_command(run: Run, entry: Judged, case_id: str, operators: Mapping[str, Operator] = OPERATORS) -> str:
    """Returns the command that runs the failing case of `entry` again, from this folder."""
    cases = Counter(case.id for one in run.judged if (case := case_of(one)) is not None)
    folder = dict(zip(map(id, run.judged), folder_names(run.judged), strict=True))[id(entry)]
    words = ["kernelgate", "replay", _run_argument(run), case_id if cases[case_id] < 2 else f"{folder}/{case_id}"]
    name = entry.evidence.candidate.operator
    own = operators.get(name or "")
    if own is not None and own.folder:
        words += ["--operators", own.folder]
    isolation = entry.evidence.isolation
    embedded = isolation is not None and isolation.isolation == "namespace"
    if embedded and Settings.resolve().sandbox is not SandboxKind.EMBEDDED:
        words += ["--sandbox", SandboxKind.EMBEDDED.value]
    return shlex.join(words)


def error_in_ulp(got: float, expected: float, dtype: str) -> float | None:
    """Returns how far `got` is from `expected`, in units of the last place of `expected` in the result's dtype.

    None where that has no meaning: integers, NaN, infinities.
    """
    kind = TORCH_DTYPES[dtype]
    if not kind.is_floating_point or not (math.isfinite(got) and math.isfinite(expected)):
        return None
    facts = torch.finfo(kind)
    magnitude = max(abs(expected), facts.smallest_normal)
    unit = math.ldexp(facts.eps, math.frexp(magnitude)[1] - 1)
    return abs(got - expected) / unit


def _result_dtype(failure: WrongValues, operators: Mapping[str, Operator]) -> str | None:
    operator = operators.get(failure.case.operator)
    if operator is None or failure.output >= len(operator.results):
        return None
    dtype = operator.results[failure.output]
    return failure.case.dtype if dtype == CASE_DTYPE else dtype


def _run_argument(run: Run) -> str:
    """The run's id where the next command will look for it; otherwise its folder."""
    return run.id if run.folder.parent == Settings.resolve().runs else str(run.folder)


def _path(entry: Judged) -> Text:
    return Text(printable(entry.evidence.candidate.path), "bold")
