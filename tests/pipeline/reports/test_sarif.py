"""SARIF: valid by the official schema whatever a candidate's author wrote, with ids and fingerprints that stay."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from jsonschema import Draft4Validator
from report_runs import (
    DAY,
    HOSTILE,
    PLACES,
    SOURCE,
    entry,
    facts,
    mixed,
    production_run,
    run_of,
    waiver,
    wrong,
)

from pipeline.reports.places import Places
from pipeline.reports.sarif import FINGERPRINT, sarif_of
from pipeline.runs.finished import Run
from policies.rules import RULES

ROOT = Path(__file__).parents[3]
SCHEMA = Path(__file__).parent / "schemas" / "sarif-2.1.0-rtm.5.json"
SHA256 = "2d99159ae54a3eea97f81781cff48780548657c35949f4b7f25e99a2ba4de4f8"


@cache
def validator() -> Draft4Validator:
    return Draft4Validator(json.loads(SCHEMA.read_text()), format_checker=Draft4Validator.FORMAT_CHECKER)


def log_of(run: Run, places: Places = PLACES) -> dict[str, Any]:
    """The one run of the log."""
    (only,) = json.loads(sarif_of(run, places))["runs"]
    return only


def hostile_run() -> Run:
    path = "kernels/" + "".join(char for char in HOSTILE if char.isprintable() and char != "/") + ".py"
    given = entry(path, denied=facts(("source/host-arithmetic", 5), detail=HOSTILE))
    return run_of(given, entry(path, failure=wrong(HOSTILE)))


RUNS = {
    "mixed": mixed(), "nothing": run_of(), "hostile": hostile_run(), "tier": production_run(),
    "expired": run_of(entry(failure=wrong(), waivers=(
        waiver("properties/wrong-values", expires=DAY - timedelta(days=1)),))),
}  # fmt: skip


def test_the_schema_is_the_official_one() -> None:
    assert hashlib.sha256(SCHEMA.read_bytes()).hexdigest() == SHA256


@pytest.mark.parametrize("name", RUNS)
def test_every_run_is_valid_by_the_official_schema(name: str) -> None:
    log = json.loads(sarif_of(RUNS[name], PLACES))
    assert [error.message for error in validator().iter_errors(log)] == []


def test_the_schema_is_strict_enough_to_notice_a_mistake() -> None:
    log = json.loads(sarif_of(mixed(), PLACES))
    log["runs"][0]["results"][0]["level"] = "bad"
    assert list(validator().iter_errors(log))


def test_every_rule_stands_in_every_log_under_its_id() -> None:
    rules = log_of(run_of())["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(RULES)
    assert all(rule["help"]["text"] and rule["shortDescription"]["text"] for rule in rules)
    assert all((ROOT / rule["properties"]["page"]).is_file() for rule in rules)
    assert len({rule["name"] for rule in rules}) == len(rules)


def test_a_result_points_to_its_rule_line_file_and_tier() -> None:
    log = log_of(mixed())
    result = next(one for one in log["results"] if one["ruleId"] == "source/host-arithmetic")
    assert log["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "source/host-arithmetic"
    where = result["locations"][0]["physicalLocation"]
    assert (where["artifactLocation"]["uri"], where["region"]) == ("kernels/denied.py", {"startLine": 5})
    assert log["artifacts"][where["artifactLocation"]["index"]]["location"]["uri"] == "kernels/denied.py"
    assert (result["level"], result["properties"]["tier"]) == ("error", "rejected")


def test_what_was_not_measured_is_a_warning_and_a_waived_finding_is_suppressed() -> None:
    results = {one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]: one for one in
               log_of(mixed())["results"]}  # fmt: skip
    assert results["kernels/lost.py"]["level"] == "warning"
    (suppression,) = results["kernels/waived.py"]["suppressions"]
    assert suppression == {"kind": "external", "status": "accepted", "justification": f"known since May (until {DAY})"}
    assert "suppressions" not in results["kernels/wrong.py"]


def test_the_invocation_has_the_exit_code() -> None:
    assert log_of(mixed())["invocations"] == [{"executionSuccessful": True, "exitCode": 1}]
    lost = log_of(run_of(entry(lost="gone")))["invocations"]
    assert lost == [{"executionSuccessful": False, "exitCode": 3}]


def test_a_right_candidate_is_an_artifact_without_a_result() -> None:
    log = log_of(run_of(entry("kernels/right.py")))
    assert log["results"] == []
    (artifact,) = log["artifacts"]
    assert artifact["hashes"] == {"sha-256": hashlib.sha256(SOURCE).hexdigest()}
    assert artifact["properties"] == {"operator": "relu", "tier": "functional", "allowed": True}


def test_a_candidate_that_only_its_tier_denies_says_so() -> None:
    (artifact,) = log_of(production_run())["artifacts"]
    assert "does not let the tier 'functional' through" in artifact["properties"]["denied"]


def fingerprints(run: Run) -> list[str]:
    return [one["partialFingerprints"][FINGERPRINT] for one in log_of(run)["results"]]


def test_a_fingerprint_stays_when_lines_move_or_are_indented_otherwise() -> None:
    here = entry(denied=facts(("source/host-arithmetic", 5)))
    moved = entry(source=b"# new\n\n" + SOURCE.replace(b"    ", b"  "), denied=facts(("source/host-arithmetic", 7)))
    assert fingerprints(run_of(here)) == fingerprints(run_of(moved))


def test_a_fingerprint_stays_when_another_case_fails() -> None:
    assert fingerprints(run_of(entry(failure=wrong("one")))) == fingerprints(run_of(entry(failure=wrong("two"))))


def test_fingerprints_of_different_findings_differ() -> None:
    twice = b"import torch\nx.clamp(0)\nx.clamp(0)\n"
    denied = facts(("source/host-arithmetic", 2), ("source/host-arithmetic", 3), ("source/no-launch", 2))
    both = run_of(entry(source=twice, denied=denied), entry("kernels/other.py", source=twice, denied=denied))
    assert len(set(fingerprints(both))) == 6


def test_the_same_run_gives_the_same_text() -> None:
    assert sarif_of(mixed(), PLACES) == sarif_of(mixed(), PLACES)


def test_hostile_text_makes_no_link_and_no_placeholder() -> None:
    for result in log_of(hostile_run())["results"]:
        text = result["message"]["text"]
        assert "](" not in text
        assert "{" not in text.replace("{{", "")
        assert text.isprintable()


def test_a_path_is_a_uri_that_leads_back_to_it() -> None:
    log = log_of(hostile_run())
    uri = log["artifacts"][0]["location"]["uri"]
    assert set(uri) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%/")
    assert unquote(uri) == hostile_run().judged[0].evidence.candidate.path


def test_paths_are_relative_to_the_repository_from_any_folder_of_it() -> None:
    below = Places(Path("/repository"), Path("/repository/kernels/new"))
    given = run_of(entry("../k.py"), entry("/repository/a.py"), entry("/else where/b.py"))
    locations = [one["location"] for one in log_of(given, below)["artifacts"]]
    assert [one["uri"] for one in locations] == ["kernels/k.py", "a.py", "file:///else%20where/b.py"]
    assert ["uriBaseId" in one for one in locations] == [True, True, False]
    assert "/repository" not in json.dumps(locations)
