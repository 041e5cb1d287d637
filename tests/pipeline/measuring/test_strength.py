"""`operators check`: what makes a test strong, too weak or unknown, and how that is said."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import UsageError
from pipeline.measuring.strength import KernelMutants, Strength, right_kernels, with_list
from pipeline.rendering.strength import conclusion, print_strength, strength_as_json
from pipeline.settings import PROJECT
from runners.candidate import Candidate, read_candidate
from runners.mutants import Mutant, MutantRun, are_one_program, mutants_of, named_mutants
from runners.operators import OPERATORS
from runners.strength import DegenerateTally

ZEROS = DegenerateTally("zeros", 0, tried=9, rejected=9, first=1)
BLIND = DegenerateTally("shuffled", 0, tried=9, rejected=0, first=None)
RELU = PROJECT / "tests" / "kernels" / "relu" / "right_block.py"


def mutant(number: int) -> Mutant:
    return Mutant(f"{number}:1-2 < to <=", "< to <=", number, b"", f"@@ -{number} +{number} @@\n-a < b\n+a <= b")


def kernel(killed: int, alive: int = 0, equivalent: int = 0, **more: object) -> KernelMutants:
    runs = [MutantRun(mutant(n), "killed", "wrong_values", 1 + n % 3) for n in range(killed)]
    runs += [MutantRun(mutant(1000 + n), "survived", None, None) for n in range(alive + equivalent)]
    listed = {mutant(1000 + n).id: "why" for n in range(equivalent)}
    given = {"path": "k.py", "problem": None, "runs": tuple(runs), "equivalent": listed, "contradictions": ()} | more
    return KernelMutants(**given)  # type: ignore[arg-type]


@pytest.fixture
def squares(tmp_path: Path) -> Candidate:
    """A kernel with a product of two equal factors: dropping either one makes the same program."""
    there = PROJECT / "tests" / "kernels" / "rms_norm" / "right_atomic_sums.py"
    file = tmp_path / "right_squares.py"
    file.write_bytes(there.read_bytes())
    candidate = read_candidate(file)
    assert isinstance(candidate, Candidate)
    return candidate


def twins(candidate: Candidate) -> tuple[Mutant, Mutant]:
    names = {
        f"{mutant.id.partition(' ')[0]} * and its {side} side dropped"
        for mutant in mutants_of(candidate.text, candidate.entry)
        for side in ("left", "right")
    }
    found = named_mutants(candidate.text, candidate.entry, names).values()
    return next((a, b) for a in found for b in found if a.id < b.id and are_one_program(a, b))


def test_what_is_listed_is_a_program_whichever_edit_made_it(squares: Candidate) -> None:
    listed, run = twins(squares)
    Path(squares.path).with_name("equivalent.toml").write_text(f'["right_squares.py"]\n"{listed.id}" = "why"\n')
    survived = with_list(squares, [MutantRun(run, "survived", None, None)])
    assert survived.equivalent == {run.id: "why"}
    assert survived.alive == survived.contradictions == ()
    killed = with_list(squares, [MutantRun(run, "killed", "wrong_values", 1)])
    assert killed.contradictions == (f"'{run.id}' is listed as equivalent and was killed",)


def test_what_the_source_does_not_have_can_not_be_listed(squares: Candidate) -> None:
    Path(squares.path).with_name("equivalent.toml").write_text('["right_squares.py"]\n"1:1-2 < to <=" = "why"\n')
    assert with_list(squares, []).contradictions == (
        "'1:1-2 < to <=' is listed as equivalent and is no mutant of the file",
    )


def strength(*kernels: KernelMutants, tallies: tuple[DegenerateTally, ...] = (ZEROS,)) -> Strength:
    return Strength("softmax", 7, 40, tallies, kernels)


@pytest.mark.parametrize(
    ("made", "code", "said"),
    [
        (strength(kernel(100), kernel(99, 1)), 0, "is strong"),
        (strength(kernel(98, 2), kernel(99, 2)), 1, "98.0% of the mutants were killed"),
        (strength(kernel(98, 0, 2), kernel(99, 0, 2)), 0, "is strong"),
        (strength(kernel(100), kernel(100), tallies=(ZEROS, BLIND)), 1, "no case rejects: shuffled"),
        (strength(kernel(100), kernel(100), tallies=()), 1, "nothing can be certified"),
        (strength(kernel(9), kernel(9, contradictions=("'x' was killed",))), 1, "'x' was killed"),
        (strength(kernel(100)), 3, "mutants of 1 right kernel were run, 2 are needed"),
        (strength(), 3, "mutants of 0 right kernels were run"),
        (strength(kernel(100), kernel(0, problem="it is not right")), 3, "not known"),
        (strength(tallies=(BLIND,)), 1, "too weak"),
    ],
)  # fmt: skip
def test_strong_weak_and_unknown_are_told_apart(made: Strength, code: int, said: str) -> None:
    assert made.exit_code == code
    assert said in conclusion(made)


def test_a_listed_survivor_is_equivalent_and_any_other_is_shown_as_a_diff() -> None:
    console = Console(file=io.StringIO(), width=200)
    print_strength(strength(kernel(5, 0, 1), kernel(5, 1)), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.count("+a <= b") == 1
    assert "1 equivalent, 0 that the interpreter can't run, 0 alive" in text
    assert "alive, equivalent or a hole: 1000:1-2 < to <=" in text


def test_the_json_holds_the_rate_the_survivors_and_the_first_kills() -> None:
    document = json.loads(strength_as_json(strength(kernel(3, 1), kernel(4, 0, 1))))
    assert document["kill_rate"] == 7 / 8
    assert [len(entry["alive"]) for entry in document["kernels"]] == [1, 0]
    assert document["kernels"][1]["equivalent"] == [{"id": "1000:1-2 < to <=", "reason": "why"}]
    assert document["kernels"][0]["first_kills"] == [1, 2, 3]
    assert document["degenerate_outputs"][0]["first"] == 1


def test_two_bundled_kernels_are_the_default() -> None:
    kernels = right_kernels(OPERATORS["relu"], (), OPERATORS)
    assert len(kernels) == 2
    assert {kernel.operator.name for kernel in kernels} == {"relu"}


def test_a_kernel_of_another_operator_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="implements 'relu', not 'softmax'"):
        right_kernels(OPERATORS["softmax"], (RELU,), OPERATORS)
    with pytest.raises(UsageError, match="can't be read"):
        right_kernels(OPERATORS["relu"], (tmp_path / "none.py",), OPERATORS)
    (tmp_path / "x.py").write_text("pass")
    with pytest.raises(UsageError, match="is no candidate"):
        right_kernels(OPERATORS["relu"], (tmp_path / "x.py",), OPERATORS)


def test_the_command_answers_the_first_question_without_a_container() -> None:
    result = CliRunner().invoke(app, ["operators", "check", "relu", "--degenerate-only", "--policy", "dev",
                                      "--format", "json", "--seed", "1"])  # fmt: skip
    assert result.exit_code == 3
    document = json.loads(result.stdout)
    assert document["kernels"] == []
    assert all(entry["first"] for entry in document["degenerate_outputs"])


def test_an_unknown_operator_is_wrong_usage() -> None:
    assert CliRunner().invoke(app, ["operators", "check", "nope"]).exit_code == 2


def test_without_a_subcommand_the_operators_are_listed() -> None:
    listed = json.loads(CliRunner().invoke(app, ["operators", "--format", "json"]).stdout)
    assert {entry["name"] for entry in listed["operators"]} == set(OPERATORS)
