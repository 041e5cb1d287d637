"""What several programs of one candidate used, put together."""

from __future__ import annotations

from collections.abc import Callable

from fake_device import FakeDevice, relu

from runners.candidate import Candidate
from runners.conversation import Runner
from runners.device_session import DeviceSession
from runners.observed_evidence import ObservedEvidence
from runners.operators import OPERATORS
from runners.session import Deadlines
from runners.watching import Watch, observed
from sandbox.contract import Program
from sandbox.scripted import Die, Say, Script, ScriptedSandbox
from sandbox.usage import UNSEEN, FolderLeft, RefusedCall, Usage

FIRST = Usage(
    memory_peak_bytes=300, oom_kills=1, tasks_peak=4, refused_forks=2, cpu_s=1.5, processes_left=("sleep",),
    folders=(FolderLeft("/tmp", 10, 3, ("b", "a")), FolderLeft("/cache", 0, 0, ())),
    refused_calls=(RefusedCall("ptrace", 2),), stdout_bytes=10, stderr_bytes=1,
)  # fmt: skip
SECOND = Usage(
    memory_peak_bytes=200, oom_kills=0, tasks_peak=9, refused_forks=1, cpu_s=0.5, processes_left=("cat",),
    folders=(FolderLeft("/tmp", 20, 1, ("c", "a")),),
    refused_calls=(RefusedCall("socket", 1), RefusedCall("ptrace", 1)), stdout_bytes=5,
)  # fmt: skip


def test_of_a_moment_the_most_is_kept_and_of_counts_the_sum() -> None:
    both = observed("interpreter", [FIRST, SECOND, UNSEEN])
    assert (both.ran, both.programs, both.seen) == ("interpreter", 3, 2)
    assert (both.memory_peak_bytes, both.tasks_peak) == (300, 9)
    assert (both.oom_kills, both.refused_forks, both.cpu_s) == (1, 3, 2.0)
    assert (both.stdout_bytes, both.stderr_bytes) == (15, 1)
    assert both.processes_left == ("sleep", "cat")
    assert [(one.call, one.times) for one in both.refused_calls or ()] == [("ptrace", 3), ("socket", 1)]
    assert [(one.path, one.used_bytes, one.entries, one.names) for one in both.folders or ()] == [
        ("/tmp", 20, 3, ("a", "b", "c")), ("/cache", 0, 0, ()),
    ]  # fmt: skip


def test_what_nobody_saw_is_unknown_and_not_nothing() -> None:
    none = observed("gpu", [UNSEEN, UNSEEN])
    assert none.seen == 0
    unknown = (none.memory_peak_bytes, none.cpu_s, none.processes_left, none.folders, none.refused_calls)
    assert unknown == (None,) * 5
    seen = observed("gpu", [UNSEEN, Usage(processes_left=(), folders=(), refused_calls=())])
    assert (seen.processes_left, seen.folders, seen.refused_calls) == ((), (), ())


def test_names_of_many_programs_are_bounded() -> None:
    names = tuple(f"n{number}" for number in range(32))
    many = observed("gpu", [Usage(processes_left=names, folders=(FolderLeft("/tmp", 1, 1, names),))] * 50)
    assert len(many.processes_left or ()) == 32
    assert [len(folder.names) for folder in many.folders or ()] == [32]


def runners(*usages: Usage) -> Callable[[], Runner]:
    waiting = iter(usages)

    def take() -> Runner:
        script = Script((Say(b"no message"), Die(9)), usage=next(waiting))
        return Runner(ScriptedSandbox(lambda program: script).start(Program("image", ("true",))))

    return take


def test_every_program_that_was_taken_and_has_ended_counts_once() -> None:
    watch = Watch("interpreter")
    take = watch.over(runners(FIRST, SECOND, UNSEEN))
    assert watch.evidence() is None
    first, second = take(), take()
    assert watch.evidence() is None, "neither has ended"
    first.end()
    first.end()
    alone = watch.evidence()
    assert alone is not None
    assert (alone.programs, alone.memory_peak_bytes) == (1, 300)
    second.end()
    take()
    both = watch.evidence()
    assert both == observed("interpreter", [FIRST, SECOND])


def test_programs_that_call_a_candidate_on_a_gpu_are_watched() -> None:
    candidate = Candidate("relu.py", b"def relu(x): ...", "digest", OPERATORS["relu"], "relu")
    session = DeviceSession(candidate, FakeDevice(relu), Deadlines(2.0, 1.0), 1 << 30)
    with session:
        session.load()
        assert session.observed is None
    seen = session.observed
    assert isinstance(seen, ObservedEvidence)
    assert (seen.ran, seen.programs, seen.memory_peak_bytes) == ("gpu", 1, 1 << 30)
