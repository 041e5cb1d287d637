"""The compile check with compilers that a test scripted: who is asked what, and what becomes of each answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from runners import wire
from runners.candidate import Candidate
from runners.compiler import Compiler
from runners.compiling import CRASHES, CompileCheck, CompileEffort
from runners.evidence import CompileEvidence
from runners.operators import OPERATORS
from runners.representative import choose
from runners.specialisation import (
    Compiled,
    CompileFailed,
    CompileRequest,
    Constant,
    KernelName,
    LaunchArgument,
    NotCompiled,
    Pointer,
    Resources,
    Specialisation,
)
from sandbox.contract import Reply
from sandbox.outcomes import Exited, Finished, KilledBySignal, Outcome, OutOfMemory, TimedOut
from sandbox.usage import UNSEEN

EFFORT = CompileEffort(
    required=("sm_80", "sm_90"), informative=("gfx942",), specialisations=2, deadline_s=1, total_s=99
)
CANDIDATE = Candidate("relu.py", b"...", "...", OPERATORS["relu"], "relu")
SMALL = Resources(registers=20, spill_bytes=4, shared_bytes=1024, tensor_memory_columns=0, threads=128)
GREETING = wire.Greeting(python="3", torch="2", triton="3", interpreter_repaired=False)
Behaviour = Callable[[CompileRequest], wire.Message | Outcome]


def launch(kernel: str = "k", dtype: str = "float32", block: int = 64, configurations: int = 0, gap: str | None = None,
           ) -> Specialisation:  # fmt: skip
    arguments = (
        LaunchArgument(name="x", value=Pointer(dtype=dtype, aligned=True)),
        LaunchArgument(name="block", value=Constant(value=block)),
    )
    name = KernelName(module="candidate", qualname=kernel, line=3)
    return Specialisation(kernel=name, arguments=arguments, options=(), configurations=configurations, gap=gap)


def block_of(request: CompileRequest) -> object:
    value = request.specialisation.arguments[1].value
    assert isinstance(value, Constant)
    return value.value


def compiles(request: CompileRequest) -> wire.Message:
    return Compiled(resources=SMALL if request.whole else None)


def refuses(request: CompileRequest) -> wire.Message:
    return CompileFailed(error="CompilationError", message="no", line=4, passed_over=False)


class Compilers:
    """Containers that answer as `behaviour` says."""

    def __init__(self, behaviour: Behaviour, loading: wire.Message | None = None) -> None:
        self.behaviour, self.loading = behaviour, loading or wire.Loaded()
        self.asked: list[CompileRequest] = []
        self.taken = self.ended = 0

    def take(self) -> Compiler:
        self.taken += 1
        return Compiler(_Worker(self))

    def check(self, *seen: Specialisation, effort: CompileEffort = EFFORT, candidate: Candidate = CANDIDATE,
              ) -> CompileEvidence:  # fmt: skip
        evidence = CompileCheck(candidate, self.take, effort).run(seen)
        assert self.ended == self.taken, "a container was left running"
        return evidence


class _Worker:
    usage = UNSEEN

    def __init__(self, stage: Compilers) -> None:
        self._stage, self._outcome = stage, None
        self._ended = False

    def greeting(self) -> Reply:
        return Reply(b"".join(wire.encode(GREETING)))

    def exchange(self, request, *, deadline_s: float, cap_bytes: int) -> Reply | Outcome:
        message, _ = wire.decode_request(b"".join(request))
        if isinstance(message, wire.LoadRequest):
            return Reply(b"".join(wire.encode(self._stage.loading)))
        assert isinstance(message, CompileRequest)
        self._stage.asked.append(message)
        answer = self._stage.behaviour(message)
        return Reply(b"".join(wire.encode(answer))) if isinstance(answer, wire.Message) else answer

    def last_words(self) -> str:
        return ""

    def end(self) -> Outcome:
        self._stage.ended += not self._ended
        self._ended = True
        return Finished()


def causes(evidence: CompileEvidence) -> list[tuple[str, str, bool]]:
    return [(failure.target, failure.cause, failure.passed_over) for failure in evidence.failures]


def test_the_front_end_sees_all_and_machine_code_is_made_of_the_chosen() -> None:
    compilers = Compilers(compiles)
    evidence = compilers.check(*(launch(block=2**n) for n in range(4, 9)))
    assert (evidence.seen, evidence.chosen, evidence.front_end) == (5, 2, 3)
    assert [(t.target, t.required, t.compiled) for t in evidence.targets] == [
        ("sm_80", True, 2), ("sm_90", True, 2), ("gfx942", False, 1),
    ]  # fmt: skip
    assert evidence.failures == ()
    assert {request.target for request in compilers.asked if not request.whole} == {"sm_80"}


def test_the_most_that_anything_uses_is_kept() -> None:
    def grows(request: CompileRequest) -> wire.Message:
        size = block_of(request)
        assert isinstance(size, int)
        used = SMALL.model_copy(update={"registers": size, "shared_bytes": 10 * size})
        return Compiled(resources=used if request.whole else None)

    evidence = Compilers(grows).check(launch(block=16), launch(block=32))
    assert {(t.registers, t.spill_bytes, t.shared_bytes) for t in evidence.targets} == {(32, 4, 320)}


def test_a_refusal_on_a_required_target_is_a_failure_with_its_line() -> None:
    evidence = Compilers(lambda r: refuses(r) if r.target == "sm_90" else compiles(r)).check(launch())
    (failure,) = evidence.failures
    assert (failure.target, failure.required, failure.cause, failure.line) == ("sm_90", True, "refused", 4)
    assert failure.specialisation == "k(x: *float32, block=64)"


def test_a_refusal_on_an_informative_target_is_not_required() -> None:
    evidence = Compilers(lambda r: refuses(r) if r.target == "gfx942" else compiles(r)).check(launch())
    assert [(failure.target, failure.required) for failure in evidence.failures] == [("gfx942", False)]


def test_an_architecture_that_the_operator_is_not_on_is_not_asked() -> None:
    candidate = replace(CANDIDATE, operator=replace(CANDIDATE.operator, not_on=("sm_80",)))
    compilers = Compilers(lambda r: refuses(r) if r.target == "sm_80" else compiles(r))
    evidence = compilers.check(launch(), candidate=candidate)
    assert evidence.failures == ()
    assert evidence.not_on == ("sm_80",)
    assert "sm_80" not in {request.target for request in compilers.asked}


@pytest.mark.parametrize(("field", "value", "says"), [
    ("shared_bytes", 164 * 1024, "shared memory"), ("threads", 2048, "threads"),
    ("tensor_memory_columns", 512, "tensor memory"),
])  # fmt: skip
def test_more_than_the_architecture_has_is_a_failure(field: str, value: int, says: str) -> None:
    used = SMALL.model_copy(update={field: value})
    evidence = Compilers(lambda r: Compiled(resources=used)).check(launch())
    assert ("sm_80", "out_of_resources", False) in causes(evidence)
    assert says in evidence.failures[0].message


def test_all_that_the_architecture_has_may_be_used() -> None:
    used = SMALL.model_copy(update={"shared_bytes": 163 * 1024, "threads": 1024})
    effort = replace(EFFORT, informative=())
    assert Compilers(lambda r: Compiled(resources=used)).check(launch(), effort=effort).failures == ()


def test_a_crash_names_its_compilation_and_the_rest_goes_on_elsewhere() -> None:
    compilers = Compilers(lambda r: KilledBySignal(11) if r.target == "sm_80" else compiles(r))
    evidence = compilers.check(launch())
    assert causes(evidence) == [("sm_80", "crashed", False)]
    assert "SIGSEGV" in evidence.failures[0].message
    assert evidence.containers == 2
    assert [t.target for t in evidence.targets] == ["sm_90", "gfx942"]


def test_a_compiler_that_always_crashes_is_not_tried_for_ever() -> None:
    compilers = Compilers(lambda r: Exited(1))
    evidence = compilers.check(*(launch(block=2**n) for n in range(4, 12)))
    assert compilers.taken == CRASHES
    assert len(evidence.failures) == CRASHES


def test_a_missed_deadline_is_tried_once_more() -> None:
    slow = iter([TimedOut(1.0)])
    evidence = Compilers(lambda r: next(slow, compiles(r))).check(launch())
    assert evidence.failures == ()
    assert evidence.containers == 2


def test_a_deadline_missed_twice_is_no_error_of_the_kernel() -> None:
    evidence = Compilers(lambda r: TimedOut(1.0) if r.target == "sm_90" else compiles(r)).check(launch())
    assert causes(evidence) == [("sm_90", "timed_out", False)]


def test_memory_that_ran_out_and_what_could_not_be_tried_say_nothing_of_the_kernel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("runners.again.time.sleep", lambda seconds: None)
    answers = iter([OutOfMemory(1 << 30)] * 3 + [NotCompiled(reason="no such kernel")])
    evidence = Compilers(lambda r: next(answers, compiles(r))).check(launch())
    assert causes(evidence) == [("sm_80", "not_tried", False), ("sm_90", "not_tried", False)]


@pytest.mark.parametrize("end", [OutOfMemory(1 << 30), KilledBySignal(9), TimedOut(1.0)])
def test_what_may_not_be_the_compilers_doing_is_tried_again(monkeypatch: pytest.MonkeyPatch, end: Outcome) -> None:
    monkeypatch.setattr("runners.again.time.sleep", lambda seconds: None)
    answers = iter([end])
    evidence = Compilers(lambda r: next(answers, compiles(r))).check(launch())
    assert evidence.failures == ()
    assert evidence.containers == 2


def test_a_launch_that_no_message_can_say_is_reported_and_not_compiled() -> None:
    compilers = Compilers(compiles)
    evidence = compilers.check(launch(), launch(kernel="other", gap="an argument is a TensorDescriptor"))
    assert causes(evidence) == [("", "not_tried", False)]
    assert evidence.failures[0].required
    assert {request.specialisation.kernel.qualname for request in compilers.asked} == {"k"}


def test_a_module_that_raises_only_where_it_is_compiled_fails_once() -> None:
    compilers = Compilers(compiles, loading=wire.Raised(error="KeyError", message="TRITON_INTERPRET", line=2))
    evidence = compilers.check(launch(), launch(block=128))
    assert [(f.cause, f.error, f.line) for f in evidence.failures] == [("refused", "KeyError", 2)]


def test_the_total_deadline_ends_the_check_and_says_so() -> None:
    evidence = Compilers(compiles).check(launch(), effort=replace(EFFORT, total_s=-1.0))
    assert evidence.targets == ()
    assert "total deadline" in evidence.failures[0].message


def too_large(request: CompileRequest) -> wire.Message:
    if block_of(request) == 256:
        return CompileFailed(error="PTXASError", message="too many registers", line=None, passed_over=True)
    return compiles(request)


def test_a_configuration_that_an_autotuner_passes_over_is_no_error() -> None:
    seen = (launch(block=64, configurations=2), launch(block=256, configurations=2))
    evidence = Compilers(too_large).check(*seen)
    required = {cause for cause in causes(evidence) if cause[0] != "gfx942"}
    assert required == {("sm_80", "refused", True), ("sm_90", "refused", True)}


def test_the_same_failure_without_an_autotuner_is_an_error() -> None:
    evidence = Compilers(too_large).check(launch(block=64), launch(block=256))
    assert ("sm_80", "refused", False) in causes(evidence)


def test_a_tuned_kernel_of_which_no_configuration_fits_is_an_error() -> None:
    evidence = Compilers(too_large).check(launch(block=256, configurations=1 + 1), launch(block=256, dtype="float16"))
    assert ("sm_80", "not_tried", False) in causes(evidence)
    alone = Compilers(lambda r: CompileFailed(error="PTXASError", message="", line=None, passed_over=True))
    both = alone.check(launch(block=128, configurations=2), launch(block=256, configurations=2))
    assert {("sm_80", "refused", False), ("sm_90", "refused", False)} <= set(causes(both))


def test_further_configurations_are_tried_until_one_fits() -> None:
    seen = tuple(launch(block=block, configurations=3) for block in (64, 128, 256))
    compilers = Compilers(too_large)
    evidence = compilers.check(*seen, effort=replace(EFFORT, specialisations=1, informative=()))
    assert evidence.chosen == 1
    assert set(causes(evidence)) == {("sm_80", "refused", True), ("sm_90", "refused", True)}


def test_the_largest_of_every_kernel_is_chosen_whatever_the_cap() -> None:
    seen = [launch(kernel=kernel, block=block) for kernel in "abc" for block in (16, 64, 32)]
    assert [(one.kernel.qualname, one) for one in choose(seen, 1)] == [(k, launch(kernel=k, block=64)) for k in "abc"]


def test_what_shows_another_dtype_is_chosen_before_another_constant() -> None:
    seen = [launch(block=64), launch(block=32), launch(block=16), launch(block=16, dtype="float16")]
    assert choose(seen, 2) == (launch(block=64), launch(block=16, dtype="float16"))
    assert set(choose(seen, 99)) == set(seen)
