"""The flow with scripted runners: everything above them is real. Shared by the tests that run one.

Imports nothing of pytest: the programs that tests kill use it, too.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from typing import Any

import torch

from pipeline.gate.judged import Judged
from pipeline.gate.turns import Turns
from pipeline.supply.machine_slots import OwnMachine
from policies.policy import Policy, Tier, load_policy
from runners import wire
from runners.candidate import Candidate, Unreadable
from runners.compiler import Compiler
from runners.conversation import Runner, RunnerFault
from runners.dtypes import TORCH_DTYPES
from runners.evidence import IsolationEvidence, LimitEvidence
from sandbox.contract import Program, SandboxUnavailable
from sandbox.scripted import Answer, Say, Script, ScriptedSandbox

HEADER = '# /// kernel\n# operator = "relu"\n# language = "triton"\n# ///\n'
ISOLATION = IsolationEvidence(
    isolation="docker",
    engine="none",
    runtime="none",
    image="sha256:1",
    limits=(LimitEvidence(name="network", holds=True, observed="1"),),
)
GREETING = wire.Greeting(python="3", torch="t", triton="t", interpreter_repaired=True)
Item = Candidate | Unreadable
WAIVED = ("source/no-launch", "source/result-not-from-kernel", "source/host-arithmetic")
CASES = 8  # so many that not all of them are empty


def small_policy(cases: int = CASES) -> Policy:
    dev = load_policy("dev")
    rules = dev.properties.model_copy(
        update={
            "pairwise_cases": cases,
            "special_cases": 0,
            "block_cases": 0,
            "huge_cases": 0,
            "random_cases": 0,
            "targeted_cases": 0,
            "dtypes": ("float32",),
            "controls": (),
        }
    )
    source = dev.source.model_copy(update={"waived_rules": WAIVED})
    nothing = dev.compile.model_copy(update={"required_targets": (), "informative_targets": ()})
    # The runners here are scripted: the candidates are what these tests tell apart, and hold no kernel.
    return dev.model_copy(update={"properties": rules, "compile": nothing, "source": source})


def payload(message: wire.Message, buffers: Sequence[Any] = ()) -> bytes:
    return b"".join(bytes(part) for part in wire.encode(message, buffers))


class ReluProgram:
    """What a runner does: computes relu, or zeros for a source that says `wrong`."""

    def __init__(self, on_load: Callable[[bytes], None], on_run: Callable[[], None]) -> None:
        self._on_load, self._on_run = on_load, on_run
        self._source = b""

    def __call__(self, request: bytes) -> bytes:
        message, buffers = wire.decode_request(request)
        if isinstance(message, wire.LoadRequest):
            self._source = bytes(buffers[0])
            self._on_load(self._source)
            return payload(wire.Loaded())
        self._on_run()
        (given,) = message.arguments
        base = torch.frombuffer(bytearray(buffers[0]) or bytearray(4), dtype=TORCH_DTYPES[given.dtype])
        x = torch.as_strided(base, given.shape, given.strides, given.offset)
        y = torch.relu(x).contiguous() if b"wrong" not in self._source else torch.full(given.shape, 7.0, dtype=x.dtype)
        data = y.numpy().tobytes()
        output = wire.Output(dtype=given.dtype, shape=given.shape, contiguous=True, device="cpu", data_bytes=len(data))
        digest = hashlib.blake2b(buffers[0], digest_size=16).hexdigest()
        returned = wire.Returned(single=True, outputs=(output,), launches=1, atomics=False, argument_digests=(digest,))
        return payload(wire.Ran(calls=(returned,) * len(message.conditions)), [data] * len(message.conditions))


class FakeSupply:
    """Scripted runners; counts what was taken and measured."""

    def __init__(self, *, failing: Sequence[int] = (), on_run: Callable[[], None] = lambda: None) -> None:
        self.isolation: IsolationEvidence | None = ISOLATION
        self.measured: list[bytes] = []
        self.taken = 0
        self.lost: bytes | None = None  # the engine goes away whenever a source that says this is loaded
        self.closed = False
        self._failing = failing
        self._lock = threading.Lock()
        self._on_run = on_run
        self._sandbox = ScriptedSandbox(self._script)

    def _script(self, program: Program) -> Script:
        return Script((Say(payload(GREETING)), Answer(ReluProgram(self.loaded, self._on_run))), repeat_last=True)

    def loaded(self, source: bytes) -> None:
        if self.lost is not None and self.lost in source:
            raise RunnerFault("the engine does not answer")
        self.measured.append(source)

    def take(self) -> Runner:
        with self._lock:
            self.taken += 1
            if self.closed or self.taken in self._failing:
                raise SandboxUnavailable("the engine does not answer")
        return Runner(self._sandbox.start(Program("sha256:1", ("worker",))))

    def take_compiler(self) -> Compiler:
        raise SandboxUnavailable("nothing is compiled here")

    def open(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> FakeSupply:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def verify(
    items: Sequence[Item], supply: FakeSupply, policy: Policy | None = None, **options: Any
) -> tuple[Judged, ...]:
    from pipeline.orchestration.flow import verify_with_flow

    options = {"fresh": False, "progress": lambda path, judged: None, **options}
    turns = Turns(options.pop("workers", 1), OwnMachine())
    return verify_with_flow(items, policy or small_policy(), supply, turns, **options)


def tiers(judged: Sequence[Judged]) -> list[Tier]:
    return [entry.verdict.tier for entry in judged]
