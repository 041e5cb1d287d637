"""The trail of a check and the maps of its failures: what is written down, and what it never changes."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
import torch

from runners import trail as trails
from runners.candidate import Candidate
from runners.evidence import ExaminedCase, PropertiesEvidence, WrongValues
from runners.examined_case import Phase, TensorFill
from runners.materialise import TensorValue, materialise
from runners.operators import OPERATORS
from runners.properties import PHASES, Effort, PropertiesCheck
from runners.session import Deadlines
from runners.traced_check import REDUCTION, TracedCheck
from runners.trail import KEPT, Trail

DTYPES = ("float32", "float16", "bfloat16")
DEADLINES = Deadlines(load_s=2.0, case_s=1.0)
ALL_PHASES = Effort(
    12, 4, DTYPES, DEADLINES, 60.0, special_cases=7, block_cases=5, huge_cases=2, targeted_cases=6, long_s=0.2
)  # fmt: skip


def relu(x: torch.Tensor) -> torch.Tensor:
    return torch.relu(x).contiguous()


def without_its_tail(x: torch.Tensor) -> torch.Tensor:
    """Wrong in the last quarter of rows that are long enough."""
    result = relu(x)
    if result.dim() and result.shape[-1] >= 8:
        result[..., -(result.shape[-1] // 4) :] = 7.0
    return result


@pytest.fixture
def candidate(relu_candidate: Candidate) -> Candidate:
    return replace(relu_candidate, source=b"BLOCK = 32\n")


@pytest.fixture
def evidence_of(candidate, fake_runners):
    def run(function, how: Effort = ALL_PHASES, check: type[PropertiesCheck] = TracedCheck) -> PropertiesEvidence:
        runners = fake_runners(function)
        evidence = check(candidate, runners.take, how, 1).run()
        assert runners.left_running == 0
        return evidence

    return run


def test_the_phases_of_a_trail_are_those_of_the_check() -> None:
    assert get_args(Phase) == (*PHASES, REDUCTION)


def test_a_trail_has_every_case_in_order(evidence_of) -> None:
    evidence = evidence_of(relu)
    assert len(evidence.trail) == evidence.cases
    by_phase = {phase: sum(one.phase == phase for one in evidence.trail) for phase in PHASES}
    assert by_phase == {
        "pairwise": evidence.pairwise_cases, "specials": evidence.special_cases, "blocks": evidence.block_cases,
        "huge": evidence.huge_cases, "random": evidence.random_cases, "targeted": evidence.targeted_cases,
        "long": evidence.long_cases,
    }  # fmt: skip
    assert all(by_phase.values())
    assert {one.outcome for one in evidence.trail} == {"agreed"}
    assert (evidence.left_out, evidence.found) == (0, None)
    for dtype, worst in evidence.worst_ratio.items():
        assert max(one.ratio for one in evidence.trail if one.dtype == dtype) == pytest.approx(worst, rel=1e-3)


def test_an_entry_of_a_trail_is_the_case_that_was_run(evidence_of, fake_runners, candidate) -> None:
    seen: list[tuple[torch.Size, tuple[int, ...], torch.dtype]] = []

    def remember(x: torch.Tensor) -> torch.Tensor:
        seen.append((x.shape, x.stride(), x.dtype))
        return relu(x)

    evidence = evidence_of(remember, Effort(20, 10, DTYPES, DEADLINES, 60.0))
    for one, (shape, strides, dtype) in zip(evidence.trail, seen[::2], strict=True):
        case = one.case("relu")
        (argument,) = materialise(candidate.operator, case)
        assert isinstance(argument, TensorValue)
        assert (argument.view.shape, argument.view.stride(), argument.view.dtype) == (shape, strides, dtype)
        assert one.elements == argument.view.numel()


def test_a_trail_changes_nothing_that_the_check_finds(evidence_of) -> None:
    for function in (relu, without_its_tail, lambda x: 1 / 0):
        plain, traced = evidence_of(function, check=PropertiesCheck), evidence_of(function)
        assert (plain.trail, plain.found) == ((), None)
        timed = {"wall_s", "slowest_s", "long_cases", "longest", "compared"}  # long cases go as far as the time does
        ours = {"trail", "found", "left_out", "failure"} | timed
        assert traced.model_dump(exclude=ours) == plain.model_dump(exclude=ours)
        if isinstance(traced.failure, WrongValues):
            assert traced.failure.model_copy(update={"errors": None}) == plain.failure


def test_a_failure_has_a_map_and_so_has_the_one_that_was_found_first(evidence_of) -> None:
    evidence = evidence_of(without_its_tail)
    failure, found = evidence.failure, evidence.found
    assert isinstance(failure, WrongValues)
    assert isinstance(found, WrongValues)
    for wrong in (failure, found):
        assert wrong.errors is not None
        assert wrong.errors.total == wrong.total
        assert sum(map(sum, wrong.errors.wrong)) == wrong.wrong
    assert failure.total < found.total
    first_failed = next(one for one in evidence.trail if one.outcome == "failed")
    assert first_failed.case("relu") == found.case
    assert evidence.trail.index(first_failed) + 1 == evidence.failed_at


def test_runs_that_make_a_failure_smaller_are_told_from_the_others(evidence_of) -> None:
    evidence = evidence_of(without_its_tail)
    reducing = [one for one in evidence.trail if one.phase == "reduction"]
    assert len(reducing) == evidence.reductions > 0
    assert evidence.trail[evidence.failed_at :] == tuple(reducing)
    assert failing_cases(reducing)[-1] == evidence.failure.case


def failing_cases(trail: list[ExaminedCase]) -> list:
    return [one.case("relu") for one in trail if one.outcome == "failed"]


def test_a_failure_that_could_not_be_made_smaller_is_not_stored_twice(evidence_of) -> None:
    evidence = evidence_of(without_its_tail, replace(ALL_PHASES, reduces=False))
    assert isinstance(evidence.failure, WrongValues)
    assert evidence.failure.errors is not None
    assert evidence.found is None


def test_the_map_is_of_the_run_that_was_blamed(candidate, fake_runners) -> None:
    """Wrong in one element of the shuffled run, right in natural order."""

    def wrong_if_shuffled(x: torch.Tensor) -> torch.Tensor:
        result = relu(x)
        if runners.conditions.order_seed is not None and result.numel():
            result.view(-1)[-1] += 100
        return result

    runners = fake_runners(wrong_if_shuffled)
    how = Effort(8, 0, DTYPES, DEADLINES, 60.0, reduces=False)
    failure = TracedCheck(candidate, runners.take, how, 1).run().failure
    assert isinstance(failure, WrongValues)
    assert failure.conditions.startswith("shuffled order")
    assert failure.wrong == sum(map(sum, failure.errors.wrong)) == 1


def test_the_map_is_of_the_result_that_was_blamed(fake_runners) -> None:
    operator = OPERATORS["fused_add_rms_norm"]

    def wrong_sum(x, residual, weight, eps):
        total = (x.float() + residual.float()).to(x.dtype)
        wide = total.float()
        scaled = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps) * weight.float()
        return scaled.to(x.dtype).contiguous(), (total + 3).contiguous()

    runners = fake_runners(wrong_sum)
    how = Effort(30, 0, ("float32",), DEADLINES, 60.0, reduces=False)
    failure = TracedCheck(Candidate("k.py", b"", "", operator, operator.name), runners.take, how, 1).run().failure
    assert isinstance(failure, WrongValues)
    assert failure.output == 1
    assert failure.wrong == sum(map(sum, failure.errors.wrong))


def test_refusals_and_what_cannot_be_run_are_told_apart(fake_runners, candidate) -> None:
    def refuses_large(x: torch.Tensor) -> torch.Tensor:
        if x.numel() > 20_000:
            raise ValueError("too large")
        if x.dtype == torch.bfloat16:
            raise fake_runners.CannotRun("no bfloat16 here")
        return relu(x)

    runners = fake_runners(refuses_large)
    evidence = TracedCheck(candidate, runners.take, replace(ALL_PHASES, huge_cases=0, block_cases=0), 1).run()
    outcomes = [one.outcome for one in evidence.trail]
    assert outcomes.count("unsupported") == evidence.unsupported_cases > 0
    assert "beyond_reach" in outcomes
    assert all((one.ratio is not None) == (one.outcome == "agreed") for one in evidence.trail)
    assert {one.phase for one in evidence.trail if one.outcome == "beyond_reach"} == {"long"}


def test_evidence_with_a_trail_is_read_back_and_stays_small(evidence_of) -> None:
    evidence = evidence_of(without_its_tail)
    stored = evidence.model_dump_json()
    assert PropertiesEvidence.model_validate_json(stored) == evidence
    right = evidence_of(relu)
    assert len(right.model_dump_json()) / right.cases < 250


def test_evidence_of_earlier_versions_has_no_trail(evidence_of) -> None:
    old = evidence_of(without_its_tail).model_dump(mode="json", exclude={"trail", "found", "left_out"})
    del old["failure"]["errors"]
    read = PropertiesEvidence.model_validate(old)
    assert (read.trail, read.found, read.left_out) == ((), None, 0)
    assert isinstance(read.failure, WrongValues)
    assert read.failure.errors is None


def numbered(number: int) -> ExaminedCase:
    fill = TensorFill("unit", "none", "first", "contiguous", None)
    return ExaminedCase("random", "vector", "float32", {"N": 1}, {}, {"x": fill}, number, 1, "agreed", 0.0, 0.1)


@pytest.mark.parametrize("count", [0, 1, KEPT - 1, KEPT, KEPT + 1, 5 * KEPT])
def test_a_trail_keeps_the_first_and_the_newest_and_counts_the_rest(count) -> None:
    trail = Trail()
    for number in range(count):
        trail.add(numbered(number))
    seeds = [one.seed for one in trail.kept]
    assert len(seeds) + trail.left_out == count
    assert len(seeds) == min(count, KEPT)
    assert seeds == sorted(set(seeds))
    assert seeds[: KEPT - trails.LAST] == list(range(min(count, KEPT - trails.LAST)))
    assert seeds[-1:] == [count - 1][: len(seeds)]


@pytest.mark.parametrize("count", [1, KEPT, KEPT + 1])
def test_what_came_of_a_case_after_all_is_said_of_the_last(count) -> None:
    trail = Trail()
    for number in range(count):
        trail.add(numbered(number))
    trail.amend("beyond_reach")
    assert [one.seed for one in trail.kept if one.outcome == "beyond_reach"] == [count - 1]
