"""Right kernels on a real GPU, recorded in one process and replayed in another on inputs that came later.

    python benchmarks/replay_on_gpu.py tests/kernels --cases 8 --jobs 8 --json replay.jsonl

Each labelled file is called in a runner on the cases of a pairwise plan; what it returns, and what its launch plan
gives for other elements of the same case, is judged by the gate's oracle. Printed: what was wrong, what could not be
recorded and why, and what a call, a plan and a replay take. The programs are the gate's own, without a container: for
kernels of this project only. Exit code 1 where a right kernel was wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from itertools import chain, count, islice
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from runners import wire
from runners.candidate import Candidate, read_candidate
from runners.cases import Case
from runners.conversation import on_wire, tensor_of
from runners.launch_plan import LaunchPlan, problem_in
from runners.materialise import ArgumentValue, TensorValue, materialise
from runners.oracle import Expected, compare, expect
from runners.plans import pairwise
from sandbox.frames import header_for

ROOT: Final = Path(__file__).resolve().parents[1]
LENGTH: Final = struct.Struct("<Q")
MEMORY: Final = 8 << 30
OUTPUTS: Final = 1 << 30


@dataclass(slots=True)
class Outcome:
    """What one file did."""

    path: str
    label: str
    cases: int = 0
    replayed: int = 0
    wrong: str | None = None
    reasons: dict[str, int] = field(default_factory=dict)
    record_s: list[float] = field(default_factory=list)
    replay_s: list[float] = field(default_factory=list)
    wall_s: float = 0.0


class Program:
    """One of the gate's programs as a child."""

    def __init__(self, module: str, file: Path) -> None:
        code = (
            "from pathlib import Path; from runners.inside import candidate_unsafe; "
            f"candidate_unsafe.FILE = Path({str(file)!r}); import {module} as program; program.main()"
        )
        path = os.pathsep.join([str(ROOT), *sys.path])
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": path, "TRITON_CACHE_DIR": f"{file}.cache"},
        )
        self.greeting = self._receive()

    def ask(
        self, message: wire.Message, buffers: Sequence[wire.Buffer] = ()
    ) -> tuple[wire.Answer, list[memoryview]] | None:
        """Returns the answer, or None where the program died."""
        parts = wire.encode(message, buffers)
        try:
            for part in (header_for(parts), *parts):
                self._process.stdin.write(part)  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]
        except BrokenPipeError:
            return None
        return self._receive()

    def end(self) -> None:
        """Kills it."""
        self._process.kill()
        self._process.wait()

    def _receive(self) -> tuple[wire.Answer, list[memoryview]] | None:
        header = self._process.stdout.read(LENGTH.size)  # type: ignore[union-attr]
        if len(header) < LENGTH.size:
            return None
        return wire.decode_answer(self._process.stdout.read(LENGTH.unpack(header)[0]))  # type: ignore[union-attr]


class Pair:
    """A runner with one candidate, and a replayer."""

    def __init__(self, candidate: Candidate, file: Path) -> None:
        self._candidate, self._file = candidate, file
        self._runner: Program | None = None
        self._replayer: Program | None = None

    def try_case(self, case: Case, outcome: Outcome) -> str | None:
        """Says what is wrong."""
        operator = self._candidate.operator
        arguments = materialise(operator, case)
        if any(isinstance(a, TensorValue) and a.sparse for a in arguments):
            return None
        outcome.cases += 1
        expected = expect(operator, case.dtype, arguments)
        began = time.monotonic()
        recorded = self._record(arguments)
        outcome.record_s.append(time.monotonic() - began)
        if isinstance(recorded, str):
            return f"{case.describe()}: {recorded}"
        answer, data = recorded
        if not isinstance(answer.call, wire.Returned):
            return f"{case.describe()}: {answer.call}"
        outputs, cubins = data[: len(answer.call.outputs)], data[len(answer.call.outputs) :]
        for want, output, bytes_ in zip(expected, answer.call.outputs, outputs, strict=True):
            if output.dtype != want.dtype or output.shape != want.shape:
                return f"{case.describe()}: {output}"
            if wrong := _wrong(want, tensor_of(output, bytes_)):
                return f"{case.describe()}: called: {wrong}"
        if answer.plan is None:
            outcome.reasons[str(answer.reason)] = outcome.reasons.get(str(answer.reason), 0) + 1
            return None
        return self._replay(case, answer.plan, cubins, outcome)

    def _record(self, arguments: Sequence[ArgumentValue]) -> tuple[wire.Recorded, list[memoryview]] | str:
        if self._runner is None:
            self._runner = Program("runners.inside.gpu.worker", self._file)
            source = self._candidate.source
            loaded = self._runner.ask(wire.LoadRequest(entry=self._candidate.entry, source_bytes=len(source)), [source])
            if loaded is None or not isinstance(loaded[0], wire.Loaded):
                return f"not loaded: {loaded}"
        request = wire.RecordRequest(arguments=tuple(on_wire(a) for a in arguments), output_cap_bytes=OUTPUTS)
        answer = self._runner.ask(request, [a.base_bytes for a in arguments if isinstance(a, TensorValue)])
        if answer is None or not isinstance(answer[0], wire.Recorded):
            self._runner.end()
            self._runner = None
            return f"the runner ended: {answer}"
        return answer[0], answer[1]

    def _replay(self, case: Case, plan: LaunchPlan, cubins: Sequence[memoryview], outcome: Outcome) -> str | None:
        later = case.model_copy(update={"seed": (case.seed + 0x9E3779B97F4A7C15) % (1 << 64)})
        operator = self._candidate.operator
        arguments = materialise(operator, later)
        given = [argument for argument in arguments if isinstance(argument, TensorValue)]
        expected = expect(operator, case.dtype, arguments)
        if problem := problem_in(plan, [argument.mapped_bytes for argument in given], MEMORY):
            empty = any(0 in argument.shape for argument in given)
            return None if empty and problem == "it launches nothing" else f"{case.describe()}: plan: {problem}"
        if self._replayer is None:
            self._replayer = Program("runners.inside.gpu.replayer", self._file.with_suffix(".none"))
        began = time.monotonic()
        loaded = self._replayer.ask(wire.PlanRequest(plan=plan), cubins)
        if loaded is None or not isinstance(loaded[0], wire.PlanLoaded):
            return f"{case.describe()}: plan not loaded: {loaded}"
        for fresh, side in ((0xFF, "end"), (0x47, "start")):
            request = wire.ReplayRequest(
                base_bytes=tuple(len(argument.base_bytes) for argument in given),
                fresh_byte=fresh,
                side=side,  # type: ignore[arg-type]
            )
            answer = self._replayer.ask(request, [argument.base_bytes for argument in given])
            if answer is None or not isinstance(answer[0], wire.Replayed):
                self._replayer.end()
                self._replayer = None
                return f"{case.describe()}: replay ({side}): {answer and answer[0]}"
            replayed, data = answer[0], answer[1]
            if replayed.touched or replayed.changed:
                return f"{case.describe()}: touched {replayed.touched}, changed {replayed.changed}"
            for want, view, bytes_ in zip(expected, plan.outputs, data, strict=True):
                if view.shape != want.shape or view.dtype != want.dtype:
                    return f"{case.describe()}: {view}"
                dtype = getattr(torch, view.dtype)
                got = torch.frombuffer(bytearray(bytes_), dtype=dtype) if len(bytes_) else torch.empty(0, dtype=dtype)
                if wrong := _wrong(want, got.reshape(view.shape)):
                    return f"{case.describe()}: replayed ({side}): {wrong}"
        outcome.replay_s.append(time.monotonic() - began)
        outcome.replayed += 1
        return None

    def end(self) -> None:
        """Kills both."""
        for program in (self._runner, self._replayer):
            if program is not None:
                program.end()


def _wrong(want: Expected, got: torch.Tensor) -> str | None:
    comparison = compare(want, got)
    return f"{comparison.wrong} of {comparison.total} wrong, first {comparison.first[0]}" if comparison.wrong else None


def tried(path: Path, label: str, cases: int, seed: int) -> Outcome:
    """Tries one file."""
    began = time.monotonic()
    outcome = Outcome(str(path), label)
    candidate = read_candidate(path)
    assert isinstance(candidate, Candidate), candidate
    operator = candidate.operator
    dtypes = tuple(dtype for dtype in operator.dtypes if dtype != "float64")
    plans = chain.from_iterable(pairwise(operator, seed + number, dtypes) for number in count())
    with tempfile.TemporaryDirectory() as folder:
        pair = Pair(candidate, Path(folder) / "candidate.py")
        try:
            for case in islice(plans, cases):
                outcome.wrong = pair.try_case(case, outcome)
                if outcome.wrong is not None:
                    break
        finally:
            pair.end()
    outcome.wall_s = time.monotonic() - began
    return outcome


def labelled(folder: Path, labels: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """Yields the files with one of these labels."""
    for file in sorted(folder.rglob("labels.toml")):
        for name, entry in tomllib.loads(file.read_text(encoding="utf-8")).items():
            if entry["label"] in labels:
                yield file.parent / name, entry["label"]


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--labels", default="right,honest")
    parser.add_argument("--cases", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    done: list[Outcome] = []
    with ThreadPoolExecutor(asked.jobs) as pool:
        tasks = [
            pool.submit(tried, path, label, asked.cases, asked.seed)
            for path, label in labelled(asked.corpus, asked.labels.split(","))
        ]
        for task in as_completed(tasks):
            outcome = task.result()
            done.append(outcome)
            if outcome.wrong is not None:
                print(f"{outcome.label} {outcome.path}: {outcome.wrong[:600]}", flush=True)
            if asked.json is not None:
                with asked.json.open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps(asdict(outcome)) + "\n")
    reasons = Counter[str]()
    for outcome in done:
        reasons.update(outcome.reasons)
    for reason, times in reasons.most_common():
        print(f"not recorded: {times} times: {reason}")
    wrong = sum(outcome.wrong is not None for outcome in done)
    cases, replayed = sum(outcome.cases for outcome in done), sum(outcome.replayed for outcome in done)
    print(f"{len(done)} files, {wrong} wrong, {cases} cases, {replayed} replayed")
    for name, values in (
        ("record", [s for o in done for s in o.record_s]),
        ("replay", [s for o in done for s in o.replay_s]),
    ):
        if values:
            print(f"{name}: {statistics.median(values) * 1e3:.0f} ms (median), {max(values):.2f} s at most")
    return int(any(outcome.wrong is not None and outcome.label in ("right", "honest") for outcome in done))


if __name__ == "__main__":
    sys.exit(main())
