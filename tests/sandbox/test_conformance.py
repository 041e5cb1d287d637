"""Every sandbox passes this, on the engine's default runtime (runc, where nobody changed it) and on gVisor.

Each behaviour is written twice: as a real program, and as the script of the fake. The programs write through Python's
buffer, which goes on after a write that took only a part: a pipe of gVisor takes part of what is larger than its room.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from sandbox.contract import Limits, Program, Reply, Sandbox, Worker
from sandbox.control_groups import ControlGroups
from sandbox.docker_engine import DockerEngine
from sandbox.docker_sandbox import DockerSandbox
from sandbox.namespace_sandbox import NamespaceSandbox
from sandbox.outcomes import Exited, Finished, KilledBySignal, OutOfMemory, ProtocolBroken, SandboxFault, TimedOut
from sandbox.owner import MARK
from sandbox.scripted import (
    Answer,
    Babble,
    Die,
    ExhaustMemory,
    Hang,
    Leave,
    Say,
    Script,
    ScriptedSandbox,
)

MIB = 1 << 20
RUNTIMES = (pytest.param(None, id="default"), pytest.param("runsc", marks=pytest.mark.gvisor))
SMALL = Limits(memory_bytes=192 * MIB, processes=64, tmp_bytes=16 * MIB, tmp_inodes=256, start_deadline_s=30.0)
# gVisor copies 2 MiB for every place that a forked child writes to.
ROOMY = Limits(memory_bytes=1024 * MIB, processes=64, tmp_bytes=16 * MIB, tmp_inodes=256, start_deadline_s=30.0)
HASTY = Limits(memory_bytes=192 * MIB, processes=64, tmp_bytes=16 * MIB, tmp_inodes=256, start_deadline_s=1.5)

PREAMBLE = """
import os, signal, struct, subprocess, sys, time
source, sink = sys.stdin.buffer, sys.stdout.buffer
def take(count):
    data = source.read(count)
    if len(data) < count:
        sys.exit(0)
    return data
def hear():
    return take(struct.unpack("<Q", take(8))[0])
def say(payload):
    sink.write(struct.pack("<Q", len(payload)))
    sink.write(payload)
    sink.flush()
def hog():
    kept = []
    while True:
        kept.append(bytearray(os.urandom(1 << 16) * 64))
"""


@dataclass(frozen=True)
class Twin:
    """One behaviour for both sandboxes."""

    source: str
    script: Script


def echo_script(**more: object) -> Script:
    return Script((Say(b"ready"), Answer(lambda request: request)), repeat_last=True, **more)


ECHO_LOOP = "while True: say(hear())"
TWINS = {
    "echo": Twin(f"say(b'ready'); {chr(10)}{ECHO_LOOP}", echo_script()),
    "threads and children": Twin(
        "import threading\nt = threading.Thread(target=say, args=(b'ready',)); t.start(); t.join()\n"
        "while True:\n  hear(); say(subprocess.run(['/bin/echo', 'hi'], capture_output=True).stdout)",
        Script((Say(b"ready"), Say(b"hi\n"))),
    ),
    "never reads": Twin("say(b'ready'); time.sleep(600)", Script((Say(b"ready"), Hang()))),
    "hangs": Twin("say(b'ready'); hear(); time.sleep(600)", Script((Say(b"ready"), Hang()))),
    "spins": Twin("say(b'ready'); hear()\nwhile True: pass", Script((Say(b"ready"), Hang()))),
    "ignores every signal": Twin(
        "[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 3, 13, 15)]\nsay(b'ready')\nwhile True: time.sleep(600)",
        Script((Say(b"ready"), Hang()), at_end=Hang()),
    ),
    "leaves with 0": Twin("say(b'ready'); hear(); os._exit(0)", Script((Say(b"ready"), Leave(0)))),
    "leaves with 3": Twin("say(b'ready'); hear(); sys.exit(3)", Script((Say(b"ready"), Leave(3)))),
    "kills itself": Twin(
        "say(b'ready'); hear(); os.kill(os.getpid(), signal.SIGKILL)",
        Script((Say(b"ready"), Die(signal.SIGKILL))),
    ),
    "segfaults": Twin(
        "import ctypes\nsay(b'ready'); hear(); ctypes.string_at(0)", Script((Say(b"ready"), Die(signal.SIGSEGV)))
    ),
    "exhausts memory": Twin("say(b'ready'); hear(); hog()", Script((Say(b"ready"), ExhaustMemory()))),
    "child exhausts memory, parent leaves with 0": Twin(
        "say(b'ready'); hear()\nif os.fork() == 0: hog()\nos.wait(); sys.exit(0)",
        Script((Say(b"ready"), ExhaustMemory())),
    ),
    "child exhausts memory, parent hangs": Twin(
        "say(b'ready'); hear()\nif os.fork() == 0: hog()\nos.wait(); time.sleep(600)",
        Script((Say(b"ready"), ExhaustMemory())),
    ),
    "forks without end": Twin(
        "say(b'ready'); hear()\nwhile True:\n  try: os.fork()\n  except OSError: time.sleep(0.01)",
        Script((Say(b"ready"), Hang())),
    ),
    "writes garbage": Twin(
        "say(b'ready'); hear(); sink.write(b'the answer is 42\\n'); sink.flush(); time.sleep(600)",
        Script((Say(b"ready"), Babble("garbage"))),
    ),
    "announces an exabyte": Twin(
        "say(b'ready'); hear(); sink.write(struct.pack('<Q', 1 << 60)); sink.flush(); time.sleep(600)",
        Script((Say(b"ready"), Babble("a frame over the cap"))),
    ),
    "half a frame, then silence": Twin(
        "say(b'ready'); hear(); sink.write(struct.pack('<Q', 100) + b'x' * 50); sink.flush(); time.sleep(600)",
        Script((Say(b"ready"), Hang())),
    ),
    "half a frame, then leaves": Twin(
        "say(b'ready'); hear(); sink.write(struct.pack('<Q', 100) + b'x' * 50); sink.flush(); os._exit(0)",
        Script((Say(b"ready"), Leave(0))),
    ),
    "answers before the request is complete": Twin(
        "say(b'ready'); take(8); say(b'guessed'); time.sleep(600)",
        Script((Say(b"ready"), Babble("early"))),
    ),
    "answers twice": Twin(
        "say(b'ready')\nwhile True: hear(); os.write(1, struct.pack('<Q4sQ5s', 4, b'once', 5, b'twice'))",
        Script((Say(b"ready"), Say(b"once"), Babble("twice"))),
    ),
    "closes its output": Twin(
        "say(b'ready'); hear(); os.close(1); os.close(2); time.sleep(600)",
        Script((Say(b"ready"), Hang())),
    ),
    "floods stderr, then answers": Twin(
        "say(b'ready')\nhear()\nfor _ in range(1600): os.write(2, b'x' * 65536)\n"
        "os.write(2, b'the end'); say(b'done'); hear()",
        Script((Say(b"ready"), Say(b"done")), last_words="x" * 8000 + "the end"),
    ),
    "floods stderr without end": Twin(
        "say(b'ready')\nhear()\nwhile True: os.write(2, b'x' * 65536)",
        Script((Say(b"ready"), Hang()), last_words="x" * 8000),
    ),
    "writes undecodable last words": Twin(
        "say(b'ready'); hear(); os.write(2, b'oh \\xff\\xfe no'); sys.exit(1)",
        Script((Say(b"ready"), Leave(1)), last_words="oh \ufffd\ufffd no"),
    ),
    "prints before the greeting": Twin(
        "print('loading the model', flush=True); say(b'ready'); time.sleep(600)", Script((Babble("a print"),))
    ),
    "does not greet": Twin("time.sleep(600)", Script((Hang(),))),
    "leaves instead of greeting": Twin("sys.exit(7)", Script((Leave(7),))),
    "fails when its input is closed": Twin(
        "say(b'ready'); source.read(); sys.exit(9)", Script((Say(b"ready"),), at_end=Leave(9))
    ),
}

Start = Callable[..., Worker]


IN_NAMESPACES = {"namespaces": "namespace_sandbox", "namespaces without control groups": "ungrouped_sandbox"}


@pytest.fixture(params=[*RUNTIMES, *IN_NAMESPACES, "scripted"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    if request.param == "scripted":
        yield ScriptedSandbox(lambda program: TWINS[program.argv[-1]].script)
        return
    if request.param in IN_NAMESPACES:
        yield request.getfixturevalue(IN_NAMESPACES[request.param])
        left_groups = [str(place.parent / name) for place in ControlGroups.of_this_machine().places for name in STARTED]
        STARTED.clear()
        assert [folder for folder in left_groups if Path(folder).exists()] == []
        return
    engine = request.getfixturevalue("engine")
    yield DockerSandbox(engine, runtime=request.param)
    left = [c["Names"] for c in engine.api.containers(all=True, filters={"label": f"{MARK}=1"})]
    mine = [names for names in left if names[0].lstrip("/") in STARTED]
    STARTED.clear()
    assert mine == []


STARTED: list[str] = []


@pytest.fixture
def start(sandbox: Sandbox, request: pytest.FixtureRequest) -> Start:
    def start_twin(behaviour: str, limits: Limits = SMALL) -> Worker:
        if isinstance(sandbox, ScriptedSandbox):
            return sandbox.start(Program("scripted", (behaviour,), limits))
        image = image_for(sandbox, request)
        source = PREAMBLE + TWINS[behaviour].source
        worker = sandbox.start(Program(image, ("python3", "-I", "-c", source), limits))
        STARTED.append(worker.name)
        return worker

    return start_twin


def image_for(sandbox: Sandbox, request: pytest.FixtureRequest) -> str:
    if isinstance(sandbox, ScriptedSandbox):
        return "scripted"
    if isinstance(sandbox, NamespaceSandbox):
        return str(request.getfixturevalue("host_view").image)
    return str(request.getfixturevalue("runner_image"))


def ask(worker: Worker, request: bytes = b"work", *, deadline_s: float = 20.0, cap_bytes: int = MIB) -> object:
    return worker.exchange([request], deadline_s=deadline_s, cap_bytes=cap_bytes)


def test_a_greeting_is_returned_again(start: Start) -> None:
    with start("echo") as worker:
        assert worker.greeting() == Reply(b"ready")
        assert worker.greeting() == Reply(b"ready")


def test_an_exchange_waits_for_the_greeting_by_itself(start: Start) -> None:
    with start("echo") as worker:
        assert ask(worker) == Reply(b"work")


@pytest.mark.parametrize("size", [0, 1, 65536, 16 * MIB])
def test_a_request_of_any_size_comes_back_whole(start: Start, size: int) -> None:
    payload = bytes(range(256)) * (size // 256) + b"z" * (size % 256)
    with start("echo") as worker:
        assert ask(worker, payload, cap_bytes=16 * MIB) == Reply(payload)
        assert ask(worker, b"again") == Reply(b"again")


def test_parts_of_a_request_are_concatenated(start: Start) -> None:
    parts = [b"a", bytearray(b"bc"), memoryview(b"def"), b"", *(bytes([n % 256]) for n in range(300))]
    with start("echo") as worker:
        assert worker.exchange(parts, deadline_s=20.0, cap_bytes=MIB) == Reply(b"".join(parts))


def test_a_reply_of_exactly_the_cap_is_taken_and_one_byte_more_is_not(start: Start) -> None:
    with start("echo") as worker:
        assert ask(worker, b"x" * 100, cap_bytes=100) == Reply(b"x" * 100)
        assert isinstance(ask(worker, b"x" * 101, cap_bytes=100), ProtocolBroken)


def test_threads_and_child_processes_work_inside(start: Start) -> None:
    with start("threads and children") as worker:
        assert ask(worker) == Reply(b"hi\n")


def test_a_program_that_is_asked_to_leave_has_finished(start: Start) -> None:
    worker = start("echo")
    worker.greeting()
    assert worker.end() == Finished()


def test_end_may_be_called_twice_and_says_the_same(start: Start) -> None:
    worker = start("echo")
    assert worker.end() == worker.end()


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        ("hangs", TimedOut(1.0)),
        ("spins", TimedOut(1.0)),
        ("forks without end", TimedOut(1.0)),
        ("ignores every signal", TimedOut(1.0)),
        ("half a frame, then silence", TimedOut(1.0)),
        ("floods stderr without end", TimedOut(1.0)),
        ("closes its output", TimedOut(1.0)),
    ],
)
def test_what_does_not_answer_in_time_timed_out(start: Start, behaviour: str, outcome: object) -> None:
    with start(behaviour, ROOMY) as worker:
        worker.greeting()
        assert ask(worker, deadline_s=1.0) == outcome


def test_a_program_that_never_reads_its_input_cannot_block_the_sender(start: Start) -> None:
    with start("never reads") as worker:
        assert ask(worker, bytes(64 * MIB), deadline_s=1.0) == TimedOut(1.0)


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        ("leaves with 0", Exited(0)),
        ("leaves with 3", Exited(3)),
        ("half a frame, then leaves", Exited(0)),
        ("kills itself", KilledBySignal(signal.SIGKILL)),
        ("segfaults", KilledBySignal(signal.SIGSEGV)),
        ("exhausts memory", OutOfMemory(SMALL.memory_bytes)),
        ("child exhausts memory, parent leaves with 0", OutOfMemory(SMALL.memory_bytes)),
    ],
)
def test_an_end_in_the_middle_of_a_request_is_told_apart(start: Start, behaviour: str, outcome: object) -> None:
    with start(behaviour) as worker:
        assert ask(worker, deadline_s=60.0) == outcome


def test_out_of_memory_is_the_reason_even_when_the_parent_hangs(start: Start) -> None:
    with start("child exhausts memory, parent hangs") as worker:
        assert ask(worker, deadline_s=4.0) == OutOfMemory(SMALL.memory_bytes)


@pytest.mark.parametrize("behaviour", ["writes garbage", "announces an exabyte"])
def test_bytes_that_are_no_frame_break_the_protocol(start: Start, behaviour: str) -> None:
    with start(behaviour) as worker:
        assert isinstance(ask(worker), ProtocolBroken)


def test_an_answer_to_a_request_that_was_not_read_breaks_the_protocol(start: Start) -> None:
    with start("answers before the request is complete") as worker:
        assert isinstance(ask(worker, bytes(8 * MIB)), ProtocolBroken)


def test_a_second_answer_breaks_the_protocol_at_the_next_call(start: Start) -> None:
    with start("answers twice") as worker:
        assert ask(worker) == Reply(b"once")
        assert isinstance(ask(worker), ProtocolBroken)


def test_a_flood_of_stderr_is_thrown_away_but_for_its_end(start: Start) -> None:
    worker = start("floods stderr, then answers")
    assert ask(worker) == Reply(b"done")
    assert worker.end() == Finished()
    assert worker.last_words().endswith("xthe end")
    assert len(worker.last_words()) <= 8192


def test_last_words_that_are_not_text_are_still_shown(start: Start) -> None:
    worker = start("writes undecodable last words")
    assert ask(worker) == Exited(1)
    assert worker.last_words() == "oh \ufffd\ufffd no"


def test_a_print_before_the_greeting_breaks_the_protocol(start: Start) -> None:
    with start("prints before the greeting") as worker:
        assert isinstance(worker.greeting(), ProtocolBroken)


def test_no_greeting_before_the_start_deadline_timed_out(start: Start) -> None:
    with start("does not greet", HASTY) as worker:
        assert worker.greeting() == TimedOut(HASTY.start_deadline_s)


def test_leaving_instead_of_greeting_is_an_exit(start: Start) -> None:
    with start("leaves instead of greeting") as worker:
        assert worker.greeting() == Exited(7)


def test_after_an_outcome_every_call_returns_it(start: Start) -> None:
    with start("leaves with 3") as worker:
        outcome = ask(worker)
        assert outcome == Exited(3)
        assert [ask(worker), worker.greeting(), worker.ended(), worker.end()] == [outcome] * 4


def test_an_aborted_worker_is_a_fault_of_ours(start: Start) -> None:
    with start("echo") as worker:
        worker.greeting()
        worker.abort()
        assert isinstance(worker.exchange([b"x"], deadline_s=20.0, cap_bytes=10), SandboxFault)
        assert isinstance(worker.end(), SandboxFault)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_an_abort_reaches_who_waits_in_another_thread(
    engine: DockerEngine, runner_image: str, runtime: str | None
) -> None:
    source = PREAMBLE + TWINS["hangs"].source
    worker = DockerSandbox(engine, runtime=runtime).start(Program(runner_image, ("python3", "-I", "-c", source), SMALL))
    worker.greeting()
    threading.Timer(0.5, worker.abort).start()
    assert isinstance(worker.exchange([b"x"], deadline_s=250.0, cap_bytes=10), SandboxFault)


def test_a_worker_that_waits_has_not_ended(start: Start) -> None:
    with start("echo") as worker:
        worker.greeting()
        assert worker.ended() is None


@pytest.mark.parametrize(
    ("behaviour", "kind"), [("fails when its input is closed", Exited), ("ignores every signal", TimedOut)]
)
def test_leaving_badly_when_asked_to_is_told(start: Start, behaviour: str, kind: type) -> None:
    worker = start(behaviour)
    worker.greeting()
    assert isinstance(worker.end(), kind)


def test_names_are_unique(start: Start) -> None:
    with start("echo") as first, start("echo") as second:
        assert first.name != second.name


def test_a_worker_is_gone_after_an_exception_in_its_block(start: Start) -> None:
    with suppress(KeyboardInterrupt), start("hangs") as worker:
        worker.greeting()
        raise KeyboardInterrupt
    assert worker.ended() is not None


def test_reaping_leaves_the_workers_of_a_living_owner(sandbox: Sandbox, start: Start) -> None:
    with start("echo") as worker:
        worker.greeting()
        sandbox.reap()
        assert ask(worker) == Reply(b"work")


def test_a_proof_names_its_image_and_every_limit(sandbox: Sandbox, request: pytest.FixtureRequest) -> None:
    image = image_for(sandbox, request)
    proof = sandbox.prove(Program(image, ("unused",), SMALL))
    assert proof.image == image
    assert proof.limits
    # What cannot hold without control groups is said not to hold.
    without = request.node.callspec.params["sandbox"] == "namespaces without control groups"
    assert proof.missing == (("memory", "cpus") if without else ())


@pytest.mark.gvisor
def test_files_without_end_are_bounded_by_memory_in_gvisor(engine: DockerEngine, runner_image: str) -> None:
    source = f"{PREAMBLE}say(b'ready'); hear()\nfor number in range(10**8): os.mkdir(f'/tmp/{{number:0200}}')"
    sandbox = DockerSandbox(engine, runtime="runsc")
    limits = replace(SMALL, memory_bytes=96 * MIB)
    with sandbox.start(Program(runner_image, ("python3", "-I", "-c", source), limits)) as worker:
        assert ask(worker, deadline_s=120.0) == OutOfMemory(limits.memory_bytes)
