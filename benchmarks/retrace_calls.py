"""Which system calls real runs make, beside the allowlist in `sandbox/seccomp.json` and `sandbox/seccomp_gpu.json`.

    python benchmarks/retrace_calls.py cpu           # runner and compiler containers of the engine that answers
    python benchmarks/retrace_calls.py cuda          # on a machine with a GPU: recorder, replayer, four sanitizers
    python benchmarks/retrace_calls.py cpu --write   # and the data says afterwards what was seen

It takes root, Debian's `strace` and an engine of this machine: the trace is made from the host, because no tracer is
allowed in a container. A container's program waits, under the profile that every container has, until the tracer is
attached; so all of it is seen but the first steps of docker-init and of the program that waits. Right and wrong kernels
go through the ci policy with fewer cases, and Triton compiles for every architecture; on a GPU they go through the
production policy's checks there, the benchmark among them. Half a minute becomes several: each call stops its process
twice.

Exit code 1: a call worked that the data does not allow, or the runs could not be judged.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sandbox.call_traces import Comparison, Seen, compare, noted, noted_uses, read_tables
from sandbox.contract import IsolationProof, Program
from sandbox.docker_sandbox import DockerSandbox
from sandbox.seccomp import GPU_FILE, PROFILE_FILE, Profile, Trace, read_profile, read_uses
from sandbox.started_worker import StartedWorker

PROJECT: Final = Path(__file__).resolve().parents[1]
FLAG: Final = "/tmp/traced"
WAIT_THEN_START: Final = f"""
import os, sys, time
while not os.path.exists({FLAG!r}):
    time.sleep(0.02)
os.execvp(sys.argv[1], sys.argv[1:])
"""
STRACE: Final = ("strace", "-f", "-c", "-qq", "-o")
PATIENCE: Final = 20  # a traced program is slower by so much at most
KERNELS: Final = (
    "softmax/right_block.py", "matmul/right_tiles.py", "sum/right_autotuned.py", "scatter_add/right_atomic.py",
    "tanh/right_libdevice.py", "embedding/right_autotuned.py", "softmax/wrong_no_maximum.py",
    "matmul/wrong_unmasked_k_tail.py",
)  # fmt: skip
GPU_KERNELS: Final = ("softmax/right_block.py", "scatter_add/right_atomic.py", "softmax/wrong_no_maximum.py")


class TracedSandbox(DockerSandbox):
    """Starts programs with a tracer attached; proofs are made without one, since the probe tries what is refused."""

    tables = Path()

    def start(self, program: Program) -> StartedWorker:
        """Starts `program` once the tracer of its container is attached."""
        limits = replace(program.limits, start_deadline_s=program.limits.start_deadline_s * PATIENCE)
        waiting = ("python3", "-I", "-c", WAIT_THEN_START, *program.argv)
        container, worker = self._start(replace(program, argv=waiting, limits=limits))
        pid = container.facts().pid
        tracer = subprocess.Popen([*STRACE, str(self.tables / f"{worker.name}.txt"), "-p", str(pid), *_children(pid)])
        _until_traced(pid, tracer)
        (Path(f"/proc/{pid}/root") / FLAG.lstrip("/")).touch()
        return worker

    def prove(self, program: Program) -> IsolationProof:
        """Proves without a tracer."""
        return DockerSandbox(self._engine, runtime=self._runtime).prove(program)


def _allowed_in(trace: Trace) -> Profile:
    """The allowlist, with what programs on a GPU get besides."""
    profile = read_profile()
    besides = [rule for rules in read_uses().values() for rule in rules] if trace is Trace.CUDA else []
    return profile.model_copy(update={"rules": (*profile.rules, *besides)})


def main(arguments: Sequence[str]) -> int:
    """Traces, compares, and says the difference."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("trace", choices=[trace.value for trace in Trace])
    parser.add_argument("--write", action="store_true", help="note in the data what was seen")
    given = parser.parse_args(arguments)
    trace = Trace(given.trace)
    with tempfile.TemporaryDirectory() as folder:
        tables = Path(folder)
        TracedSandbox.tables = tables
        judged = _on_cpu() if trace is Trace.CPU else _on_cuda()
        _wait_for_tracers(tables)
        seen = read_tables(path.read_text() for path in sorted(tables.glob("*.txt")))
    difference = compare(_allowed_in(trace), seen, trace)
    _print(seen, difference)
    if given.write:
        PROFILE_FILE.write_text(noted(PROFILE_FILE.read_text(encoding="utf-8"), seen, trace), encoding="utf-8")
        if trace is Trace.CUDA:
            GPU_FILE.write_text(noted_uses(GPU_FILE.read_text(encoding="utf-8"), seen, trace), encoding="utf-8")
    return 0 if judged and not difference.not_allowed else 1


def _on_cpu() -> bool:
    import pipeline.supply.runners as supply_module
    from pipeline.gate.judging import measure
    from pipeline.settings import Settings
    from policies.policy import load_policy
    from runners.candidate import Candidate, read_candidate
    from runners.evidence import PropertiesEvidence

    supply_module.DockerSandbox = TracedSandbox
    ci = load_policy("ci")
    few = {"pairwise_cases": 6, "special_cases": 2, "block_cases": 1, "huge_cases": 1, "random_cases": 1}
    slow = {f"{what}_deadline_s": 600.0 for what in ("load", "case")} | {"total_deadline_s": 3600.0}
    properties = ci.properties.model_copy(update=few | slow | {"targeted_cases": 0, "long_s": 0})
    compiling = ci.compile.model_copy(update={"deadline_s": 600.0, "total_deadline_s": 3600.0})
    policy = ci.model_copy(update={"properties": properties, "compile": compiling})
    judged = True
    with supply_module.DockerSupply(Settings.resolve(workers=1), policy, _say) as supply:
        for name in KERNELS:
            candidate = read_candidate(PROJECT / "tests" / "kernels" / name)
            assert isinstance(candidate, Candidate), name
            evidence = measure(candidate, policy, supply)
            done = isinstance(evidence.properties, PropertiesEvidence)
            _say(f"{name}: {'judged' if done else evidence.properties}")
            judged = judged and done
    return judged


def _on_cuda() -> bool:
    import pipeline.supply.gpu as supply_module
    import pipeline.supply.gpu_opening as opening_module
    from pipeline.gate.gpu_part import checked_on_gpu
    from pipeline.settings import Mode, Settings
    from policies.policy import load_policy
    from runners.candidate import Candidate, read_candidate
    from runners.device_evidence import DeviceEvidence

    opening_module.DockerSandbox = TracedSandbox
    supply_module.TAKE_TIMEOUT_S = 180.0 * PATIENCE
    production = load_policy("production")
    few = {"pairwise_cases": 3, "special_cases": 1, "block_cases": 0, "random_cases": 0, "watched_plans": 1}
    rules = production.gpu.model_copy(update=few | {"timed_calls": 10, "total_deadline_s": 3600.0})
    slow = {"load_deadline_s": 600.0, "case_deadline_s": 600.0}
    policy = production.model_copy(update={"gpu": rules, "properties": production.properties.model_copy(update=slow)})
    judged = True
    with opening_module.gpu_for(Settings.resolve(workers=1), policy, Mode.GPU, _say) as supply:
        assert supply is not None, "the mode asks for a GPU"
        for name in GPU_KERNELS:
            candidate = read_candidate(PROJECT / "tests" / "kernels" / name)
            assert isinstance(candidate, Candidate), name
            evidence = checked_on_gpu(candidate, policy, supply, seed=1)
            done = isinstance(evidence, DeviceEvidence)
            said = evidence.failure or f"{evidence.replayed} cases replayed" if done else evidence
            _say(f"{name}: {said}")
            judged = judged and done
    return judged


def _children(pid: int) -> list[str]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [word for child in children for word in ("-p", child)]


def _until_traced(pid: int, tracer: subprocess.Popen[bytes]) -> None:
    for one in (pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())):
        while "TracerPid:\t0\n" in Path(f"/proc/{one}/status").read_text():
            if tracer.poll() is not None:
                raise RuntimeError("strace could not attach; it takes root, and an engine on this machine")
            time.sleep(0.02)


def _wait_for_tracers(tables: Path) -> None:
    until = time.monotonic() + 60
    while any(not path.stat().st_size for path in tables.iterdir()) and time.monotonic() < until:
        time.sleep(0.1)


def _print(seen: Seen, difference: Comparison) -> None:
    print(f"{len(seen.worked)} calls worked, {len(seen.failed)} were tried and always failed")
    _section("NOT ALLOWED, and made", difference.not_allowed)
    _section("refused by the filter or the kernel", difference.refused)
    _section("allowed, and not known to be made in such a run", difference.newly_seen)
    _section("allowed, and never seen", (f"{name}: {why}" for name, why in difference.never_seen))


def _section(title: str, lines: Iterable[str]) -> None:
    print(f"\n{title}")
    print("\n".join(f"  {line}" for line in lines) or "  none")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
