"""The properties check as a whole: what it runs, when it stops, what it says, and that it stands alone."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import hypothesis.configuration
import pytest
import torch

from runners import wire
from runners.candidate import Candidate
from runners.conversation import RunnerFault
from runners.evidence import CodeRaised, PropertiesEvidence, RunnerEnded, UnsupportedCase, WrongValues
from runners.operators import OPERATORS
from runners.operators.model import Dim, Form, Operator, TensorInput
from runners.properties import CONFIGURATIONS, HOPELESS, Effort, PropertiesCheck
from runners.session import Deadlines
from runners.specialisation import KernelName, Specialisation
from sandbox.contract import SandboxUnavailable
from sandbox.outcomes import KilledBySignal, SandboxFault, TimedOut

DTYPES = ("float32", "float16", "bfloat16")
DEADLINES = Deadlines(load_s=2.0, case_s=1.0)


def relu(x: torch.Tensor) -> torch.Tensor:
    """Right: torch keeps the strides of a transposed input, the operator wants a contiguous result."""
    return torch.relu(x).contiguous()


def effort(pairwise: int = 10, random: int = 5, *, dtypes: tuple[str, ...] = DTYPES, total_s: float = 60.0) -> Effort:
    return Effort(pairwise, random, dtypes, DEADLINES, total_s)


def candidate_with(source: bytes) -> Candidate:
    return Candidate("relu.py", source, "", OPERATORS["relu"], "relu")


@pytest.fixture
def check(relu_candidate):
    """Makes the check on the given runners and says what it found; no runner may be left."""

    def run(runners, how: Effort | None = None, seed: int = 1, **more) -> PropertiesEvidence:
        evidence = PropertiesCheck(relu_candidate, runners.take, how or effort(), seed, **more).run()
        assert runners.left_running == 0
        return evidence

    return run


@pytest.mark.parametrize(("pairwise", "random"), [(40, 60), (1, 0), (3, 1)])
def test_a_right_candidate_is_run_on_exactly_the_cases_asked_for(check, fake_runners, pairwise, random) -> None:
    runners = fake_runners(relu)
    evidence = check(runners, effort(pairwise, random))
    assert (evidence.pairwise_cases, evidence.random_cases) == (pairwise, random)
    assert (evidence.failure, evidence.failed_at, evidence.unsupported) == (None, None, None)
    assert (evidence.runners, evidence.slow_cases, evidence.reductions) == (1, 0, 0)
    assert not evidence.deadline_spent
    assert runners.calls == 2 * (pairwise + random)
    assert all(0 <= ratio <= 1 for ratio in evidence.worst_ratio.values())


@pytest.mark.parametrize("seed", range(40))
def test_as_many_cases_as_dtypes_compare_elements_in_each_and_fewer_say_which_they_left_out(
    check, fake_runners, seed: int
) -> None:
    """A seventh of this operator's cases are tensors without elements, on which everything is right."""
    all_three = check(fake_runners(relu), effort(3, 0), seed).compared
    assert {dtype for dtype, elements in all_three.items() if elements} == set(DTYPES)
    assert len(check(fake_runners(relu), effort(2, 0), seed).compared) == 2
    assert check(fake_runners(lambda x: torch.full(x.shape, 7.0, dtype=x.dtype)), effort(1, 0), seed).failure


def test_each_element_that_can_be_wrong_is_counted_once_a_case(check, fake_runners) -> None:
    elements: list[int] = []

    def counting(x: torch.Tensor) -> torch.Tensor:
        elements.append(x.numel())
        return relu(x)

    evidence = check(fake_runners(counting), effort(40, 0))
    # A case is run twice, and of relu no element is free.
    assert sum(evidence.compared.values()) == sum(elements) / 2 > 0


def test_a_float64_beyond_float32_is_compared_like_any_other(check, fake_runners) -> None:
    def within_float32(x: torch.Tensor) -> torch.Tensor:
        wide = x.double().abs() > torch.finfo(torch.float32).max
        return torch.where(wide & x.isfinite(), torch.zeros((), dtype=x.dtype), relu(x)).contiguous()

    how = effort(60, 0, dtypes=("float64",))
    assert check(fake_runners(relu), how).failure is None
    assert isinstance(check(fake_runners(within_float32), how).failure, WrongValues)
    assert check(fake_runners(within_float32), effort(60, 0)).failure is None  # wrong in float64 only


def test_a_plan_that_ends_early_is_followed_by_another(fake_runners) -> None:
    small = Operator(
        name="relu", summary="", inputs=(TensorInput("x", values=("unit", "zeros"), specials=("none",)),),
        dims=(Dim("N", (1, 2)),), forms=(Form("vector", {"x": ("N",)}),), reference=torch.relu,
        condition=lambda x: torch.zeros_like(x),
    )  # fmt: skip
    runners = fake_runners(relu)
    candidate = Candidate("relu.py", b"", "", small, "relu")
    evidence = PropertiesCheck(candidate, runners.take, effort(100, 0), 1).run()
    assert evidence.pairwise_cases == 100


def test_every_phase_is_run_and_counted(fake_runners) -> None:
    runners = fake_runners(relu)
    how = Effort(3, 4, DTYPES, DEADLINES, 60.0, special_cases=7, block_cases=5, huge_cases=2, targeted_cases=6)
    evidence = PropertiesCheck(candidate_with(b"BLOCK = 32\n"), runners.take, how, 1).run()
    assert (evidence.pairwise_cases, evidence.random_cases) == (3, 4)
    assert (evidence.special_cases, evidence.block_cases) == (7, 5)
    assert (evidence.huge_cases, evidence.targeted_cases) == (2, 6)
    assert runners.calls == 2 * evidence.cases == 2 * 27


def test_a_source_without_block_sizes_has_no_cases_around_them(fake_runners) -> None:
    how = Effort(1, 0, DTYPES, DEADLINES, 60.0, block_cases=5)
    evidence = PropertiesCheck(candidate_with(b""), fake_runners(relu).take, how, 1).run()
    assert (evidence.pairwise_cases, evidence.block_cases, evidence.failure) == (1, 0, None)


@pytest.mark.parametrize(("said", "turns"), [(0, 1), (1, 1), (3, 3), (99, CONFIGURATIONS)])
def test_sizes_around_a_block_are_tried_in_each_configuration_of_an_autotuner(fake_runners, said, turns) -> None:
    kernel = KernelName(module="candidate", qualname="kernel", line=1)
    seen = (Specialisation(kernel=kernel, arguments=(), options=(), configurations=said, gap=None),)
    ran: list[tuple[torch.Size, int]] = []

    def remember(x: torch.Tensor) -> torch.Tensor:
        if runners.conditions.order_seed is None:
            ran.append((x.shape, runners.conditions.choice_seed))
        return relu(x)

    def with_launches(answer: wire.Message) -> wire.Message:
        if not isinstance(answer, wire.Ran):
            return answer
        return wire.Ran(calls=tuple(call.model_copy(update={"specialisations": seen}) for call in answer.calls))

    runners = fake_runners(remember)
    runners.alter = with_launches
    how = Effort(1, 0, DTYPES, DEADLINES, 60.0, block_cases=5)
    assert PropertiesCheck(candidate_with(b"BLOCK = 32\n"), runners.take, how, 1).run().block_cases == 5 * turns
    around = ran[1:]
    assert len(around) == 5 * turns
    for number in range(5):  # each case of the plan once in each configuration
        shapes, chosen = zip(*around[number::5], strict=True)
        assert len(set(shapes)) == 1
        assert sorted(seed % turns for seed in chosen) == list(range(turns))


def test_sizes_around_the_candidates_own_block_are_tried(fake_runners) -> None:
    def wrong_at_its_block(x: torch.Tensor) -> torch.Tensor:
        return relu(x) + (x.shape[-1:] == (1777,))

    how = Effort(40, 0, DTYPES, DEADLINES, 60.0, block_cases=64)
    runners = fake_runners(wrong_at_its_block)
    assert PropertiesCheck(candidate_with(b"BLOCK = 64\n"), runners.take, how, 1).run().failure is None
    assert PropertiesCheck(candidate_with(b"BLOCK = 1777\n"), runners.take, how, 1).run().failure is not None


def test_the_search_ends_with_its_first_failure(fake_runners) -> None:
    runners = fake_runners(relu)
    runners.function = lambda x: relu(x) + (runners.calls > 6)
    how = Effort(1, 0, DTYPES, DEADLINES, 60.0, targeted_cases=30)
    evidence = PropertiesCheck(candidate_with(b""), runners.take, how, 1).run()
    assert evidence.failure is not None
    assert evidence.failed_at == evidence.cases == 1 + evidence.targeted_cases < 31


def test_progress_hears_of_every_case(check, fake_runners) -> None:
    heard: list[int] = []
    check(fake_runners(relu), effort(4, 3), progress=heard.append)
    assert heard == [1, 2, 3, 4, 5, 6, 7]


def test_only_the_dtypes_asked_for_are_run_even_when_a_failure_is_made_small(check, fake_runners) -> None:
    seen = set()

    def wrong(x):
        seen.add(x.dtype)
        return relu(x) + 1

    evidence = check(fake_runners(wrong), effort(dtypes=("bfloat16",)))
    assert seen == {torch.bfloat16}
    assert evidence.failure.case.dtype == "bfloat16"


def test_the_same_seed_runs_the_same_cases(check, fake_runners) -> None:
    def inputs(seed: int) -> list[bytes]:
        seen: list[bytes] = []
        runners = fake_runners(lambda x: seen.append(x.double().numpy().tobytes()) or relu(x))
        check(runners, effort(6, 6), seed)
        return seen

    assert inputs(1) == inputs(1) != inputs(2)


def test_the_first_failure_ends_the_check_and_is_made_small(check, fake_runners) -> None:
    evidence = check(fake_runners(lambda x: relu(x) + (x.shape[-1] >= 16)), effort(40, 0))
    assert isinstance(evidence.failure, WrongValues)
    assert evidence.failure.case.sizes == {"N": 16}
    assert evidence.failure.case.dtype == "float32"
    assert evidence.failed_at == evidence.pairwise_cases < 40
    assert evidence.random_cases == 0
    assert 0 < evidence.reductions <= 60


def test_a_failure_in_the_random_phase_counts_on(check, fake_runners) -> None:
    runners = fake_runners(relu)
    runners.function = lambda x: relu(x) + (runners.calls > 2 * 10)
    evidence = check(runners, effort(10, 20))
    assert (evidence.pairwise_cases, evidence.random_cases, evidence.failed_at) == (10, 1, 11)


def test_a_failure_that_does_not_come_again_is_still_a_failure(check, fake_runners) -> None:
    runners = fake_runners(relu)
    runners.function = lambda x: relu(x) + (runners.calls == 13)
    evidence = check(runners, effort(0 + 1, 20))
    assert isinstance(evidence.failure, WrongValues)
    assert evidence.failed_at == 7


def test_a_crash_loses_few_runners(check, fake_runners) -> None:
    def crash(x):
        raise fake_runners.Ends(KilledBySignal(11))

    evidence = check(fake_runners(crash))
    assert isinstance(evidence.failure, RunnerEnded)
    assert evidence.failed_at == 1
    assert 1 < evidence.runners <= 6


def test_a_program_that_waits_for_another_ends_the_check_as_unsupported(check, fake_runners) -> None:
    def wait(x):
        if runners.conditions.order_seed is not None:
            raise fake_runners.Ends(TimedOut(1.0))
        return torch.relu(x).contiguous()

    runners = fake_runners(wait)
    evidence = check(runners)
    assert evidence.failure is None
    assert evidence.unsupported_cases == 1
    assert "waits for an earlier one" in evidence.unsupported.reason


def test_a_hang_is_confirmed_tried_in_natural_order_and_not_made_small(check, fake_runners) -> None:
    def hang(x):
        raise fake_runners.Ends(TimedOut(1.0))

    evidence = check(fake_runners(hang))
    assert (evidence.failure.how, evidence.runners, evidence.reductions) == ("timed_out", 3, 0)


def test_a_module_that_raises_fails_at_case_zero(check, fake_runners) -> None:
    runners = fake_runners(relu)
    runners.loading = lambda: wire.Raised(error="NameError", message="x", line=4)
    evidence = check(runners)
    assert isinstance(evidence.failure, CodeRaised)
    assert (evidence.failed_at, evidence.pairwise_cases, evidence.failure.case) == (0, 0, None)


def test_a_module_that_the_interpreter_cannot_load_is_unsupported(check, fake_runners) -> None:
    runners = fake_runners(relu)
    runners.loading = lambda: wire.Unsupported(reason="no driver", line=None)
    evidence = check(runners)
    assert (evidence.failure, evidence.unsupported_cases) == (None, 1)
    assert evidence.unsupported == UnsupportedCase(case=None, reason="no driver", line=None)


def test_what_never_runs_is_given_up_soon(check, fake_runners) -> None:
    def cannot(x):
        raise fake_runners.CannotRun("no inline assembly")

    evidence = check(fake_runners(cannot), effort(40, 60))
    assert (evidence.failure, evidence.unsupported_cases, evidence.pairwise_cases) == (None, HOPELESS, HOPELESS)


def test_what_runs_sometimes_is_run_to_the_end(check, fake_runners) -> None:
    def sometimes(x):
        if x.dtype == torch.float16:
            raise fake_runners.CannotRun("no float16")
        return relu(x)

    evidence = check(fake_runners(sometimes), effort(30, 30))
    assert (evidence.pairwise_cases, evidence.random_cases, evidence.failure) == (30, 30, None)
    assert 0 < evidence.unsupported_cases < 60
    assert evidence.unsupported.case.dtype == "float16"


def test_a_failure_among_unsupported_cases_is_a_failure(check, fake_runners) -> None:
    def mixed(x):
        if x.dtype == torch.float32:
            raise fake_runners.CannotRun("no float32")
        return relu(x) + 1

    evidence = check(fake_runners(mixed), effort(30, 0))
    assert isinstance(evidence.failure, WrongValues)
    assert evidence.failure.case.dtype != "float32"


def test_the_total_deadline_ends_the_check_and_is_told(check, fake_runners) -> None:
    evidence = check(fake_runners(relu), effort(total_s=-1.0))
    assert (evidence.pairwise_cases, evidence.random_cases, evidence.deadline_spent) == (0, 0, True)


@pytest.mark.parametrize("after", [0, 3, 25])
def test_our_own_fault_raises_in_either_phase(check, fake_runners, after: int) -> None:
    runners = fake_runners(relu)

    def lose(x):
        if runners.calls > after:
            raise fake_runners.Ends(SandboxFault("the engine is gone"))
        return relu(x)

    runners.function = lose
    with pytest.raises(RunnerFault, match="the engine is gone"):
        check(runners, effort(10, 20))
    assert runners.left_running == 0


def test_no_fresh_runner_to_be_had_raises(relu_candidate, fake_runners) -> None:
    runners = fake_runners(relu)

    def crash(x):
        raise fake_runners.Ends(KilledBySignal(9))

    def take():
        if runners.workers:
            raise SandboxUnavailable("no more")
        return runners.take()

    runners.function = crash
    with pytest.raises(SandboxUnavailable, match="no more"):
        PropertiesCheck(relu_candidate, take, effort(), 1).run()


def test_checks_in_threads_do_not_disturb_each_other(relu_candidate, fake_runners) -> None:
    how = replace(effort(10, 30), reduces=False)  # reducing ends by the clock: how far it comes says how busy we were

    def made(seed: int) -> PropertiesEvidence:
        runners = fake_runners(lambda x: relu(x) + (x.shape[-1] >= 64) * (seed % 2))
        return PropertiesCheck(relu_candidate, runners.take, how, seed).run()

    def facts(evidence: PropertiesEvidence) -> PropertiesEvidence:
        return evidence.model_copy(update={"wall_s": 0.0, "slowest_s": 0.0})

    alone = {seed: facts(made(seed)) for seed in range(4)}
    together: dict[int, PropertiesEvidence] = {}
    threads = [threading.Thread(target=lambda s=seed: together.update({s: facts(made(s))})) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


class Crowded:
    """A turn that is over at every third question; others have the machine for an hour each time."""

    def __init__(self, runners) -> None:
        self.asked = 0
        self.waits = 0
        self._runners = runners
        self._began = time.monotonic()

    @property
    def is_over(self) -> bool:
        self.asked += 1
        return self.asked % 3 == 0

    def give_way(self) -> None:
        assert self._runners.left_running == 0, "whoever waits holds no runner"
        self.waits += 1

    def now(self) -> float:
        return time.monotonic() - self._began


def test_a_check_gives_way_without_its_runner_and_comes_to_the_same_end(check, fake_runners) -> None:
    alone = check(fake_runners(relu), effort(10, 5))
    runners = fake_runners(relu)
    turn = Crowded(runners)
    crowded = check(runners, effort(10, 5), turn=turn)
    assert turn.waits == 15 // 3
    assert crowded.runners == 1 + turn.waits
    same = {"wall_s": 0.0, "slowest_s": 0.0, "runners": 0}
    assert crowded.model_copy(update=same) == alone.model_copy(update=same)


def test_time_is_what_the_turn_says_it_is(check, fake_runners) -> None:
    class Slow(Crowded):
        def now(self) -> float:
            return 7.0 * self.asked

    runners = fake_runners(relu)
    evidence = check(runners, effort(10, 5, total_s=30.0), turn=Slow(runners))
    assert evidence.deadline_spent
    assert evidence.cases == 5


def test_a_check_leaves_nothing_on_the_disk(
    check, fake_runners, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hypothesis.configuration, "__hypothesis_home_directory", tmp_path / ".hypothesis")
    check(fake_runners(relu), effort(5, 40))
    assert list(tmp_path.iterdir()) == []


def test_evidence_survives_json(check, fake_runners) -> None:
    evidence = check(fake_runners(lambda x: relu(x) / 0), effort())
    again = PropertiesEvidence.model_validate_json(evidence.model_dump_json())
    assert again.model_dump_json() == evidence.model_dump_json()
    assert again.failure.kind == "wrong_values"


def test_operators_with_labels_and_scalars_travel_too(fake_runners) -> None:
    functions = {
        "cross_entropy": lambda x, t: torch.nn.functional.cross_entropy(x.float(), t, reduction="none").to(x.dtype),
        "layer_norm": lambda x, w, b, eps: torch.nn.functional.layer_norm(
            x.float(), x.shape[-1:], w.float(), b.float(), eps).to(x.dtype),
    }  # fmt: skip
    for name, function in functions.items():
        runners = fake_runners(function)
        candidate = Candidate(f"{name}.py", b"", "", OPERATORS[name], name)
        evidence = PropertiesCheck(candidate, runners.take, effort(30, 10), 1).run()
        assert evidence.failure is None
        assert set(evidence.worst_ratio) == set(DTYPES)
