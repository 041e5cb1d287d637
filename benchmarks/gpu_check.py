"""The gate's checks on a GPU, in the hardened container, over labelled kernels: `make gpu-check`.

    python benchmarks/gpu_check.py tests/kernels tests/gpu/kernels --labels right,honest --jobs 8 --json gpu.jsonl
    python benchmarks/gpu_check.py tests/kernels/softmax/right_online.py --whole    # a whole production verdict, timed

How the GPU gets into a container, the environment says (`pipeline/machine/gpu_access.py`). Each kernel is judged by the
policy as if the interpreter had found nothing, so that what only a GPU shows is seen; with `--whole` the interpreter's
checks, the compilation and the mutants are made first, as `kernelgate verify` does. With more than one job nothing is
timed.

A long corpus is judged in shares by processes side by side (`--share 1/3`), each writing to a file of its own, and in
pieces: what the file has is not judged again, and after `--for-s` seconds nothing more is begun.

Exit code 1 where a verdict is not the label's, 2 for a wrong argument, 3 where there is no engine or no GPU.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import tempfile
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from mounted_supply import MountedSupply

from pipeline.errors import UserError
from pipeline.gate.gpu_part import device_effort
from pipeline.gate.judging import measure
from pipeline.gate.turns import Turns
from pipeline.machine.gpu_access import GpuSettings
from pipeline.settings import Settings
from pipeline.supply.gpu import GpuSupply
from pipeline.supply.machine_slots import SharedMachine
from pipeline.supply.runners import PooledSupply
from policies.decide import decide
from policies.errors import PolicyError
from policies.gpu_findings import findings_of
from policies.policy import Policy, load_policy
from runners.candidate import Candidate, read_candidate
from runners.conversation import RunnerFault
from runners.device_check import DeviceCheck
from runners.evidence import DeviceEvidence, Missing
from sandbox.contract import SandboxUnavailable
from sandbox.docker_engine import DockerEngine
from sandbox.docker_sandbox import DockerSandbox

ALLOWED: Final = ("right", "honest")
MISSED: Final = "missed"  # wrong, and no check on a GPU is known to notice: the interpreter denies it


@dataclass(frozen=True, slots=True)
class Judged:
    """One kernel's outcome on the GPU."""

    path: str
    label: str
    is_functional_at_most: bool
    tier: str
    finding: str
    evidence: DeviceEvidence | Missing
    wall_s: float

    @property
    def is_as_labelled(self) -> bool:
        """Whether a right one passed and a wrong one did not, those aside that only the interpreter denies.

        One that can't be recorded is as labelled where `allow` says no more than functional.
        """
        passed = self.tier == "passed" or (self.tier == "capped" and self.is_functional_at_most)
        return self.label == MISSED or passed == (self.label in ALLOWED)


class Labelled(NamedTuple):
    """A file and what its label says of it."""

    path: Path
    label: str
    is_functional_at_most: bool = False


def judged(one: Labelled, policy: Policy, gpu: GpuSupply, *, timed: bool) -> Judged:
    """Makes the checks on the GPU alone."""
    began = time.monotonic()
    candidate = read_candidate(one.path)
    assert isinstance(candidate, Candidate), candidate
    effort = device_effort(policy)
    if not timed:
        effort = replace(effort, timed_calls=0)
    evidence: DeviceEvidence | Missing
    try:
        with gpu.turn() if timed else nullcontext():
            evidence = DeviceCheck(candidate, gpu, effort, secrets.randbits(64)).run()
    except (RunnerFault, SandboxUnavailable) as error:
        evidence = Missing(reason=str(error), ours=True)
    found = list(findings_of(evidence, policy))
    finding = "; ".join(f"{each.rule}: {each.message}" for each in found)
    tier = "passed" if not found else found[0].severity
    if isinstance(evidence, DeviceEvidence) and evidence.failure is not None:
        tier, finding = "error", evidence.failure.model_dump_json(exclude={"case"})
    return Judged(
        str(one.path), one.label, one.is_functional_at_most, tier, finding, evidence, time.monotonic() - began
    )


def whole(path: Path, policy: Policy, supply: PooledSupply, gpu: GpuSupply, turns: Turns) -> None:
    """Prints a whole verdict and where its time went."""
    candidate = read_candidate(path)
    began = time.monotonic()
    evidence = measure(candidate, policy, supply, gpu=gpu, turns=turns)
    wall_s = time.monotonic() - began
    verdict = decide(evidence, policy)
    print(f"\n{path}: {verdict.tier} in {wall_s:.1f} s")
    for finding in verdict.findings:
        print(f"  {finding.severity} {finding.rule}: {finding.message}")
    parts = {"interpreter": evidence.properties, "compile": evidence.compile, "mutants": evidence.mutants}
    for name, part in parts.items():
        print(f"  {name}: {part.reason if isinstance(part, Missing) else f'{part.wall_s:.1f} s'}")
    if isinstance(evidence.device, DeviceEvidence):
        show(evidence.device)
    print(flush=True)


def show(device: DeviceEvidence) -> None:
    """Prints what the GPU's part found."""
    phases = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in device.phases_s.items())
    print(f"  {device.device}: {device.cases} cases, {device.replayed} replayed, {device.plans} plans; {phases}")
    for axis in device.long_axes or ():
        print(f"  long {axis.dim}={axis.length}: {axis.refused or 'agreed'}")
    for large in device.large:
        what = f"{large.rows} rows agreed" if large.outcome == "agreed" else f"{large.outcome}: {large.reason}"
        print(f"  large {large.way}: {large.case or ''}: {what} ({large.wall_s:.1f} s)")
    for one in device.sanitizers:
        print(f"  {one.tool}: {one.plans} plans, control {one.control_fired}, {len(one.findings)} findings "
              f"{one.problem or ''}")  # fmt: skip
    for row in device.benchmark.rows:
        others = ", ".join(f"{b.name} {b.median_ms:.4f} [{b.low_ms:.4f}, {b.high_ms:.4f}]" for b in row.baselines)
        own = f"{row.median_ms:.4f} ms [{row.low_ms:.4f}, {row.high_ms:.4f}]"
        print(f"  {row.dtype}: {own}, {row.share_of_roof:.0%} of the roof, {row.clocks_mhz} MHz; {others}")
    if device.benchmark.problem:
        print(f"  benchmark: {device.benchmark.problem}")


def labelled(paths: Sequence[Path], labels: Sequence[str], limit: int) -> Iterator[Labelled]:
    """Yields the files with one of these labels, at most `limit` of each folder and label; single files as right."""
    for path in paths:
        if path.is_file():
            yield Labelled(path, "right")
            continue
        for file in sorted(path.rglob("labels.toml")):
            entries = tomllib.loads(file.read_text(encoding="utf-8")).items()
            for label in labels:
                some = [
                    Labelled(file.parent / name, label, entry.get("allow") == ["functional"])
                    for name, entry in entries
                    if entry["label"] == label
                ]
                yield from some[:limit]


def _share(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    if not (number.isdigit() and of.isdigit() and 1 <= int(number) <= int(of)):
        raise argparse.ArgumentTypeError(f"'{text}' is no share; 2/3 is the second of three")
    return int(number), int(of)


def _judged_before(path: Path | None) -> frozenset[str]:
    if path is None or not path.exists():
        return frozenset()
    return frozenset(json.loads(line)["path"] for line in path.read_text(encoding="utf-8").splitlines())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Prints the table; a policy or an engine that is missing costs one message."""
    try:
        return _checked(_arguments())
    except (PolicyError, UserError) as error:
        _say(str(error))
        return 2
    except SandboxUnavailable as error:
        _say(str(error))
        return 3


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", type=Path, nargs="+")
    parser.add_argument("--labels", default="right,honest,wrong,missed")
    parser.add_argument("--limit", type=int, default=1_000_000)
    parser.add_argument("--policy", default="production")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--share", type=_share, default=(1, 1))
    parser.add_argument("--for-s", type=float, default=float("inf"))
    return parser.parse_args()


def _checked(asked: argparse.Namespace) -> int:
    policy = load_policy(asked.policy)
    settings, gpu_settings = Settings.resolve(), GpuSettings.resolve()
    state = Path(tempfile.gettempdir()) / "kernelgate-gpu"
    with DockerEngine() as engine:
        access = gpu_settings.access_through(engine.facts)
        if access is None or gpu_settings.image is None:
            _say("this machine passes no GPU into containers; see pipeline/machine/gpu_access.py")
            return 3
        image = engine.image(gpu_settings.image).id
        gpu = GpuSupply(
            lambda: DockerSandbox(engine), lambda: image, access, gpu_settings.sanitizer, state, _say,
            size=max(2, min(asked.jobs, 4)),
        )  # fmt: skip
        with gpu:
            if asked.whole:
                gpu.open()
                with MountedSupply(settings, policy, _say, engine, replace(gpu_settings, image=image)) as supply:
                    supply.open()
                    time.sleep(20)  # a warm machine
                    turns = Turns(settings.workers, SharedMachine.of_this_user(settings.workers))
                    began = time.monotonic()
                    with ThreadPoolExecutor(asked.jobs) as pool:
                        list(pool.map(lambda path: whole(path, policy, supply, gpu, turns), asked.paths))
                    wall_s = time.monotonic() - began
                    print(f"{len(asked.paths)} in {wall_s:.0f} s, {len(asked.paths) / wall_s * 3600:.0f} an hour")
                return 0
            return _corpus(asked, policy, gpu)


def _corpus(asked: argparse.Namespace, policy: Policy, gpu: GpuSupply) -> int:
    if asked.jobs > 1:
        policy = policy.model_copy(update={"gpu_checks": tuple(c for c in policy.gpu_checks if c != "benchmark")})
    done: list[Judged] = []
    lock = threading.Lock()
    began = time.monotonic()
    number, of = asked.share
    share = islice(labelled(asked.paths, asked.labels.split(","), asked.limit), number - 1, None, of)
    before = _judged_before(asked.json)

    def begin(one: Labelled) -> Judged | None:
        if time.monotonic() - began > asked.for_s:
            return None
        return judged(one, policy, gpu, timed=asked.jobs == 1)

    with ThreadPoolExecutor(asked.jobs) as pool:
        tasks = [pool.submit(begin, each) for each in share if str(each.path) not in before]
        for task in as_completed(tasks):
            one = task.result()
            if one is None:
                continue
            done.append(one)
            with lock:
                mark = "  " if one.is_as_labelled else "! "
                print(f"{mark}{one.label} {one.path}: {one.tier} ({one.wall_s:.1f} s) {one.finding[:300]}", flush=True)
                if isinstance(one.evidence, DeviceEvidence) and asked.jobs == 1:
                    show(one.evidence)
                if asked.json is not None:
                    _append(asked.json, one)
    for label in sorted({one.label for one in done}):
        tiers = Counter(one.tier for one in done if one.label == label)
        print(f"{label}: {tiers.total()}, " + ", ".join(f"{count} {tier}" for tier, count in tiers.most_common()))
    left = f", {len(tasks) - len(done)} not begun" if len(tasks) > len(done) else ""
    print(f"{len(done)} in {time.monotonic() - began:.0f} s{left}")
    return int(not all(one.is_as_labelled for one in done))


def _append(path: Path, one: Judged) -> None:
    known = {"path": one.path, "label": one.label, "tier": one.tier, "finding": one.finding, "wall_s": one.wall_s}
    line = json.dumps(known | {"evidence": json.loads(one.evidence.model_dump_json())})
    with path.open("a", encoding="utf-8") as lines:
        lines.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
