"""How long it takes after each fault until things are well again: what was killed, locked, full or restarted.

    python benchmarks/recovery.py                 # all parts; some six minutes
    python benchmarks/recovery.py slots registry

Everything is real and on this machine: Prefect's server, processes that are killed with SIGKILL, SQLite, Postgres, a
disk of 2 MiB (needs root). A machine that is gone is a killed process whose marks are removed. Locks and marks lie in a
folder of this program's own, so that nothing else on the machine is touched.
"""

from __future__ import annotations

import argparse
import contextvars
import os
import pickle
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

PROJECT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests" / "support")]
HOLDER: Final = """
import time
from pipeline.orchestration.prefect_slot import ServerSlot
slot = ServerSlot("recovery", 1)
slot.make()
with slot.hold(lambda: None):
    print("begun", flush=True)
    time.sleep(600)
"""
FLOW: Final = """
import time
import pipeline.orchestration.prefect_connection
from prefect import flow
from pipeline.orchestration.prefect_flow_runs import living

@flow(name="verify-kernels", persist_result=False)
def recovery() -> None:
    with living():
        time.sleep(5)  # a heartbeat has gone out
        print("begun", flush=True)
        time.sleep(600)

recovery()
"""
LOCKER: Final = """
import sys
from contextlib import closing
where = sys.argv[1]
if "://" in where:
    import psycopg
    held = psycopg.connect(where)
    held.execute("SELECT pg_advisory_xact_lock(27495)")
else:
    import sqlite3
    held = sqlite3.connect(where, isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
print("begun", flush=True)
sys.stdin.readline()
held.close()
"""
KERNELS: Final = 6
HELD_S: Final = 3.0
PROMOTIONS: Final = 20


def told(what: str, seconds: float) -> None:
    """Prints one line."""
    print(f"{what}: {seconds:.1f} s; load {os.getloadavg()[0]:.1f}", flush=True)


def killed(program: str) -> None:
    """Starts a program, and kills it once it has said that it has begun."""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "begun\n"
        child.kill()


def until(holds: Callable[[], bool], within_s: float = 300.0) -> float:
    """Waits, and returns how long it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < within_s, "it did not get well"
        time.sleep(0.05)
    return time.monotonic() - began


def forget_marks() -> None:
    """As if the machine of those that died were gone."""
    from pipeline.supply.machine_slots import folder_of_this_user

    for mark in folder_of_this_user().glob("*.mark"):
        mark.unlink()


def slots(folder: Path) -> None:
    """A holder of a slot is killed, and somebody waits for it."""
    from pipeline.orchestration.prefect_slot import ServerSlot

    for machine, is_gone in (("somebody waits on its machine", False), ("its machine is gone", True)):
        killed(HOLDER)
        began = time.monotonic()
        if is_gone:
            forget_marks()
        with ServerSlot("recovery", 1).hold(lambda: None):
            told(f"a holder of a slot is killed, {machine}", time.monotonic() - began)


def runs(folder: Path) -> None:
    """A flow's process is killed."""
    from lasting_server import lasting_server
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from pipeline.orchestration.prefect_alerts import make_alerts
    from pipeline.orchestration.prefect_flow_runs import crash_left_runs
    from pipeline.supply.left_behind import Marks

    (folder / "lasting").mkdir()
    with lasting_server(folder / "lasting") as address:
        api = f"{address}/api"
        with temporary_settings({PREFECT_API_URL: api}), environment(PREFECT_API_URL=api):
            make_alerts()
            with get_client(sync_client=True) as client:
                killed(FLOW)
                began = time.monotonic()
                crash_left_runs(Marks.of_this_user(), client)
                told("a flow's process is killed, another one looks", time.monotonic() - began)
                killed(FLOW)
                forget_marks()

                def all_are_marked() -> bool:
                    return all(one.state_name == "Crashed" for one in client.read_flow_runs())

                told("a flow's process is killed, its machine is gone", until(all_are_marked))


def server(folder: Path) -> None:
    """Prefect's server is killed in a run, and another one starts at its address."""
    from flow_child import Child

    from pipeline.orchestration import prefect_environment

    with environment(PREFECT_HOME=str(folder / "mortal")):
        first = prefect_environment.temporary_server.__wrapped__()
        first.wait_ready()
        paths = [folder / f"slow{number}.py" for number in range(KERNELS)]
        for path in paths:
            path.write_text(f'# /// kernel\n# operator = "relu"\n# language = "triton"\n# ///\n# {path}\n'
                            "def relu(x):\n    return x\n")  # fmt: skip
        child = Child(8, paths, {"PREFECT_API_URL": first.url, "PREFECT_LOCAL_STORAGE_PATH": str(folder / "kept")})
        child.wait_for("measuring")
        first.process.kill()
        first.process.wait()
        died = time.monotonic()
        with socket.create_server(("127.0.0.1", first.port), backlog=64) as listener, ExitStack() as held:
            log = held.enter_context((folder / "server.log").open("wb"))
            second = prefect_environment._start(listener, log.fileno())
            held.callback(second.kill)
            replace(first, process=second).wait_ready()
            told("Prefect's server is killed in a run, until the next one answers", time.monotonic() - died)
            assert child.rest()[-1] == f"verdicts {['functional'] * KERNELS}", child.said
            told("the same, until the run of six has all verdicts", time.monotonic() - died)


def registry(folder: Path) -> None:
    """The registry's database is locked, full, or written to by two at once."""
    from postgres_here import started_postgres
    from signed_runs import attestation, new_signer, variant

    from pipeline.registry.making import make_registry

    attested = attestation(folder / "signed", new_signer(folder / "key"))
    numbers = iter(range(10_000))

    def fresh() -> Any:
        return variant(attested, next(numbers))

    with started_postgres() as postgres:
        for name, where in (("SQLite", str(folder / "r.db")), ("Postgres", postgres.emptied("postgres"))):
            make_registry(where)
            locked(name, where, fresh)
            two_at_once(name, where, fresh, folder)
    full(fresh, folder)


def locked(name: str, where: str, fresh: Callable[[], Any]) -> None:
    """Another program holds the lock; a promotion waits."""
    from pipeline.registry.contract import open_registry

    with closing(open_registry(where)) as opened:
        command = [sys.executable, "-c", LOCKER, where]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "begun\n"
            began = time.monotonic()
            release = subprocess.Popen(["sh", "-c", f"sleep {HELD_S}; echo >/proc/{holder.pid}/fd/0"])
            opened.promote(fresh(), "stable", actor="benchmark")
            told(f"{name} is locked for {HELD_S:g} s, a promotion that waits", time.monotonic() - began - HELD_S)
            release.wait()
            holder.communicate()


def two_at_once(name: str, where: str, fresh: Callable[[], Any], folder: Path) -> None:
    """Two processes promote to one channel."""
    promoter = PROJECT / "tests" / "support" / "promoter.py"
    for count in (1, 2):
        started = []
        for number in range(count):
            (folder / str(number)).write_bytes(pickle.dumps([fresh() for _ in range(PROMOTIONS)]))
            command = [sys.executable, str(promoter), where, str(folder / str(number)), "benchmark"]
            started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        began = time.monotonic()
        for process in started:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in started:
            process.communicate()
            assert process.returncode == 0
        told(f"{name}: {count} process(es) with {PROMOTIONS} promotions each", time.monotonic() - began)


def full(fresh: Callable[[], Any], folder: Path) -> None:
    """The disk is full, and then is not."""
    from pipeline.errors import RegistryUnavailable
    from pipeline.registry.contract import open_registry
    from pipeline.registry.making import make_registry

    if os.geteuid() != 0:
        print("a full disk: not measured, needs root")
        return
    with disk(folder / "disk", "2m") as path:
        make_registry(str(path / "r.db"))
        with closing(open_registry(str(path / "r.db"))) as opened:
            with (path / "filling").open("wb", buffering=0) as filling, suppress(OSError):
                while filling.write(bytes(4096)):
                    pass
            try:
                opened.record("mismatch", None, actor="benchmark", reason="", case=os.urandom(500_000))
                raise AssertionError("there was room")
            except RegistryUnavailable:
                (path / "filling").unlink()
            began = time.monotonic()
            opened.promote(fresh(), "stable", actor="benchmark")
            told("SQLite's disk was full, the next promotion", time.monotonic() - began)


def fleet(folder: Path) -> None:
    """Of all workers there is one with another torch; then one comes that fits."""
    from fleet_processes import scheduler, worker
    from workers import candidates, few_cases

    from pipeline.fleet.work import verify_on_workers
    from pipeline.settings import Settings

    other = folder / "other" / "torch-2.12.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.12.0\n")
    judged = threading.Event()
    with scheduler(folder) as address, worker(address, PYTHONPATH=f"{other.parent}:{PROJECT}") as strange:
        settings = replace(
            Settings.resolve(runs=folder / "runs", workers=1), scheduler=address, storage=str(folder / "shared"),
            outage_s=300,
        )  # fmt: skip
        offering(strange)
        run = threading.Thread(
            target=contextvars.copy_context().run,
            args=(lambda: verify_on_workers(
                candidates(1, 0, "fleet"), few_cases(), settings, fresh=False, progress=lambda *_: judged.set()
            ),),
        )  # fmt: skip
        run.start()
        assert not judged.wait(5), "the worker with another torch was given something"
        with worker(address, "--workers", "1") as right:
            offering(right)
            began = time.monotonic()
            assert judged.wait(200)
            told("of all workers none has this torch; one comes, until its first verdict", time.monotonic() - began)
            run.join()


def offering(process: subprocess.Popen[str]) -> None:
    """Waits until a worker is there."""
    assert process.stderr is not None
    assert any("offers" in line for line in process.stderr)


@contextmanager
def disk(path: Path, size: str) -> Iterator[Path]:
    """A small disk."""
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """For what is started within the block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


PARTS: Final = {"registry": registry, "slots": slots, "server": server, "fleet": fleet, "runs": runs}


def main() -> None:
    """Measures the parts that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all of them")
    chosen = parser.parse_args().parts or list(PARTS)
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    with tempfile.TemporaryDirectory() as name:
        tempfile.tempdir = name
        os.environ |= {"TMPDIR": name, "PREFECT_HOME": f"{name}/prefect", "PYTHONPATH": str(PROJECT)}
        from pipeline.orchestration.prefect_environment import temporary_server

        running = temporary_server()
        running.wait_ready()
        os.environ["PREFECT_API_URL"] = running.url
        import pipeline.orchestration.prefect_connection  # noqa: F401

        for part in chosen:
            PARTS[part](Path(name))


if __name__ == "__main__":
    main()
