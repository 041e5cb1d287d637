"""What an application found is replayed from the registry's log: the call's own arguments, in a container."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import torch
from served_kernels import LATER_WRONG, RIGHT, Team, promoted, team
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.registry.cases import case_in
from pipeline.registry.contract import Place, open_registry
from pipeline.rollout.breaker import Breaker
from pipeline.rollout.calls import Fit, case_of, fit, lay, recorded
from pipeline.rollout.incidents import Incident, trip
from pipeline.rollout.judging import judge
from policies.decide import finding_of
from runners.operators import OPERATORS
from runners.oracle import STRICT

SOFTMAX = OPERATORS["softmax"]


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Team, str, str]:
    """A kernel that an application saw fail where a row has an element above 88; its digest and the case's id."""
    made = team(tmp_path_factory.mktemp("team"))
    digest = promoted(made, LATER_WRONG, "canary").digest
    x = torch.linspace(-3, 3, 40).reshape(5, 8).t()
    x[3, 2] = 95.0
    found = fit(SOFTMAX, (x,))
    assert isinstance(found, Fit)
    laid = (lay(x),)
    case = case_of(SOFTMAX, found, (x,), laid)
    before = (x.clone(memory_format=torch.contiguous_format),)
    wrong = torch.exp(before[0]) / torch.exp(before[0]).sum(-1, keepdim=True)
    failure = judge(SOFTMAX, found, case, before, before, wrong, STRICT)
    assert failure is not None
    place = Place("softmax", "sm_90", "canary")
    kept = recorded(SOFTMAX, before, laid)
    thread = trip(
        Breaker(), Incident(place, digest, "mismatch", finding_of(failure), "interpreter", kept), made.registry
    )
    assert thread is not None
    thread.join()
    return made, digest, case.id


def test_the_call_fails_again_with_its_own_arguments(
    kernelgate: Callable[..., CompletedProcess[str]], failed: tuple[Team, str, str], tmp_path: Path, runner_image: str
) -> None:
    made, digest, case = failed
    done = kernelgate("replay", digest[:10], case, "--registry", made.registry, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "with the arguments of the call that failed" in done.stdout
    assert "nan" in done.stdout
    assert "[3, 2]" in done.stdout


@pytest.mark.parametrize(
    ("kernel", "case", "said"),
    [("ffff", "", "ffff"), (None, "zz", "begins with 'zz'; the registry has: "), (None, "", "begins with ''")],
)
def test_what_is_not_there_is_said(failed: tuple[Team, str, str], kernel: str | None, case: str, said: str) -> None:
    made, digest, _ = failed
    done = CliRunner().invoke(app, ["replay", kernel or digest, case, "--registry", made.registry])
    assert done.exit_code == 2
    assert said in done.output


def test_a_case_is_found_by_what_the_log_shows_of_it(failed: tuple[Team, str, str], tmp_path: Path) -> None:
    made, digest, case = failed
    with closing(open_registry(made.registry)) as registry:
        (shown,) = {event.case_digest for event in registry.events() if event.case_digest is not None}
        found = case_in(registry, digest[:8], shown[:12], tmp_path)
    assert (found.case.id, shown.startswith(case)) == (case, False)


def test_a_kernel_where_a_run_is_wanted_is_told_where_its_cases_are(tmp_path: Path) -> None:
    for named, is_told in (("3f2a91c0", True), ("20261130-070848-b8d59152", False)):
        done = CliRunner().invoke(app, ["replay", named, "54f3", "--runs", str(tmp_path)])
        assert (done.exit_code, "--registry WHERE" in done.stderr) == (2, is_told), done.stderr


def test_a_source_that_was_changed_in_the_registry_is_not_replayed(tmp_path: Path) -> None:
    """By somebody who owns the database, and takes its triggers away first."""
    made = team(tmp_path)
    digest = promoted(made, LATER_WRONG).digest
    with closing(sqlite3.connect(made.registry)) as database:
        triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            database.execute(f"DROP TRIGGER {name}")
        changed = database.execute("UPDATE registry_kernels SET source = ?", (RIGHT.read_bytes(),)).rowcount
        database.commit()
    assert (changed, len(triggers) > 0) == (1, True)
    done = CliRunner().invoke(app, ["replay", digest, "0", "--registry", made.registry])
    assert done.exit_code == 2
    assert "is another one" in done.output
