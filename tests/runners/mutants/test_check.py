"""The mutants of one candidate: who is killed, who survives, who is not counted, and what the sample is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from runners import wire
from runners.candidate import Candidate
from runners.evidence import MutantsEvidence, PropertiesEvidence
from runners.mutants import MutantsCheck, MutantsEffort, mutants_of
from runners.mutants.check import within
from runners.operators import OPERATORS
from runners.properties import Effort, PropertiesCheck
from runners.session import Deadlines
from sandbox.outcomes import TimedOut

SOURCE = """import triton
import triton.language as tl

@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    tl.store(out_ptr + i, tl.maximum(tl.load(x_ptr + i, mask=mask), 0.0), mask=mask)

def relu(x):
    relu_kernel[(1,)](x, x, x.numel(), BLOCK=64)
    return x
"""
EFFORT = Effort(6, 0, ("float32",), Deadlines(2.0, 10.0), 60.0)


@pytest.fixture
def candidate() -> Candidate:
    return Candidate("relu.py", SOURCE.encode(), SOURCE, OPERATORS["relu"], "relu")


def right(x: torch.Tensor) -> torch.Tensor:
    return torch.relu(x).contiguous()


def wrong(x: torch.Tensor) -> torch.Tensor:
    return x.contiguous() + 1


@pytest.fixture
def mutate(candidate: Candidate, fake_runners):
    """Runs the candidate's mutants; `behaviour` says what a source computes."""

    class Runners(fake_runners):
        def __init__(self, behaviour: Callable[[str], Callable]) -> None:
            super().__init__(right)
            self.behaviour = behaviour
            self.sources: list[str] = []

        def answer(self, payload: bytes) -> bytes:
            request, data = wire.decode_request(payload)
            if isinstance(request, wire.LoadRequest):
                self.sources.append(bytes(data[0]).decode())
                self.function = self.behaviour(self.sources[-1])
            return super().answer(payload)

    def run(behaviour, count=1000, contract=lambda mutant: True, seed=1, total_s=60.0) -> MutantsEvidence:
        runners = Runners(behaviour)
        passed = PropertiesCheck(candidate, fake_runners(right).take, EFFORT, seed).run()
        assert passed.failure is None
        evidence = MutantsCheck(candidate, runners.take, EFFORT, seed, contract).run(
            MutantsEffort(count, total_s), passed
        )
        assert runners.left_running == 0
        run.runners = runners
        return evidence

    return run


def test_a_mutant_that_fails_a_case_is_killed_and_the_others_are_shown_as_diffs(mutate) -> None:
    evidence = mutate(lambda source: right if "mask = i <= n" in source else wrong)
    assert [survivor.diff.splitlines()[-1] for survivor in evidence.survivors] == ["+    mask = i <= n"]
    assert evidence.survivors[0].line == 7
    assert evidence.killed == len(list(mutants_of(SOURCE, "relu"))) - 1
    assert evidence.killed_by == {"wrong_values": evidence.killed}
    assert len(evidence.first_kills) == evidence.killed
    assert evidence.kill_rate == evidence.killed / (evidence.killed + 1)


def test_a_killed_mutant_is_run_no_further_and_not_made_smaller(mutate) -> None:
    evidence = mutate(lambda source: wrong, count=3)
    runners = mutate.runners
    assert len(runners.sources) == 3
    assert runners.calls == 2 * sum(evidence.first_kills)


@pytest.mark.parametrize("how", ["raises", "hangs"])
def test_an_error_or_a_hang_kills_as_wrong_values_do(mutate, fake_runners, how: str) -> None:
    def fails(x: torch.Tensor) -> torch.Tensor:
        if how == "raises":
            raise ValueError("no")
        raise fake_runners.Ends(TimedOut(1.0))

    evidence = mutate(lambda source: fails, count=2)
    assert evidence.killed == 2
    assert evidence.killed_by == {"raised" if how == "raises" else "ended": 2}


def test_what_the_interpreter_cannot_run_is_counted_apart(mutate, fake_runners) -> None:
    def cannot(x: torch.Tensor) -> torch.Tensor:
        raise fake_runners.CannotRun("no such thing here")

    evidence = mutate(lambda source: cannot, count=4)
    assert (evidence.inconclusive, evidence.judged, evidence.kill_rate) == (4, 0, 1.0)


def test_what_the_contract_denies_is_replaced_by_another_mutant(mutate) -> None:
    def contract(mutant: Candidate) -> bool:
        return "tl.maximum" in mutant.text

    evidence = mutate(lambda source: wrong, contract=contract)
    assert evidence.denied > 0
    assert all("tl.maximum" in source for source in mutate.runners.sources)
    assert evidence.killed + evidence.denied == len(list(mutants_of(SOURCE, "relu")))


def test_the_sample_has_the_size_asked_for_and_follows_from_the_seed(mutate) -> None:
    sources = []
    for seed in (5, 5, 6):
        assert mutate(lambda source: wrong, count=5, seed=seed).judged == 5
        sources.append(list(mutate.runners.sources))
    assert sources[0] == sources[1] != sources[2]


def test_a_spent_deadline_is_said(mutate) -> None:
    evidence = mutate(lambda source: wrong, total_s=0.0)
    assert evidence.deadline_spent
    assert evidence.judged == 0


def test_a_mutant_gets_five_times_the_slowest_case_and_a_second_but_never_more_than_the_policy_says(
    candidate: Candidate, fake_runners
) -> None:
    passed: PropertiesEvidence = PropertiesCheck(candidate, fake_runners(right).take, EFFORT, 1).run()
    assert passed.slowest_s > 0
    assert within(EFFORT, passed.model_copy(update={"slowest_s": 0.2})).deadlines.case_s == 2.0
    assert within(EFFORT, passed.model_copy(update={"slowest_s": 9.0})).deadlines.case_s == 10.0
    assert within(replace(EFFORT), passed).deadlines.load_s == EFFORT.deadlines.load_s
