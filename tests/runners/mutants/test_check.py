"""The mutants of one candidate: who is killed, who survives, who is not counted, and what the sample is."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from waiting import wait_until

from runners import wire
from runners.candidate import Candidate
from runners.evidence import MutantsEvidence, PropertiesEvidence
from runners.mutants import MutantsCheck, MutantsEffort, mutants_of
from runners.mutants.check import within
from runners.operators import OPERATORS
from runners.properties import Effort, PropertiesCheck
from runners.session import Deadlines
from runners.turn import ALONE, GivenUp
from sandbox.contract import SandboxUnavailable
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
            self._here = threading.local()  # each thread has a runner of its own
            super().__init__(right)
            self.behaviour = behaviour
            self.sources: list[str] = []

        @property
        def function(self) -> Callable:
            return self._here.function

        @function.setter
        def function(self, computed: Callable) -> None:
            self._here.function = computed

        def answer(self, payload: bytes) -> bytes:
            request, data = wire.decode_request(payload)
            if isinstance(request, wire.LoadRequest):
                self.sources.append(bytes(data[0]).decode())
                self.function = self.behaviour(self.sources[-1])
            return super().answer(payload)

    def run(
        behaviour,
        count=1000,
        contract=lambda mutant: True,
        seed=1,
        total_s=60.0,
        helpers=(),
        before=None,
        told=lambda done: None,
    ) -> MutantsEvidence:
        runners = Runners(behaviour)
        passed = PropertiesCheck(candidate, fake_runners(right).take, EFFORT, seed).run()
        assert passed.failure is None
        check = MutantsCheck(candidate, runners.take, EFFORT, seed, contract, MutantsEffort(count, total_s), told)
        helped = [threading.Thread(target=check.help, args=(turn, lambda done: None)) for turn in helpers]
        for thread in helped:
            thread.start()
        if before:
            before()
        evidence = check.finish(passed, ALONE)
        for thread in helped:
            thread.join()
        assert runners.left_running == 0
        run.runners = runners
        return evidence

    return run


@pytest.mark.parametrize("helpers", [(), (ALONE, ALONE)], ids=["alone", "helped"])
def test_it_is_told_of_how_many_mutants_the_fate_is_known(mutate, helpers) -> None:
    told = []
    evidence = mutate(lambda source: wrong, helpers=helpers, told=told.append)
    assert sorted(told) == list(range(1, evidence.killed + 1))


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


class Lent:
    """A turn that is over once `cases` were asked about."""

    def __init__(self, cases: float = float("inf")) -> None:
        self.cases = cases

    @property
    def is_over(self) -> bool:
        self.cases -= 1
        return self.cases < 0

    def give_way(self) -> None:
        raise GivenUp

    def now(self) -> float:
        return ALONE.now()


def some_wrong(source: str) -> Callable:
    return right if zlib.crc32(source.encode()) % 3 == 0 else wrong


@pytest.mark.parametrize("helpers", [1, 5])
def test_with_helpers_the_evidence_is_the_same(mutate, helpers: int) -> None:
    alone = mutate(some_wrong, count=12)
    helped = mutate(some_wrong, count=12, helpers=[Lent() for _ in range(helpers)])
    assert helped.model_dump(exclude={"wall_s"}) == alone.model_dump(exclude={"wall_s"})
    assert alone.survivors
    assert alone.killed


@pytest.mark.parametrize("cases", range(8))
def test_what_a_helper_leaves_is_run_by_whoever_has_the_slot(mutate, cases: int) -> None:
    alone = mutate(some_wrong, count=4)
    helped = mutate(some_wrong, count=4, helpers=[Lent(cases)])
    assert helped.model_dump(exclude={"wall_s"}) == alone.model_dump(exclude={"wall_s"})


def test_helpers_that_are_left_alone_run_all_of_them(mutate) -> None:
    sources: list[str] = []

    def wait_for_all() -> None:
        wait_until(lambda: len(sources) == 3)

    def behaviour(source: str) -> Callable:
        sources.append(source)
        return wrong

    evidence = mutate(behaviour, count=3, helpers=[Lent()], before=wait_for_all)
    assert evidence.judged == 3


def test_a_helper_without_a_runner_costs_nothing(mutate, candidate: Candidate, fake_runners) -> None:
    def none() -> None:
        raise SandboxUnavailable("none")

    check = MutantsCheck(candidate, none, EFFORT, 1, lambda mutant: True, MutantsEffort(2, 60.0))
    check.help(Lent(), lambda done: None)
    passed = PropertiesCheck(candidate, fake_runners(right).take, EFFORT, 1).run()
    with pytest.raises(SandboxUnavailable, match="none"):
        check.finish(passed, ALONE)


def test_a_mutant_gets_five_times_the_slowest_case_and_a_second_but_never_more_than_the_policy_says(
    candidate: Candidate, fake_runners
) -> None:
    passed: PropertiesEvidence = PropertiesCheck(candidate, fake_runners(right).take, EFFORT, 1).run()
    assert passed.slowest_s > 0
    assert within(EFFORT, passed.model_copy(update={"slowest_s": 0.2})).deadlines.case_s == 2.0
    assert within(EFFORT, passed.model_copy(update={"slowest_s": 9.0})).deadlines.case_s == 10.0
    assert within(replace(EFFORT), passed).deadlines.load_s == EFFORT.deadlines.load_s
