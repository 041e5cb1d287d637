"""The whole check on a GPU, the device left out: what is tried, in which order, and what stands in the evidence."""

from __future__ import annotations

import dataclasses
import functools
from statistics import median

import numpy as np
import pytest
from fake_device import FakeDevice, relu

from runners import benchmarking, device_check
from runners.benchmarking import median_interval
from runners.candidate import Candidate
from runners.device_check import DeviceCheck, DeviceEffort, adds_atomically
from runners.evidence import DeviceEvidence
from runners.failures import BadPlan, CodeRaised, InputChanged, OutsideWritten, ResultsDiffer, WrongValues
from runners.generated_inputs import Shape
from runners.large_check import LargeCheck
from runners.long_axes import CASES
from runners.operators import OPERATORS
from runners.oracle import Allowance
from runners.session import Deadlines

SMALL = Shape("matrix", {"M": 8, "N": 16}, {"x": 0})
EFFORT = DeviceEffort(
    pairwise_cases=8, special_cases=2, block_cases=0, random_cases=4, dtypes=("float32",),
    deadlines=Deadlines(2.0, 1.0), total_s=60.0, watched_plans=2, perturbed_rounds=2, timed_calls=10,
    memory_bytes=1 << 30,
)  # fmt: skip


@pytest.fixture
def candidate() -> Candidate:
    source = b"def relu(x):\n    return x\n"
    return Candidate("relu.py", source, "digest", OPERATORS["relu"], "relu")


@pytest.fixture
def check(candidate, monkeypatch):
    """Makes the check with a benchmark small enough for a CPU."""
    monkeypatch.setitem(benchmarking.SHAPES, "relu", SMALL)

    def go(device: FakeDevice, effort: DeviceEffort = EFFORT, item: Candidate = candidate) -> DeviceEvidence:
        evidence = DeviceCheck(item, device, effort, 5).run()
        assert device.left_running == 0
        return DeviceEvidence.model_validate_json(evidence.model_dump_json())

    return go


def test_a_right_candidate_goes_through_every_step(check) -> None:
    evidence = check(FakeDevice(relu))
    assert evidence.failure is None
    assert evidence.cases == 8 + 2 + 4
    assert 0 < evidence.replayed <= evidence.cases  # an empty input launches nothing
    assert set(evidence.phases_s) == {"cases", "scheduling", "sanitizers", "benchmark"}
    assert evidence.perturbed == 3 * EFFORT.perturbed_rounds * evidence.plans
    assert all(one.control_fired for one in evidence.sanitizers)
    assert evidence.guard_fired
    (kernel,) = evidence.kernels
    assert (kernel.name, kernel.shared_bytes, kernel.registers) == ("a_kernel", 16, 20)
    (row,) = evidence.benchmark.rows
    assert (row.median_ms, row.baselines[0].median_ms) == (2.0, 4.0)
    assert (len(row.calls_ms), median(row.calls_ms), median(row.baselines[0].calls_ms)) == (row.calls, 2.0, 4.0)


def test_perturbed_replays_ask_for_other_scheduling(check) -> None:
    device = FakeDevice(relu)
    check(device)
    assert {(way.alone, way.crowded) for way in device.ways if not way.exact} == {
        (False, False), (True, False), (False, True), (True, True),
    }  # fmt: skip


def test_a_wrong_candidate_is_neither_watched_nor_timed(check) -> None:
    evidence = check(FakeDevice(relu, lambda x: relu(x) + 1))
    assert isinstance(evidence.failure, WrongValues)
    assert evidence.failed_at is not None
    assert evidence.failed_at <= 2  # the first may be empty
    assert (evidence.sanitizers, evidence.perturbed, evidence.guard_fired) == ((), 0, False)
    assert evidence.benchmark.problem is not None


def test_the_failing_case_is_made_small(check) -> None:
    evidence = check(FakeDevice(relu, lambda x: relu(x) + 1))
    assert evidence.reductions > 0
    assert evidence.failure is not None
    assert evidence.failure.case is not None
    assert max(evidence.failure.case.sizes.values()) == 1


def test_what_was_found_first_is_kept_with_a_map_of_it(check) -> None:
    evidence = check(FakeDevice(relu, lambda x: relu(x) + 1))
    for wrong in (evidence.found, evidence.failure):
        assert isinstance(wrong, WrongValues)
        assert wrong.errors is not None
        assert sum(map(sum, wrong.errors.wrong)) == wrong.wrong
    assert evidence.found.total > evidence.failure.total
    assert check(FakeDevice(relu, lambda x: relu(x) + 1), dataclasses.replace(EFFORT, reduces=False)).found is None


def test_what_differs_under_other_scheduling_alone_is_found(check) -> None:
    device = FakeDevice(relu)

    def sometimes(x):
        crowded = device.ways and device.ways[-1].crowded
        out = relu(x)
        return out + 1 if crowded else out

    device.replayed = sometimes
    evidence = check(device, dataclasses.replace(EFFORT, reduces=False))
    assert isinstance(evidence.failure, ResultsDiffer | WrongValues)
    assert "scheduling" in evidence.phases_s
    assert "sanitizers" not in evidence.phases_s


def test_without_plans_the_reason_is_told(check) -> None:
    device = FakeDevice(relu)
    device.reason = "memory is used that was not allocated in the call"
    evidence = check(device)
    assert evidence.failure is None
    assert evidence.unrecorded == device.reason
    assert evidence.unrecorded_cases > 0
    assert (evidence.plans, evidence.sanitizers) == (0, ())


def test_a_guard_that_does_not_notice_has_not_fired(check) -> None:
    device = FakeDevice(relu)
    device.guard = None
    assert not check(device).guard_fired


def test_results_of_the_timed_calls_are_compared_with_what_is_right(check) -> None:
    device = FakeDevice(relu)
    device.replayed = lambda x: relu(x) + (x.shape == (8, 16))  # wrong on the benchmark's shape alone
    evidence = check(device, dataclasses.replace(EFFORT, special_cases=0, random_cases=0))
    assert isinstance(evidence.failure, WrongValues)
    assert evidence.failure.conditions == "timed"


def test_timed_inputs_are_generated_from_seeds_of_their_own(check) -> None:
    device = FakeDevice(relu)
    check(device)
    recorded, *timed = device.seeds
    assert len({recorded, *timed}) == 1 + len(benchmarking.MIXED)
    assert [seed % 2 == 0 for seed in timed] == list(benchmarking.MIXED)


def test_rows_are_drawn_after_the_results_of_every_set_are_there(check) -> None:
    device = FakeDevice(relu)
    check(device)
    assert [request.kept for request in device.asked_rows] == list(range(len(benchmarking.MIXED)))


def test_rows_that_do_not_come_leave_the_benchmark_open(check) -> None:
    device = FakeDevice(relu)
    device.alter_rows = lambda rows: [part[1:] for part in rows]
    evidence = check(device)
    assert evidence.failure is None
    assert evidence.benchmark.problem == "the rows that came have other sizes"


def test_where_a_policy_allows_tf32_a_benchmark_does(check, monkeypatch) -> None:
    seen = []
    compared = benchmarking.compared
    monkeypatch.setattr(benchmarking, "compared", lambda *given: seen.append(given[-1]) or compared(*given))
    check(FakeDevice(relu), dataclasses.replace(EFFORT, allowance=Allowance(tf32=True)))
    assert seen == [Allowance(tf32=True)] * len(benchmarking.MIXED)


def test_a_plan_whose_results_have_another_shape_is_not_timed(check) -> None:
    device = FakeDevice(relu)

    def flattened(plan):
        view = plan.outputs[0]
        if view.shape != (8, 16):
            return plan
        return plan.model_copy(update={"outputs": (view.model_copy(update={"shape": (128,), "strides": (1,)}),)})

    device.alter_plan = flattened
    evidence = check(device)
    assert isinstance(evidence.failure, BadPlan)


@pytest.mark.parametrize(("what", "failure"), [("changed", InputChanged), ("touched", OutsideWritten)])
def test_nothing_may_be_kept_in_the_inputs_of_timed_calls_or_beside_them(check, what, failure) -> None:
    device = FakeDevice(relu)
    setattr(device, f"{what}_in_time", (0,))
    found = check(device).failure
    assert isinstance(found, failure)
    assert found.argument == "x"


def test_without_a_benchmark_of_the_operator_nothing_is_timed(check, monkeypatch) -> None:
    monkeypatch.delitem(benchmarking.SHAPES, "relu")
    evidence = check(FakeDevice(relu))
    assert evidence.failure is None
    assert evidence.benchmark.problem == "the operator has no benchmark"


BEYOND = dataclasses.replace(EFFORT, long_axes=True, large_shapes=True, dtypes=("float32", "float16"))


@pytest.fixture
def low_boundary(monkeypatch) -> None:
    """A CPU goes beyond it."""
    small = functools.partial(LargeCheck, boundary=1 << 12, wait_s=0.0)
    monkeypatch.setattr(device_check, "LargeCheck", small)


@pytest.mark.usefixtures("low_boundary")
def test_long_and_large_cases_come_before_what_is_watched(check) -> None:
    device = FakeDevice(relu)
    evidence = check(device, BEYOND)
    assert evidence.failure is None
    assert list(evidence.phases_s)[:3] == ["cases", "long axes", "large shapes"]
    assert [axis.dim for axis in evidence.long_axes] == ["M"] * CASES + ["N"] * CASES
    assert all(axis.length > 65_535 and axis.refused is None for axis in evidence.long_axes)
    assert [one.outcome for one in evidence.large] == ["agreed", "agreed"]
    plain = check(FakeDevice(relu))
    assert (evidence.cases, evidence.plans) == (plain.cases, plain.plans)
    assert (plain.long_axes, plain.large) == (None, ())


def test_more_rows_than_a_grid_counts_are_found(check) -> None:
    def in_grid_y(x):
        if x.dim() > 1 and x.shape[-2] > 65_535:
            raise RuntimeError("Triton Error [CUDA]: invalid argument")
        return relu(x)

    failure = check(FakeDevice(in_grid_y), dataclasses.replace(BEYOND, large_shapes=False)).failure
    assert isinstance(failure, CodeRaised)
    assert failure.case is not None
    assert failure.case.sizes["M"] > 65_535


@pytest.mark.usefixtures("low_boundary")
def test_a_large_failure_is_not_made_smaller_and_ends_the_check(check) -> None:
    device = FakeDevice(relu)

    def wraps(x):
        flat = relu(x).reshape(-1).clone()
        if device.seeds:  # these inputs are generated
            flat[1 << 12 :] = 0
        return flat.reshape(x.shape)

    device.replayed = wraps
    evidence = check(device, BEYOND)
    assert isinstance(evidence.failure, WrongValues)
    assert evidence.reductions == 0
    assert evidence.sanitizers == ()


def test_a_refused_length_is_told(check) -> None:
    def refuses(x):
        assert x.numel() < 1 << 16, "too long"
        return relu(x)

    evidence = check(FakeDevice(refuses), dataclasses.replace(BEYOND, large_shapes=False))
    assert evidence.failure is None
    assert [axis.refused for axis in evidence.long_axes] == ["AssertionError: too long"] * 2


def test_cases_end_with_the_total_deadline(check) -> None:
    evidence = check(FakeDevice(relu), dataclasses.replace(EFFORT, total_s=0.0))
    assert evidence.deadline_spent
    assert evidence.cases == 0


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("tl.atomic_add(p, 1)", True),
        ("tl.atomic_cas(p, 0, 1)", True),
        ("tl.store(p, 1)  # atomic_add", False),
        ("atomic_add = 1", False),
    ],
)
def test_atomics_are_read_from_the_source(source, expected) -> None:
    assert adds_atomically(source) is expected


def test_the_interval_of_a_median_holds_it_and_is_narrow_where_values_are() -> None:
    generator = np.random.default_rng(1)
    covered = 0
    for trial in range(200):
        values = generator.lognormal(size=60)
        low, high = median_interval(values.tolist(), trial)
        covered += low <= 1.0 <= high  # the median of exp(normal)
    assert covered >= 180
    assert median_interval([2.0] * 20, 1) == (2.0, 2.0)
