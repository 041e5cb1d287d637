"""What isolation costs, as ratios from one run: `make bench`, or `python benchmarks/speed.py`.

Arms that are compared are interleaved, because machines are shared and drift. The thresholds live here and nowhere in
the tests; the program exits 1 when one is missed.

- cases a second through the sandbox over in-process in the same repaired interpreter, judge included in both;
- time from submission to the first judged case, warm over cold;
- verdicts a minute with 1, 2 and 4 containers at once;
- time to the verdict on a grossly wrong kernel, and on a right one with the ci policy's cases.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

os.environ["TRITON_INTERPRET"] = "1"  # the in-process arm runs the interpreter here

from pipeline.gate.judging import measure
from pipeline.machine.engine import answering_engine
from pipeline.machine.runner_image import WORKER_ARGV, ensure_runner_image
from pipeline.settings import PROJECT, Settings
from pipeline.supply.runners import DockerSupply
from policies.policy import Policy, load_policy
from runners import wire
from runners.candidate import Candidate, parse_candidate, read_candidate
from runners.cases import Case
from runners.conversation import Runner, on_wire, results_of
from runners.evidence import PropertiesEvidence
from runners.examine import Agreed, conditions_for, examine
from runners.inside import candidate_unsafe, interpreter
from runners.materialise import TensorValue, materialise
from runners.oracle import expect
from runners.plans import pairwise
from sandbox.contract import Limits, Program
from sandbox.docker_engine import DockerEngine
from sandbox.docker_sandbox import DockerSandbox

KERNELS = PROJECT / "tests" / "kernels"
ROUNDS = 5
CASES = 40


@dataclass(frozen=True)
class Row:
    """One line of the table; `limit` is the bound that the issue of speed set, if any."""

    what: str
    value: str
    limit: str
    kept: bool = True


class InProcess:
    """The runner's work without container and channel, encoded and decoded as in the runner."""

    def __init__(self, candidate: Candidate) -> None:
        entry = candidate_unsafe.load(memoryview(candidate.source), candidate.entry)
        assert callable(entry), entry
        self._entry = entry

    def run(self, case: Case, candidate: Candidate) -> None:
        arguments = materialise(candidate.operator, case)
        expected = expect(candidate.operator, case.dtype, arguments)
        runner_arguments = tuple(on_wire(argument) for argument in arguments)
        buffers = [memoryview(bytes(a.base_bytes)) for a in arguments if isinstance(a, TensorValue)]
        request = wire.RunRequest(arguments=runner_arguments, conditions=conditions_for(case), output_cap_bytes=1 << 24)
        ran, data = candidate_unsafe.call(self._entry, request, buffers)
        results = results_of(ran.calls, data)
        judged = examine(case, arguments, expected, results)
        assert isinstance(judged, Agreed), judged  # a case that failed would be fast, and no measure of anything


def main() -> int:
    """Runs everything and prints one table."""
    interpreter.install()
    settings = Settings.resolve(workers=1)
    policy = load_policy("ci")
    rows = []
    for part in (_throughput, _latency, _scaling, _verdicts):
        print(f"measuring {part.__name__.removeprefix('_')}", file=sys.stderr)
        rows += part(settings, policy)
    candidate_unsafe.FILE.unlink(missing_ok=True)
    print(f"{platform.platform()}, {os.cpu_count()} cores, python {platform.python_version()}")
    for row in rows:
        print(f"{row.what:<66} {row.value:>32}  {row.limit:>10} {'' if row.kept else 'MISSED'}")
    return 0 if all(row.kept for row in rows) else 1


def _throughput(settings: Settings, policy: Policy) -> list[Row]:
    return [_sandbox_over_direct(name, settings, policy) for name in ("softmax", "matmul")]


def _sandbox_over_direct(name: str, settings: Settings, policy: Policy) -> Row:
    candidate = _right(name)
    cases = list(islice(pairwise(candidate.operator, 1, policy.properties.dtypes), CASES))
    local = InProcess(candidate)
    ratios = []
    with _quiet_supply(settings, policy) as supply:
        runner = supply.take()
        runner.load(candidate, 20)
        for _ in range(ROUNDS):
            inside = _timed(lambda: [_through(runner, candidate, case) for case in cases])
            direct = _timed(lambda: [local.run(case, candidate) for case in cases])
            ratios.append(direct / inside)
        runner.end()
    median = statistics.median(ratios)
    spread = f"{median:.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
    return Row(f"{name}: cases/s through the sandbox / in-process", spread, ">= 0.8", median >= 0.8)


def _latency(settings: Settings, policy: Policy) -> list[Row]:
    candidate = _right("softmax")
    case = next(iter(pairwise(candidate.operator, 1, policy.properties.dtypes)))
    url = answering_engine()
    image = ensure_runner_image(url, settings, (), lambda text: None)
    program = Program(image=image.id, argv=WORKER_ARGV, limits=Limits())
    warm, cold = [], []
    with _quiet_supply(settings, policy) as supply, DockerEngine(url) as engine:
        supply.open()
        sandbox = DockerSandbox(engine)
        for _ in range(ROUNDS):
            time.sleep(6)  # until the pool holds a warm one again
            warm.append(_first_case(supply.take, candidate, case))
            time.sleep(6)
            cold.append(_first_case(lambda: Runner(sandbox.start(program)), candidate, case))
    ratio = statistics.median(warm) / statistics.median(cold)
    value = f"{ratio:.3f} ({statistics.median(warm):.2f} s / {statistics.median(cold):.2f} s)"
    return [Row("submission to first case, warm / cold", value, "<= 0.15", ratio <= 0.15)]


def _scaling(settings: Settings, policy: Policy) -> list[Row]:
    names = ("softmax", "relu", "gelu", "rms_norm", "sum", "add", "swiglu", "layer_norm")
    items = [_right(name) for name in names]
    rows = []
    base = 0.0
    for workers in (1, 2, 4):
        chosen = Settings.resolve(workers=workers)
        with _quiet_supply(chosen, policy) as supply, ThreadPoolExecutor(workers) as threads:
            supply.open()
            before = _processor_ticks()
            taken = _timed(lambda: list(threads.map(lambda item: measure(item, policy, supply), items)))
            busy = _busy_share(before, _processor_ticks())
        rate = 60 * len(items) / taken
        base = base or rate
        value = f"{rate:.1f} ({rate / base:.2f}x, cores {busy:.0%} busy)"
        rows.append(Row(f"verdicts a minute, {workers} at once", value, ""))
    return rows


def _processor_ticks() -> tuple[int, int]:
    """Idle and total ticks of all cores since boot: where no core is idle, the cores bound the verdicts a minute."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return fields[3] + fields[4], sum(fields)


def _busy_share(before: tuple[int, int], after: tuple[int, int]) -> float:
    return 1 - (after[0] - before[0]) / (after[1] - before[1])


def _verdicts(settings: Settings, policy: Policy) -> list[Row]:
    rows = []
    with _quiet_supply(settings, policy) as supply:
        supply.open()
        for what, path, limit in (
            ("grossly wrong kernel", _wrong("softmax"), 1.5),
            ("right softmax, 40 + 60 cases", _right("softmax"), None),
            ("right matmul, 40 + 60 cases", _right("matmul"), None),
        ):
            times = []
            for _ in range(3):
                time.sleep(6)
                times.append(_timed(lambda: _check(measure(path, policy, supply))))  # noqa: B023
            median = statistics.median(times)
            value = f"{median:.2f} s ({min(times):.2f}-{max(times):.2f})"
            bound = f"< {limit} s" if limit else ""
            rows.append(Row(f"verdict on a {what}, warm", value, bound, limit is None or median < limit))
    return rows


def _check(evidence: object) -> None:
    assert isinstance(getattr(evidence, "properties", None), PropertiesEvidence), evidence


def _through(runner: Runner, candidate: Candidate, case: Case) -> None:
    arguments = materialise(candidate.operator, case)
    expected = expect(candidate.operator, case.dtype, arguments)
    results = runner.run(arguments, conditions_for(case), 1 << 24, 30)
    assert isinstance(results, tuple), results
    judged = examine(case, arguments, expected, results)
    assert isinstance(judged, Agreed), judged


def _first_case(take: Callable[[], Runner], candidate: Candidate, case: Case) -> float:
    """Seconds from submission to the first judged case; ending the runner is not part of it."""
    start = time.perf_counter()
    runner = take()
    assert runner.greeting
    runner.load(candidate, 20)
    _through(runner, candidate, case)
    taken = time.perf_counter() - start
    runner.end()
    return taken


def _right(operator: str) -> Candidate:
    return _candidate(sorted((KERNELS / operator).glob("right_*.py"))[0])


def _wrong(operator: str) -> Candidate:
    source = (sorted((KERNELS / operator).glob("right_*.py"))[0]).read_text()
    assert "tl.exp(" in source
    wrong = parse_candidate(source.replace("tl.exp(", "0.5 + tl.exp(").encode(), "grossly-wrong")
    assert isinstance(wrong, Candidate)
    return wrong


def _candidate(path: Path) -> Candidate:
    candidate = read_candidate(path)
    assert isinstance(candidate, Candidate), candidate
    return candidate


def _quiet_supply(settings: Settings, policy: Policy) -> DockerSupply:
    return DockerSupply(settings, policy, lambda text: print(text, file=sys.stderr))


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
