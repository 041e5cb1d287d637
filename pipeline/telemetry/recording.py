"""A run as spans and metrics: a trace a run, a span a candidate, a span a check.

The spans of a candidate are made when it has its verdict, from what its evidence says of times; when a check began was
heard. What its author wrote is left out: of the path one printable line of at most `PATH_CHARACTERS` is sent, with the
digest. What is said of the deciding finding is its rule's name and nothing of its message, which may quote the source.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Meter, Observation, UpDownCounter
from opentelemetry.trace import Span, Status, StatusCode, set_span_in_context
from opentelemetry.util.types import AttributeValue

from pipeline.gate.judged import Judged
from pipeline.gate.steps import CheckName
from pipeline.machine.runner_image import COMPILER_ARGV
from pipeline.runs.facts import RunFacts
from pipeline.telemetry import instruments as its
from pipeline.telemetry.exporting import Means
from pipeline.telemetry.instruments import Instrument
from pipeline.telemetry.spending import Spending
from pipeline.telemetry.watched_sandbox import WatchedSandbox
from runners.evidence import Evidence, Missing
from sandbox.contract import Program, Sandbox
from sandbox.devices import NO_DEVICE
from sandbox.printable import printable

PATH_CHARACTERS: Final = 256
NS: Final = 1_000_000_000
Attributes = dict[str, AttributeValue]


class _Nothing:
    """Stands for every instrument where metrics are not asked for."""

    def add(self, amount: float, attributes: Attributes | None = None) -> None:
        """Counts nothing."""

    def record(self, amount: float, attributes: Attributes | None = None) -> None:
        """Keeps nothing."""


_NOTHING: Final = _Nothing()


class MachineRecorder:
    """Records what this machine does for runs, whoever ordered them: the part of a recorder that a worker has."""

    def __init__(self, means: Means, gpu: int, quarantine: Path | None) -> None:
        """Counts from now on.

        Args:
            gpu: The number of the GPU that is used.
            quarantine: The file that is there while it is quarantined; None where there is no GPU.
        """
        meter = means.meter
        self._gpu_time, self._starts = _counter(meter, its.GPU_TIME), _histogram(meter, its.STARTS)
        self._containers = _level(meter, its.CONTAINERS)
        if meter is not None and quarantine is not None:
            _gauge(meter, its.QUARANTINED, lambda: Observation(int(quarantine.exists()), _gpu(gpu)))

    def check(self, path: str, name: CheckName) -> None:
        """For whoever ordered it."""

    def judged(self, path: str, judged: Judged) -> None:
        """For whoever ordered it."""

    def spent(self, spending: Spending) -> None:
        """For whoever ordered it."""

    def had_gpu(self, number: int, wall_s: float) -> None:
        """A candidate had a GPU of this machine."""
        self._gpu_time.add(wall_s, _gpu(number))

    def around(self, sandbox: Sandbox) -> Sandbox:
        """Returns a sandbox whose starts and ends are recorded."""
        return WatchedSandbox(sandbox, self)

    def began(self, program: Program) -> None:
        """A runner is being started."""
        self._containers.add(1, _program(program))

    def greeted(self, program: Program, wall_s: float, *, started: bool) -> None:
        """It has greeted after so many seconds, or has failed to."""
        self._starts.record(wall_s, {**_program(program), its.STARTED: started})

    def ended(self, program: Program) -> None:
        """It is gone."""
        self._containers.add(-1, _program(program))


class RunRecorder(MachineRecorder):
    """Records one run (`pipeline.telemetry.contract.Recorder`)."""

    def __init__(self, facts: RunFacts, means: Means, gpu: int, quarantine: Path | None) -> None:
        """Begins the run's trace; `gpu` and `quarantine` as for `MachineRecorder`."""
        super().__init__(means, gpu, quarantine)
        self._facts, self._tracer = facts, means.tracer
        self._lock = threading.Lock()
        self._begun: dict[str, dict[CheckName, int]] = {}  # by path: when a check began, on the clock on the wall
        self._queued = facts.candidates or 0
        self._active = 0
        self._since = time.monotonic()
        meter = means.meter
        self._verdicts, self._denials = _counter(meter, its.VERDICTS), _counter(meter, its.DECIDED)
        self._cost, self._tokens = _counter(meter, its.COST), _histogram(meter, its.TOKENS)
        self._run_time, self._candidate_time = _histogram(meter, its.RUN_TIME), _histogram(meter, its.CANDIDATE_TIME)
        self._check_time, self._queue_time = _histogram(meter, its.CHECK_TIME), _histogram(meter, its.QUEUE_TIME)
        self._queue, self._active_now = _level(meter, its.QUEUED), _level(meter, its.ACTIVE)
        self._queue.add(self._queued)
        self._run = self._tracer.start_span(facts.kind, attributes=self._of_the_run())

    def check(self, path: str, name: CheckName) -> None:
        """A check of a candidate begins."""
        with self._lock:
            is_new = path not in self._begun
            self._begun.setdefault(path, {}).setdefault(name, time.time_ns())
            if is_new:
                self._active += 1
                self._leave_queue()
        if is_new:
            self._active_now.add(1)

    def judged(self, path: str, judged: Judged) -> None:
        """A candidate has its verdict."""
        with self._lock:
            begun = self._begun.pop(path, None)
            if begun is None:
                self._leave_queue()
            else:
                self._active -= 1
        if begun is not None:
            self._active_now.add(-1)
        self._count(judged)
        self._trace(path, judged, begun or {})

    def spent(self, spending: Spending) -> None:
        """A call of a model was answered."""
        who: Attributes = {its.PROVIDER: spending.provider, its.MODEL: spending.model}
        for kind, tokens in (("input", spending.input_tokens), ("output", spending.output_tokens)):
            self._tokens.record(tokens, {**who, its.OPERATION: "chat", its.TOKEN: kind})
        if spending.usd is not None:
            self._cost.add(float(spending.usd), {**who, its.ROLE: spending.role})

    def end(self, failure: BaseException | None) -> None:
        """Ends the trace; `failure` is what ended the run before its time."""
        with self._lock:
            queued, active, self._queued, self._active = self._queued, self._active, 0, 0
        self._queue.add(-queued)
        self._active_now.add(-active)
        self._run_time.record(
            time.monotonic() - self._since, {its.RUN_KIND: self._facts.kind, its.POLICY: self._facts.policy}
        )
        if failure is not None:  # its text may hold anything
            self._run.set_status(Status(StatusCode.ERROR, type(failure).__name__))
        self._run.end()

    def _leave_queue(self) -> None:
        if self._queued:  # of a run whose candidates nobody counted nothing was added
            self._queued -= 1
            self._queue.add(-1)

    def _count(self, judged: Judged) -> None:
        evidence, verdict, policy = judged.evidence, judged.verdict, self._facts.policy
        tier = verdict.tier.value
        self._verdicts.add(1, {its.TIER: tier, its.POLICY: policy, its.REUSED: judged.reused,
                               its.OPERATOR: evidence.candidate.operator or "unknown"})  # fmt: skip
        if not verdict.allowed:
            self._denials.add(1, {its.RULE: _rule(judged), its.POLICY: policy})
        if judged.reused:
            return  # an earlier run has counted what took time
        for name, wall_s in _check_times(evidence):
            self._check_time.record(wall_s, {its.CHECK: name})
        if evidence.times is not None:
            self._candidate_time.record(evidence.times.total_s, {its.POLICY: policy, its.TIER: tier})
            self._queue_time.record(evidence.times.waited_s)

    def _trace(self, path: str, judged: Judged, begun: dict[CheckName, int]) -> None:
        now, evidence = time.time_ns(), judged.evidence
        times = None if judged.reused else evidence.times
        since = min([now - int((times.total_s if times else 0.0) * NS), *begun.values()])
        span = self._span(f"candidate {evidence.candidate.operator or 'unknown'}", self._run, since)
        span.set_attributes(self._of_the_run() | _of_the_candidate(path, judged))
        if not judged.reused:
            at = since
            for name, wall_s in _check_times(evidence):
                heard = next((begun[one] for one in begun if one == name), at)
                at = heard + int(wall_s * NS)
                check = self._span(f"check {name}", span, heard)
                check.set_attribute(its.CHECK, name)
                check.end(at)
        span.end(max(now, since))

    def _span(self, name: str, parent: Span, since: int) -> Span:
        return self._tracer.start_span(name, context=set_span_in_context(parent), start_time=since)

    def _of_the_run(self) -> Attributes:
        return {
            "kernelgate.run.id": self._facts.id, its.RUN_KIND: self._facts.kind, its.POLICY: self._facts.policy,
            "kernelgate.policy.digest": self._facts.policy_digest,
        }  # fmt: skip


@contextmanager
def recorded(facts: RunFacts, means: Means, gpu: int, quarantine: Path | None) -> Iterator[RunRecorder]:
    """Yields what records the run; its trace ends with the context."""
    recorder = RunRecorder(facts, means, gpu, quarantine)
    failure: BaseException | None = None
    try:
        yield recorder
    except BaseException as error:
        failure = error
        raise
    finally:
        recorder.end(failure)


def _of_the_candidate(path: str, judged: Judged) -> Attributes:
    facts, verdict = judged.evidence.candidate, judged.verdict
    attributes: Attributes = {
        "kernelgate.candidate.digest": facts.digest,
        "kernelgate.candidate.path": printable(path)[:PATH_CHARACTERS],
        its.OPERATOR: facts.operator or "unknown",
        its.TIER: verdict.tier.value,
        "kernelgate.allowed": verdict.allowed,
        its.REUSED: judged.reused,
    }
    return attributes | ({its.RULE: _rule(judged)} if verdict.findings else {})


def _rule(judged: Judged) -> str:
    """The rule that decided: the first finding's."""
    return judged.verdict.findings[0].rule if judged.verdict.findings else "none"


def _check_times(evidence: Evidence) -> Iterator[tuple[str, float]]:
    """The checks that were made, in the order in which they begin, with what each took."""
    if evidence.times is not None:
        yield "source", evidence.times.source_s
        yield "origin", evidence.times.origin_s
    made = (("properties", evidence.properties), ("compile", evidence.compile), ("mutants", evidence.mutants),
            ("gpu", evidence.device))  # fmt: skip
    for name, check in made:
        if not isinstance(check, Missing):
            yield name, check.wall_s


def _gpu(number: int) -> Attributes:
    return {its.HOST: socket.gethostname(), its.GPU: str(number)}


def _program(program: Program) -> Attributes:
    on_cpu = "compiler" if program.argv == COMPILER_ARGV else "interpreter"
    kind = on_cpu if program.device == NO_DEVICE else "gpu"
    isolation = "namespace" if program.image.startswith("host-python:") else "docker"
    return {its.ISOLATION: isolation, its.PROGRAM: kind}


def _counter(meter: Meter | None, one: Instrument) -> Counter | _Nothing:
    return _NOTHING if meter is None else meter.create_counter(one.name, one.unit, one.description)


def _level(meter: Meter | None, one: Instrument) -> UpDownCounter | _Nothing:
    return _NOTHING if meter is None else meter.create_up_down_counter(one.name, one.unit, one.description)


def _histogram(meter: Meter | None, one: Instrument) -> Histogram | _Nothing:
    buckets = its.BUCKETS_S if one.unit == "s" else its.BUCKETS_TOKENS
    return (
        _NOTHING
        if meter is None
        else meter.create_histogram(
            one.name, one.unit, one.description, explicit_bucket_boundaries_advisory=list(buckets)
        )
    )


def _gauge(meter: Meter, one: Instrument, observe: Callable[[], Observation]) -> None:
    def observed(options: CallbackOptions) -> Iterable[Observation]:
        yield observe()

    meter.create_observable_gauge(one.name, [observed], one.unit, one.description)
