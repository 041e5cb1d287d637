"""What a collector gets of a run, by OpenTelemetry's own protocol; and that one which is gone costs nothing."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fake_device import FakeDevice, relu
from gpu_evidence import device
from otlp_collector import Collector, plain
from report_runs import HOSTILE, POLICY, entry, wrong
from report_runs import facts as source_facts
from scripted_gpu import ScriptedGpu

import pipeline.telemetry.opening as opening
from pipeline.observing.listeners import Listener, LogListener, observed
from pipeline.runs.facts import RunFacts
from pipeline.settings import PROJECT
from pipeline.telemetry.configuration import OFF, Exporter, TelemetryMisconfigured, configuration
from pipeline.telemetry.contract import UNRECORDED, current_recorder
from pipeline.telemetry.instruments import INSTRUMENTS
from pipeline.telemetry.spending import Spending
from runners.times import Times
from sandbox.contract import Program, SandboxUnavailable
from sandbox.scripted import Say, Script, ScriptedSandbox

KERNELS = PROJECT / "tests" / "kernels"
HOST = {"host.name": socket.gethostname()}
TIMES = Times(source_s=0.01, origin_s=0.02, waited_s=3.0, total_s=9.0)
RUN = RunFacts("20261130-120000-0a0b0c0d", "verify", POLICY.name, POLICY.digest, 3)


@pytest.fixture(autouse=True)
def _unconfigured(own_machine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


@contextmanager
def run(
    collector: Collector | None, tmp_path: Path, warnings: list[str] | None = None, facts: RunFacts = RUN, **more: str
) -> Iterator[Listener]:
    told = warnings if warnings is not None else []
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**(collector.environment if collector else {}), **more}.items():
            patch.setenv(name, value)
        with observed(facts, tmp_path / "runs", LogListener(lambda text: None, told.append)) as listener:
            yield listener
    if warnings is None:
        assert told == []


def measured(path: str = "kernels/k.py", **options: Any) -> Any:
    judged = entry(path, **options)
    return type(judged)(judged.source, judged.evidence.model_copy(update={"times": TIMES}), judged.verdict)


def test_a_run_is_a_trace_of_candidates_and_their_checks(collector: Collector, tmp_path: Path) -> None:
    right, denied = measured("right.py"), measured("denied.py", denied=source_facts(("source/no-launch", None)))
    with run(collector, tmp_path) as listener:
        listener.check("right.py", "properties")
        time.sleep(0.01)
        listener.judged("right.py", right)
        listener.judged("denied.py", denied)
    root = collector.span("verify")
    assert not root.parent_span_id
    assert plain(root.attributes)["kernelgate.run.id"] == RUN.id
    candidates = {plain(span.attributes)["kernelgate.candidate.path"]: span for span in collector.children(root)}
    assert set(candidates) == {"right.py", "denied.py"}
    assert plain(candidates["denied.py"].attributes) == {
        "kernelgate.run.id": RUN.id, "kernelgate.run.kind": "verify", "kernelgate.policy": POLICY.name,
        "kernelgate.policy.digest": POLICY.digest, "kernelgate.candidate.digest": denied.evidence.candidate.digest,
        "kernelgate.candidate.path": "denied.py", "kernelgate.operator": "relu", "kernelgate.tier": "rejected",
        "kernelgate.allowed": False, "kernelgate.reused": False, "kernelgate.rule": "source/no-launch",
    }  # fmt: skip
    checks = {span.name: span for span in collector.children(candidates["right.py"])}
    assert set(checks) == {"check source", "check origin", "check properties"}
    properties = checks["check properties"]
    assert (properties.end_time_unix_nano - properties.start_time_unix_nano) / 1e9 == pytest.approx(1.25, abs=1e-3)
    whole = candidates["right.py"]
    assert (whole.end_time_unix_nano - whole.start_time_unix_nano) / 1e9 == pytest.approx(9.0, abs=0.5)
    assert {span.trace_id for span in collector.spans} == {root.trace_id}


def test_the_run_says_who_it_is(collector: Collector, tmp_path: Path) -> None:
    with run(collector, tmp_path, OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=nightly"):
        pass
    (first, *_) = collector.resources
    assert first["service.name"] == "kernelgate"
    assert first["service.instance.id"] == f"{socket.gethostname()}-0"
    assert first["deployment.environment.name"] == "nightly"


def test_a_name_that_the_user_gives_is_kept(collector: Collector, tmp_path: Path) -> None:
    with run(collector, tmp_path, OTEL_SERVICE_NAME="gate-of-team-a"):
        pass
    assert {one["service.name"] for one in collector.resources} == {"gate-of-team-a"}


def test_two_runs_at_once_are_two_instances(collector: Collector, tmp_path: Path) -> None:
    other = replace(RUN, id="20261130-120000-0a0b0c0e")
    with run(collector, tmp_path), run(collector, tmp_path, facts=other):
        pass
    assert {one["service.instance.id"][-2:] for one in collector.resources} == {"-0", "-1"}


def test_verdicts_times_queue_and_the_gpu_are_counted(collector: Collector, tmp_path: Path) -> None:
    on_gpu = measured("gpu.py")
    evidence = on_gpu.evidence.model_copy(update={"device": device()})
    on_gpu = type(on_gpu)(on_gpu.source, evidence, on_gpu.verdict)
    reused = measured("again.py")
    reused = type(reused)(reused.source, reused.evidence, reused.verdict, reused=True)
    with run(collector, tmp_path) as listener:
        for path, judged in (("wrong.py", measured("wrong.py", failure=wrong())), ("gpu.py", on_gpu)):
            listener.check(path, "properties")
            listener.judged(path, judged)
        listener.judged("again.py", reused)
    assert collector.total("kernelgate.verdicts") == 3
    assert collector.total("kernelgate.verdicts", kernelgate__tier="rejected", kernelgate__operator="relu") == 1
    assert collector.total("kernelgate.verdicts", kernelgate__reused=True) == 1
    assert collector.points("kernelgate.denials") == [
        ({"kernelgate.rule": "properties/wrong-values", "kernelgate.policy": POLICY.name}, 1)
    ]
    assert collector.total("kernelgate.check.duration", kernelgate__check="properties") == 2  # the reused was not made
    assert collector.total("kernelgate.queue.duration") == 2
    assert collector.points("kernelgate.gpu.time") == []  # nobody had this machine's
    assert collector.total("kernelgate.queue.length") == 0  # nobody waits when the run has ended
    assert collector.total("kernelgate.candidates.active") == 0
    assert collector.total("kernelgate.run.duration", kernelgate__run__kind="verify") == 1


def test_a_gpu_is_counted_for_as_long_as_a_candidate_has_it(collector: Collector, tmp_path: Path) -> None:
    with run(collector, tmp_path), ScriptedGpu(FakeDevice(relu), tmp_path, number=2) as gpu:
        for _ in range(2):
            with gpu.turn():
                time.sleep(0.1)
        (tmp_path / "gpu2.quarantine").write_text("a known kernel gave a wrong result\n")
        with pytest.raises(SandboxUnavailable), gpu.turn():
            pass
    ((attributes, wall_s),) = collector.points("kernelgate.gpu.time")
    assert attributes == {**HOST, "hw.id": "2"}
    assert wall_s >= 0.2


def test_every_metric_that_is_declared_is_sent_with_the_attributes_that_are_declared(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the dashboard, which is held against what is declared, asks for nothing that no run sends."""
    monkeypatch.setattr(opening, "_quarantine", lambda gpu: tmp_path / "gpu0.quarantine")
    with run(collector, tmp_path) as listener, ScriptedGpu(FakeDevice(relu), tmp_path / "state") as gpu:
        sandbox = current_recorder().around(ScriptedSandbox(lambda one: Script((Say(b"hello"),))))
        runner = sandbox.start(Program("host-python:1", ("worker",)))
        runner.greeting()
        runner.end()
        with gpu.turn():
            pass
        listener.check("wrong.py", "properties")
        listener.judged("wrong.py", measured("wrong.py", failure=wrong()))
        current_recorder().spent(Spending("author", "here", "large", 1000, 200, Decimal("0.25")))
    sent: dict[str, set[str]] = {}
    for metric in collector.metrics:
        names = {name for attributes, _ in collector.points(metric.name) for name in attributes}
        sent[metric.name] = sent.get(metric.name, set()) | names
    assert sent == {one.name: set(one.attributes) for one in INSTRUMENTS}


def test_runners_are_counted_while_they_are_there(collector: Collector, tmp_path: Path) -> None:
    program = Program("host-python:1", ("worker",))
    with run(collector, tmp_path):
        sandbox = current_recorder().around(ScriptedSandbox(lambda one: Script((Say(b"hello"),))))
        first, second = sandbox.start(program), sandbox.start(program)
        first.greeting()
        second.greeting()
        first.end()
        first.end()
    where = {"kernelgate.isolation": "namespace", "kernelgate.program": "interpreter"}
    assert collector.points("kernelgate.containers") == [(where, 1)]
    assert collector.points("kernelgate.container.start.duration") == [({**where, "kernelgate.started": True}, 2)]


def test_a_runner_that_can_not_be_had_is_counted_as_that(collector: Collector, tmp_path: Path) -> None:
    class Gone(ScriptedSandbox):
        def start(self, program: Program) -> Any:
            raise SandboxUnavailable("no engine")

    with run(collector, tmp_path):
        sandbox = current_recorder().around(Gone(lambda one: Script(())))
        with pytest.raises(SandboxUnavailable, match="no engine"):
            sandbox.start(Program("sha256:1", ("worker",)))
    (point,) = collector.points("kernelgate.container.start.duration")
    assert point[0]["kernelgate.started"] is False
    assert collector.total("kernelgate.containers") == 0


def test_tokens_and_cost_are_counted_by_role_and_model(collector: Collector, tmp_path: Path) -> None:
    with run(collector, tmp_path):
        current_recorder().spent(Spending("author", "here", "large", 1000, 200, Decimal("0.25")))
        current_recorder().spent(Spending("reviewer", "here", "small", 10, 2, None))
    assert collector.points("kernelgate.generation.cost") == [
        ({"kernelgate.role": "author", "gen_ai.provider.name": "here", "gen_ai.request.model": "large"}, 0.25)
    ]
    assert collector.total("gen_ai.client.token.usage", gen_ai__token__type="input") == 2


def test_a_quarantined_gpu_is_seen(collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gpu0.quarantine").write_text("a known kernel gave a wrong result\n")
    monkeypatch.setattr(opening, "_quarantine", lambda gpu: tmp_path / f"gpu{gpu}.quarantine")
    with run(collector, tmp_path):
        pass
    assert collector.points("kernelgate.gpu.quarantined") == [({**HOST, "hw.id": "0"}, 1)]


@pytest.mark.parametrize("path", [HOSTILE, "a\nkernelgate.tier=production-safe", "\udcff/k.py", "k" * 5000 + ".py"])
def test_a_hostile_path_stays_one_printable_attribute(path: str, collector: Collector, tmp_path: Path) -> None:
    judged = measured(denied=source_facts(("source/no-launch", None), detail="rm -rf /"))
    with run(collector, tmp_path) as listener:
        listener.check(path, "properties")
        listener.judged(path, judged)
    (span,) = [one for one in collector.spans if one.name.startswith("candidate")]
    attributes = plain(span.attributes)
    assert span.name == "candidate relu"
    assert attributes["kernelgate.tier"] == "rejected"
    assert attributes["kernelgate.candidate.path"].isprintable()
    assert len(attributes["kernelgate.candidate.path"]) <= 256
    assert "kernelgate.candidate.path" not in dict(collector.attribute_values())
    sent = b"".join(collector.bodies)
    assert b"rm -rf" not in sent  # a finding's message may quote the source
    assert judged.source not in sent


def test_an_honest_path_is_sent_as_it_is(collector: Collector, tmp_path: Path) -> None:
    with run(collector, tmp_path) as listener:
        listener.judged("kernels/größe/softmax v2.py", measured("kernels/größe/softmax v2.py"))
    assert plain(collector.span("candidate relu").attributes)["kernelgate.candidate.path"] == (
        "kernels/größe/softmax v2.py"
    )


def test_a_run_that_fails_says_by_what_and_no_more(collector: Collector, tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable), run(collector, tmp_path):
        raise SandboxUnavailable("the engine at tcp://user:secret@host went away")
    assert collector.span("verify").status.message == "SandboxUnavailable"
    assert b"secret" not in b"".join(collector.bodies)


def silent_port() -> socket.socket:
    """A collector that takes connections and says nothing."""
    return socket.create_server(("127.0.0.1", 0))


@pytest.mark.parametrize("how", ["gone", "silent"])
def test_a_collector_that_is_dead_costs_one_warning_and_moments(how: str, tmp_path: Path) -> None:
    warnings: list[str] = []
    with silent_port() as listening:
        port = listening.getsockname()[1]
        if how == "gone":
            listening.close()
        since = time.monotonic()
        endpoint = f"http://user:secret@127.0.0.1:{port}"
        with run(None, tmp_path, warnings, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint) as listener:
            listener.judged("right.py", measured("right.py"))
        assert time.monotonic() - since < 15
    (only,) = warnings
    assert only.startswith("telemetry: ")
    assert "The run goes on without it" in only
    assert "secret" not in only


def test_a_bug_in_what_watches_is_said_once_and_decides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(type(UNRECORDED)):  # type: ignore[misc]  # a class by its instance
        def judged(self, path: str, judged: object) -> None:
            raise ZeroDivisionError

    @contextmanager
    def broken(*_: object) -> Iterator[Broken]:
        yield Broken()

    monkeypatch.setattr("pipeline.observing.listeners.recorder_of", broken)
    heard: list[str] = []
    told = LogListener(lambda text: None, heard.append)
    with observed(RUN, tmp_path, told) as listener:
        listener.judged("a.py", measured("a.py"))
        listener.judged("b.py", measured("b.py"))
    (only,) = heard
    assert "which decides nothing: ZeroDivisionError()" in only


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (None, None)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, ("otlp", "otlp")),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, ("otlp", None)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_METRICS_EXPORTER": "none"}, ("otlp", None)),
        ({"OTEL_TRACES_EXPORTER": "console"}, ("console", None)),
        ({"OTEL_METRICS_EXPORTER": "OTLP"}, (None, "otlp")),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}, (None, None)),
    ],
)
def test_what_is_sent_is_what_the_standard_variables_ask_for(
    environment: dict[str, str], expected: tuple[str | None, str | None]
) -> None:
    chosen = configuration(environment)
    assert (chosen.traces, chosen.metrics) == tuple(one and Exporter(one) for one in expected)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER is 'zipkin'"),
        ({"OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "'grpc'"),
    ],
)
def test_what_can_not_be_sent_is_said_once_and_the_run_goes_on(
    environment: dict[str, str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(TelemetryMisconfigured, match=said):
        configuration(environment)
    warnings: list[str] = []
    with run(None, tmp_path, warnings, **environment):
        assert current_recorder() is UNRECORDED
    (only,) = warnings
    assert said in only


def test_a_number_that_the_sdk_can_not_read_is_said_and_the_run_goes_on(collector: Collector, tmp_path: Path) -> None:
    warnings: list[str] = []
    with run(collector, tmp_path, warnings, OTEL_BSP_MAX_QUEUE_SIZE="-1"):
        assert current_recorder() is UNRECORDED
    assert len(warnings) == 1


def test_where_nobody_asked_nothing_is_imported_and_without_the_extra_nothing_breaks(tmp_path: Path) -> None:
    """A process that is asked for nothing, and then for telemetry while OpenTelemetry can't be imported."""
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from pipeline.observing.listeners import LogListener, observed\n"
        "from pipeline.runs.facts import RunFacts\n"
        "told = LogListener(lambda text: None, print)\n"
        "with observed(RunFacts('r', 'verify', 'dev', '0', 1), Path('runs'), told):\n"
        "    print(sorted(name for name in sys.modules if name.startswith('opentelemetry')))\n"
        "sys.modules['opentelemetry'] = None\n"
        "os.environ['OTEL_EXPORTER_OTLP_ENDPOINT'] = 'http://c:4318'\n"
        "with observed(RunFacts('r', 'verify', 'dev', '0', 1), Path('runs'), told):\n"
        "    print('went on')\n"
    )
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    imported, warning, went_on = done.stdout.splitlines()
    assert imported == "[]"
    assert "pip install 'kernelgate[telemetry]'" in warning
    assert went_on == "went on"
    assert configuration({}) == OFF


@pytest.fixture(scope="module")
def few_cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("policy") / "few.yaml"
    path.write_text(
        "extends: dev\nname: few\ncompile: {required_targets: [sm_90]}\nmutants: {count: 0}\n"
        "properties: {pairwise_cases: 20, special_cases: 0, block_cases: 0, huge_cases: 0, random_cases: 0}\n"
    )
    return path


def test_a_real_run_sends_all_of_it_and_logs_json(
    kernelgate: Callable[..., Any], collector: Collector, few_cases: Path, tmp_path: Path
) -> None:
    right, unsound = KERNELS / "relu" / "right_block.py", KERNELS / "softmax" / "wrong_no_maximum.py"
    done = kernelgate(
        "--log-format", "json", "verify", str(right), str(unsound), "--policy", str(few_cases), "--sandbox", "embedded",
        "--format", "json", cwd=tmp_path, DOCKER_HOST="unix:///no/such/engine.sock", **collector.environment,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    root = collector.span("verify")
    assert plain(root.attributes)["kernelgate.run.id"] == told["run"]
    by_path = {plain(one.attributes)["kernelgate.candidate.path"]: one for one in collector.children(root)}
    assert set(by_path) == {str(right), str(unsound)}
    # Which of the two comes first is the draw's: a row that overflows has NaN, or zeros beside an infinite sum.
    assert plain(by_path[str(unsound)].attributes)["kernelgate.rule"] in {
        "properties/nonfinite", "properties/wrong-values",
    }  # fmt: skip
    assert {one.name for one in collector.children(by_path[str(right)])} == {
        "check source", "check origin", "check properties", "check compile",
    }  # fmt: skip
    assert all(one.start_time_unix_nano <= one.end_time_unix_nano for one in collector.spans)
    assert collector.total("kernelgate.verdicts", kernelgate__tier="functional") == 1
    assert collector.total("kernelgate.containers") == 0  # none is left
    assert collector.total("kernelgate.container.start.duration", kernelgate__program="compiler") >= 1
    declared = {one.name: one for one in INSTRUMENTS}
    for metric in collector.metrics:
        assert metric.unit == declared[metric.name].unit
    assert {name for name, _ in collector.attribute_values()} <= {a for one in INSTRUMENTS for a in one.attributes}
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {line["run"] for line in lines} == {told["run"]}
    verdicts = {line["candidate"]: line for line in lines if line["event"] == "verdict"}
    assert verdicts[str(unsound)]["tier"] == "rejected"
    assert verdicts[str(right)]["time"].endswith("+00:00")
