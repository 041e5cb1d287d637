"""A case that failed on a GPU is replayed there. Programs on the GPU are scripted, run folders are real."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from fake_device import Fails, FakeDevice, relu
from rich.console import Console
from scripted_flow import HEADER, FakeSupply
from scripted_gpu import ScriptedGpu, gpu_policy
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import StoredRunError, UnavailableError
from pipeline.exit_codes import ALLOWED, DENIED, INCOMPLETE, USAGE
from pipeline.gate.judging import judge, measure
from pipeline.rendering.results import print_replay
from pipeline.runs.folder import StoredCase, case_of, find_case, write_run
from pipeline.settings import Mode, Settings
from pipeline.supply.gpu_opening import NoGpu
from pipeline.verification.replay import Replayed, replay
from runners.candidate import Candidate, read_candidate
from runners.evidence import UnsupportedCase
from runners.examine import Agreed
from runners.failures import DeviceFault, WrongValues
from sandbox.contract import SandboxUnavailable

RUN = "20260101-000000-00000000"
POLICY = gpu_policy(cases=8)  # not all of them empty


def wrong(x: Any) -> Any:
    return relu(x) + 1


class Scene:
    """A stored run of one candidate, whose GPU and interpreter are scripted at each replay."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._tmp_path, self._monkeypatch = tmp_path, monkeypatch
        self.settings = Settings.resolve(runs=tmp_path / "runs", workers=1)
        self.device = FakeDevice(relu)
        self.supply = FakeSupply()
        self.gpu: ScriptedGpu | None = None
        self.has_gpu(True)
        monkeypatch.setattr("pipeline.verification.replay.supply_for", lambda settings, policy, report: self.supply)

    def has_gpu(self, there: bool) -> None:
        def opened(settings: Settings, policy: Any, mode: Mode, report: Any) -> Any:
            if not there:
                raise NoGpu("this machine has no NVIDIA GPU (/dev/nvidia0)")
            self.gpu = ScriptedGpu(self.device, self._tmp_path / "state")
            return nullcontext(self.gpu)

        self._monkeypatch.setattr("pipeline.verification.replay.gpu_for", opened)

    def stored(self, device: FakeDevice, body: str = "") -> StoredCase:
        """Verifies a candidate with this device, and finds the case that failed."""
        path = self._tmp_path / "relu.py"
        path.write_text(f"{HEADER}# {body}\ndef relu(x):\n    return x\n")
        item = read_candidate(path)
        assert isinstance(item, Candidate)
        gpu = ScriptedGpu(device, self._tmp_path / "state")
        judged = judge(item, measure(item, POLICY, self.supply, seed=1, gpu=gpu), POLICY)
        case = case_of(judged)
        assert case is not None, judged.verdict
        write_run(self.settings.runs, RUN, POLICY, [judged])
        return find_case(self.settings.runs, RUN, case.id)

    def replay(self, stored: StoredCase, mode: Mode = Mode.AUTO) -> Replayed:
        return replay(stored, self.settings, self, mode=mode)  # type: ignore[arg-type]

    def note(self, text: str) -> None:
        pass


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


def printed(replayed: Replayed) -> tuple[int, str]:
    text = StringIO()
    code = print_replay(replayed, Console(file=text, width=200))
    return code, text.getvalue()


@pytest.mark.parametrize(("called", "replayed"), [(wrong, relu), (relu, wrong)], ids=["called", "replayed"])
def test_what_failed_on_the_gpu_fails_there_again(scene: Scene, called: Any, replayed: Any) -> None:
    stored = scene.stored(FakeDevice(called, replayed))
    assert stored.failed_on == "gpu"
    scene.device = FakeDevice(called, replayed)
    again = scene.replay(stored)
    assert isinstance(again.result, WrongValues)
    code, text = printed(again)
    assert code == DENIED
    assert f"case {stored.case.id} on the GPU, where it failed: " in text
    assert "properties/wrong-values" in text
    assert scene.device.left_running == 0


def test_what_is_right_by_now_was_called_replayed_and_replayed_under_other_scheduling(scene: Scene) -> None:
    stored = scene.stored(FakeDevice(wrong))
    again = scene.replay(stored)
    assert isinstance(again.result, Agreed)
    assert printed(again)[0] == ALLOWED
    assert any(way.alone for way in scene.device.ways)
    assert any(way.crowded for way in scene.device.ways)


def test_the_case_is_run_as_the_later_one_too(scene: Scene) -> None:
    """A failure on elements that only the replay met is met again."""
    stored = scene.stored(FakeDevice(relu, wrong))
    called: list[bytes] = []
    replayed: list[bytes] = []

    def noting(seen: list[bytes]) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            seen.append(x.contiguous().reshape(-1).numpy().tobytes())
            return relu(x)

        return run

    scene.device = FakeDevice(noting(called), noting(replayed))
    scene.replay(stored)
    own, later = called[:2]
    assert own != later
    assert {own, later} <= set(replayed)


def test_a_race_that_only_other_scheduling_shows_is_shown_again(scene: Scene) -> None:
    racy = FakeDevice(relu)

    def races(x: Any) -> Any:
        return wrong(x) if racy.ways and racy.ways[-1].crowded else relu(x)

    racy.replayed = races
    stored = scene.stored(racy)
    assert stored.failed_on == "gpu"
    racy.ways.clear()
    scene.device = racy
    again = scene.replay(stored)
    assert isinstance(again.result, WrongValues)
    assert again.result.conditions == "replayed in a crowd"


def test_a_fault_has_the_gpu_looked_at(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def faults(x: Any) -> Any:
        raise Fails("CUDA_ERROR_ILLEGAL_ADDRESS")

    looked: list[str] = []
    monkeypatch.setattr(ScriptedGpu, "look_at_the_gpu", lambda gpu: looked.append("at it"))
    stored = scene.stored(FakeDevice(relu, faults))
    looked.clear()
    scene.device = FakeDevice(relu, faults)
    assert isinstance(scene.replay(stored).result, DeviceFault)
    assert looked == ["at it"]


def test_a_gpu_in_quarantine_replays_nothing(scene: Scene, tmp_path: Path) -> None:
    stored = scene.stored(FakeDevice(wrong))
    (tmp_path / "state" / "gpu0.quarantine").write_text("it is ill\n")
    with pytest.raises(SandboxUnavailable, match="GPU 0 is quarantined: it is ill"):
        scene.replay(stored)


def test_a_case_that_the_gpu_cannot_run_is_said_so(scene: Scene) -> None:
    stored = scene.stored(FakeDevice(wrong))
    found = UnsupportedCase(case=stored.case, reason="no room", line=None)
    code, text = printed(Replayed(stored, found, "gpu"))
    assert (code, "it can't be run on the GPU: no room" in text) == (INCOMPLETE, True)


def test_without_a_gpu_it_is_not_replayed_and_said_what_to_do(scene: Scene) -> None:
    stored = scene.stored(FakeDevice(wrong))
    scene.has_gpu(False)
    with pytest.raises(UnavailableError) as caught:
        scene.replay(stored)
    text = str(caught.value)
    assert text.startswith(
        f"case {stored.case.id} failed on a GPU, and can't be replayed on one here: this machine has"
    )
    assert "--mode cpu" in text
    with pytest.raises(NoGpu, match="--mode gpu: this machine has no NVIDIA GPU"):
        scene.replay(stored, Mode.GPU)


def test_on_the_interpreter_it_is_replayed_where_that_is_asked_for(scene: Scene) -> None:
    stored = scene.stored(FakeDevice(wrong))
    scene.has_gpu(False)
    again = scene.replay(stored, Mode.CPU)
    code, text = printed(again)
    assert code == ALLOWED
    assert "on the interpreter; it failed on a GPU: " in text


def test_what_failed_on_the_interpreter_is_replayed_there(scene: Scene) -> None:
    stored = scene.stored(FakeDevice(relu), body="wrong")
    assert stored.failed_on == "interpreter"
    again = scene.replay(stored)
    assert scene.gpu is None
    code, text = printed(again)
    assert code == DENIED
    assert "on the interpreter, where it failed: " in text
    assert isinstance(scene.replay(stored, Mode.GPU).result, Agreed)  # the GPU's programs are right


def test_a_case_file_of_an_earlier_version_is_one_of_the_interpreters(scene: Scene) -> None:
    stored = scene.stored(FakeDevice(wrong))
    (file,) = scene.settings.runs.glob("*/*/cases/*.json")
    assert json.loads(file.read_text())["failed_on"] == "gpu"
    file.write_text(stored.case.model_dump_json())
    assert find_case(scene.settings.runs, RUN, stored.case.id) == replace(stored, failed_on="interpreter")
    file.write_text(json.dumps({"failed_on": "moon", "case": stored.case.model_dump(mode="json")}))
    with pytest.raises(StoredRunError, match="damaged"):
        find_case(scene.settings.runs, RUN, stored.case.id)


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        ((), INCOMPLETE, "failed on a GPU, and can't be replayed on one here: this machine has no NVIDIA GPU"),
        (("--mode", "gpu"), INCOMPLETE, "--mode gpu: this machine has no NVIDIA GPU"),
        (("--mode", "cpu"), ALLOWED, ""),
        (("--mode", "tpu"), USAGE, "'tpu'"),
    ],
)
def test_the_command_line_says_it_and_exits_as_documented(
    scene: Scene, options: tuple[str, ...], code: int, says: str
) -> None:
    stored = scene.stored(FakeDevice(wrong))
    scene.has_gpu(False)
    done = CliRunner().invoke(app, ["replay", RUN, stored.case.id, "--runs", str(scene.settings.runs), *options])
    assert done.exit_code == code
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
