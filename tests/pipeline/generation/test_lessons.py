"""What finished runs teach: which mistakes are one, what mended them, how often, and what is left out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from generation_runs import COST, answer
from lesson_runs import case_of, kernel, leave_run

from pipeline.generation.exchange import Ending
from pipeline.generation.lessons.changes import COLUMNS, COMPARED, LINES, change_between
from pipeline.generation.lessons.mistakes import SYMBOL_CAP, Mistake, mistake_of
from pipeline.generation.lessons.ranking import lessons_document, lessons_of
from pipeline.generation.lessons.reading import read_runs
from pipeline.generation.lessons.report import Lesson, LessonsDocument
from pipeline.generation.lessons.words import saying_of
from policies.rules import RULES
from policies.verdict import Finding

REFUSED = answer("", ending=Ending.REFUSED)


def document(runs: Path, operator: str | None = None) -> LessonsDocument:
    return lessons_document(read_runs(runs), operator)


def ends(found: LessonsDocument) -> list[tuple[int, int | None, bool | None]]:
    """Each failed attempt with the one that mended it, and whether that stands."""
    mended = [(one.attempt, one.mended) for one in found.failures]
    return [(number, None, None) if by is None else (number, by.attempt, by.stands) for number, by in mended]


def test_every_failed_attempt_is_a_record_with_what_mended_it(tmp_path: Path) -> None:
    leave_run(tmp_path, "r1", {"relu": ["denied reduce_max", "nan", "right"]})
    first, second = document(tmp_path).failures
    assert (first.run, first.operator, first.attempt, first.strategy) == ("r1", "relu", 1, 0)
    assert (first.rule, first.line) == ("source/unknown-name", _line_of(tmp_path, 0))
    assert first.mended is not None
    assert (first.mended.attempt, first.mended.tries, first.mended.stands) == (2, 1, False)
    assert first.mended.change.splitlines()[1:] == [
        " def relu(x):", "-    kind = 'denied reduce_max'", "-    # denied reduce_max",
        "+    kind = 'nan'", "+    # nan", "     return x",
    ]  # fmt: skip
    assert second.mended is not None
    assert (second.rule, second.mended.attempt, second.mended.stands) == ("properties/nonfinite", 3, True)
    assert first.fingerprint != second.fingerprint


def _line_of(runs: Path, number: int) -> str:
    (operator,) = json.loads((runs / "r1/generation.json").read_text())["operators"]
    return str(operator["attempts"][number]["complaint"]["line"])


@pytest.mark.parametrize(
    ("told", "strategies", "mended"),
    [
        # the same mistake in another line has another fingerprint, and is not mended
        (["denied f", "denied f again", "right"], 1, [(1, 3, True), (2, 3, True)]),
        # an answer without code mends nothing, nor does a source that was denied before it could run
        (["nan", REFUSED, "right"], 1, [(1, 3, True), (2, 3, True)]),
        (["nan", "denied f", "right"], 1, [(1, 3, True), (2, 3, True)]),
        (["nan", "early; plain"], 1, [(1, None, None), (2, None, None)]),
        # what fails in another way as late or later has mended it
        (["early; nan", "plain"], 1, [(1, 2, False), (2, None, None)]),
        (["nan", "short", "plain"], 1, [(1, 2, False), (2, 3, False), (3, None, None)]),
        # the next strategy is another chain
        (["nan", "nan", "right"], 2, [(1, None, None), (2, None, None)]),
        (["nan", "nan", "plain", "right"], 2, [(1, None, None), (2, None, None), (3, 4, True)]),
    ],
)
def test_what_mended_an_attempt_came_as_far_and_does_not_show_its_mistake(
    tmp_path: Path, told: list[str], strategies: int, mended: list[tuple[int, int | None, bool | None]]
) -> None:
    leave_run(tmp_path, "r1", {"relu": told}, strategies)
    assert ends(document(tmp_path)) == mended


def test_lessons_are_ranked_over_runs_and_operators(tmp_path: Path) -> None:
    leave_run(tmp_path, "r1", {"relu": ["nan", "right"], "silu": ["nan", "x; nan; more"]})
    leave_run(tmp_path, "r2", {"relu": ["denied f", "nan", "right"], "tanh": ["right"]})
    found = document(tmp_path)
    assert (found.runs, found.attempts, len(found.failures), found.damaged) == (2, 8, 5, ())
    first, second = found.lessons
    assert (first.rule, first.attempts, first.runs, first.operators) == ("properties/nonfinite", 4, 2, ("relu", "silu"))
    assert first.where == ("NaN", "a tensor that is not contiguous")
    assert (first.title, first.remedy) == (RULES[first.rule].title, RULES[first.rule].remedy)
    assert (first.mended_next, first.mended, first.median_tries) == (2, 2, 1.0)
    assert (first.tokens, first.usd) == (4 * 1420, 4 * COST)
    assert (first.tokens_share, first.usd_share) == (0.5, 0.5)
    assert (first.example.run, first.example.operator, first.example.attempt) == ("r2", "relu", 2)
    assert (second.rule, second.symbol, second.attempts) == ("source/unknown-name", "tl.f", 1)
    assert sum(lesson.attempts for lesson in found.lessons) == len(found.failures)
    assert {one.lesson for one in found.failures} == {lesson.key for lesson in found.lessons}


def test_of_one_operator_only_its_own_attempts_count(tmp_path: Path) -> None:
    leave_run(tmp_path, "r1", {"relu": ["nan", "right"], "silu": ["denied f", "denied f"]})
    found = document(tmp_path, "silu")
    assert (found.operator, found.attempts) == ("silu", 2)
    (lesson,) = found.lessons
    assert (lesson.rule, lesson.attempts, lesson.tokens_share, lesson.mended) == ("source/unknown-name", 2, 1.0, 0)
    assert lesson.median_tries is None
    assert document(tmp_path, "tanh").lessons == ()


def test_attempts_until_it_was_mended_are_counted_along_the_chain(tmp_path: Path) -> None:
    leave_run(tmp_path, "r1", {"relu": ["denied f", "denied f again", "denied f once more", "right"]})
    (lesson,) = document(tmp_path).lessons
    assert (lesson.attempts, lesson.mended_next, lesson.mended, lesson.median_tries) == (3, 1, 3, 2.0)
    assert lesson.example.attempt == 3


def test_a_lesson_has_the_same_key_in_every_run(tmp_path: Path) -> None:
    for name, lines in (("a", ["x; nan"]), ("b", ["nan; y; z"])):
        leave_run(tmp_path / name, f"run-{name}", {"relu" if name == "a" else "silu": lines})
    (one,), (other,) = (document(tmp_path / name).lessons for name in "ab")
    assert one.key == other.key == Mistake("properties/nonfinite", one.where).key == "58d0864f1dfc"
    assert one.example.fingerprint == other.example.fingerprint


def record_of(runs: Path) -> Callable[[Finding], Mistake | None]:
    generated = leave_run(runs, "r1", {"relu": ["nan"]})
    (operator,) = generated.finished.operators
    return lambda finding: mistake_of(operator.attempts[0], finding)


@pytest.mark.parametrize(
    ("case", "where"),
    [
        (case_of("relu"), ()),
        (case_of("relu", dtype="bfloat16"), ("16-bit floats",)),
        (case_of("relu", "-inf_row"), ("infinities",)),
        (case_of("relu", "max", layout="huge"), ("very large values", "offsets beyond 32 bits")),
        (case_of("relu", layout="stepped"), ("a tensor that is not contiguous",)),
        (case_of("relu").model_copy(update={"sizes": {"M": 0, "N": 3}}), ("an empty tensor",)),
        (case_of("relu").model_copy(update={"sizes": {"M": 5, "N": 7}, "seed": 3}), ()),
    ],
)
def test_a_mistake_is_told_by_the_kind_of_case_and_not_by_its_sizes(
    tmp_path: Path, case: object, where: tuple[str, ...]
) -> None:
    finding = Finding.model_validate(
        {"rule": "properties/wrong-values", "severity": "error", "message": "m", "case": case}
    )
    assert record_of(tmp_path)(finding) == Mistake("properties/wrong-values", where)


@pytest.mark.parametrize(
    ("rule", "message", "symbol"),
    [
        ("source/unknown-name", "'tl.math.rsqrtf' does not exist in the installed version", "tl.math.rsqrtf"),
        ("source/unknown-argument", "tl.load has no argument 'masking'", "tl.load"),
        ("source/unknown-name", "'tl." + "a" * 999 + "' does not exist", "tl." + "a" * (SYMBOL_CAP - 3)),
        ("source/unknown-name", "'tl.x\x1b[31m' does not exist", "tl.x"),
        ("properties/raised", "tl.reduce_max is what it says", ""),
    ],
)
def test_a_name_is_part_of_a_mistake_where_it_is_the_mistake(
    tmp_path: Path, rule: str, message: str, symbol: str
) -> None:
    assert record_of(tmp_path)(Finding(rule=rule, severity="error", message=message)) == Mistake(rule, (), symbol)


def test_answers_without_a_candidate_and_reviews_are_lessons_too(tmp_path: Path) -> None:
    leave_run(tmp_path, "r1", {"relu": [REFUSED, answer("no JSON"), "right"]})
    found = document(tmp_path)
    assert [lesson.rule for lesson in found.lessons] == ["answer/not-json", "answer/refused"]
    assert [saying_of(lesson.rule).title == lesson.title != lesson.rule for lesson in found.lessons] == [True, True]
    assert all(one.mended is not None and one.mended.change == "" for one in found.failures)


def missing(run: Path) -> None:
    shutil.rmtree(next(run.glob("002-*")))


def changed(run: Path) -> None:
    next(run.glob("*/candidate.py")).write_text("# other")


def cut(run: Path) -> None:
    path = run / "generation.json"
    path.write_text(path.read_text()[:-9])


def no_verdict(run: Path) -> None:
    next(run.glob("001-*/verdict.json")).unlink()


def half_a_verdict(run: Path) -> None:
    next(run.glob("001-*/verdict.json")).write_text("{}")


def more(run: Path) -> None:
    shutil.copytree(next(run.glob("001-*")), run / "009-more")


def unnumbered(run: Path) -> None:
    next(run.glob("001-*")).rename(run / "first")


def outside(run: Path) -> None:
    path = run / "generation.json"
    path.write_text(path.read_text().replace('"operator": "relu"', '"operator": "../../relu"'))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (missing, "is missing"), (changed, "is not the file that was measured"), (cut, "is damaged"),
        (no_verdict, "verdict.json can't be read"), (half_a_verdict, "verdict.json is damaged"),
        (more, "more candidates than attempts"), (unnumbered, "not numbered"), (outside, "operator's name is none"),
    ],
)  # fmt: skip
def test_a_damaged_run_is_said_in_one_line_and_left_out_as_a_whole(
    tmp_path: Path, damage: Callable[[Path], None], says: str
) -> None:
    for run_id in ("r1", "r2"):
        leave_run(tmp_path, run_id, {"relu": ["nan", "right"]})
    damage(tmp_path / "r1")
    found = document(tmp_path)
    assert (found.runs, found.attempts) == (1, 2)
    (line,) = found.damaged
    assert line.startswith("the run r1 was left out: ")
    assert says in line
    assert "\n" not in line


def test_the_newest_runs_are_read_where_a_number_is_given(tmp_path: Path) -> None:
    for run_id, told in (("r1", "nan"), ("r2", "plain"), ("r3", "denied f")):
        leave_run(tmp_path, run_id, {"relu": [told]})
    assert read_runs(tmp_path, newest=2).read == 2
    assert {lesson.rule for lesson in lessons_of(read_runs(tmp_path, newest=1))} == {"source/unknown-name"}
    assert read_runs(tmp_path / "none").read == 0


def test_a_document_is_read_back_as_it_was(tmp_path: Path) -> None:
    leave_run(tmp_path, "r1", {"relu": ["nan", "right"]})
    found = document(tmp_path)
    assert LessonsDocument.model_validate_json(found.model_dump_json()) == found
    assert isinstance(found.lessons[0], Lesson)


def test_a_change_is_cut_to_a_length_and_files_beyond_any_kernel_are_not_compared() -> None:
    assert change_between("a\nb\nc\nd\ne\n", "a\nb\nx\nd\ne\n").splitlines() == [
        "@@ -2,3 +2,3 @@",
        " b",
        "-c",
        "+x",
        " d",
    ]
    assert change_between("a", "a") == ""
    long = change_between("", "\n".join("x" * 999 for _ in range(100))).splitlines()
    assert (len(long), long[-1]) == (LINES + 1, f"... and {101 - LINES} more lines")
    assert max(map(len, long)) <= COLUMNS
    assert change_between("a\n" * (COMPARED + 1), "b") == ""


def test_two_texts_of_a_run_are_what_was_delivered(tmp_path: Path) -> None:
    leave_run(tmp_path, "r1", {"relu": ["nan"]})
    assert next((tmp_path / "r1").glob("*/candidate.py")).read_text() == kernel("relu", "nan")
