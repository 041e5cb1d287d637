"""The comparison in the gate: made for a source that was denied too, bound to the set, never kept where it failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from candidate_sources import HEADER
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.exit_codes import USAGE
from pipeline.gate.content_key import content_key
from pipeline.gate.judging import measure
from pipeline.generation.hardware import card_of
from pipeline.generation.prompts import Attempt, Prompts
from pipeline.generation.subject import Subject
from policies.decide import decide
from policies.policy import Policy, Tier, load_policy
from runners.candidate import Candidate, Unreadable, parse_candidate
from runners.evidence import Missing, OriginEvidence
from runners.operators import OPERATORS

COPIED = (Path(__file__).parents[2] / "kernels" / "flag_gems" / "softmax.py").read_text()
DENIED = COPIED.replace("import torch\n", "import os\nimport torch\n")
NO_SUPPLY: Any = None  # what is not run needs none


@pytest.fixture
def team(tmp_path: Path) -> Path:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "k.py").write_text(COPIED)
    path = tmp_path / "team.yaml"
    path.write_text("extends: ci\norigin: {references: theirs, required: true}\n")
    return path


@pytest.fixture
def policy(team: Path) -> Policy:
    return load_policy(str(team))


def candidate(text: str) -> Candidate | Unreadable:
    return parse_candidate(text.encode(), "k.py")


def test_a_source_that_was_denied_is_compared_too(policy: Policy) -> None:
    evidence = measure(candidate(DENIED), policy, NO_SUPPLY)
    verdict = decide(evidence, policy)
    assert {finding.rule for finding in verdict.findings} == {"source/import-not-allowed", "origin/copied"}
    assert verdict.tier is Tier.REJECTED


@pytest.mark.parametrize("text", ["x = 1\n", HEADER + "def relu(:\n"])
def test_what_is_no_candidate_or_no_python_has_no_origin_and_no_finding_about_it(text: str, policy: Policy) -> None:
    evidence = measure(candidate(text), policy, NO_SUPPLY)
    assert isinstance(evidence.origin, Missing)
    assert all(finding.rule.startswith(("candidate/", "source/")) for finding in decide(evidence, policy).findings)


def test_evidence_is_kept_by_what_the_references_hold(team: Path, policy: Policy) -> None:
    item = candidate(DENIED)
    first = content_key(item, policy, None)
    (team.parent / "theirs" / "more.py").write_text(COPIED.replace("exp", "exp2"))
    assert first == content_key(item, policy, None)
    assert first != content_key(item, load_policy(str(team)), None)


def test_a_set_that_this_process_has_read_is_the_policys_whatever_becomes_of_the_folder(
    team: Path, policy: Policy
) -> None:
    (team.parent / "theirs" / "k.py").unlink()
    assert "origin/copied" in {
        one.rule for one in decide(measure(candidate(DENIED), policy, NO_SUPPLY), policy).findings
    }


def test_a_set_that_changed_and_was_never_read_here_is_our_failure(team: Path, policy: Policy) -> None:
    assert policy.origin.references is not None
    unread = policy.origin.references.model_copy(update={"digest": "0" * 64})
    other = policy.model_copy(update={"origin": policy.origin.model_copy(update={"references": unread})})
    origin = measure(candidate(DENIED), other, NO_SUPPLY).origin
    assert isinstance(origin, OriginEvidence)
    assert isinstance(origin.comparison, Missing)
    assert origin.comparison.ours
    assert "have changed since the policy was read" in origin.comparison.reason


def test_a_set_that_can_not_be_used_is_wrong_configuration_and_one_message(team: Path) -> None:
    (team.parent / "theirs" / "broken.py").write_text("def f(:\n")
    done = CliRunner().invoke(app, ["verify", str(team.parent / "theirs" / "k.py"), "--policy", str(team)])
    assert done.exit_code == USAGE
    assert done.stderr.count("\n") == 1
    assert "broken.py, line 1: invalid syntax" in done.stderr


def test_an_author_is_told_which_licences_to_declare(policy: Policy) -> None:
    asking = policy.origin.model_copy(update={"candidate_licences": ("Apache-2.0", "LicenseRef-Ours", "NONE")})
    subject = Subject(OPERATORS["softmax"], policy.model_copy(update={"origin": asking}), card_of("h100"))
    told = "# SPDX-License-Identifier: Apache-2.0 or LicenseRef-Ours"
    assert told in Prompts(()).attempt(subject, Attempt())[0].text
    plain = Subject(OPERATORS["softmax"], policy, card_of("h100"))
    assert "SPDX" not in Prompts(()).attempt(plain, Attempt())[0].text
