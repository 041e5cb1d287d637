"""The failing case below a table: in words, with the line of the source, and with a command that finds it."""

from __future__ import annotations

import dataclasses
import math
from io import StringIO
from pathlib import Path
from typing import Any, get_args

import pytest
from report_runs import CASE, ELEMENT, POLICY, entry, facts, mixed, run_of, wrong
from rich.console import Console

from pipeline.gate.judged import Judged
from pipeline.gate.judging import judge
from pipeline.rendering.console import GuardedConsole
from pipeline.rendering.failure import error_in_ulp, finding_lines, replay_command, source_line
from pipeline.rendering.results import print_replay, print_run
from pipeline.runs.case_words import LAYOUTS, POSITIONS, SPECIALS, VALUES, sizes_in_words, tensors_in_words
from pipeline.runs.finished import Run
from pipeline.runs.folder import StoredCase, find_case, write_run
from pipeline.verification.replay import Replayed
from runners.candidate import Candidate
from runners.cases import Case, TensorPlan
from runners.failures import AccessFault, WrongValues
from runners.input_classes import Layout, Position, Special, ValueClass
from runners.operators import OPERATORS

SOURCE = b"import torch\n\n\ndef relu(x):\n    tl.store(y + 1, x)  # \x1b[31m\n"


def printed(run: Run, **more: Any) -> str:
    screen = StringIO()
    print_run(run, GuardedConsole(file=screen, width=200), **more)
    return screen.getvalue()


def fails_with(failure: Any, source: bytes = SOURCE) -> Judged:
    given = entry(source=source, failure=wrong())
    properties = given.evidence.properties.model_copy(update={"failure": failure})
    evidence = given.evidence.model_copy(update={"properties": properties})
    item = Candidate("kernels/k.py", source, source.decode(), OPERATORS["relu"], "relu")
    return judge(item, evidence, POLICY)


@pytest.mark.parametrize(("words", "kind"), [
    (VALUES, ValueClass), (SPECIALS, Special), (POSITIONS, Position), (LAYOUTS, Layout),
])  # fmt: skip
def test_everything_that_a_case_can_hold_has_words(words: dict[str, str], kind: Any) -> None:
    assert set(words) == set(get_args(kind))
    assert all(text.isascii() for text in words.values())


def test_a_case_is_told_in_words() -> None:
    plan = TensorPlan(values="unit", special="nan", position="row_end", layout="row_padded", dtype="bfloat16")
    case = Case(
        operator="softmax", form="rows", dtype="float32", sizes={"M": 1, "N": 3}, scalars={"eps": 0.5},
        tensors={"x": plan}, seed=1,
    )  # fmt: skip
    assert sizes_in_words(case) == "softmax of rows M=1 N=3, float32, eps=0.5"
    assert tensors_in_words(case) == (
        "x: between -1 and 1 (bfloat16), NaN at the end of a row; with gaps between its rows",
    )


def test_wrong_values_show_elements_intervals_and_ulp() -> None:
    text = printed(run_of(fails_with(wrong())))
    assert "first denied: kernels/k.py" in text
    assert f"case {CASE.id}: relu of vector N=1, float32" in text
    header, row = (line.split() for line in text.splitlines()[-4:-2])
    assert header == ["index", "got", "expected", "right", "from", "to", "error,", "ulp"]
    assert row == ["[0,", "3]", "1", "2", "1.9", "2.1", "4.19e+06"]
    assert f"replay the first failing case: kernelgate replay runs/20261130-000000-0123abcd {CASE.id}" not in text
    assert f"replay the first failing case: kernelgate replay 20261130-000000-0123abcd {CASE.id}" in text


def test_an_access_fault_shows_the_line_and_nothing_that_a_terminal_obeys() -> None:
    fault = AccessFault(
        case=CASE, conditions="natural order", fault="out_of_bounds_store", argument="x", allocation=None, element=1,
        line=5, program=(0, 0, 0), other=None,
    )  # fmt: skip
    text = printed(run_of(fails_with(fault)))
    assert "memory/out-of-bounds-store (line 5): a store writes element 1 of 'x'" in text
    assert "5 | tl.store(y + 1, x)  # \\x1b[31m" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("line", [0, -1, 6, 10**9])
def test_a_line_that_is_not_there_is_not_shown(line: int) -> None:
    assert source_line(SOURCE, line) == ""
    (finding,) = entry(denied=facts(("source/no-launch", 1))).verdict.findings
    assert len(list(finding_lines(finding.model_copy(update={"line": line}), SOURCE))) == 1


def test_a_very_long_line_is_cut_off() -> None:
    assert len(source_line(b"x" * 10_000, 1)) == 100


def test_of_many_denied_the_first_failing_case_is_shown_and_how_to_see_the_others() -> None:
    text = printed(mixed())
    assert text.count("replay the first failing case") == 1
    assert "first failing case: kernels/wrong.py" in text  # two before it were denied without one
    assert "the other 2: kernelgate policy explain 20261130-000000-0123abcd" in text
    assert text.count("kernelgate rules ") == 1


def test_without_a_failing_case_the_first_finding_is_shown_with_its_line() -> None:
    text = printed(run_of(entry(denied=facts(("source/host-arithmetic", 5)))))
    assert "5 | return x.clamp(0)" in text
    assert "replay" not in text
    assert "the other" not in text


def test_where_nothing_is_denied_nothing_is_shown() -> None:
    assert "first" not in printed(run_of(entry())).partition("\n\n")[2]


@pytest.mark.parametrize(("got", "expected", "dtype", "ulp"), [
    (1.0 + 2.0**-23, 1.0, "float32", 1.0), (1.0 + 2.0**-10, 1.0, "float16", 1.0), (2.0 + 2.0**-6, 2.0, "bfloat16", 1.0),
    (0.0, 2.0**-149, "float32", 1.0), (3.0, 2.0, "int64", None), (math.nan, 1.0, "float32", None),
    (math.inf, 1.0, "float32", None), (1.0, -math.inf, "float32", None), (1.0, 1.0, "float32", 0.0),
])  # fmt: skip
def test_an_error_is_counted_in_units_of_the_last_place(
    got: float, expected: float, dtype: str, ulp: float | None
) -> None:
    assert error_in_ulp(got, expected, dtype) == ulp


def test_the_command_finds_the_case_where_the_run_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = (fails_with(wrong()), fails_with(wrong(), SOURCE + b"\n"))
    folder = write_run(tmp_path / "elsewhere", "r1", POLICY, judged)
    run = Run("r1", folder, POLICY, judged)
    monkeypatch.chdir(tmp_path)
    words = replay_command(run, judged[1], CASE.id).split()
    assert words[:3] == ["kernelgate", "replay", str(folder)]
    stored = find_case(Path("runs"), *words[2:])  # both failed on one case: the candidate is named
    assert stored.candidate.read_bytes() == judged[1].source
    monkeypatch.setenv("KERNELGATE_RUNS", str(folder.parent))
    assert replay_command(run, judged[1], CASE.id).split()[2] == "r1"


def test_the_command_names_operators_of_ones_own_and_quotes_what_a_shell_would_read() -> None:
    own = {"relu": dataclasses.replace(OPERATORS["relu"], folder="our ops; rm -rf x")}
    run = run_of(fails_with(wrong()))
    command = replay_command(run, run.judged[0], CASE.id, own)
    assert command.endswith("--operators 'our ops; rm -rf x'")


def test_replay_prints_the_same_words(tmp_path: Path) -> None:
    path = tmp_path / "k.py"
    path.write_bytes(SOURCE)
    screen = StringIO()
    code = print_replay(Replayed(StoredCase(CASE, path, POLICY), wrong()), Console(file=screen, width=200))
    text = screen.getvalue()
    assert code == 1
    assert f"case {CASE.id} on the interpreter, where it failed: relu of vector N=1, float32" in text
    assert "error, ulp" in text
    assert "what to do: " in text


def test_no_more_elements_are_shown_than_fit() -> None:
    many = WrongValues(
        case=CASE, conditions="natural order", output=0, wrong=9, total=9, nonfinite=False, first=(ELEMENT,) * 9
    )
    assert printed(run_of(fails_with(many))).count("[0, 3]") == 2 + 3  # the message twice, and the table
