from __future__ import annotations

import io
from pathlib import Path

from experiment_runs import WRONG, defined, terms, write_run
from rich.console import Console
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.experiments.reading import read_experiments
from pipeline.experiments.results import ExperimentsDocument
from pipeline.generation.budgets import Limit
from pipeline.rendering.experiments import print_experiments


def filled(runs: Path) -> Path:
    definition = defined(6, "as-it-is", "a-shorter-contract")
    for number in range(12):
        run, name = f"r{number:02d}", definition.variants[number % 2].name
        fails = {"attempts": (WRONG,), "reason": Limit.ROUNDS} if number % 3 == 0 else {}
        write_run(runs, run, terms(definition, name, run), usd=f"12{number}.25", seconds=4000.0 + number, **fails)  # type: ignore[arg-type]
    return runs


def test_the_table_fits_eighty_columns_and_says_it_all(tmp_path: Path) -> None:
    written = io.StringIO()
    print_experiments(read_experiments(filled(tmp_path), None, str), Console(file=written, width=80))
    text = written.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    shown = " ".join(text.split())
    assert "tone (" in shown
    assert "6 runs a variant" in shown
    assert "a-shorter-contract against as-it-is: 12 runs; 95 % intervals" in shown
    assert "success rate +0.0 points (-" in shown
    assert "cost of a run × 1.01 (" in shown


def test_the_command_prints_a_table_or_json(tmp_path: Path) -> None:
    given = ["experiments", "tone", "--runs", str(filled(tmp_path))]
    table = CliRunner().invoke(app, given)
    assert (table.exit_code, table.stderr) == (0, "")
    assert "a-shorter-contract against as-it-is" in table.stdout
    result = CliRunner().invoke(app, [*given, "--format", "json"])
    document = ExperimentsDocument.model_validate_json(result.stdout)
    assert document == read_experiments(tmp_path, "tone", str)


def test_no_experiments_is_no_error_and_an_unknown_one_is(tmp_path: Path) -> None:
    none = CliRunner().invoke(app, ["experiments", "--runs", str(tmp_path)])
    assert none.exit_code == 0
    assert "no run here was part of an experiment" in none.stdout
    unknown = CliRunner().invoke(app, ["experiments", "tune", "--runs", str(filled(tmp_path))])
    assert unknown.exit_code == 2
    assert "there is no experiment 'tune'" in unknown.stderr
    assert "there are: tone" in " ".join(unknown.stderr.split())


def test_a_damaged_document_is_one_line_on_stderr(tmp_path: Path) -> None:
    (tmp_path / "r9").mkdir()
    (tmp_path / "r9/generation.json").write_text("{")
    result = CliRunner().invoke(app, ["experiments", "--runs", str(tmp_path)])
    assert result.exit_code == 0
    assert "left out: " in result.stderr
    assert "is damaged" in " ".join(result.stderr.split())
