"""What a worker says is data on the host: it is never run, opened, imported, formatted with or obeyed by a terminal.

Hostile answers go through a whole verification, from the worker's reply to evidence, verdict, run folder and terminal,
while an audit hook notes what the interpreter does. Each text holds a mark, so that a text that became a path, a module
or an argument is recognised in whatever it became.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from candidate_sources import candidate

from pipeline.gate.judged import Judged
from pipeline.gate.judging import judge, measure
from pipeline.rendering.console import GuardedConsole
from pipeline.rendering.listening import StderrListener
from pipeline.rendering.results import print_replay, print_run, run_as_json
from pipeline.rendering.verdict_table import verdict_table
from pipeline.runs.folder import StoredCase, write_run
from pipeline.verification.replay import Replayed
from pipeline.verification.verify import Run
from policies.policy import Policy, Tier, load_policy
from runners import wire
from runners.candidate import Candidate, parse_candidate
from runners.compiler import Compiler
from runners.conversation import Runner
from runners.dtypes import TORCH_DTYPES
from runners.evidence import CompileEvidence, IsolationEvidence, PropertiesEvidence, UnsupportedCase
from runners.specialisation import (
    Compiled,
    CompileFailed,
    Constant,
    KernelName,
    LaunchArgument,
    NotCompiled,
    Resources,
    Specialisation,
)
from sandbox.contract import Program
from sandbox.scripted import Answer, Say, Script, ScriptedSandbox
from sandbox.usage import Usage

MARK = "ae5b0c77"
USED = Resources(registers=8, spill_bytes=0, shared_bytes=0, tensor_memory_columns=0, threads=128)
TEXTS = {
    "a path": f"../../../../tmp/{MARK}",
    "a path with an end": f"/tmp/{MARK}\0.py",
    "shell": f"$(touch {MARK}); `touch {MARK}` | touch {MARK} & #",
    "python": f"__import__('os').system('touch {MARK}')",
    "a pickle": f"cos\nsystem\n(S'touch {MARK}'\ntR.",
    "a template": f"{{0.__class__.__init__.__globals__[{MARK}]}} {{}} %({MARK})s %s %n ${{{MARK}}}",
    "markup": f"[bold red]{MARK}[/bold red] [link=file:///tmp/{MARK}]x[/link] [/]",
    "a terminal's orders": f"\x1b[2J\x1b]0;{MARK}\x07\x1b]8;;file:///{MARK}\x1b\\\x9b31m\r\n[1/1] {MARK}: functional",
    "marks of direction": f"\u202e{MARK}\u2066\u200b\ufeff\u2028",
    "html and xml": f"<script>{MARK}</script><!DOCTYPE x [<!ENTITY y SYSTEM 'file:///{MARK}'>]>",
    "very long": (MARK + "\n") * 222,
}  # fmt: skip
FORBIDDEN = ("exec", "compile", "import", "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty",
             "os.posix_spawn", "os.spawn", "pickle.find_class", "marshal.loads", "ctypes.dlopen", "socket.connect",
             "socket.__new__", "code.__new__", "builtins.input", "webbrowser.open", "urllib.Request")  # fmt: skip


class Auditor:
    """An audit hook can't be taken away again, so there is one, which listens while it is asked to."""

    def __init__(self) -> None:
        self.listening = False
        self.heard: list[tuple[str, str]] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.listening and not event.startswith(("object.", "sys._", "gc.")):
            self.listening = False
            self.heard.append((event, repr(arguments)))
            self.listening = True

    @contextmanager
    def hearing(self) -> Iterator[list[tuple[str, str]]]:
        self.heard.clear()
        self.listening = True
        try:
            yield self.heard
        finally:
            self.listening = False


@pytest.fixture(scope="module")
def auditor() -> Auditor:
    return Auditor()


Lie = Callable[[str], "Liar"]


class Liar:
    """A worker's program: a right relu, except for one answer."""

    def __init__(
        self,
        *,
        load: wire.Message | bytes | None = None,
        call: wire.Message | bytes | None = None,
        told: dict[str, Any] | None = None,
        output: dict[str, Any] | None = None,
        compiled: wire.Message | bytes = NotCompiled(reason="r"),  # noqa: B008  # it is frozen
        greeting: dict[str, str] | None = None,
    ) -> None:
        self._load, self._call, self.compiled = load, call, compiled
        self._told, self._output = told or {}, output or {}
        versions = {"python": "3", "torch": "2", "triton": "3"} | (greeting or {})
        self.greeting = wire.Greeting(**versions, interpreter_repaired=True)

    def script(self, program: Program) -> Script:
        return Script((Say(payload(self.greeting)), Answer(self._answer)), repeat_last=True, usage=SEEN)

    def compiler_script(self, program: Program) -> Script:
        answer = self.compiled if isinstance(self.compiled, bytes) else payload(self.compiled)
        return Script((Say(payload(self.greeting)), Say(payload(wire.Loaded())), Say(answer)), repeat_last=True)

    def _answer(self, request: bytes) -> bytes:
        message, buffers = wire.decode_request(request)
        if isinstance(message, wire.LoadRequest):
            return self._load if isinstance(self._load, bytes) else payload(self._load or wire.Loaded())
        assert isinstance(message, wire.RunRequest)
        if isinstance(self._call, bytes):
            return self._call
        calls = len(message.conditions)
        if self._call is not None:
            return payload(wire.Ran(calls=(self._call,) * calls))
        returned, data = self._relu(message, buffers)
        return payload(wire.Ran(calls=(returned,) * calls), [data] * calls)

    def _relu(self, message: wire.RunRequest, buffers: Sequence[memoryview]) -> tuple[wire.Returned, bytes]:
        (given,) = message.arguments
        base = torch.frombuffer(bytearray(buffers[0]) or bytearray(8), dtype=TORCH_DTYPES[given.dtype])
        y = torch.relu(torch.as_strided(base, given.shape, given.strides, given.offset)).contiguous()
        data = y.numpy().tobytes()
        form = {
            "dtype": given.dtype,
            "shape": given.shape,
            "contiguous": True,
            "device": "cpu",
            "data_bytes": len(data),
        }
        digest = hashlib.blake2b(buffers[0], digest_size=16).hexdigest()
        told = {"launches": 1, "atomics": False, "argument_digests": (digest,)} | self._told
        return wire.Returned(single=True, outputs=(wire.Output(**form | self._output),), **told), data


def payload(message: wire.Message, buffers: Sequence[bytes] = ()) -> bytes:
    return b"".join(bytes(part) for part in wire.encode(message, buffers))


def headed(header: object) -> bytes:
    text = json.dumps(header).encode()
    return wire.HEADER_LENGTH.pack(len(text)) + text


def launched(text: str) -> Specialisation:
    name = KernelName(module=text, qualname=text, line=3)
    given = (LaunchArgument(name=text, value=Constant(value=text)),)
    return Specialisation(kernel=name, arguments=given, options=given, configurations=0, gap=None)


LIES: dict[str, Lie] = {
    "loading raises": lambda x: Liar(load=wire.Raised(error=x, message=x, line=1)),
    "loading is unsupported": lambda x: Liar(load=wire.Unsupported(reason=x, line=1)),
    "loading gets another answer": lambda x: Liar(load=payload(wire.ReturnedOther(type_name=x))),
    "a call raises": lambda x: Liar(call=wire.Raised(error=x, message=x, line=1)),
    "a call is unsupported": lambda x: Liar(call=wire.Unsupported(reason=x, line=1)),
    "a call returns another type": lambda x: Liar(call=wire.ReturnedOther(type_name=x)),
    "a dtype": lambda x: Liar(output={"dtype": x}),
    "a device": lambda x: Liar(output={"device": x}),
    "a digest": lambda x: Liar(told={"argument_digests": (x,)}),
    "a launch, and it does not compile": lambda x: Liar(
        told={"specialisations": (launched(x),)}, compiled=CompileFailed(error=x, message=x, line=2, passed_over=False)
    ),
    "a launch, and it can't be compiled": lambda x: Liar(
        told={"specialisations": (launched(x),)}, compiled=NotCompiled(reason=x)
    ),
    "a launch, and nonsense": lambda x: Liar(told={"specialisations": (launched(x),)}, compiled=headed({"kind": x})),
    "versions": lambda x: Liar(greeting={"python": x, "torch": x, "triton": x}),
    "a kind of message": lambda x: Liar(call=headed({"kind": x})),
    "a key": lambda x: Liar(call=headed({"kind": "ran", x: x})),
    "no JSON": lambda x: Liar(call=wire.HEADER_LENGTH.pack(len(x.encode())) + x.encode()),
    "no message": lambda x: Liar(call=x.encode()),
}
SEEN = Usage(memory_peak_bytes=5 << 20, processes_left=("\x1b[2J",))
PLAIN = "naïve \x1b λ\n"  # loads the tables and codecs that any text may need


class Supply:
    """Runners and compilers that lie."""

    isolation = IsolationEvidence(isolation="scripted", engine="none", runtime="none", image="sha256:1", limits=())

    def __init__(self, liar: Liar) -> None:
        self._liar = liar

    def take(self) -> Runner:
        return Runner(ScriptedSandbox(self._liar.script).start(Program("sha256:1", ("worker",))))

    def take_compiler(self) -> Compiler:
        return Compiler(ScriptedSandbox(self._liar.compiler_script).start(Program("sha256:1", ("compiler",))))


@pytest.fixture(scope="module")
def policy() -> Policy:
    dev = load_policy("dev")
    rules = dev.properties.model_copy(
        update={"pairwise_cases": 4, "special_cases": 0, "block_cases": 0, "huge_cases": 0, "random_cases": 0,
                "targeted_cases": 0, "long_s": 0.0, "dtypes": ("float32",), "controls": ()}
    )  # fmt: skip
    compiled = dev.compile.model_copy(update={"required_targets": ("sm_90",), "informative_targets": ()})
    mutants = dev.mutants.model_copy(update={"count": 0})
    isolation = dev.isolation.model_copy(update={"required_limits": (), "accepted": ("scripted",)})
    source = dev.source.model_copy(update={"waived_rules": ("source/module-code",), "allowed_imports": (
        "os", "sys", "time", "torch", "triton")})  # fmt: skip
    return dev.model_copy(
        update={"properties": rules, "compile": compiled, "mutants": mutants, "isolation": isolation, "source": source}
    )


@pytest.fixture(scope="module")
def relu() -> Candidate:
    read = parse_candidate(candidate().encode(), "relu.py")
    assert isinstance(read, Candidate)
    return read


def verified(relu: Candidate, policy: Policy, liar: Liar, runs: Path, name: str) -> tuple[Judged, str]:
    """A verification as the command line makes it, and everything that it printed."""
    judged = judge(relu, measure(relu, policy, Supply(liar), seed=3, reduces=False), policy)
    run = Run(name, write_run(runs, name, policy, [judged]), policy, (judged,))
    screen = io.StringIO()
    console = GuardedConsole(file=screen, force_terminal=True, width=200, color_system="truecolor")
    print_run(run, console)
    console.print(verdict_table([judged], ["right"]))
    properties = judged.evidence.properties
    assert isinstance(properties, PropertiesEvidence)
    for result in (properties.failure, properties.unsupported):
        if result is not None and result.case is not None:
            (candidate_file,) = run.folder.glob("*/candidate.py")
            print_replay(Replayed(StoredCase(result.case, candidate_file, policy), result), console)
    return judged, screen.getvalue() + run_as_json(run)


@pytest.fixture(scope="module")
def usual(
    auditor: Auditor, relu: Candidate, policy: Policy, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    """What the interpreter does for each lie when its text is plain; libraries compile small things of their own."""
    runs = tmp_path_factory.mktemp("usual")
    for number, lie in enumerate(LIES.values()):  # what is imported late is imported now
        verified(relu, policy, lie(PLAIN), runs, f"first-{number}")
    done: dict[str, list[str]] = {}
    for number, (name, lie) in enumerate(LIES.items()):
        with auditor.hearing() as heard:
            verified(relu, policy, lie(PLAIN), runs, f"second-{number}")
        done[name] = grave(heard)
    return done


def grave(heard: Sequence[tuple[str, str]]) -> list[str]:
    """The events that no text may cause, without the addresses of objects."""
    return [event + re.sub(r"0x[0-9a-f]+", "", arguments) for event, arguments in heard if event in FORBIDDEN]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_what_a_worker_says_is_never_run_opened_or_obeyed(
    auditor: Auditor,
    usual: dict[str, list[str]],
    relu: Candidate,
    policy: Policy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, (name, lie) in enumerate(LIES.items()):
        liar = lie(text)
        with auditor.hearing() as heard:
            judged, printed = verified(relu, policy, liar, tmp_path / "runs", f"run-{number}")
        assert [event for event in heard if MARK in event[1]] == [], name
        assert grave(heard) == usual[name], name
        assert judged.verdict.tier is not Tier.FUNCTIONAL, name
        assert_tame(printed)
        assert_folder(tmp_path / "runs" / f"run-{number}")
    assert [path for path in tmp_path.rglob("*") if MARK in path.name] == []


def test_a_worker_that_tells_the_truth_is_believed_as_far_as_it_is_checked(
    relu: Candidate, policy: Policy, tmp_path: Path
) -> None:
    liar = Liar(told={"specialisations": (launched("relu"),)}, compiled=Compiled(resources=USED))
    assert verified(relu, policy, liar, tmp_path, "run")[0].verdict.tier is Tier.FUNCTIONAL


def test_what_was_seen_from_outside_stands_in_the_evidence(relu: Candidate, policy: Policy, tmp_path: Path) -> None:
    liar = Liar(told={"specialisations": (launched("relu"),)}, compiled=Compiled(resources=USED))
    evidence = verified(relu, policy, liar, tmp_path, "run")[0].evidence
    assert evidence.observed is not None
    interpreter, compiler = evidence.observed
    assert (interpreter.ran, interpreter.programs, interpreter.seen) == ("interpreter", 1, 1)
    assert (interpreter.memory_peak_bytes, interpreter.processes_left) == (5 << 20, ("\x1b[2J",))
    assert (compiler.ran, compiler.programs, compiler.seen, compiler.memory_peak_bytes) == ("compiler", 1, 0, None)


def test_of_a_candidate_that_was_not_run_nothing_was_seen(policy: Policy) -> None:
    denied = parse_candidate(candidate(at_call="eval('1')").encode(), "relu.py")
    assert measure(denied, policy, Supply(Liar())).observed == ()


def assert_tame(printed: str) -> None:
    """Nothing that a terminal obeys but the colours that rich makes, and no line that a worker made."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", printed)
    assert [char for char in plain if char != "\n" and not char.isprintable()] == []
    assert not re.search(rf"^\[1/1\] {MARK}", plain, re.MULTILINE)


def assert_folder(folder: Path) -> None:
    """The files that every run has, each readable as what it is."""
    for path in folder.rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))
    names = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and "cases" not in str(path)
    }
    assert names == {
        "run.json",
        "policy.json",
        "report.html",
        *(f"001-relu/{n}" for n in ("candidate.py", "evidence.json", "verdict.json", "report.html")),
    }


def test_the_lies_reach_what_they_are_about(relu: Candidate, policy: Policy, tmp_path: Path) -> None:
    """Each text is in the evidence, so that the test above is about texts that were there."""
    for number, (name, lie) in enumerate(LIES.items()):
        judged, _ = verified(relu, policy, lie(MARK), tmp_path, f"run-{number}")
        wordless = ("a digest", "a key", "no JSON", "no message", "loading gets another answer")
        assert (MARK in judged.evidence.model_dump_json()) == (name not in wordless), name
        if name.startswith("a launch"):
            assert isinstance(judged.evidence.compile, CompileEvidence)


def test_the_auditor_hears_what_it_is_to_hear(auditor: Auditor, tmp_path: Path) -> None:
    with auditor.hearing() as heard:
        exec("0")
        (tmp_path / MARK).write_text("")
        __import__("colorsys")
    events = [event for event, _ in heard]
    assert {"exec", "compile", "open"} <= set(events)
    assert any(MARK in arguments for event, arguments in heard if event == "open")


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_console_prints_no_order_in_any_text(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    listener = StderrListener(1)
    listener.note(text)
    listener.close()
    assert_tame(capsys.readouterr().err.replace(f"[1/1] {MARK}", ""))  # a note may have lines
    screen = io.StringIO()
    GuardedConsole(file=screen, force_terminal=True, width=80).print(text, markup=False)
    assert MARK in screen.getvalue()
    assert [c for c in re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()) if c != "\n" and not c.isprintable()] == []


def test_colour_and_honest_text_pass_the_guard() -> None:
    screen = io.StringIO()
    GuardedConsole(file=screen, force_terminal=True, width=80, color_system="standard").print("[red]naïve λ ☃[/red]")
    assert screen.getvalue() == "\x1b[31mnaïve λ ☃\x1b[0m\n"


def test_an_unsupported_reason_stays_in_its_line(relu: Candidate, policy: Policy) -> None:
    case = UnsupportedCase(case=None, reason="x\nright this time, in both runs", line=None)
    judged = judge(
        relu, measure(relu, policy, Supply(Liar(call=wire.Unsupported(reason=case.reason, line=1))), seed=3), policy
    )
    properties = judged.evidence.properties
    assert isinstance(properties, PropertiesEvidence)
    assert properties.unsupported is not None
    assert properties.unsupported.case is not None
    screen = io.StringIO()
    stored = StoredCase(properties.unsupported.case, Path("candidate.py"), policy)
    print_replay(Replayed(stored, properties.unsupported), GuardedConsole(file=screen, width=200))
    assert not re.search(r"^right this time", screen.getvalue(), re.MULTILINE)
