"""A registry that grows to many kernels: how long a promotion and a look-up take, and how large it gets.

    python benchmarks/registry.py                                  # 100,000 kernels in SQLite; some ten minutes
    python benchmarks/registry.py --database postgres --kernels 20000 --json registry.json

Kernels are spread over 36 operators on two architectures; each has a source and two envelopes of a real signed run,
made different. Most are stored many to a transaction, for time's sake; at each step some are promoted one by one, as
the command does it, and those are timed. Every time is of a whole call: transaction, commit, and the log.

SQLite lies in a new folder of TMPDIR, Postgres is a server of its own there, both with what they wait for the disk by
default. In turns with the promotions, as many bytes are committed to a bare file of SQLite: a disk or a machine that is
busy shows in both. At the end: a revocation, a backup, a restore.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests" / "support")]

import psycopg  # noqa: E402
from postgres_here import started_postgres  # noqa: E402
from signed_runs import attestation, new_signer  # noqa: E402

from pipeline.commands.completing import OPERATOR_NAMES  # noqa: E402
from pipeline.registry import changing  # noqa: E402
from pipeline.registry.backups import back_up, restore  # noqa: E402
from pipeline.registry.contract import Attestation, Place, Registry, open_registry  # noqa: E402
from pipeline.registry.making import make_registry  # noqa: E402
from pipeline.registry.opening import database_at  # noqa: E402

STEPS: Final = (1_000, 10_000, 50_000, 100_000)
TIMED: Final = 200
BATCH: Final = 2000
ARCHITECTURES: Final = ("sm_90", "sm_100")
SOURCE: Final = (PROJECT / "tests" / "kernels" / "softmax" / "right_online.py").read_bytes()
ME: Final = "benchmark"


@dataclass(frozen=True, slots=True)
class Times:
    """Of `TIMED` calls, in milliseconds."""

    median_ms: float
    p95_ms: float
    most_ms: float

    def __str__(self) -> str:
        return f"{self.median_ms:6.2f} {self.p95_ms:7.2f} {self.most_ms:7.2f}"


@dataclass(frozen=True, slots=True)
class Step:
    """What was measured with so many kernels in the registry."""

    kernels: int
    mib: float
    bytes_a_kernel: float
    promote: Times
    bare_commit: Times
    serving: Times
    approved: Times
    is_revoked: Times
    events: Times
    rollback: Times


def main() -> None:
    """Grows a registry and prints a row a step."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--kernels", type=int, default=STEPS[-1])
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kernelgate-registry-") as name, _place(asked.database, Path(name)) as url:
        model = replace(attestation(Path(name) / "runs", new_signer(Path(name) / "keys")), source=SOURCE)
        make_registry(url)
        steps = [one for one in STEPS if one < asked.kernels] + [asked.kernels]
        measured = list(_grown(url, model, steps))
        ends = _ends(url, Path(name), measured[-1].kernels)
    if asked.json is not None:
        document = {"database": asked.database, "steps": [asdict(step) for step in measured], **ends}
        asked.json.write_text(json.dumps(document, indent=2) + "\n")


@contextmanager
def _place(database: str, folder: Path) -> Iterator[str]:
    if database == "sqlite":
        yield str(folder / "registry.db")
        return
    with started_postgres(fsync=True) as server:
        yield server.emptied("postgres")


def _grown(url: str, model: Attestation, steps: Sequence[int]) -> Iterator[Step]:
    registry = open_registry(url)
    print(f"an envelope pair has {len(model.test_result) + len(model.summary)} bytes, a source {len(SOURCE)}")
    print("median, p95 and most, ms:    promote              | a bare commit        | serving              | approved")
    done = 0
    for kernels in steps:
        _fill(url, model, done, kernels - TIMED)
        done = kernels
        step = _measured(registry, url, model, kernels)
        columns = " |".join(map(str, (step.promote, step.bare_commit, step.serving, step.approved)))
        print(f"{kernels:8} kernels {step.mib:6.0f} MiB {columns}", flush=True)
        yield step
    registry.close()


def _fill(url: str, model: Attestation, first: int, last: int) -> None:
    database = database_at(url)
    for start in range(first, last, BATCH):
        with database.writing() as connection:
            for number in range(start, min(start + BATCH, last)):
                one = _kernel(model, number)
                place = Place(one.operator, one.architecture, "stable")
                changing.promote(connection, one, place, ME, "filled")
    database.engine.dispose()


def _measured(registry: Registry, url: str, model: Attestation, kernels: int) -> Step:
    new = [_kernel(model, number) for number in range(kernels - TIMED, kernels)]
    promote, bare_commit = _promoted(registry, new, model)
    old = [_kernel(model, number * kernels // TIMED) for number in range(TIMED)]
    size = _bytes(url)
    return Step(
        kernels, size / 2**20, size / kernels, promote, bare_commit,
        serving=_timed(old, lambda one: registry.serving(one.operator, one.architecture, "stable")),
        approved=_timed(old, lambda one: registry.approved(one.digest)),
        is_revoked=_timed(old, lambda one: registry.is_revoked(one.digest)),
        events=_timed(old, lambda one: registry.events(newest=True, limit=20)),
        rollback=_timed(new[:50], lambda one: registry.rollback(one.operator, one.architecture, "stable", "timed", ME)),
    )  # fmt: skip


def _promoted(registry: Registry, new: Sequence[Attestation], model: Attestation) -> tuple[Times, Times]:
    promotions, commits = [], []
    payload = model.source + model.test_result + model.summary
    with tempfile.TemporaryDirectory() as folder, closing(sqlite3.connect(f"{folder}/bare.db")) as bare:
        bare.execute("PRAGMA journal_mode = WAL")
        bare.execute("CREATE TABLE rows (bytes BLOB)")
        for one in new:
            began = time.perf_counter()
            registry.promote(one, "stable", actor=ME, reason="timed")
            between = time.perf_counter()
            bare.execute("INSERT INTO rows VALUES (?)", (payload,))
            bare.commit()
            promotions.append((between - began) * 1000)
            commits.append((time.perf_counter() - between) * 1000)
    return _times(promotions), _times(commits)


def _timed(subjects: Sequence[Attestation], call: Callable[[Attestation], object]) -> Times:
    taken = []
    for one in subjects:
        began = time.perf_counter()
        call(one)
        taken.append((time.perf_counter() - began) * 1000)
    return _times(taken)


def _times(taken: Sequence[float]) -> Times:
    return Times(statistics.median(taken), statistics.quantiles(taken, n=20)[-1], max(taken))


def _kernel(model: Attestation, number: int) -> Attestation:
    source = SOURCE + f"# {number}\n".encode()
    architecture = ARCHITECTURES[number % 2]
    return replace(
        model, source=source, digest=hashlib.sha256(source).hexdigest(),
        operator=OPERATOR_NAMES[number % len(OPERATOR_NAMES)], run=f"run {number}",
        summary=model.summary + str(number).encode(), platform=replace(model.platform, architecture=architecture),
    )  # fmt: skip


def _bytes(url: str) -> int:
    if "://" not in url:
        return sum(path.stat().st_size for path in Path(url).parent.glob(f"{Path(url).name}*"))
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert found is not None
    return int(found[0])


def _ends(url: str, folder: Path, kernels: int) -> dict[str, float]:
    registry = open_registry(url)
    serving = registry.places()[0]
    began = time.perf_counter()
    registry.revoke(serving.digest, "timed", ME)
    revoke_ms = (time.perf_counter() - began) * 1000
    began = time.perf_counter()
    walked = sum(1 for _ in registry.all_approved())
    walk_s = time.perf_counter() - began
    registry.close()
    began = time.perf_counter()
    back_up(url, folder / "backup.db", lambda text: None)
    backup_s = time.perf_counter() - began
    began = time.perf_counter()
    restore(folder / "backup.db", str(folder / "restored.db"), ME, lambda text: None)
    restore_s = time.perf_counter() - began
    print(f"revoke {revoke_ms:.1f} ms; walk through {walked} of {kernels} approved {walk_s:.1f} s")
    print(f"backup {backup_s:.1f} s, {(folder / 'backup.db').stat().st_size >> 20} MiB; restore {restore_s:.1f} s")
    return {"revoke_ms": revoke_ms, "walk_s": walk_s, "backup_s": backup_s, "restore_s": restore_s}


if __name__ == "__main__":
    main()
