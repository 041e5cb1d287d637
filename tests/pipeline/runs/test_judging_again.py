"""Stored runs: judged again under any policy, explained, and what is damaged costs one message and nothing else."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from candidate_sources import candidate
from changed_policies import changed
from typer.testing import CliRunner
from whole_evidence import CASE, evidence, failed, properties

from pipeline.cli import app
from pipeline.gate.judged import Judged
from pipeline.runs.folder import write_run
from policies.decide import decide
from policies.policy import Policy, load_policy
from policies.waivers import DatedWaivers, Waiver
from runners.evidence import Evidence, Missing, SourceFact

WIDE = {"COLUMNS": "400"}  # folders of tests have long names, and rows must not break for them
DEV, CI, PRODUCTION = (load_policy(name) for name in ("dev", "ci", "production"))
RIGHT = candidate().replace("import os, sys, time\n", "").encode()
PRINTS = candidate(at_call="print('hello')").replace("import os, sys, time\n", "").encode()


class Answer(NamedTuple):
    code: int
    text: str
    told: str


def kernelgate(*arguments: str | Path) -> Answer:
    done = CliRunner(env=WIDE).invoke(app, [str(argument) for argument in arguments])
    return Answer(done.exit_code, done.stdout, done.stderr)


def judged(given: Evidence, policy: Policy, source: bytes = RIGHT) -> Judged:
    return Judged(source, given, decide(given, policy))


def stored(folder: Path, policy: Policy, *entries: tuple[Evidence, bytes]) -> Path:
    return write_run(folder, "r1", policy, [judged(given, policy, source) for given, source in entries])


def document(run: Path, *arguments: str) -> dict[str, Any]:
    answer = kernelgate("judge", run, "--format", "json", *arguments)
    return {**json.loads(answer.text), "code": answer.code}


def tiers(made: dict[str, Any]) -> list[str]:
    return [entry["verdict"]["tier"] for entry in made["candidates"]]


@pytest.mark.parametrize("policy", [DEV, CI, PRODUCTION], ids=["dev", "ci", "production"])
def test_under_its_own_policy_a_run_has_the_verdicts_that_are_stored(tmp_path: Path, policy: Policy) -> None:
    run = stored(tmp_path, policy, (evidence(RIGHT), RIGHT), (failed(), b"x = 1\n"))
    made = document(run)
    assert [entry["differs"] for entry in made["candidates"]] == [False, False]
    assert made["code"] == 1
    kept = [json.loads(path.read_text()) for path in sorted(run.glob("*/verdict.json"))]
    assert [entry["verdict"] for entry in made["candidates"]] == kept
    assert "every verdict is the stored one" in kernelgate("judge", run).text


def test_the_exit_codes_are_those_of_verify(tmp_path: Path) -> None:
    right, wrong = (evidence(RIGHT), RIGHT), (failed(), b"x = 1\n")
    open_ = (evidence(RIGHT, properties=Missing(reason="r", ours=True)), RIGHT)
    for number, (entries, code) in enumerate([((right,), 0), ((right, wrong), 1), ((open_, wrong), 1), ((open_,), 3)]):
        assert kernelgate("judge", stored(tmp_path / str(number), CI, *entries)).code == code


@pytest.mark.parametrize("policy", ["ci", "production"])
def test_evidence_that_was_measured_under_dev_passes_nothing_stricter(tmp_path: Path, policy: str) -> None:
    # As complete as evidence can be: what dev did not ask for and evidence does not show is missing all the same.
    run = stored(tmp_path, DEV, (evidence(RIGHT), RIGHT))
    assert document(run)["code"] == 0
    made = document(run, "--policy", policy)
    assert (tiers(made), made["code"]) == (["inconclusive"], 3)
    (entry,) = made["candidates"]
    assert (entry["differs"], entry["stored"]) == (True, {"tier": "functional", "allowed": True})
    assert {"evidence/other-policy"} == {finding["rule"] for finding in entry["verdict"]["findings"]}


def test_evidence_that_dev_made_lacks_the_gpu_and_cases_for_production(tmp_path: Path) -> None:
    few = evidence(
        RIGHT, properties=properties(pairwise_cases=20, random_cases=10, targeted_cases=0),
        device=Missing(reason="nothing was run on a GPU", ours=False),
        mutants=Missing(reason="the policy asks for no mutants", ours=False),
    )  # fmt: skip
    made = document(stored(tmp_path, DEV, (few, RIGHT)), "--policy", "production")
    rules = {finding["rule"] for finding in made["candidates"][0]["verdict"]["findings"]}
    assert {"evidence/too-few-cases", "evidence/gpu-check-missing", "evidence/mutants-missing"} <= rules
    assert made["code"] == 3


def test_evidence_of_production_is_enough_for_ci(tmp_path: Path) -> None:
    run = stored(tmp_path, PRODUCTION, (evidence(RIGHT), RIGHT))
    made = document(run, "--policy", "ci")
    assert (tiers(made), made["code"]) == (["functional"], 0)
    assert (
        "production-safe (allowed) before, functional (allowed) now" in kernelgate("judge", run, "--policy", "ci").text
    )


def test_the_source_is_read_again_under_a_policy_that_allows_less(tmp_path: Path) -> None:
    lax = changed(CI, "source.allowed_host_calls", ("print",))
    run = stored(tmp_path, lax, (evidence(PRINTS), PRINTS))
    assert document(run)["code"] == 0
    made = document(run, "--policy", "ci")
    (finding,) = made["candidates"][0]["verdict"]["findings"]
    assert (made["code"], finding["rule"]) == (1, "source/host-call-not-allowed")


def test_what_was_never_run_is_not_functional_under_a_policy_that_allows_more(tmp_path: Path) -> None:
    fact = SourceFact(rule="source/host-call-not-allowed", line=17, detail="print")
    unrun = evidence(PRINTS, source=(fact,), properties=Missing(reason="it was denied", ours=False), isolation=None)
    run = stored(tmp_path, CI, (unrun, PRINTS))
    lax = tmp_path / "lax.yaml"
    lax.write_text("extends: ci\nname: lax\nsource: {allowed_host_calls: [print]}\n")
    made = document(run, "--policy", str(lax))
    assert (tiers(made), made["code"]) == (["inconclusive"], 3)


def test_an_operator_that_is_not_known_here_is_told(tmp_path: Path) -> None:
    given = evidence(RIGHT)
    foreign = given.model_copy(update={"candidate": given.candidate.model_copy(update={"operator": "ours"})})
    run = stored(tmp_path, changed(CI, "source.allowed_host_calls", ("print",)), (foreign, RIGHT))
    assert document(run)["code"] == 0  # the source need not be read again
    made = document(run, "--policy", "ci")
    assert (made["code"], len(made["damaged"])) == (3, 1)
    assert "--operators" in made["damaged"][0]["problem"]


def test_rules_of_an_organisation_are_asked_of_stored_evidence(tmp_path: Path) -> None:
    run = stored(tmp_path, CI, (evidence(RIGHT), RIGHT))
    team = tmp_path / "team.yaml"
    rule = "- name: no-spills\n  expression: evidence.compile.targets.all(t, t.spill_bytes < 0)\n  message: Spills.\n"
    team.write_text(f"extends: ci\nname: team\norganisation:\n{rule}")
    made = document(run, "--policy", str(team))
    assert (made["code"], made["candidates"][0]["verdict"]["findings"][0]["rule"]) == (1, "organisation/no-spills")


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


DAMAGE = {
    "evidence_gone": (lambda f: (f / "evidence.json").unlink(), "evidence.json is missing"),
    "evidence_cut_off": (
        lambda f: (f / "evidence.json").write_bytes((f / "evidence.json").read_bytes()[:500]), "cut off or is no JSON"),
    "evidence_empty": (lambda f: (f / "evidence.json").write_bytes(b""), "cut off or is no JSON"),
    "evidence_improved": (
        lambda f: edited(f / "evidence.json", '"random_cases":200', '"random_cases":900'), "is not the one that"),
    "evidence_of_older_schema": (
        lambda f: edited(f / "evidence.json", '"schema_version":1', '"schema_version":0'),
        "has the schema version 0, this kernelgate reads 1"),
    "evidence_unknown_key": (
        lambda f: edited(f / "evidence.json", '"source":', '"sauce":1,"source":'), "is not what this version"),
    "evidence_no_object": (lambda f: (f / "evidence.json").write_text("[]"), "is not what this version"),
    "verdict_gone": (lambda f: (f / "verdict.json").unlink(), "verdict.json is missing"),
    "verdict_of_other_evidence": (
        lambda f: shutil.copy(f.parent / "002-kernels-relu" / "verdict.json", f / "verdict.json"),
        "is not the one that"),
    "verdict_unknown_rule": (
        lambda f: edited(f / "verdict.json", '"findings": []',
                         '"findings": [{"rule": "x/y", "severity": "error", "message": ""}]'), "is not a rule"),
    "source_changed": (lambda f: (f / "candidate.py").write_text("x = 2\n"), "candidate.py is not the file"),
    "source_gone": (lambda f: (f / "candidate.py").unlink(), "candidate.py is missing"),
    "all_gone": (shutil.rmtree, "is missing"),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "says"), DAMAGE.values(), ids=DAMAGE)
def test_damage_costs_one_message_and_no_other_candidate(tmp_path: Path, damage: Any, says: str) -> None:
    run = stored(tmp_path, CI, (evidence(RIGHT), RIGHT), (failed(), b"x = 1\n"), (evidence(PRINTS), PRINTS))
    damage(run / "001-kernels-relu")
    made = document(run)
    (damaged,) = made["damaged"]
    assert (damaged["folder"], says in damaged["problem"]) == ("001-kernels-relu", True), damaged
    assert tiers(made) == ["rejected", "functional"]
    assert made["code"] == 1
    table = kernelgate("judge", run)
    assert table.text.count("damaged 001-kernels-relu") == 1
    assert "Traceback" not in table.told


def test_damage_alone_is_incomplete_and_not_allowed(tmp_path: Path) -> None:
    run = stored(tmp_path, CI, (evidence(RIGHT), RIGHT), (evidence(PRINTS), PRINTS))
    (run / "001-kernels-relu" / "evidence.json").unlink()
    assert kernelgate("judge", run).code == 3


def test_a_policy_that_was_made_laxer_afterwards_is_noticed(tmp_path: Path) -> None:
    run = stored(tmp_path, CI, (evidence(RIGHT), RIGHT))
    edited(run / "policy.json", '"tf32": false', '"tf32": true')
    made = document(run)
    assert (made["code"], "policy.json is not the policy" in made["damaged"][0]["problem"]) == (3, True)


def test_a_stored_policy_of_an_earlier_version_keeps_its_digest(tmp_path: Path) -> None:
    run = stored(tmp_path, CI, (evidence(RIGHT), RIGHT))
    old = json.loads((run / "policy.json").read_text())
    del old["organisation"]
    (run / "policy.json").write_text(json.dumps(old, indent=2))
    digest = hashlib.sha256(json.dumps(old, separators=(",", ":")).encode()).hexdigest()
    edited(run / "001-kernels-relu" / "verdict.json", CI.digest, digest)
    assert document(run)["code"] == 0


BAD_RUNS = {
    "not_there": (shutil.rmtree, "there is no run"),
    "no_candidate": (lambda r: [shutil.rmtree(p) for p in r.iterdir() if p.is_dir()] + [(r / "run.json").unlink()],
                     "holds no candidate"),
    "policy_cut_off": (lambda r: (r / "policy.json").write_text("{"), "cut off"),
    "policy_of_another_version": (lambda r: edited(r / "policy.json", '"tf32"', '"tf33"'), "not what this version"),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "says"), BAD_RUNS.values(), ids=BAD_RUNS)
def test_a_run_that_can_not_be_read_exits_2(tmp_path: Path, damage: Any, says: str) -> None:
    run = stored(tmp_path, CI, (evidence(RIGHT), RIGHT))
    damage(run)
    answer = kernelgate("judge", run)
    assert (answer.code, says in answer.told, "Traceback" in answer.told) == (2, True, False), answer.told


def test_a_run_about_no_candidate_is_whole(tmp_path: Path) -> None:
    run = stored(tmp_path, CI)
    made = document(run)
    assert (made["code"], made["candidates"], made["damaged"]) == (0, [], [])
    assert "0 candidates: nothing to verify" in kernelgate("judge", run).text
    explained = kernelgate("policy", "explain", run)
    assert (explained.code, "about no candidate" in explained.text) == (0, True)
    report = kernelgate("report", run)
    assert (report.code, report.text.strip()) == (0, str(run / "report.html")), report.told


def test_the_page_of_a_run_about_no_candidate_offers_no_command(tmp_path: Path) -> None:
    page = (stored(tmp_path, CI) / "report.html").read_text()
    assert "No candidate was verified." in page
    assert "kernelgate judge" not in page
    assert "What to do next" not in page


@pytest.mark.parametrize(
    "damage",
    [
        lambda run: (run / "run.json").write_text("{}"),
        lambda run: (run / "run.json").unlink(),
        lambda run: edited(run / "run.json", '"run": "r1"', '"round": "r1"'),
    ],
    ids=["summary_is_none", "summary_is_lost", "summary_has_another_field"],
)
def test_a_run_without_a_candidate_that_does_not_say_so_is_damaged(tmp_path: Path, damage: Any) -> None:
    run = stored(tmp_path, CI)
    damage(run)
    answer = kernelgate("judge", run)
    assert (answer.code, "holds no candidate" in answer.told) == (2, True)


def test_judging_writes_nothing(tmp_path: Path) -> None:
    run = stored(tmp_path, CI, (evidence(RIGHT), RIGHT))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    kernelgate("judge", "r1", "--runs", tmp_path, "--policy", "production")
    kernelgate("policy", "explain", run)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_explanation_names_the_rule_its_evidence_and_what_was_satisfied(tmp_path: Path) -> None:
    run = stored(tmp_path, CI, (failed(), b"x = 1\n"))
    answer = kernelgate("policy", "explain", run / "001-kernels-relu" / "verdict.json")
    assert answer.code == 0
    parts = ("rejected, denied by policy ci", "decided properties/wrong-values", "properties.failure", CASE.id,
             "satisfied isolation", "kernelgate rules properties/wrong-values")  # fmt: skip
    assert [part for part in parts if part not in answer.text] == []


@pytest.mark.parametrize(
    "way", ["{run}", "{run}/001-kernels-relu", "{run}/001-kernels-relu/verdict.json", "r1", "r1/001-kernels-relu"]
)
def test_a_verdict_is_named_by_its_run_its_folder_or_its_file(tmp_path: Path, way: str) -> None:
    run = stored(tmp_path, CI, (evidence(RIGHT), RIGHT))
    named = way.format(run=run)
    judged_again = json.loads(kernelgate("judge", named, "--runs", tmp_path, "--format", "json").text)
    assert [one["folder"] for one in judged_again["candidates"]] == ["001-kernels-relu"]
    report = kernelgate("report", named, "--runs", tmp_path)
    assert report.code == (2 if "001" in named else 0), report.told
    assert ("name the run, " in report.told) is ("001" in named)
    answer = kernelgate("policy", "explain", named, "--runs", tmp_path, "--format", "json")
    (verdict,) = json.loads(answer.text)["verdicts"]
    assert (verdict["tier"], verdict["decided"]) == ("functional", [])
    assert {"source", "properties", "controls", "compile", "isolation"} <= {
        one["check"] for one in verdict["satisfied"]
    }


def test_counts_are_explained_against_what_another_policy_asks_for(tmp_path: Path) -> None:
    few = evidence(RIGHT, properties=properties(pairwise_cases=56, random_cases=50, targeted_cases=20))
    run = stored(tmp_path, CI, (few, RIGHT))
    answer = kernelgate("policy", "explain", run, "--policy", "production", "--format", "json")
    (verdict,) = json.loads(answer.text)["verdicts"]
    (counts,) = [one for one in verdict["decided"] if one["rule"] == "evidence/too-few-cases"]
    assert counts["asked"][0] == "properties.pairwise_cases = 120"
    assert counts["evidence"] == "properties"
    assert counts["seen"].startswith("56 pairwise of 120 asked for, 50 random of 200")


@pytest.mark.parametrize("verdict", ["nope", "r1/nope", "r1/001-kernels-relu/verdict.jsn"])
def test_a_verdict_that_is_not_there_exits_2(tmp_path: Path, verdict: str) -> None:
    stored(tmp_path, CI, (evidence(RIGHT), RIGHT))
    assert kernelgate("policy", "explain", verdict, "--runs", tmp_path).code == 2


def test_a_verdict_that_was_made_better_afterwards_is_made_again(tmp_path: Path) -> None:
    run = stored(tmp_path, CI, (failed(), b"x = 1\n"))
    verdict = json.loads((run / "001-kernels-relu" / "verdict.json").read_text())
    better = verdict | {"tier": "production-safe", "allowed": True, "findings": []}
    (run / "001-kernels-relu" / "verdict.json").write_text(json.dumps(better))
    made = document(run)
    assert (tiers(made), made["candidates"][0]["differs"], made["code"]) == (["rejected"], True, 1)
    text = kernelgate("policy", "explain", run).text
    assert "decided properties/wrong-values" in text
    assert "other than stored: production-safe (allowed) before, rejected (denied) now" in text


def test_waivers_hold_again_as_on_their_day_and_under_no_other_policy(tmp_path: Path) -> None:
    given = failed()
    waiver = Waiver(rule="properties/wrong-values", digest=given.candidate.digest, reason="r", expires=date(2020, 1, 2))
    waivers = DatedWaivers(day=date(2020, 1, 1), waivers=(waiver,))
    entry = Judged(b"x = 1\n", given, decide(given, CI, waivers=waivers))
    run = write_run(tmp_path, "r1", CI, [entry])
    made = document(run)
    assert (made["code"], made["candidates"][0]["differs"]) == (0, False)
    assert kernelgate("policy", "explain", run).code == 0
    assert document(run, "--policy", "dev")["code"] == 1


def test_a_damaged_verdict_is_explained_as_damaged(tmp_path: Path) -> None:
    run = stored(tmp_path, CI, (evidence(RIGHT), RIGHT))
    (run / "001-kernels-relu" / "evidence.json").write_text("{")
    answer = kernelgate("policy", "explain", run / "001-kernels-relu")
    assert (answer.code, "damaged 001-kernels-relu: evidence.json" in answer.text) == (3, True)
