"""What the judge accepts as a control's answer; that the real monitors give it is checked beside the interpreter."""

from __future__ import annotations

import pytest
import torch

from runners import wire
from runners.candidate import Candidate
from runners.control_names import CONTROL_NAMES
from runners.controls import CONTROLS, SIZE, STRIDE, run_controls
from runners.properties import Effort, PropertiesCheck
from runners.session import Deadlines, Session
from sandbox.outcomes import KilledBySignal, SandboxFault

DEADLINES = Deadlines(load_s=2.0, case_s=1.0)
RUNNER_ENDS = KilledBySignal(signal=11)


class Pretender:
    """A runner in whose process the candidate answers the controls itself."""

    def __init__(self, fakes, faults=lambda which, place, row, column: ()) -> None:
        self.runners = fakes(lambda *arguments: torch.zeros(SIZE))
        self._faults = faults
        self._genuine = self.runners.answer
        self.runners.answer = self.answer

    def answer(self, payload: bytes) -> bytes:
        request, _ = wire.decode_request(payload)
        if isinstance(request, wire.LoadRequest):
            return b"".join(wire.encode(wire.Loaded()))
        assert isinstance(request, wire.RunRequest)
        which, place, row, column = (one.value for one in request.arguments if isinstance(one, wire.ScalarArgument))
        faults = self._faults(which, place, row, column)
        self.runners.alter = lambda ran: wire.Ran(
            calls=tuple(call.model_copy(update={"faults": faults}) for call in ran.calls)
        )
        return self._genuine(payload)

    def fired(self) -> set[str]:
        found = run_controls(self.runners.take(), 1.0, 1.0)
        assert [control.name for control in found] == list(CONTROLS)
        return {control.name for control in found if control.fired}


def fault(kind: str, argument: int | None, element: int) -> wire.Fault:
    return wire.Fault(kind=kind, argument=argument, allocation=None, element=element, line=1, program=None, other=None)


def test_a_runner_that_reports_nothing_fires_nothing(fake_runners) -> None:
    assert Pretender(fake_runners).fired() == set()


def test_the_right_place_fires(fake_runners) -> None:
    pretender = Pretender(fake_runners, lambda which, place, row, column: (
        fault("write_to_input", 1, row * STRIDE + column), fault("double_store", None, place)))  # fmt: skip
    assert pretender.fired() == {"write to input", "double store"}


@pytest.mark.parametrize(
    "answer",
    [
        lambda which, place, row, column: (fault("double_store", None, place + 1),),
        lambda which, place, row, column: (fault("double_store", 1, place),),
        lambda which, place, row, column: (fault("unsynchronised", None, -place - 1),),
    ],
)
def test_another_place_does_not_fire(fake_runners, answer) -> None:
    assert Pretender(fake_runners, answer).fired() == set()


def test_a_runner_that_ends_fires_nothing(fake_runners) -> None:
    pretender = Pretender(fake_runners)

    def end(*arguments):
        raise pretender.runners.Ends(RUNNER_ENDS)

    pretender.runners.function = end
    assert pretender.fired() == set()


def test_controls_run_in_the_runner_that_ran_the_last_case_and_not_without_one(
    fake_runners, relu_candidate: Candidate, relu_case
) -> None:
    runners = fake_runners(torch.relu)
    with Session(relu_candidate, runners.take, DEADLINES) as session:
        assert not any(control.fired for control in session.controls(after=None))
        session.run(relu_case)
        assert len(session.controls(after=relu_case)) == len(CONTROLS)
    assert len(runners.workers) == 1


def test_controls_that_a_fault_of_ours_ended_are_run_again_after_a_case(
    fake_runners, relu_candidate: Candidate, relu_case
) -> None:
    runners = fake_runners(lambda *arguments: torch.relu(arguments[0]))
    genuine, faults = runners.answer, [SandboxFault("the engine is gone")]

    def answer(payload: bytes) -> bytes:
        request, _ = wire.decode_request(payload)
        if not isinstance(request, wire.LoadRequest) or request.role != "control":
            return genuine(payload)
        if faults:
            raise fake_runners.Ends(faults.pop())
        return b"".join(wire.encode(wire.Loaded()))

    runners.answer = answer
    with Session(relu_candidate, runners.take, DEADLINES) as session:
        session.run(relu_case)
        assert len(session.controls(after=relu_case)) == len(CONTROLS)
        assert (session.runners, session.lost_runners) == (2, 1)
    assert runners.left_running == 0


@pytest.mark.parametrize(
    ("function", "asked", "run"),
    [(lambda x: torch.relu(x).contiguous(), True, True), (lambda x: torch.relu(x).contiguous(), False, False),
     (lambda x: torch.relu(x).contiguous() + 1, True, False)],
)  # fmt: skip
def test_controls_follow_the_last_case_unless_one_failed(
    fake_runners, relu_candidate: Candidate, function, asked, run
) -> None:
    effort = Effort(3, 0, ("float32",), DEADLINES, 60.0, controls=asked)
    evidence = PropertiesCheck(relu_candidate, fake_runners(function).take, effort, 1).run()
    assert len(evidence.controls) == (len(CONTROLS) if run else 0)


def test_policies_know_every_control_by_its_name() -> None:
    assert tuple(CONTROLS) == CONTROL_NAMES
