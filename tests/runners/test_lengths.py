"""The last phase: one dim after the other is made long, as far as a candidate goes along."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest
import torch

import runners.session
from runners import wire
from runners.candidate import Candidate
from runners.cases import Case
from runners.conversation import Runner
from runners.evidence import ControlEvidence, PropertiesEvidence
from runners.materialise import TensorValue, materialise
from runners.operators import OPERATORS
from runners.operators.model import Dim, Operator
from runners.oracle import expect
from runners.plans import LENGTHS, ODD_ONES, SPREAD, SPREAD_PART, long_cases
from runners.properties import Effort, PropertiesCheck
from runners.session import Deadlines
from runners.specialisation import KernelName, Specialisation
from sandbox.outcomes import KilledBySignal, Outcome, OutOfMemory, TimedOut

DEADLINES = Deadlines(load_s=2.0, case_s=30.0)
FLOATS = ("float32", "float16", "bfloat16")


def relu(x: torch.Tensor) -> torch.Tensor:
    return torch.relu(x).contiguous()


def long_evidence(fake_runners, function: Callable[[torch.Tensor], torch.Tensor], long_s: float) -> PropertiesEvidence:
    how = Effort(1, 0, ("float32",), DEADLINES, 300.0, long_s=long_s)
    candidate = Candidate("relu.py", b"", "", OPERATORS["relu"], "relu")
    return PropertiesCheck(candidate, fake_runners(function).take, how, 1).run()


def test_a_defect_beyond_a_million_elements_is_found_where_there_is_time(fake_runners) -> None:
    def wrong(x: torch.Tensor) -> torch.Tensor:
        return relu(x) + (x.numel() > 1 << 20)

    found = long_evidence(fake_runners, wrong, 600.0)
    assert found.failure is not None
    assert found.failed_at == found.cases
    assert long_evidence(fake_runners, wrong, 0.0).failure is None


def test_a_right_candidate_reaches_every_length(fake_runners) -> None:
    evidence = long_evidence(fake_runners, relu, 600.0)
    assert evidence.failure is None
    assert evidence.longest == {"M": 65_551, "N": LENGTHS[-1]}
    dims = [dim for dim in OPERATORS["relu"].dims if dim.long]
    planned = [[len(cases) for _, cases in long_cases(OPERATORS["relu"], dim, 1, ("float32",))] for dim in dims]
    assert evidence.long_cases == sum(1 + sum(counts[1:]) for counts in planned)  # of a dim's first length only one


def test_a_slow_candidate_is_not_taken_further(fake_runners) -> None:
    def slow(x: torch.Tensor) -> torch.Tensor:
        time.sleep(x.numel() * 1e-3)
        return relu(x)

    evidence = long_evidence(fake_runners, slow, 0.5)
    assert evidence.failure is None
    assert set(evidence.longest.values()) == {LENGTHS[0]}


@pytest.mark.parametrize("error", [AssertionError, NotImplementedError, RuntimeError, ValueError])
def test_a_length_may_be_refused(fake_runners, error) -> None:
    def refuses(x: torch.Tensor) -> torch.Tensor:
        if x.numel() > 4000:
            raise error("rows of this length are not supported")
        return relu(x)

    evidence = long_evidence(fake_runners, refuses, 600.0)
    assert evidence.failure is None
    assert evidence.longest == {"M": 515, "N": 515}  # each dim is tried, also after one was refused


@pytest.mark.parametrize(("most", "denied"), [(2051, False), (300, True)])
def test_around_a_block_a_size_may_be_refused_that_the_operator_does_not_declare(fake_runners, most, denied) -> None:
    def refuses(x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] > most:
            raise ValueError(f"rows of more than {most} are not supported")
        return relu(x)

    how = Effort(40, 0, ("float32",), DEADLINES, 300.0, block_cases=16)
    candidate = Candidate("relu.py", b"BLOCK = 4096", "", OPERATORS["relu"], "relu")
    evidence = PropertiesCheck(candidate, fake_runners(refuses).take, how, 1).run()
    assert (evidence.failure is not None) is denied
    assert (evidence.refused_cases > 0) is not denied


def test_around_a_block_a_wrong_result_is_a_failure_whatever_the_size(fake_runners) -> None:
    def wrong(x: torch.Tensor) -> torch.Tensor:
        return relu(x) + (x.shape[-1] > 2051)

    how = Effort(40, 0, ("float32",), DEADLINES, 300.0, block_cases=16)
    candidate = Candidate("relu.py", b"BLOCK = 4096", "", OPERATORS["relu"], "relu")
    assert PropertiesCheck(candidate, fake_runners(wrong).take, how, 1).run().failure is not None


@pytest.mark.parametrize(
    ("ending", "denied"),
    [
        (TimedOut(1.0), False),
        (OutOfMemory(1 << 30), False),
        (KilledBySignal(signal.SIGSEGV), True),
        (IndexError("off"), True),
    ],
)
def test_no_time_and_no_memory_are_no_failure_and_a_crash_is(fake_runners, ending, denied) -> None:
    def ends(x: torch.Tensor) -> torch.Tensor:
        if x.numel() > 4000:
            raise ending if isinstance(ending, Exception) else fake_runners.Ends(ending)
        return relu(x)

    assert (long_evidence(fake_runners, ends, 600.0).failure is not None) is denied


@pytest.mark.parametrize("ending", [TimedOut(1.0), OutOfMemory(1 << 30)])
def test_after_a_length_beyond_reach_the_controls_run_where_the_candidate_ran_again(
    fake_runners, monkeypatch: pytest.MonkeyPatch, ending: Outcome
) -> None:
    ran: list[int] = []

    def ends(x: torch.Tensor) -> torch.Tensor:
        if x.numel() > 4000:
            ran.clear()
            raise fake_runners.Ends(ending)
        ran.append(x.numel())
        return relu(x)

    def fire(runner: Runner, load_s: float, run_s: float) -> tuple[ControlEvidence, ...]:
        return (ControlEvidence(name="any", fired=bool(ran)),)

    monkeypatch.setattr(runners.session, "run_controls", fire)
    how = Effort(1, 0, ("float32",), DEADLINES, 300.0, long_s=600.0, controls=True)
    candidate = Candidate("relu.py", b"", "", OPERATORS["relu"], "relu")
    evidence = PropertiesCheck(candidate, fake_runners(ends).take, how, 1).run()
    assert evidence.failure is None
    assert evidence.controls == (ControlEvidence(name="any", fired=True),)


def test_beyond_the_operators_sizes_only_kernels_that_were_not_launched_before_are_compiled(fake_runners) -> None:
    launched: list[int] = []

    def remember(x: torch.Tensor) -> torch.Tensor:
        launched.append(x.numel())
        return relu(x)

    def launching(answer: wire.Message) -> wire.Message:
        if not isinstance(answer, wire.Ran):
            return answer
        names = ("short", "long") if launched[-1] > 4000 else ("short",)
        seen = tuple(
            Specialisation(
                kernel=KernelName(module="candidate", qualname=name, line=1),
                arguments=(),
                options=(),
                configurations=launched[-1],
                gap=None,
            )
            for name in names
        )
        return wire.Ran(calls=tuple(call.model_copy(update={"specialisations": seen}) for call in answer.calls))

    runners = fake_runners(remember)
    runners.alter = launching
    how = Effort(1, 0, ("float32",), DEADLINES, 300.0, long_s=600.0)
    check = PropertiesCheck(Candidate("relu.py", b"", "", OPERATORS["relu"], "relu"), runners.take, how, 1)
    assert check.run().longest["N"] == LENGTHS[-1]
    short = [one.configurations for one in check.specialisations if one.kernel.qualname == "short"]
    assert 515 <= max(short) < 4000 < max(launched)
    assert {one.kernel.qualname for one in check.specialisations} == {"short", "long"}


def lengths_of(name: str) -> list[tuple[Dim, int, list[Case]]]:
    operator = OPERATORS[name]
    return [(dim, length, cases) for dim in operator.dims for length, cases in long_cases(operator, dim, 5, FLOATS[:2])]


@pytest.mark.parametrize("name", OPERATORS)
def test_beside_a_long_dim_everything_is_small(name: str) -> None:
    operator = OPERATORS[name]
    assert {dim.name for dim, _, _ in lengths_of(name)} == {dim.name for dim in operator.dims if dim.long}
    for dim, length, cases in lengths_of(name):
        assert length <= dim.long
        assert cases
        for case in cases:
            assert length <= case.sizes[dim.name] < length + 2 * max(SPREAD, length // SPREAD_PART // 2)
            assert operator.allows(case.values)
            assert all(size <= 3 for name, size in case.sizes.items() if name != dim.name)


def is_plain(operator: Operator, case: Case) -> bool:
    floats = [tensor for tensor in operator.tensors if tensor.whole is None]
    plans = [case.tensors[tensor.name] for tensor in floats]
    ordinary = all(plan.special == "none" and plan.values in ("normal", *FALLBACKS[operator.name]) for plan in plans)
    return ordinary and all(case.tensors[t.name].layout == t.layouts[0] for t in operator.tensors)


FALLBACKS = {name: [t.values[0] for t in one.tensors if "normal" not in t.values] for name, one in OPERATORS.items()}


@pytest.mark.parametrize("name", OPERATORS)
def test_each_length_begins_with_a_plain_case_in_each_dtype_but_for_one_with_a_heavy_end(name: str) -> None:
    for dim, length, cases in lengths_of(name):
        assert [case.dtype for case in cases[:2]] == list(FLOATS[:2])
        heavy = [case for case in cases[:2] if any(plan.values == "tail" for plan in case.tensors.values())]
        has_ends = any("tail" in tensor.values for tensor in OPERATORS[name].tensors)
        assert len(heavy) == (length > dim.largest and has_ends)
        assert all(is_plain(OPERATORS[name], case) for case in cases[:2] if case not in heavy)
        assert all(plan.special == "none" for case in heavy for plan in case.tensors.values())


def test_the_dtype_with_the_heavy_end_is_drawn() -> None:
    operator = OPERATORS["rms_norm"]
    (dim,) = (dim for dim in operator.dims if dim.name == "N")
    firsts = [list(long_cases(operator, dim, seed, FLOATS))[-1][1][: len(FLOATS)] for seed in range(30)]
    assert {case.dtype for cases in firsts for case in cases if case.tensors["x"].values == "tail"} == set(FLOATS)


@pytest.mark.parametrize("name", ["relu", "softmax", "matmul", "swiglu"])
def test_beyond_an_operators_own_sizes_values_specials_and_layouts_vary(name: str) -> None:
    for dim, length, cases in lengths_of(name):
        if length <= dim.largest:
            assert len(cases) == 2
            continue
        assert len(cases) > ODD_ONES
        plans = [plan for case in cases for plan in case.tensors.values()]
        assert len({plan.special for plan in plans}) > 3
        assert len({plan.layout for plan in plans}) > 3
        assert {case.dtype for case in cases if any(plan.values == "large" for plan in case.tensors.values())}


def test_partial_sums_of_a_swing_leave_float32_and_the_sum_does_not() -> None:
    operator = OPERATORS["int8_matmul"]
    (dim,) = (dim for dim in operator.dims if dim.name == "K")
    plain = 3  # of a length these come first; one dtype, so three of it
    longest = [
        case
        for seed in range(9)
        for _, cases in long_cases(operator, dim, seed, operator.dtypes)
        for case in cases[:plain]
        if 4000 < case.sizes["K"] < 10_000
    ]
    swings = [c for c in longest if (c.tensors["a"].values, c.tensors["b"].values) == ("whole_swing", "whole_highest")]
    assert len(swings) > len(longest) / 3
    for case in swings:
        a, b = (v.view.double() for v in materialise(operator, case)[:2] if isinstance(v, TensorValue))
        partial = (a[:, :, None] * b[None]).cumsum(1).abs()
        assert partial.max() > 1 << 24
        (expected,) = expect(operator, case.dtype, materialise(operator, case))
        assert expected.shape == (case.sizes["M"], case.sizes["N"])
        assert partial[:, -1].max() < 1 << 20
