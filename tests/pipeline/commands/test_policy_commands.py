"""`kernelgate policy` and `kernelgate rules` as a user calls them: exit codes, tables and JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner
from whole_evidence import evidence, failed

from pipeline.cli import app
from pipeline.gate.judged import Judged
from pipeline.rendering.results import print_run
from pipeline.rendering.rules import print_rule
from pipeline.verification.verify import Run
from policies.decide import decide
from policies.policy import load_policy
from policies.rules import RULES


def kernelgate(*arguments: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


FILES = {
    "fine": ("extends: ci\nname: team\nproperties: {random_cases: 60}\n", 0, "fine, nowhere weaker than ci"),
    "doubt": ("extends: ci\nname: ci\nproperties: {random_cases: 60}\n", 0, "doubt name"),
    "weaker": ("extends: ci\nname: team\nproperties: {random_cases: 6}\n", 1, "6 instead of 50"),
    "contradiction": ("extends: ci\nname: team\nallows: [production-safe]\n", 1, "contradiction allows"),
    "invalid": ("extends: ci\nname: team\npropertis: {}\n", 2, "invalid propertis: no such key"),
    "not_yaml": ("a: [\n", 2, "is not YAML"),
}


@pytest.mark.parametrize(("text", "code", "says"), FILES.values(), ids=FILES)
def test_the_exit_code_of_a_check_is_that_of_the_worst_problem(tmp_path: Path, text: str, code: int, says: str) -> None:
    path = tmp_path / "team.yaml"
    path.write_text(text)
    got, table, _ = kernelgate("policy", "check", path)
    assert (got, says in " ".join(table.split())) == (code, True), table
    assert kernelgate("policy", "check", path, "--format", "json")[0] == code


def test_several_files_are_checked_at_once(tmp_path: Path) -> None:
    for name, (text, _, _) in FILES.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    code, text, _ = kernelgate("policy", "check", *sorted(tmp_path.iterdir()), "--format", "json")
    document = json.loads(text)
    assert (code, document["exit_code"], len(document["files"])) == (2, 2, len(FILES))


def test_what_may_be_weaker_is_told_and_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "team.yaml"
    path.write_text(FILES["weaker"][0])
    code, table, _ = kernelgate("policy", "check", path, "--may-weaken", "properties.random_cases")
    assert (code, "weaker (may be)" in table) == (0, True)
    assert kernelgate("policy", "check", path, "--may-weaken", "properties.dtypes")[0] == 1


def test_a_file_that_is_not_there_exits_2(tmp_path: Path) -> None:
    code, _, told = kernelgate("policy", "check", tmp_path / "gone.yaml")
    assert (code, "gone.yaml" in told, "Traceback" in told) == (2, True, False)


def test_two_policies_are_compared(tmp_path: Path) -> None:
    code, table, _ = kernelgate("policy", "diff", "ci", "production")
    assert (code, "properties.random_cases" in table) == (0, True)
    document = json.loads(kernelgate("policy", "diff", "ci", "production", "--format", "json")[1])
    by_key = {entry["key"]: entry for entry in document["differences"]}
    assert by_key["properties.random_cases"] == {
        "key": "properties.random_cases", "first": "50", "second": "200", "stricter": "second",
    }  # fmt: skip
    assert "ask for the same" in kernelgate("policy", "diff", "ci", "ci")[1]
    assert kernelgate("policy", "diff", "ci", "nope")[0] == 2


def test_the_facts_of_organisation_rules_have_a_schema() -> None:
    code, text, _ = kernelgate("policy", "schema")
    assert (code, {"candidate", "evidence", "verdict", "policy"} <= set(json.loads(text)["properties"])) == (0, True)


def test_the_rules_are_listed_and_shown() -> None:
    code, text, _ = kernelgate("rules", "--format", "json")
    assert (code, [rule["id"] for rule in json.loads(text)["rules"]]) == (0, list(RULES))
    table = kernelgate("rules")[1]
    assert [rule for rule in RULES if rule not in table] == []


@pytest.mark.parametrize("rule", ["source/hook", "memory/out-of-bounds-load", "evidence/other-policy"])
def test_a_rule_is_shown_with_what_to_do(rule: str) -> None:
    code, text, _ = kernelgate("rules", rule)
    words = " ".join(text.split())
    assert (code, RULES[rule].page in words) == (0, True)
    assert all(" ".join(part.split()) in words for part in (RULES[rule].title, RULES[rule].why, RULES[rule].remedy))


def test_code_and_paths_are_whole_lines_on_the_narrowest_terminal() -> None:
    text = io.StringIO()
    rule = RULES["memory/out-of-bounds-load"]
    print_rule(rule, Console(file=text, width=20))
    lines = text.getvalue().splitlines()
    assert rule.example is not None
    assert {f"    {line}" for line in rule.example.trips.splitlines()} <= set(lines)
    assert f"page, in the clone of kernelgate: {rule.page}" in lines


def test_a_rule_that_there_is_not_exits_2_with_those_that_are_near() -> None:
    code, _, told = kernelgate("rules", "hook")
    assert (code, "source/hook" in told) == (2, True)
    assert kernelgate("rules", "organisation/anything")[0] == 0


def test_where_something_is_denied_the_table_says_once_how_to_learn_what_the_rule_means() -> None:
    ci, text = load_policy("ci"), io.StringIO()
    judged = tuple(Judged(b"", given, decide(given, ci)) for given in (evidence(), failed(), failed()))
    print_run(Run("r1", Path("runs/r1"), ci, judged), Console(file=text, width=200))
    assert text.getvalue().count("kernelgate rules properties/wrong-values") == 1
    text = io.StringIO()
    print_run(Run("r1", Path("runs/r1"), ci, judged[:1]), Console(file=text, width=200))
    assert "kernelgate rules" not in text.getvalue()
