"""What the gate's evidence says besides its verdict's grounds: every case, where errors are, where the time went."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from jsonschema import Draft202012Validator

from pipeline.gate.judging import measure
from pipeline.schemas.documents import evidence_schema
from policies.policy import Policy, load_policy
from runners import wire
from runners.candidate import Candidate, parse_candidate
from runners.compiler import Compiler
from runners.conversation import Runner
from runners.dtypes import TORCH_DTYPES
from runners.evidence import Evidence, IsolationEvidence, MutantsEvidence, PropertiesEvidence, WrongValues
from runners.properties import PropertiesCheck
from sandbox.contract import Program, SandboxUnavailable
from sandbox.scripted import Answer, Say, Script, ScriptedSandbox

RELU = (Path(__file__).parents[2] / "kernels" / "relu" / "right_block.py").read_text()
GREETING = wire.Greeting(python="3", torch="2", triton="3", interpreter_repaired=True)
Function = Callable[[torch.Tensor], torch.Tensor]


def payload(message: wire.Message, buffers: tuple[bytes, ...] = ()) -> bytes:
    return b"".join(bytes(part) for part in wire.encode(message, buffers))


class Supply:
    """Runners whose candidate computes `function`."""

    isolation = IsolationEvidence(isolation="scripted", engine="none", runtime="none", image="sha256:1", limits=())

    def __init__(self, function: Function) -> None:
        self._function = function

    def take(self) -> Runner:
        script = Script((Say(payload(GREETING)), Answer(self._answer)), repeat_last=True)
        return Runner(ScriptedSandbox(lambda program: script).start(Program("sha256:1", ("worker",))))

    def take_compiler(self) -> Compiler:
        raise SandboxUnavailable("nothing is compiled here")

    def _answer(self, request: bytes) -> bytes:
        message, buffers = wire.decode_request(request)
        if isinstance(message, wire.LoadRequest):
            return payload(wire.Loaded())
        assert isinstance(message, wire.RunRequest)
        (given,) = message.arguments
        assert isinstance(given, wire.TensorArgument)
        base = torch.frombuffer(bytearray(buffers[0]) or bytearray(8), dtype=TORCH_DTYPES[given.dtype])
        result = self._function(torch.as_strided(base, given.shape, given.strides, given.offset)).contiguous()
        data = result.view(torch.uint8).numpy().tobytes() if result.numel() else b""
        output = wire.Output(
            dtype=given.dtype, shape=given.shape, contiguous=True, device="cpu", data_bytes=len(data)
        )  # fmt: skip
        digest = hashlib.blake2b(buffers[0], digest_size=16).hexdigest()
        returned = wire.Returned(
            single=True, outputs=(output,), launches=1, atomics=False, argument_digests=(digest,)
        )  # fmt: skip
        count = len(message.conditions)
        return payload(wire.Ran(calls=(returned,) * count), (data,) * count)


@pytest.fixture(scope="module")
def policy() -> Policy:
    dev = load_policy("dev")
    changes = {"special_cases": 4, "block_cases": 0, "huge_cases": 0, "dtypes": ("float32",), "controls": ()}
    return dev.model_copy(
        update={
            "properties": dev.properties.model_copy(update=changes),
            "compile": dev.compile.model_copy(update={"required_targets": (), "informative_targets": ()}),
            "mutants": dev.mutants.model_copy(update={"count": 2}),
        }
    )


@pytest.fixture(scope="module")
def relu() -> Candidate:
    read = parse_candidate(RELU.encode(), "relu.py")
    assert isinstance(read, Candidate)
    return read


def properties_of(evidence: Evidence) -> PropertiesEvidence:
    assert isinstance(evidence.properties, PropertiesEvidence)
    return evidence.properties


def off_by_one_at_the_end(x: torch.Tensor) -> torch.Tensor:
    result = torch.relu(x).contiguous()
    if result.numel() > 3:
        result.view(-1)[-1] += 1
    return result


def test_the_gate_keeps_the_trail_of_a_right_candidate(relu: Candidate, policy: Policy) -> None:
    evidence = measure(relu, policy, Supply(torch.relu), seed=3)
    properties = properties_of(evidence)
    assert properties.failure is None
    assert len(properties.trail) == properties.cases > 20
    assert evidence.times is not None
    again = measure(relu, policy, Supply(torch.relu), seed=3).times
    assert again is not None
    assert evidence.times.source_s == again.source_s > 0  # it was read once
    assert properties.wall_s < evidence.times.total_s


def test_mutants_are_checked_without_a_trail(relu: Candidate, policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[type[PropertiesCheck], PropertiesEvidence]] = []
    usual = PropertiesCheck.run

    def noted(self: PropertiesCheck) -> PropertiesEvidence:
        made.append((type(self), usual(self)))
        return made[-1][1]

    monkeypatch.setattr(PropertiesCheck, "run", noted)
    evidence = measure(relu, policy, Supply(torch.relu), seed=3)
    assert isinstance(evidence.mutants, MutantsEvidence)
    assert [kind.__name__ for kind, _ in made] == ["TracedCheck", "PropertiesCheck", "PropertiesCheck"]
    assert all(found.trail == () for _, found in made[1:])


def test_a_failure_of_the_gate_has_a_map_and_the_first_one_too(relu: Candidate, policy: Policy) -> None:
    evidence = measure(relu, policy, Supply(off_by_one_at_the_end), seed=3)
    properties = properties_of(evidence)
    for wrong in (properties.failure, properties.found):
        assert isinstance(wrong, WrongValues)
        assert wrong.errors is not None
        cells = [(r, c) for r, row in enumerate(wrong.errors.wrong) for c in range(len(row))]
        filled = [at for at in cells if wrong.errors.elements(*at)]
        assert [at for at in cells if wrong.errors.wrong[at[0]][at[1]]] == [filled[-1]]
    stored = evidence.model_dump_json()
    Draft202012Validator(evidence_schema()).validate(json.loads(stored))
    assert Evidence.model_validate_json(stored).model_dump_json() == stored


@pytest.mark.parametrize("text", ["x = 1\n", RELU.replace("import torch\n", "import torch\nimport os\n")])
def test_what_is_not_run_has_times_too(text: str, policy: Policy) -> None:
    evidence = measure(parse_candidate(text.encode(), "k.py"), policy, Supply(torch.relu))
    assert evidence.source
    assert evidence.times is not None
    assert evidence.times.waited_s == 0 <= evidence.times.total_s
