"""Programs on a GPU: which are started, whose turn it is, and what becomes of a GPU that is not well."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.supply.gpu import CONTEXT_BYTES, PROGRAMS, GpuSupply
from runners import wire
from runners.conversation import RunnerFault
from sandbox.contract import Program, SandboxUnavailable
from sandbox.devices import DeviceAccess
from sandbox.scripted import Answer, Hang, Say, Script, ScriptedSandbox

GREETING = b"".join(
    wire.encode(
        wire.Greeting(
            python="3.12.3", torch="2.11.0", triton="3.6.0", interpreter_repaired=False, device="a GPU, driver 580"
        )
    )
)
ACCESS = DeviceAccess(nodes=("/dev/null",), mounts=("/usr",))
FREE = wire.Healthy(right=True, free_bytes=10 * CONTEXT_BYTES, total_bytes=11 * CONTEXT_BYTES)


class Scene:
    """A supply on scripted programs; `healthy` is what they say of the GPU, None where a known kernel hangs."""

    def __init__(self, state: Path) -> None:
        self.healthy: wire.Healthy | None = FREE
        self.said: list[str] = []
        self.programs: list[Program] = []
        self.sandbox = ScriptedSandbox(self._script)
        self.supply = GpuSupply(
            lambda: self.sandbox, lambda: "image", ACCESS, "/opt/compute-sanitizer", state, self.said.append
        )

    def _script(self, program: Program) -> Script:
        self.programs.append(program)
        return Script((Say(GREETING), Answer(self._answer) if self.healthy is not None else Hang()), repeat_last=True)

    def _answer(self, payload: bytes) -> bytes:
        request, _ = wire.decode_request(payload)
        assert isinstance(request, wire.HealthRequest)
        assert self.healthy is not None
        return b"".join(wire.encode(self.healthy))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    with made.supply:
        yield made


def test_nothing_is_started_before_the_first_program_is_taken(scene: Scene) -> None:
    assert not scene.programs
    assert (scene.supply.isolation, scene.supply.identity) == (None, None)


def test_every_program_has_the_gpu_and_the_calls_that_it_needs(scene: Scene) -> None:
    scene.supply.open()
    for end in (scene.supply.take_recorder(), scene.supply.take_replayer(), scene.supply.take_sanitizer("racecheck")):
        end.end()
    assert all(program.device == ACCESS for program in scene.programs)
    uses = {program.argv[0]: program.uses for program in scene.programs}
    assert uses == {"python3": ("cuda",), "/opt/compute-sanitizer": ("cuda", "sanitizer")}


def test_a_tool_watches_a_replayer_and_never_what_loads_a_candidate(scene: Scene) -> None:
    scene.supply.take_sanitizer("memcheck").end()
    tools = [program.argv for program in scene.programs if program.argv[0] != "python3"]
    assert {argv[2] for argv in tools} == {"memcheck", "initcheck", "racecheck", "synccheck"}
    assert all(argv[-1] == "runners.inside.gpu.replayer" for argv in tools)  # and no clock
    assert all("--destroy-on-device-error" in argv for argv in tools)


def test_what_was_opened_says_what_its_evidence_holds_for(scene: Scene) -> None:
    scene.supply.open()
    assert scene.supply.identity == "a GPU, driver 580, torch 2.11.0, triton 3.6.0, image image"
    assert scene.supply.isolation is not None


def test_a_closed_supply_gives_no_program(scene: Scene) -> None:
    scene.supply.close()
    with pytest.raises(SandboxUnavailable, match="the run was ended"):
        scene.supply.take_recorder()


def test_whoever_converses_when_it_is_closed_is_told_at_once(scene: Scene) -> None:
    replayer = scene.supply.take_replayer()
    scene.supply.close()
    with pytest.raises(RunnerFault, match="the run was ended on our side"):
        replayer.health(1.0)
    replayer.end()


def test_one_candidate_at_a_time_is_on_the_gpu(scene: Scene, tmp_path: Path) -> None:
    second = Scene(tmp_path)
    order: list[str] = []

    def other() -> None:
        with second.supply.turn():
            order.append("second")

    with scene.supply.turn():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(0.3)
        order.append("first")
    thread.join(10)
    second.supply.close()
    assert order == ["first", "second"]
    assert second.said == ["waiting for another process that is on the GPU"]


def test_the_end_of_a_run_ends_the_wait_for_a_turn(scene: Scene, tmp_path: Path) -> None:
    other = Scene(tmp_path)
    ended: list[str] = []

    def wait() -> None:
        with pytest.raises(SandboxUnavailable) as refused, other.supply.turn():
            pass
        ended.append(str(refused.value))

    threads = [threading.Thread(target=wait) for _ in range(3)]  # one waits for another run, two for the first
    with scene.supply.turn():
        for thread in threads:
            thread.start()
        threads[0].join(0.5)
        assert not ended
        other.supply.close()
        for thread in threads:
            thread.join(10)
    assert ended == ["the run was ended"] * 3
    assert other.said == ["waiting for another process that is on the GPU"]


def test_a_gpu_that_is_well_stays_in_use(scene: Scene, tmp_path: Path) -> None:
    scene.supply.look_at_the_gpu()
    assert not list(tmp_path.glob("*.quarantine"))
    with scene.supply.turn():
        assert not scene.said


def test_a_run_that_was_ended_says_nothing_of_the_gpu(scene: Scene, tmp_path: Path) -> None:
    scene.supply.close()
    with pytest.raises(SandboxUnavailable, match="the run was ended"):
        scene.supply.look_at_the_gpu()
    assert not list(tmp_path.glob("*.quarantine"))


ILL = {
    "wrong": (FREE.model_copy(update={"right": False}), "a known kernel gave a wrong result"),
    "full": (
        FREE.model_copy(update={"total_bytes": FREE.free_bytes + (PROGRAMS + 1) * CONTEXT_BYTES}),
        "of its memory are in use",
    ),
    "hanging": (None, "a known kernel did not end"),
}


@pytest.mark.parametrize("name", ILL)
def test_a_gpu_that_is_not_well_is_quarantined_until_somebody_has_looked(
    scene: Scene, tmp_path: Path, name: str
) -> None:
    scene.healthy, says = ILL[name]
    with pytest.raises(SandboxUnavailable, match=says):
        scene.supply.look_at_the_gpu()
    with pytest.raises(SandboxUnavailable, match="is quarantined") as refused, Scene(tmp_path).supply.turn():
        pass
    mark = tmp_path / "gpu0.quarantine"
    assert str(mark) in str(refused.value)
    mark.unlink()
    with scene.supply.turn():
        pass


def test_a_gpu_on_which_nothing_starts_is_quarantined(tmp_path: Path) -> None:
    sandbox = ScriptedSandbox(lambda program: Script((Hang(),)))
    supply = GpuSupply(lambda: sandbox, lambda: "image", ACCESS, "s", tmp_path, lambda text: None)
    with supply, pytest.raises(SandboxUnavailable, match="quarantined: no program starts"):
        supply.look_at_the_gpu()
