"""One candidate in runners that die: every way to fail is told apart, and nothing is blamed on the wrong side."""

from __future__ import annotations

import pytest
import torch

from runners import wire
from runners.cases import Case
from runners.conversation import Runner, RunnerFault, on_wire
from runners.evidence import (
    AccessFault,
    CodeRaised,
    InputChanged,
    NoLaunch,
    ResultsDiffer,
    RunnerEnded,
    UnsupportedCase,
    WrongForm,
)
from runners.examine import Agreed, conditions_for
from runners.materialise import materialise
from runners.operators import OPERATORS
from runners.session import Deadlines, Session
from runners.specialisation import KernelName, Specialisation
from sandbox.contract import Reply, SandboxUnavailable
from sandbox.outcomes import (
    Exited,
    Finished,
    KilledBySignal,
    OutOfMemory,
    ProtocolBroken,
    SandboxFault,
    TimedOut,
)

DEADLINES = Deadlines(load_s=2.0, case_s=1.0)
HANG = TimedOut(1.0)


@pytest.fixture
def judge(relu_candidate, relu_case):
    """Runs one case (the plain one, if no other is given) in the given runners."""

    def run(runners, case: Case = relu_case):
        with Session(relu_candidate, runners.take, DEADLINES) as session:
            result = session.run(case)
        assert runners.left_running == 0
        return result

    return run


def once(first, then):
    """A function that behaves as `first` when it is called for the first time and as `then` ever after."""
    return first_times(1, first, then)


def first_times(times: int, first, then):
    """A function that behaves as `first` so many times and as `then` ever after."""
    called = []

    def behave(*arguments):
        called.append(1)
        return (first if len(called) <= times else then)(*arguments)

    return behave


def test_a_right_candidate_agrees(judge, fake_runners) -> None:
    result = judge(fake_runners(torch.relu))
    assert isinstance(result, Agreed)
    assert 0 <= result.worst_ratio <= 1


def test_a_case_is_run_in_natural_order_and_then_otherwise(judge, fake_runners, relu_case) -> None:
    runners = fake_runners(torch.relu)
    seen = []
    runners.function = lambda x: seen.append(runners.conditions) or torch.relu(x)
    judge(runners)
    assert tuple(seen) == conditions_for(relu_case)
    assert seen[0].order_seed is None
    assert not seen[0].undefined_lanes
    assert seen[1].order_seed is not None
    assert seen[1].undefined_lanes
    assert seen[0].fresh_byte != seen[1].fresh_byte


WRONG_FORMS = {
    "none": (lambda x: None, "type", "NoneType"),
    "number": (lambda x: 1.0, "type", "float"),
    "tuple_of_one": (lambda x: (torch.relu(x),), "count", "a tuple of 1"),
    "two": (lambda x: (torch.relu(x), x.clone()), "count", "a tuple of 2"),
    "dtype": (lambda x: torch.relu(x).double(), "dtype", "float64"),
    "shape": (lambda x: torch.relu(x)[:1], "shape", "(1, 7)"),
    "flat": (lambda x: torch.relu(x).reshape(-1), "shape", "(14,)"),
    "layout": (lambda x: torch.relu(x).t().contiguous().t(), "layout", "not contiguous"),
}


@pytest.mark.parametrize(("function", "aspect", "got"), WRONG_FORMS.values(), ids=WRONG_FORMS)
def test_a_result_of_the_wrong_form_is_told_by_its_aspect(judge, fake_runners, function, aspect, got) -> None:
    result = judge(fake_runners(function))
    assert isinstance(result, WrongForm)
    assert (result.aspect, result.got) == (aspect, got)


def altered(**changes):
    """Changes the first output of every call."""

    def alter(answer):
        if not isinstance(answer, wire.Ran):
            return answer
        calls = [
            call.model_copy(update={"outputs": (call.outputs[0].model_copy(update=changes), *call.outputs[1:])})
            for call in answer.calls
        ]
        return wire.Ran(calls=tuple(calls))

    return alter


@pytest.mark.parametrize(
    ("changes", "aspect"),
    [({"device": "meta"}, "device"), ({"shape": (7, 2)}, "shape"), ({"shape": (1 << 40, 1 << 40)}, "shape"),
     ({"dtype": "int32"}, "dtype"), ({"dtype": "no_dtype"}, "dtype")],
)  # fmt: skip
def test_what_the_runner_claims_of_its_output_is_compared(judge, fake_runners, changes, aspect) -> None:
    runners = fake_runners(torch.relu)
    runners.alter = altered(**changes)
    result = judge(runners)
    assert isinstance(result, WrongForm)
    assert result.aspect == aspect


def test_an_output_without_its_bytes_is_of_the_wrong_size(judge, fake_runners) -> None:
    runners = fake_runners(torch.relu)
    runners.alter = altered(data_bytes=0)
    runners.alter_bytes = lambda answer: answer if len(answer) < 150 else answer[: -2 * 14 * 4]
    result = judge(runners)
    assert isinstance(result, WrongForm)
    assert result.aspect == "size"


@pytest.mark.parametrize("layout", ["contiguous", "stepped"])
def test_a_changed_input_is_told_by_its_name(judge, fake_runners, relu_case, layout) -> None:
    plan = relu_case.tensors["x"].model_copy(update={"layout": layout})
    result = judge(fake_runners(lambda x: x.relu_().clone()), relu_case.model_copy(update={"tensors": {"x": plan}}))
    assert isinstance(result, InputChanged)
    assert result.argument == "x"


def test_a_write_into_a_gap_of_an_input_is_a_changed_input(judge, fake_runners, relu_case) -> None:
    def write(x):
        x.as_strided((1,), (1,), 1).fill_(3.0)
        return torch.relu(x)

    plan = relu_case.tensors["x"].model_copy(update={"layout": "stepped"})
    result = judge(fake_runners(write), relu_case.model_copy(update={"tensors": {"x": plan}}))
    assert isinstance(result, InputChanged)


@pytest.mark.parametrize("digests", [(), ("",), ("0" * 32,)])
def test_a_missing_or_wrong_digest_is_a_changed_input(judge, fake_runners, digests) -> None:
    runners = fake_runners(torch.relu)
    runners.alter = lambda answer: (
        wire.Ran(calls=tuple(call.model_copy(update={"argument_digests": digests}) for call in answer.calls))
        if isinstance(answer, wire.Ran)
        else answer
    )
    assert isinstance(judge(runners), InputChanged)


def test_runs_that_differ_only_in_the_sign_of_a_zero_differ(judge, fake_runners) -> None:
    runners = fake_runners(torch.relu)
    runners.function = lambda x: torch.where(
        x > 0, x, torch.tensor(0.0 if runners.conditions.order_seed is None else -0.0)
    )
    result = judge(runners)
    assert isinstance(result, ResultsDiffer)
    assert result.output == 0


def test_runs_may_differ_within_the_bound_where_atomics_were_used(judge, fake_runners) -> None:
    runners = fake_runners(torch.relu, atomics=True)
    runners.function = lambda x: torch.where(
        x > 0, x, torch.tensor(0.0 if runners.conditions.order_seed is None else -0.0)
    )
    assert isinstance(judge(runners), Agreed)


def test_atomics_do_not_excuse_a_wrong_second_run(judge, fake_runners) -> None:
    runners = fake_runners(torch.relu, atomics=True)
    runners.function = lambda x: torch.relu(x) if runners.conditions.order_seed is None else torch.relu(x) + 1
    result = judge(runners)
    assert (result.kind, result.conditions) == ("wrong_values", "shuffled order")


def test_the_bits_of_a_nan_are_free(judge, fake_runners, relu_case) -> None:
    plan = relu_case.tensors["x"].model_copy(update={"special": "nan"})
    runners = fake_runners(torch.relu)
    quiet = torch.tensor(0x7FC00001, dtype=torch.int32).view(torch.float32)
    runners.function = lambda x: torch.relu(x) if runners.conditions.order_seed is None else torch.where(
        x.isnan(), quiet, torch.relu(x))  # fmt: skip
    assert isinstance(judge(runners, relu_case.model_copy(update={"tensors": {"x": plan}})), Agreed)


def test_a_call_that_launched_nothing_is_told(judge, fake_runners) -> None:
    assert isinstance(judge(fake_runners(torch.relu, launches=0)), NoLaunch)


def test_an_empty_input_needs_no_launch(judge, fake_runners, relu_case) -> None:
    empty = relu_case.model_copy(update={"sizes": {"M": 0, "N": 7}})
    assert isinstance(judge(fake_runners(torch.relu, launches=0), empty), Agreed)


def test_what_the_candidate_raises_has_its_line_and_case(judge, fake_runners, relu_case) -> None:
    def fail(x):
        raise ValueError("odd sizes are not supported")

    result = judge(fake_runners(fail))
    assert isinstance(result, CodeRaised)
    assert (result.error, result.line, result.case) == ("ValueError", 7, relu_case)


def test_what_the_interpreter_cannot_run_is_no_failure(judge, fake_runners, relu_case) -> None:
    def fail(x):
        raise fake_runners.CannotRun("no inline assembly")

    result = judge(fake_runners(fail))
    assert isinstance(result, UnsupportedCase)
    assert (result.reason, result.case) == ("no inline assembly", relu_case)


def test_a_module_that_raises_or_is_unsupported_is_told_without_a_case(relu_candidate, fake_runners) -> None:
    for message, kind in ((wire.Raised(error="ImportError", message="x", line=3), CodeRaised),
                          (wire.Unsupported(reason="x", line=3), UnsupportedCase)):  # fmt: skip
        runners = fake_runners(torch.relu)
        runners.loading = lambda message=message: message
        with Session(relu_candidate, runners.take, DEADLINES) as session:
            result = session.load()
        assert isinstance(result, kind)
        assert (result.case, result.line) == (None, 3)
        assert runners.left_running == 0


@pytest.mark.parametrize(
    ("outcome", "how", "detail"),
    [
        (KilledBySignal(11), "signal", "SIGSEGV"),
        (KilledBySignal(99), "signal", "signal 99"), (Exited(0), "exited", "code 0"), (Finished(), "exited", "left"),
        (ProtocolBroken("not a frame"), "protocol_broken", "not a frame"),
    ],
)  # fmt: skip
def test_a_runner_that_ends_is_told_by_how_it_ended(judge, fake_runners, relu_case, outcome, how, detail) -> None:
    def end(x):
        raise fake_runners.Ends(outcome)

    runners = fake_runners(end)
    result = judge(runners)
    assert isinstance(result, RunnerEnded)
    assert (result.how, result.case) == (how, relu_case)
    assert detail in result.detail
    assert len(runners.workers) == 1


@pytest.fixture
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runners.again.time.sleep", lambda seconds: None)


@pytest.mark.usefixtures("_no_pauses")
@pytest.mark.parametrize(
    ("outcome", "how", "detail"),
    [(KilledBySignal(9), "signal", "SIGKILL"), (OutOfMemory(64 << 20), "out_of_memory", "64 MiB")],
)
def test_what_somebody_else_may_have_killed_is_blamed_when_it_comes_three_times(
    relu_candidate, relu_case, fake_runners, outcome, how, detail
) -> None:
    def end(x):
        raise fake_runners.Ends(outcome)

    for times, blamed in ((1, False), (2, False), (3, True)):
        runners = fake_runners(first_times(times, end, torch.relu))
        with Session(relu_candidate, runners.take, DEADLINES) as session:
            result = session.run(relu_case)
            assert isinstance(result, RunnerEnded) is blamed
            assert (session.runners, session.lost_runners) == (3, 0) if blamed else (times + 1, 1)
        assert runners.left_running == 0
    assert (result.how, result.case) == (how, relu_case)
    assert detail in result.detail


@pytest.mark.usefixtures("_no_pauses")
@pytest.mark.parametrize(("outcome", "workers"), [(HANG, 1), (OutOfMemory(1), 1), (KilledBySignal(9), 3)])
def test_how_far_a_candidate_gets_is_not_confirmed_but_a_kill_is(
    relu_candidate, relu_case, fake_runners, outcome, workers
) -> None:
    def end(x):
        raise fake_runners.Ends(outcome)

    runners = fake_runners(end)
    with Session(relu_candidate, runners.take, DEADLINES) as session:
        assert isinstance(session.run(relu_case, to_the_limit=True), RunnerEnded)
    assert len(runners.workers) == workers


def test_a_fault_of_ours_costs_a_runner_and_no_case(relu_candidate, relu_case, fake_runners) -> None:
    def lose(x):
        raise fake_runners.Ends(SandboxFault("the engine is gone"))

    runners = fake_runners(first_times(2, lose, torch.relu))
    with Session(relu_candidate, runners.take, DEADLINES) as session:
        assert isinstance(session.run(relu_case), Agreed)
        assert (session.runners, session.lost_runners) == (3, 2)
    assert runners.left_running == 0


class Asked:
    """A turn that is over when `questions` are used up, once."""

    def __init__(self, questions: int) -> None:
        self.questions = questions
        self.gave_way = 0

    @property
    def is_over(self) -> bool:
        self.questions -= 1
        return self.questions == 0

    def give_way(self) -> None:
        self.gave_way += 1

    def now(self) -> float:
        return 0.0


def test_a_session_whose_turn_is_over_goes_on_in_a_fresh_runner(relu_candidate, relu_case, fake_runners) -> None:
    runners, turn = fake_runners(torch.relu), Asked(2)
    with Session(relu_candidate, runners.take, DEADLINES, turn=turn) as session:
        for _ in range(3):
            assert isinstance(session.run(relu_case), Agreed)
        assert (session.runners, session.lost_runners, turn.gave_way) == (2, 0, 1)


def test_whoever_hangs_lets_others_go_on_before_it_may_hang_again(relu_candidate, relu_case, fake_runners) -> None:
    def hang(x):
        raise fake_runners.Ends(HANG)

    runners, turn = fake_runners(hang), Asked(2)
    with Session(relu_candidate, runners.take, DEADLINES, turn=turn) as session:
        assert isinstance(session.run(relu_case), RunnerEnded)
    assert turn.gave_way == 1


def test_a_missed_deadline_is_confirmed_in_fresh_runners(judge, fake_runners) -> None:
    def hang(x):
        raise fake_runners.Ends(HANG)

    runners = fake_runners(hang)
    result = judge(runners)
    assert isinstance(result, RunnerEnded)
    assert result.how == "timed_out"
    assert len(runners.workers) == 3  # the last tries the natural order alone


def test_a_deadline_missed_once_is_a_slow_case_and_no_failure(relu_candidate, relu_case, fake_runners) -> None:
    def hang(x):
        raise fake_runners.Ends(HANG)

    runners = fake_runners(once(hang, torch.relu))
    with Session(relu_candidate, runners.take, DEADLINES) as session:
        assert isinstance(session.run(relu_case), Agreed)
        assert (session.slow_cases, session.runners) == (1, 2)


def test_a_module_that_loads_slowly_once_is_no_failure(relu_candidate, fake_runners) -> None:
    def hang():
        raise fake_runners.Ends(HANG)

    runners = fake_runners(torch.relu)
    runners.loading = once(hang, wire.Loaded)
    with Session(relu_candidate, runners.take, DEADLINES) as session:
        assert isinstance(session.load(), wire.Loaded)
        assert (session.slow_cases, session.runners) == (1, 2)


def test_the_case_after_a_crash_gets_a_fresh_runner(relu_candidate, relu_case, fake_runners) -> None:
    def crash(x):
        raise fake_runners.Ends(KilledBySignal(11))

    runners = fake_runners(once(crash, torch.relu))
    with Session(relu_candidate, runners.take, DEADLINES) as session:
        assert isinstance(session.run(relu_case), RunnerEnded)
        assert isinstance(session.run(relu_case), Agreed)
        assert session.runners == 2


def test_the_loss_of_the_engine_is_our_fault(judge, fake_runners) -> None:
    def lose(x):
        raise fake_runners.Ends(SandboxFault("the engine is gone"))

    runners = fake_runners(lose)
    with pytest.raises(RunnerFault, match="the engine is gone"):
        judge(runners)
    assert runners.left_running == 0


def test_no_sandbox_to_be_had_comes_out_as_it_is(relu_candidate) -> None:
    def none() -> Runner:
        raise SandboxUnavailable("start the engine")

    with Session(relu_candidate, none, DEADLINES) as session, pytest.raises(SandboxUnavailable):
        session.load()


@pytest.mark.parametrize(
    "greeting", [wire.Loaded(), Reply(b"junk"), TimedOut(60.0), Exited(1), OutOfMemory(1), SandboxFault("gone")]
)
def test_a_fresh_runner_that_does_not_greet_is_our_fault(relu_candidate, fake_runners, greeting) -> None:
    runners = fake_runners(torch.relu)
    runners.greeting = greeting
    with Session(relu_candidate, runners.take, DEADLINES) as session, pytest.raises(RunnerFault):
        session.load()
    assert runners.left_running == 0


LIES = {
    "greeting": wire.Greeting(python="", torch="", triton="", interpreter_repaired=True),
    "loaded": wire.Loaded(),
    "raised": wire.Raised(error="", message="", line=None),
    "no_calls": wire.Ran(calls=()),
    "one_call": wire.Ran(calls=(wire.ReturnedOther(type_name="x"),)),
    "three_calls": wire.Ran(calls=(wire.ReturnedOther(type_name="x"),) * 3),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_an_answer_of_another_kind_breaks_the_protocol(judge, fake_runners, lie) -> None:
    runners = fake_runners(lambda x: None)
    runners.alter = lambda answer: lie if isinstance(answer, wire.Ran) else answer
    result = judge(runners)
    assert isinstance(result, RunnerEnded)
    assert result.how == "protocol_broken"


@pytest.mark.parametrize("lie", [wire.Ran(calls=()), LIES["greeting"]])
def test_an_answer_of_another_kind_to_loading_breaks_the_protocol(relu_candidate, fake_runners, lie) -> None:
    runners = fake_runners(torch.relu)
    runners.loading = lambda: lie
    with Session(relu_candidate, runners.take, DEADLINES) as session:
        result = session.load()
    assert isinstance(result, RunnerEnded)
    assert (result.how, result.case) == ("protocol_broken", None)
    assert runners.left_running == 0


@pytest.mark.parametrize("alter", [lambda answer: answer[:-1], lambda answer: answer + b"x", lambda answer: b""])
def test_bytes_that_are_no_message_break_the_protocol(judge, fake_runners, alter) -> None:
    runners = fake_runners(torch.relu)
    runners.alter_bytes = lambda answer: alter(answer) if b'"ran"' in answer else answer
    result = judge(runners)
    assert isinstance(result, RunnerEnded)
    assert result.how == "protocol_broken"


def test_a_greeting_is_kept_for_the_evidence(relu_candidate, fake_runners) -> None:
    runners = fake_runners(torch.relu)
    with Session(relu_candidate, runners.take, DEADLINES) as session:
        assert session.greeting is None
        session.load()
        assert session.greeting == runners.greeting


def test_both_runs_of_a_case_have_the_same_noise_and_only_where_it_is_asked_for(
    relu_candidate, fake_runners, relu_case
) -> None:
    seen = []
    for noise in (True, False):
        runners = fake_runners(torch.relu)
        runners.function = lambda x, runners=runners: seen.append(runners.conditions.noise_seed) or torch.relu(x)
        with Session(relu_candidate, runners.take, DEADLINES, noise=noise) as session:
            session.run(relu_case)
    assert seen == [relu_case.seed % 2**32, relu_case.seed % 2**32, None, None]


def test_what_launches_would_be_compiled_for_is_collected_once(relu_candidate, fake_runners, relu_case) -> None:
    name = KernelName(module="candidate", qualname="k", line=1)
    one = Specialisation(kernel=name, arguments=(), options=(), configurations=0, gap=None)
    runners = fake_runners(torch.relu)

    def launching(answer: wire.Message) -> wire.Message:
        if not isinstance(answer, wire.Ran):
            return answer
        return wire.Ran(calls=tuple(call.model_copy(update={"specialisations": (one, one)}) for call in answer.calls))

    runners.alter = launching
    with Session(relu_candidate, runners.take, DEADLINES) as session:
        session.run(relu_case)
        assert session.specialisations == (one,)


@pytest.mark.parametrize(("argument", "name"), [(0, "x"), (None, None), (7, None)])
def test_an_access_that_was_reported_decides_before_the_result(judge, fake_runners, argument, name) -> None:
    fault = wire.Fault(kind="out_of_bounds_load", argument=argument, allocation=None, element=-3, line=8,
                       program=(1, 2, 0), other=None)  # fmt: skip
    runners = fake_runners(lambda x: torch.relu(x) + 1)
    runners.alter = lambda answer: answer if not isinstance(answer, wire.Ran) else wire.Ran(
        calls=(answer.calls[0].model_copy(update={"faults": (fault, fault)}), *answer.calls[1:]))  # fmt: skip
    result = judge(runners)
    assert isinstance(result, AccessFault)
    assert (result.fault, result.argument, result.element, result.line) == ("out_of_bounds_load", name, -3, 8)
    assert (result.conditions, result.program) == ("natural order", (1, 2, 0))


def test_the_elements_of_a_sparse_argument_travel_alone_and_are_compared(judge, fake_runners, relu_case) -> None:
    plan = relu_case.tensors["x"].model_copy(update={"layout": "huge"})
    case = relu_case.model_copy(update={"tensors": {"x": plan}})
    value = materialise(OPERATORS["relu"], case)[0]
    header = on_wire(value)
    assert header.sparse
    assert header.base_bytes == (header.strides[0] + 7) * 4
    assert header.travelling_bytes == len(value.base_bytes) == 2 * 7 * 4
