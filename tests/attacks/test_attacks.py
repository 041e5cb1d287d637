"""Each attack is denied from its source, and once more when it really runs; each honest look-alike passes.

One run of the gate for each policy, over the attacks that were selected. README.md says what an attack's folder holds.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from subprocess import run

import pytest
from attack_folders import ATTACKS, Attack, read_attacks

from pipeline.gate.judged import Judged
from pipeline.settings import Settings
from pipeline.verification.verify import Options, verify_items
from policies.policy import load_policy
from policies.verdict import Finding
from runners.candidate import read_candidate
from sandbox.owner import PID

ALL = read_attacks()
RUNNING = tuple(attack for attack in ALL if attack.behind is not None)
WITH_LOOK_ALIKE = tuple(attack for attack in ALL if attack.honest is not None)
CANARY = ATTACKS.parent / "kernels" / "relu" / "right_block.py"
OPEN = str(ATTACKS / "open.yaml")
BRIEF = str(ATTACKS / "brief.yaml")
WORKERS = 5  # many attacks do nothing but wait for their deadline
RUNNER_BYTES = 1 << 30  # the least that a runner may have: less to fill for who wants to fill it
A_RUN_S = 1800
Verdicts = dict[Path, Judged]


class Quiet:
    def note(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...

    def check(self, path: str, name: str) -> None: ...

    def case(self, path: str, done: int, planned: int) -> None: ...

    def mutant(self, path: str, done: int, planned: int) -> None: ...

    def judged(self, path: str, judged: Judged) -> None: ...


def verdicts_on(paths: Sequence[Path], policy: str) -> Verdicts:
    items = [read_candidate(path) for path in paths]
    settings = replace(Settings.resolve(), runner_bytes=RUNNER_BYTES, workers=WORKERS)
    options = Options(unreduced=frozenset(item.facts.path for item in items))
    judged = verify_items(items, load_policy(policy), settings, options, Quiet())
    return dict(zip(paths, judged, strict=True))


def selected(request: pytest.FixtureRequest, test: str) -> tuple[Attack, ...]:
    """The attacks for which `test` is about to run: `-k` leaves the others out."""
    return tuple(
        item.callspec.params["attack"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.originalname == test
    )


def first(judged: Judged) -> Finding:
    assert judged.verdict.findings, f"nothing was noticed: {judged.verdict.tier}"
    return judged.verdict.findings[0]


@pytest.fixture(scope="module")
def by_contract(request: pytest.FixtureRequest, runner_image: str) -> Verdicts:
    attacks = [attack.file for attack in selected(request, "test_its_source_is_denied")]
    honest = [attack.honest for attack in selected(request, "test_the_honest_look_alike_passes")]
    return verdicts_on([*attacks, *(path for path in honest if path is not None)], BRIEF)


@pytest.fixture(scope="module")
def by_running(request: pytest.FixtureRequest, runner_image: str) -> Verdicts:
    attacks = [attack.file for attack in selected(request, "test_it_is_stopped_when_it_runs")]
    return verdicts_on([*attacks, CANARY], OPEN)


@pytest.mark.timeout(A_RUN_S)
@pytest.mark.parametrize("attack", ALL, ids=lambda attack: attack.name)
def test_its_source_is_denied(attack: Attack, by_contract: Verdicts) -> None:
    judged = by_contract[attack.file]
    assert not judged.verdict.allowed
    assert first(judged).rule in attack.contract, first(judged)


@pytest.mark.timeout(A_RUN_S)
@pytest.mark.parametrize("attack", WITH_LOOK_ALIKE, ids=lambda attack: attack.name)
def test_the_honest_look_alike_passes(attack: Attack, by_contract: Verdicts) -> None:
    assert attack.honest is not None
    assert (by_contract[attack.honest].verdict.tier, by_contract[attack.honest].verdict.findings) == ("functional", ())


@pytest.mark.timeout(A_RUN_S)
@pytest.mark.parametrize("attack", RUNNING, ids=lambda attack: attack.name)
def test_it_is_stopped_when_it_runs(attack: Attack, by_running: Verdicts) -> None:
    assert attack.behind is not None
    judged = by_running[attack.file]
    assert not judged.verdict.allowed
    finding = first(judged)
    assert finding.rule in attack.behind, finding
    assert re.search(attack.says or "", finding.message), finding


def test_afterwards_an_honest_candidate_passes_and_nothing_is_left(by_running: Verdicts) -> None:
    assert by_running[CANARY].verdict.tier == "functional"
    again = verdicts_on([CANARY], OPEN)
    assert again[CANARY].verdict.tier == "functional"
    ours = f"label={PID}={os.getpid()}"
    listed = run(["docker", "ps", "-aq", "--filter", ours], capture_output=True, text=True, check=True)
    assert listed.stdout == ""
