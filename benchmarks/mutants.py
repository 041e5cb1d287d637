"""How many mechanical mutants of right kernels the test kills: `python benchmarks/mutants.py FOLDER…`.

For each right kernel of the folders (files `right_*.py`, or those named on the command line) every mutant, or a sample
of them, goes through the whole properties check; a survivor is tried again with ten times the random cases. Printed:
by operator the share that was killed and the number of the first case that killed (median, 99th percentile, largest),
then the survivors as diffs. `equivalent.toml` beside a kernel lists mutants that a person found to be equivalent, with
the reason (`pipeline.equivalents` says how); they are not counted. `--out FOLDER` writes the killed mutants there as
candidates; it writes no labels and no cases.

The runners are children of this process without a container: for kernels of this project only.
"""

from __future__ import annotations

import argparse
import gc
import os
import select
import signal
import socket
import statistics
import struct
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

os.environ["TRITON_INTERPRET"] = "1"  # the runners are forks of this process

import torch

from pipeline.equivalents import known_equivalents
from pipeline.gate import effort_of
from policies.policy import load_policy
from runners.candidate import Candidate, read_candidate
from runners.contract.reading import read_source
from runners.contract.rules import Allowance
from runners.conversation import Runner
from runners.evidence import PropertiesEvidence
from runners.inside import candidate_unsafe, interpreter, worker
from runners.inside.warmup import launch_once
from runners.mutants import Mutant, MutantRun, MutantsCheck, mutants_of, shuffled_mutants
from runners.mutants.check import as_candidate, fate_of, within
from runners.properties import Effort, PropertiesCheck
from sandbox.contract import Buffer, Reply
from sandbox.frames import header_for
from sandbox.outcomes import Exited, KilledBySignal, Outcome, ProtocolBroken, TimedOut

LENGTH = struct.Struct("<Q")


class ForkedWorker:
    """The runner's program in a fork of this process, which has everything slow behind it."""

    name = "fork"

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._pid = os.fork()
        if self._pid == 0:
            ours.close()
            _serve(theirs)
        theirs.close()
        self._socket = ours
        self._outcome: Outcome | None = None
        self._greeting: Reply | Outcome | None = None

    def greeting(self) -> Reply | Outcome:
        """What the child says first."""
        self._greeting = self._greeting or self._receive(30.0)
        return self._greeting

    def exchange(self, request: Sequence[Buffer], *, deadline_s: float, cap_bytes: int) -> Reply | Outcome:
        """Sends a request and waits for the answer."""
        if self._outcome is not None:
            return self._outcome
        try:
            for part in (header_for(request), *request):
                self._socket.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has died; the next read says how
        return self._receive(deadline_s)

    def ended(self) -> Outcome | None:
        """How it ended, if it has."""
        return self._outcome

    def last_words(self) -> str:
        """Nothing: a fork writes to our stderr."""
        return ""

    def abort(self) -> None:
        """Ends it from another thread."""
        os.kill(self._pid, signal.SIGKILL)

    def end(self) -> Outcome:
        """Ends it."""
        if self._outcome is None:
            os.kill(self._pid, signal.SIGKILL)
            self._outcome = self._reaped()
        self._socket.close()
        return self._outcome

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def _receive(self, deadline_s: float) -> Reply | Outcome:
        header = self._exactly(LENGTH.size, deadline_s)
        if not isinstance(header, bytearray):
            return header
        payload = self._exactly(LENGTH.unpack(header)[0], deadline_s)
        return Reply(bytes(payload)) if isinstance(payload, bytearray) else payload

    def _exactly(self, count: int, deadline_s: float) -> bytearray | Outcome:
        data = bytearray()
        until = time.monotonic() + deadline_s
        while len(data) < count:
            ready, _, _ = select.select([self._socket], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                os.kill(self._pid, signal.SIGKILL)
                self._reaped()
                self._outcome = TimedOut(deadline_s)
                return self._outcome
            try:
                more = self._socket.recv(min(count - len(data), 1 << 20))
            except ConnectionResetError:
                more = b""
            if not more:
                self._outcome = self._reaped()
                return self._outcome
            data += more
        return data

    def _reaped(self) -> Outcome:
        code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        _source_file(self._pid).unlink(missing_ok=True)
        return KilledBySignal(-code) if code < 0 else Exited(code) if code else ProtocolBroken("it left")


def _serve(channel: socket.socket) -> NoReturn:
    os.dup2(channel.fileno(), 0)
    os.dup2(channel.fileno(), 1)
    candidate_unsafe.FILE = _source_file(os.getpid())  # in a container each runner has a /tmp of its own
    worker.main()


def _source_file(pid: int) -> Path:
    return Path(tempfile.gettempdir(), f"kernelgate_mutant_{pid}.py")


def warm_up() -> None:
    """Makes this process one that workers can be forked from."""
    torch.set_num_threads(1)
    if not interpreter.install():
        sys.exit("this version of Triton is not one that the interpreter's repairs know")
    launch_once()
    gc.freeze()


def main() -> int:
    """Prints the table; 0 when the rate is reached."""
    asked = _arguments()
    warm_up()
    policy = load_policy(asked.policy)
    effort = replace(effort_of(policy), reduces=False)
    runs: dict[str, list[MutantRun]] = defaultdict(list)
    for path in _kernels(asked.paths):
        candidate = read_candidate(path)
        assert isinstance(candidate, Candidate), candidate
        equivalent = known_equivalents(path)
        started = time.monotonic()
        passed = _check(candidate, effort, asked.seed)
        if passed.failure is not None or passed.unsupported is not None:
            print(f"{path}: not a right kernel here: {passed.failure or passed.unsupported}", flush=True)
            continue
        done = _runs(candidate, within(effort, passed), passed, asked, frozenset(policy.source.allowed_imports),
                     frozenset(equivalent))  # fmt: skip
        runs[candidate.operator.name] += done
        print(f"{path}: {_line(done)}; {time.monotonic() - started:.0f} s", flush=True)
        for run in done:
            if run.fate != "killed":
                print(f"  {run.fate} {run.mutant.id}\n{run.mutant.diff}", flush=True)
        if asked.out is not None:
            _write(asked.out, candidate, path, done)
    for name, done in sorted(runs.items()):
        print(f"{name:20s} {_line(done)}")
    everything = [run for done in runs.values() for run in done]
    print(f"{'all':20s} {_line(everything)}")
    judged = [run for run in everything if run.fate != "inconclusive"]
    return int(not judged or sum(run.fate == "killed" for run in judged) < asked.required * len(judged))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--policy", default="ci")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sample", type=int, help="so many mutants of each kernel; all by default")
    parser.add_argument("--longer", type=int, default=10, help="a survivor is tried again with so many times the cases")
    parser.add_argument("--out", type=Path, help="write killed mutants here, as candidates")
    parser.add_argument("--required", type=float, default=0.995)
    return parser.parse_args()


def _kernels(paths: list[Path]) -> list[Path]:
    return [file for path in paths for file in (sorted(path.rglob("right_*.py")) if path.is_dir() else [path])]


def _check(candidate: Candidate, effort: Effort, seed: int) -> PropertiesEvidence:
    return PropertiesCheck(candidate, lambda: Runner(ForkedWorker()), effort, seed).run()


def _runs(
    candidate: Candidate,
    effort: Effort,
    passed: PropertiesEvidence,
    asked: argparse.Namespace,
    imports: frozenset[str],
    equivalent: frozenset[str],
) -> list[MutantRun]:
    check = MutantsCheck(candidate, lambda: Runner(ForkedWorker()), effort, asked.seed, lambda c: True)
    longer = replace(effort, random_cases=asked.longer * effort.random_cases)
    runs: list[MutantRun] = []
    for mutant in _mutants(candidate, asked):
        if mutant.id in equivalent or read_source(as_candidate(candidate, mutant), Allowance(imports)):
            continue
        run = check.one(mutant)
        if run.fate == "survived" and asked.longer:
            run = fate_of(mutant, _check(as_candidate(candidate, mutant), longer, asked.seed + 1))
        runs.append(run)
        if len(runs) == asked.sample:
            break
    return runs


def _mutants(candidate: Candidate, asked: argparse.Namespace) -> list[Mutant]:
    if asked.sample is None:
        return list(mutants_of(candidate.text, candidate.entry))
    return list(shuffled_mutants(candidate.text, candidate.entry, asked.seed))


def _line(runs: list[MutantRun]) -> str:
    killed = sorted(run.first_kill for run in runs if run.first_kill is not None)
    judged = sum(run.fate != "inconclusive" for run in runs)
    first = ""
    if killed:
        p99 = killed[min(len(killed) - 1, int(0.99 * len(killed)))]
        first = f"; first kill: case {statistics.median(killed):g} (median), {p99} (p99), {killed[-1]} (largest)"
    rate = f"{len(killed) / judged:.1%}" if judged else "none"
    return f"{len(killed)} of {judged} killed ({rate}), {len(runs) - judged} not run{first}"


def _write(folder: Path, candidate: Candidate, path: Path, runs: list[MutantRun]) -> None:
    target = folder / candidate.operator.name
    target.mkdir(parents=True, exist_ok=True)
    for number, run in enumerate(run for run in runs if run.fate == "killed"):
        (target / f"mutant_{path.stem.removeprefix('right_')}_{number:03d}.py").write_bytes(run.mutant.source)


if __name__ == "__main__":
    sys.exit(main())
