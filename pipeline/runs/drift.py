"""Drift: the newest stored evidence of a candidate is for another platform than the one that it is measured on now.

A verdict holds for the platform of its evidence (`pipeline.supply.platforms`). Whoever verifies a candidate again after
a driver, a card, torch or triton changed may believe that nothing new can come of it; so it is said before anything is
run. Nothing else follows: stored evidence stays what it is, and the candidate is measured as it would be anyway (by a
flow that kept evidence for this platform from earlier times: not again).

Run folders are read as what they are, files that anybody may have changed and earlier versions have written: of each
only the fields that are needed, whatever else it holds, and one that can't be read is passed over. The search is
bounded: the newest `RUNS` run folders, by name, and `SEARCH_S` seconds. What is older is not found, and nothing is said
of it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.supply.gpu import GpuSupply
from pipeline.supply.platforms import HARDWARE, platform_text
from pipeline.supply.runners import RunnerSupply
from policies.policy import Policy
from runners.candidate import Candidate, Unreadable
from runners.conversation import RunnerFault
from sandbox.contract import SandboxUnavailable

RUNS: Final = 200
SEARCH_S: Final = 1.0
FILE_CAP_BYTES: Final = 16 << 20
TOLD_SINGLY: Final = 3
_RUN_ID: Final = re.compile(r"\d{8}-\d{6}-[0-9a-f]{8}")
Read = TypeVar("Read", bound="_Partial")


@dataclass(frozen=True, slots=True)
class Stored:
    """What a candidate's newest stored evidence is for; a part that was not measured is None.

    Attributes:
        image: What the interpreter's runner was started from.
    """

    run: str
    interpreter: str | None
    image: str | None
    gpu: str | None


@dataclass(frozen=True, slots=True)
class Drift:
    """One candidate whose stored evidence is for another platform."""

    path: str
    run: str
    was: str
    now: str


class _Partial(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")  # what other versions write besides is none of our business


class _Environment(_Partial):
    hardware: str
    torch: str
    triton: str


class _Device(_Partial):
    device: str | None = None
    torch: str | None = None
    triton: str | None = None


class _Isolation(_Partial):
    image: str


class _Evidence(_Partial):
    environment: _Environment | None = None
    isolation: _Isolation | None = None
    device: _Device = _Device()


class _Entry(_Partial):
    folder: str
    digest: str


class _Run(_Partial):
    policy: str
    candidates: tuple[_Entry, ...]


def tell_drift(
    items: Sequence[Candidate | Unreadable],
    policy: Policy,
    runs: Path,
    supply: RunnerSupply,
    gpu: GpuSupply | None,
    report: Callable[[str], None],
) -> None:
    """Says of which of `items` the newest stored evidence is for another platform: a line each, or one for many.

    Args:
        supply: Gives a runner where only its greeting says what the interpreter is now.
        gpu: Opened; None where nothing is measured on a GPU.
    """
    stored = newest_stored({item.facts.digest for item in items}, policy.name, runs)
    if not stored:
        return
    image = supply.isolation.image if supply.isolation is not None else None
    changed = any(one.interpreter is not None and one.image != image for one in stored.values())
    here = _interpreter_of(supply) if changed else None
    found = list(_drifts(items, stored, here, gpu.platform if gpu is not None else None))
    if len(found) <= TOLD_SINGLY:
        for one in found:
            report(f"{one.path}: run {one.run} holds for {one.was}; here is {one.now}: it is measured again")
        return
    first = found[0]
    report(
        f"{len(found)} candidates are measured again on another platform than their newest run's, {first.path} among "
        f"them: run {first.run} holds for {first.was}; here is {first.now}"
    )


def newest_stored(digests: set[str], policy: str, runs: Path) -> dict[str, Stored]:
    """Finds, for each of these candidates, the newest evidence under this policy that says what it is for.

    Args:
        digests: SHA-256 of the candidates' sources.
        policy: The policy's name; another version of it counts, too.
        runs: The folder of run folders; it need not exist.
    """
    found: dict[str, Stored] = {}
    until = time.monotonic() + SEARCH_S
    for folder in _newest(runs):
        run = _read(_Run, folder / "run.json")
        if run is None or run.policy != policy:
            continue
        for entry in run.candidates:
            if len(found) == len(digests) or time.monotonic() > until:
                return found
            if entry.digest in digests and entry.digest not in found and Path(entry.folder).name == entry.folder:
                stored = _stored_in(folder, entry.folder)
                if stored is not None:
                    found[entry.digest] = stored
    return found


def _newest(runs: Path) -> list[Path]:
    try:
        names = sorted((path.name for path in runs.iterdir() if _RUN_ID.fullmatch(path.name)), reverse=True)
    except OSError:
        return []
    return [runs / name for name in names[:RUNS]]


def _stored_in(folder: Path, candidate: str) -> Stored | None:
    evidence = _read(_Evidence, folder / candidate / "evidence.json")
    if evidence is None:
        return None
    environment, device = evidence.environment, evidence.device
    interpreter = gpu = None
    if environment is not None:
        interpreter = platform_text(environment.hardware, environment.torch, environment.triton)
    if device.device is not None and device.torch is not None and device.triton is not None:
        gpu = platform_text(device.device, device.torch, device.triton)
    if interpreter is None and gpu is None:
        return None  # its source was denied, or our side failed: an older run may have more
    return Stored(folder.name, interpreter, evidence.isolation.image if evidence.isolation is not None else None, gpu)


def _read(kind: type[Read], path: Path) -> Read | None:
    try:
        if not path.is_file() or path.stat().st_size > FILE_CAP_BYTES:
            return None
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _interpreter_of(supply: RunnerSupply) -> str | None:
    """Asks a runner, which is not used for anything else: one that was talked to is no candidate's any more."""
    try:
        runner = supply.take()
    except SandboxUnavailable:
        return None  # whoever is measured will hear of it
    try:
        greeting = runner.greeting
        return platform_text(HARDWARE, greeting.torch, greeting.triton)
    except RunnerFault:
        return None
    finally:
        runner.end()


def _drifts(
    items: Sequence[Candidate | Unreadable], stored: dict[str, Stored], interpreter: str | None, gpu: str | None
) -> Iterator[Drift]:
    for item in items:
        earlier = stored.get(item.facts.digest)
        if earlier is None:
            continue
        pairs = ((earlier.interpreter, interpreter), (earlier.gpu, gpu))
        differing = [(was, now) for was, now in pairs if was is not None and now is not None and was != now]
        if differing:
            was, now = (" and ".join(texts) for texts in zip(*differing, strict=True))
            yield Drift(item.facts.path, earlier.run, was, now)
