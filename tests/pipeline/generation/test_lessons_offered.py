"""Wrong kernels of earlier runs as entries of a corpus, and what the command shows."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from generation_runs import by_name
from lesson_runs import kernel, leave_run
from rich.console import Console
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.corpus.reading import read_corpus
from pipeline.errors import LabelsError, UsageError
from pipeline.generation.lessons.entries import Offered, offer_to
from pipeline.generation.lessons.offering import wrong_kernels
from pipeline.generation.lessons.ranking import lessons_document
from pipeline.generation.lessons.reading import read_runs
from pipeline.generation.lessons.report import LessonsDocument
from pipeline.generation.lessons.sameness import normal_digest
from pipeline.measuring.measure import Selection, choose, warnings_of
from pipeline.rendering.lessons import print_lessons
from runners.candidate import SOURCE_CAP_BYTES, Candidate, parse_candidate
from runners.operators import OPERATORS


def offered(runs: Path, folder: Path) -> Offered:
    return offer_to(folder, wrong_kernels(read_runs(runs)))


def test_what_is_offered_can_be_measured_as_a_corpus(tmp_path: Path) -> None:
    runs, corpus = tmp_path / "runs", tmp_path / "corpus"
    leave_run(runs, "r1", {"relu": ["nan", "short", "right"], "silu": ["plain"]})
    found = offered(runs, corpus)
    assert len(found.written) == 3
    read = read_corpus(corpus)
    assert (read.unlabelled, read.notes, tuple(warnings_of(read))) == ((), (), ())
    assert len(choose(read, Selection((), ()), OPERATORS)) == 3
    assert {corpus / path for path in found.written} == {one.path for one in read.labelled}
    first = next(one for one in read.labelled if "properties/nonfinite" in one.findings)
    assert (first.label, first.operator, first.defect) == ("wrong", "relu", "generated")
    assert first.witness is not None
    assert first.witness.tensors["x"].special == "nan"
    assert first.path.read_text() == kernel("relu", "nan")
    text = (first.path.parent / "labels.toml").read_text()
    assert "run r1, attempt 1, SHA-256 " in text
    assert "found after the screening; nobody has looked at it yet" in text


def test_offered_is_what_an_early_check_let_pass_and_a_case_shows_to_be_wrong(tmp_path: Path) -> None:
    leave_run(tmp_path, "r1", {"relu": ["denied f", "early; nan", "plain", "right"]})
    found = [(one.attempt, one.found, one.rule) for one in wrong_kernels(read_runs(tmp_path))]
    assert found == [
        (2, "in the screening", "properties/nonfinite"),
        (3, "after the screening", "properties/wrong-values"),
    ]


@pytest.mark.parametrize(
    "rule", ["mutants/weak-test", "operator/weak-test", "benchmark/above-roof", "evidence/too-few-cases"]
)
def test_what_proves_no_kernel_wrong_is_not_offered(tmp_path: Path, rule: str) -> None:
    leave_run(tmp_path, "r1", {"relu": ["plain"]})
    (path,) = (tmp_path / "r1").glob("*/verdict.json")
    path.write_text(path.read_text().replace("properties/wrong-values", rule))
    assert [*wrong_kernels(read_runs(tmp_path))] == []


@pytest.mark.parametrize(
    ("change", "found"), [(("interpreter", "gpu"), "on a GPU alone"), (("{", "["), "after the screening")]
)
def test_a_case_is_a_witness_where_it_can_be_replayed_on_the_interpreter(
    tmp_path: Path, change: tuple[str, str], found: str
) -> None:
    leave_run(tmp_path, "r1", {"relu": ["plain"]})
    (path,) = (tmp_path / "r1").glob("*/cases/*.json")
    path.write_text(path.read_text().replace(*change))
    (kernel_found,) = wrong_kernels(read_runs(tmp_path))
    assert (kernel_found.found, kernel_found.witness) == (found, None)


def test_nothing_is_offered_twice_or_overwritten(tmp_path: Path) -> None:
    runs, corpus = tmp_path / "runs", tmp_path / "corpus"
    leave_run(runs, "r1", {"relu": ["nan", "nan; the same but for a comment"]})
    place = corpus / "relu"
    place.mkdir(parents=True)
    mine = '# by hand\n["mine.py"]\nlabel = "right"\noperator = "relu"'  # no line end
    (place / "labels.toml").write_text(mine)
    (place / "mine.py").write_text(kernel("relu").replace("return x", "return x + 0"))
    first = offered(runs, corpus)
    assert (len(first.written), first.known) == (1, 1)
    text = (place / "labels.toml").read_text()
    assert text.startswith(mine + "\n\n[")
    again = offered(runs, corpus)
    assert (again.written, again.known) == ((), 2)
    assert (place / "labels.toml").read_text() == text
    assert len(read_corpus(corpus).labelled) == 2


def test_labels_that_cant_be_read_are_said_before_anything_is_written(tmp_path: Path) -> None:
    leave_run(tmp_path / "runs", "r1", {"relu": ["nan"]})
    place = tmp_path / "corpus/relu"
    place.mkdir(parents=True)
    (place / "labels.toml").write_text("[[[")
    with pytest.raises(LabelsError, match=r"labels\.toml can't be used"):
        offered(tmp_path / "runs", tmp_path / "corpus")
    assert [path.name for path in place.iterdir()] == ["labels.toml"]


def test_a_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    leave_run(tmp_path / "runs", "r1", {"relu": ["nan"]})
    (tmp_path / "corpus").write_text("")
    with pytest.raises(UsageError, match="can't be used: "):
        offered(tmp_path / "runs", tmp_path / "corpus")


def test_a_hostile_run_id_or_text_stays_a_string(tmp_path: Path) -> None:
    run_id = 'r"]\n[x\x1b\x7f'.replace("\n", "\u2028")
    leave_run(tmp_path / "runs", run_id, {"relu": ['nan; """ \x1b[31m \u202e ]]]']})
    offered(tmp_path / "runs", tmp_path / "corpus")
    (one,) = read_corpus(tmp_path / "corpus").labelled
    assert one.path.read_bytes() == kernel("relu", "nan", '""" \x1b[31m \u202e ]]]').encode()
    assert (tmp_path / "corpus/relu/labels.toml").read_text().replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        ("def f(x):  # other\n\n        return x", True),
        ('"""Doc."""\ndef f(x):\n    """Doc."""\n    return x\n', True),
        ("def f( x ) :\n    return (x)\n", False),
        ("def f(x):\n    return 'x'\n", False),
        ("def f(x):\n    y = '''x'''\n    return x\n", False),
        ("def f(x:\n", False),
    ],
)
def test_comments_docstrings_and_spaces_make_no_other_kernel(other: str, is_same: bool) -> None:
    assert (normal_digest("def f(x):\n    return x\n") == normal_digest(other)) is is_same


@pytest.mark.parametrize("line", ["'\\" * 250, "(" * 500])
def test_no_text_takes_long_to_compare(line: str) -> None:
    began = time.process_time()
    for text in (f"{line}\n" * (SOURCE_CAP_BYTES // len(line)), line * (SOURCE_CAP_BYTES // len(line))):
        assert len(normal_digest(text)) == 64
    assert time.process_time() - began < 10


def shown(document: LessonsDocument, width: int = 80) -> str:
    console = Console(width=width, record=True, file=Path("/dev/null").open("w"))  # noqa: SIM115
    print_lessons(document, Path("runs"), console)
    console.file.close()
    return console.export_text()


def test_the_table_fits_80_columns_and_commands_no_terminal(tmp_path: Path) -> None:
    told = ["denied reduce_max; \x1b[31mred\u202e", "early; nan", "short", "right"]
    for number in range(3):
        leave_run(tmp_path, f"2020010{number}-000000-00000000", {"relu": told, "silu": told})
    text = shown(lessons_document(read_runs(tmp_path)))
    assert max(map(len, text.splitlines())) <= 80
    assert text.replace("\n", "").isprintable()
    rows = [line.split()[:9] for line in text.splitlines() if line[:4].strip().isdigit()]
    assert rows[0] == ["6", "3", "2", "100%", "100%", "1", "25%", "25%", "properties/nonfinite:"]
    assert "18 of 24 attempts failed; 3 runs in runs" in text
    assert "-    # denied reduce_max" in text
    assert "mended by 4, which stands" in " ".join(text.split())


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["lessons", *arguments])
    assert "Traceback" not in result.output
    return result.exit_code, result.stdout, " ".join(result.stderr.split())


def test_the_command_ranks_offers_and_says_what_is_wrong(tmp_path: Path) -> None:
    runs, corpus = tmp_path / "runs", tmp_path / "corpus"
    leave_run(runs, "r1", {"relu": ["nan", "right"]})
    leave_run(runs, "r2", {"relu": ["nan"]})
    (runs / "r2/generation.json").write_text("{")
    given = ("--runs", str(runs))
    code, table, _ = run(*given)
    assert (code, "1 of 2 attempts failed" in table, "the run r2 was left out" in table) == (0, True, True)
    code, text, _ = run("relu", *given, "--format", "json")
    assert LessonsDocument.model_validate_json(text) == lessons_document(read_runs(runs), "relu")
    code, text, _ = run(*given, "--offer", str(corpus), "--format", "json")
    assert (code, len(json.loads(text)["written"]), len(json.loads(text)["damaged"])) == (0, 1, 1)
    code, text, _ = run(*given, "--offer", str(corpus))
    assert (code, "0 wrong kernels offered" in text, "1 more are the same" in text) == (0, True, True)
    code, _, said = run("rilu", *given)
    assert (code, "'rilu' is not an operator, and no run" in said) == (2, True)
    code, _, said = run(*given, "--offer", str(tmp_path / "runs/r1/run.json"))
    assert (code, "can't be used" in said) == (2, True)
    code, _, _ = run(*given, "--format", "xml")
    assert code == 2


def test_no_runs_are_said_and_are_no_error(tmp_path: Path) -> None:
    code, text, _ = run("--runs", str(tmp_path / "none"))
    assert (code, "no finished run of 'kernelgate generate'" in text) == (0, True)


def test_the_text_of_the_scripted_gate_is_a_candidate() -> None:
    candidate = parse_candidate(kernel("relu", "right").encode(), "c.py")
    assert isinstance(candidate, Candidate)
    assert by_name(candidate).source == ()
