"""A run's deadline ends the measuring itself; what had its verdict keeps it, and nobody is blamed for the rest."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from candidate_sources import candidate
from scripted_flow import HEADER, FakeSupply, small_policy, tiers
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.gate.run_deadline import RunDeadline
from pipeline.gate.turns import Turns
from pipeline.observing.listeners import LogListener
from pipeline.supply.machine_slots import OwnMachine
from pipeline.verification.verify import Options, _in_threads
from policies.policy import Tier
from runners.candidate import Candidate, parse_candidate
from runners.operators import OPERATORS

TOLD = "the run's deadline of 3 s had passed"


def kernel(name: str) -> Candidate:
    source = f"{HEADER}# {name}\ndef relu(x):\n    return x\n"
    item = parse_candidate(source.encode(), f"{name}.py", OPERATORS)
    assert isinstance(item, Candidate)
    return item


def test_without_the_flow_it_ends_turns_and_runners_and_leaves_what_is_judged() -> None:
    supply, told = FakeSupply(), []

    def slow_from_the_second_on() -> None:
        if len(supply.measured) > 1:
            time.sleep(0.5)

    supply._on_run = slow_from_the_second_on
    judged = _in_threads(
        [kernel(name) for name in "abc"], small_policy(cases=100), Turns(1, OwnMachine()), supply,  # type: ignore[arg-type]
        Options(deadline_s=3), LogListener(told.append, told.append), None,
    )  # fmt: skip
    assert supply.closed
    in_time, *late = sorted(judged, key=lambda one: one.verdict.tier is Tier.INCONCLUSIVE)
    assert tiers([in_time, *late]) == [Tier.FUNCTIONAL, Tier.INCONCLUSIVE, Tier.INCONCLUSIVE]
    assert all(TOLD in one.verdict.findings[0].message for one in late)
    taken, measured = supply.taken, len(supply.measured)
    time.sleep(1)
    assert (supply.taken, len(supply.measured)) == (taken, measured), "the work went on behind the report"


def test_one_that_does_not_pass_changes_nothing() -> None:
    supply = FakeSupply()
    judged = _in_threads(
        [kernel("a")], small_policy(), Turns(1, OwnMachine()), supply, Options(deadline_s=600),  # type: ignore[arg-type]
        LogListener(pytest.fail, pytest.fail), None,
    )  # fmt: skip
    assert tiers(judged) == [Tier.FUNCTIONAL]
    assert not supply.closed


def test_it_is_not_called_after_its_block() -> None:
    deadline = RunDeadline(0.05)
    with deadline.ending(lambda: pytest.fail("it was called")):
        pass
    time.sleep(0.2)
    assert not deadline.is_over
    deadline.go_on()


@pytest.mark.parametrize("given", ["0", "-1", "nan", "inf", "1h", "2592001"])
def test_what_is_no_number_of_seconds_is_a_wrong_argument(given: str, tmp_path: Path) -> None:
    (tmp_path / "k.py").write_text(candidate())
    done = CliRunner().invoke(app, ["verify", str(tmp_path / "k.py"), "--deadline", given])
    assert done.exit_code == 2
    assert "--deadline" in done.stderr


def test_the_program_ends_in_time_with_exit_code_3_and_no_runner_is_left(
    kernelgate: Callable[..., CompletedProcess[str]], quick_policy: Path, tmp_path: Path
) -> None:
    """In a real sandbox: a candidate one case of which takes longer than the run may."""
    (tmp_path / "slow.py").write_text(candidate(at_call="time.sleep(6)"))
    command = ["verify", "slow.py", "--policy", str(quick_policy), "--sandbox", "embedded", "--format", "json"]
    done = kernelgate(*command, "--deadline", "3", cwd=tmp_path)
    assert TOLD in done.stderr
    (found,) = json.loads(done.stdout)["candidates"]
    assert (found["path"], found["tier"]) == ("slow.py", "inconclusive")
    assert TOLD in json.dumps(found)
    assert done.returncode == 3, done.stderr
