"""What can go wrong around a registry's database: locked, full, missing, damaged, of another version, two at once."""

from __future__ import annotations

import fcntl
import itertools
import os
import pickle
import re
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from ordinary_user import as_ordinary_user
from postgres_here import Postgres
from signed_runs import variant
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import RegistryError, RegistryUnavailable
from pipeline.registry import changing
from pipeline.registry.contract import Attestation, Registry, open_registry
from pipeline.registry.making import Made, make_registry
from pipeline.registry.progress import SILENT_S

ME = "somebody"
PROMOTER = Path(__file__).parents[2] / "support/promoter.py"
SQLITE = pytest.mark.parametrize("where", ["sqlite"], indirect=True)
POSTGRES = pytest.mark.parametrize("where", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)


def digests(registry: Registry) -> set[str]:
    return {one.digest for one in registry.all_approved(revoked=True)}


def test_two_processes_promote_at_once_and_nothing_is_lost(
    where: str, registry: Registry, attested: Attestation, tmp_path: Path
) -> None:
    started = []
    for first in (0, 100):
        (tmp_path / str(first)).write_bytes(pickle.dumps([variant(attested, first + n) for n in range(15)]))
        started.append(
            subprocess.Popen(
                [sys.executable, PROMOTER, where, tmp_path / str(first), f"process {first}"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            )
        )  # fmt: skip
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.communicate("go\n", timeout=60)
    assert [process.returncode for process in started] == [0, 0]
    events = registry.events()
    assert len(events) == 30
    assert {event.actor for event in events} == {"process 0", "process 100"}
    # one chain: each promotion replaced what the one before it had put there
    assert [event.replaced for event in events] == [None, *(event.serves for event in events[:-1])]
    found = registry.serving("relu", "sm_90", "stable")
    assert found is not None
    assert found.digest == events[-1].serves
    walked = [registry.rollback("relu", "sm_90", "stable", "", ME).now for _ in events]
    assert walked == [event.replaced for event in reversed(events)]


@pytest.fixture
def holder(where: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Another program that has begun to write, and waits."""
    monkeypatch.setattr("pipeline.registry.opening.LOCK_S", 1)
    if "://" in where:
        with psycopg.connect(where) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(27495)")
            yield connection
    else:
        with closing(sqlite3.connect(where, isolation_level=None)) as held:
            held.execute("BEGIN IMMEDIATE")
            yield held


def test_a_registry_that_stays_locked_is_one_message_and_nothing_was_changed(
    where: str, attested: Attestation, holder: Any
) -> None:
    with closing(open_registry(where)) as registry:
        began = time.monotonic()
        with pytest.raises(
            RegistryUnavailable, match=r"stayed locked for 10 s: another program .* nothing was changed"
        ):
            registry.promote(attested, "canary", actor=ME)
        assert time.monotonic() - began > 0.9
        assert registry.serving("relu", "sm_90", "canary") is None  # who reads does not wait
        holder.execute("ROLLBACK")
        registry.promote(attested, "canary", actor=ME)
        assert len(registry.events()) == 1


HOLDER = """
import sqlite3, sys
where = sys.argv[1]
if "://" in where:
    import psycopg
    held = psycopg.connect(where, application_name="a migration")
    held.execute(sys.argv[2])
    pid = held.info.backend_pid
else:
    import os
    held = sqlite3.connect(where, isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    pid = os.getpid()
print(pid, flush=True)
sys.stdin.readline()
"""
AS_WRITER = "SELECT pg_advisory_xact_lock(27495)"
WHOLE_TABLES = "LOCK TABLE registry_kernels, registry_events IN ACCESS EXCLUSIVE MODE"


@contextmanager
def held_elsewhere(where: str, statement: str = AS_WRITER, held_s: float = 60.0) -> Iterator[int]:
    """Another program holds the lock for some seconds: its process, or its session in Postgres."""
    program = [sys.executable, "-c", HOLDER, where, statement]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        pid = int(holder.stdout.readline())
        ending = threading.Timer(held_s, holder.stdin.close)
        ending.start()
        try:
            yield pid
        finally:
            ending.cancel()
            holder.stdin.close()


def kernel_names_locked(folder: Path) -> bool:
    """Whether its list of locks names a file as `stat` does: on some overlays a file has two devices."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        facts = os.fstat(file.fileno())
        name = f" {os.major(facts.st_dev):02x}:{os.minor(facts.st_dev):02x}:{facts.st_ino} "
        return name in Path("/proc/locks").read_text(encoding="ascii")


def locked_line(where: str, pid: int, limit_s: int) -> str:
    """What is told of a lock, as a pattern: who has it, and until when it is waited for."""
    if "://" in where:
        program = rf"the session {pid} of kernelgate \(a migration\)"
    else:
        program = rf"the process {pid} \(.+\)" if kernel_names_locked(Path(where).parent) else "another program"
    return rf"is locked by {program}: waiting {limit_s - 2} s more at most, until \d\d:\d\d:\d\d UTC"


def test_whoever_waits_for_a_lock_is_told_who_has_it_and_until_when_and_then_goes_on(
    where: str, attested: Attestation
) -> None:
    told: list[str] = []
    with closing(open_registry(where, told.append)) as registry:
        with held_elsewhere(where, held_s=5.0) as pid:
            registry.promote(attested, "canary", actor=ME)
        assert len(told) == 1
        assert re.search(locked_line(where, pid, 10), told[0])
        registry.rollback("relu", "sm_90", "canary", "", ME)  # nobody holds it now
    assert len(told) == 1


def test_a_command_says_on_stderr_what_it_waits_for_and_ends_with_one_message(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.registry.opening.LOCK_S", 3)
    with held_elsewhere(where) as pid:
        done = CliRunner().invoke(app, ["registry", "init", "--registry", where])
    assert done.exit_code == 3
    waiting, *error = done.stderr.splitlines()
    assert re.fullmatch(rf"registry: .* {locked_line(where, pid, 3)}", waiting)
    said = " ".join(" ".join(error).split())
    assert said.startswith("kernelgate: the registry ")
    assert re.search(
        r"stayed locked .*: another program .* \(.* shows it.*\); nothing was changed: try again when", said
    )


@POSTGRES
def test_a_prune_says_which_session_keeps_it_from_reading_the_registry(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.registry.opening.LOCK_S", 3)
    monkeypatch.chdir(tmp_path)
    with held_elsewhere(where, WHOLE_TABLES) as pid:
        done = CliRunner().invoke(app, ["prune", "--older-than", "1d", "--runs", "runs", "--registry", where])
    assert done.exit_code == 3
    told = " ".join(done.stderr.split())
    assert re.search(locked_line(where, pid, 3), told)
    assert "nothing was deleted, because nobody knows which kernels are approved: the registry " in told


@SQLITE
def test_who_reads_a_file_in_which_somebody_writes_is_told_of_no_wait(where: str) -> None:
    told: list[str] = []
    with held_elsewhere(where), closing(open_registry(where, told.append)) as registry:
        assert registry.places() == ()
        time.sleep(SILENT_S + 0.2)
    assert told == []


@SQLITE
def test_a_full_registry_is_one_message_and_nothing_was_changed(
    where: str, registry: Registry, attested: Attestation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's own limit on pages, which is told as a full disk is."""
    registry.promote(attested, "stable", actor=ME)
    with closing(sqlite3.connect(where)) as counting:
        pages = counting.execute("PRAGMA page_count").fetchone()[0]
    connect = sqlite3.connect

    def limited(*arguments: Any, **options: Any) -> sqlite3.Connection:
        made = connect(*arguments, **options)
        made.execute(f"PRAGMA max_page_count = {pages}")
        return made

    monkeypatch.setattr(sqlite3, "connect", limited)
    with closing(open_registry(where)) as full:
        case = os.urandom(200_000)
        with pytest.raises(RegistryUnavailable, match=r"can't be written \(.*full\): free some space; nothing was"):
            full.record("mismatch", attested.digest, actor=ME, reason="", case=case)
        found = full.serving("relu", "sm_90", "stable")
        assert found is not None
        assert len(full.events()) == 1
    monkeypatch.undo()
    registry.record("mismatch", attested.digest, actor=ME, reason="", case=case)
    assert len(registry.events()) == 2


@SQLITE
def test_a_file_that_can_not_grow_is_one_message(where: str, registry: Registry, attested: Attestation) -> None:
    """A real limit of the kernel's on what the process may write."""
    registry.promote(attested, "stable", actor=ME)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (Path(where).stat().st_size, hard))
        with pytest.raises(RegistryUnavailable, match=r"can't be written .* free some space; nothing was changed"):
            registry.record("mismatch", None, actor=ME, reason="", case=os.urandom(900_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(registry.events()) == 1
    registry.record("fallback", None, actor=ME, reason="")
    assert len(registry.events()) == 2


@contextmanager
def small_disk(path: Path, owner: str | None = None) -> Iterator[Path]:
    """A disk of 24 MiB, on which a new database has room and not much more."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small disk")
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(path)], check=True)
    try:
        if owner is not None:
            shutil.chown(path, owner)
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


@contextmanager
def small_registry(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Path, str]]:
    """A registry on a small disk: the disk, and where the registry is."""
    if kind == "sqlite":
        with small_disk(tmp_path / "disk") as disk:
            yield disk, str(disk / "registry.db")
        return
    server: Postgres = request.getfixturevalue("postgres")
    with (
        small_disk(server.folder / "disk", server.user) as disk,
        psycopg.connect(server.url(), autocommit=True) as owner,
    ):
        owner.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
        owner.execute("CREATE DATABASE small TEMPLATE template0 TABLESPACE small")
        try:
            yield disk, server.url("small")
        finally:
            owner.execute("DROP DATABASE small WITH (FORCE)")
            owner.execute("DROP TABLESPACE small")


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_a_disk_that_is_full_is_one_message_and_nothing_was_changed(
    kind: str, tmp_path: Path, attested: Attestation, request: pytest.FixtureRequest
) -> None:
    with small_registry(kind, tmp_path, request) as (disk, where):
        make_registry(where)
        with closing(open_registry(where)) as registry:
            registry.promote(attested, "stable", actor=ME)
            filling = disk / "filling"
            with filling.open("wb", buffering=0) as file, suppress(OSError):
                while file.write(bytes(4096)):
                    pass
            for _ in range(2):
                with pytest.raises(RegistryUnavailable, match=r"free some space; nothing was changed"):
                    registry.record("mismatch", None, actor=ME, reason="", case=os.urandom(900_000))
            found = registry.serving("relu", "sm_90", "stable")
            assert found is not None
            assert len(registry.events()) == 1
            filling.unlink()
            registry.record("mismatch", None, actor=ME, reason="", case=os.urandom(900_000))
            assert [event.kind for event in registry.events()] == ["promoted", "mismatch"]
            assert registry.rollback("relu", "sm_90", "stable", "", ME).before == attested.digest


@SQLITE
def test_a_user_who_may_not_write_the_folder_is_told(where: str, registry: Registry, attested: Attestation) -> None:
    """WAL keeps two files beside the database, for readers, too."""
    registry.promote(attested, "stable", actor=ME)
    registry.close()
    folder = Path(where).parent
    folder.chmod(0o755)
    program = (
        "import sys\nfrom pipeline.errors import RegistryUnavailable\n"
        "from pipeline.registry.contract import open_registry\n"
        "try:\n    print(open_registry(sys.argv[1]))\nexcept RegistryUnavailable as error:\n    print(error)\n"
    )
    needs = [path for path in (Path(__file__).parents[3], folder, *map(Path, sys.path[1:])) if path.exists()]
    done = subprocess.run(
        as_ordinary_user([sys.executable, "-c", program, where], needs),
        capture_output=True, text=True, check=False, timeout=60,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "can't be opened by this user" in done.stdout
    assert "whoever reads it must be able to write the folder" in " ".join(done.stdout.split())


def test_what_is_no_registry_is_said(tmp_path: Path) -> None:
    text, empty, foreign = tmp_path / "text", tmp_path / "empty", tmp_path / "foreign.db"
    text.write_bytes(b"no database\n" * 400)
    empty.touch()
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE events (id)")
        connection.execute("CREATE TABLE alembic_version (version_num)")
        connection.commit()
    for path, says in (
        (text, "is no database, or a damaged one"), (empty, "holds no registry: kernelgate registry init makes one"),
        (foreign, "holds no registry"), (tmp_path / "none.db", "there is no registry at"), (tmp_path, "is no file"),
    ):  # fmt: skip
        with pytest.raises(RegistryError, match=says):
            open_registry(str(path))
    assert not (tmp_path / "none.db").exists()
    for url in ("mysql://a/b", "postgresql://a:b:c/d", "sqlite://", "http://registry", "://"):
        with pytest.raises(RegistryError, match="registry"):
            open_registry(url)


def test_a_damaged_registry_is_said(tmp_path: Path, attested: Attestation) -> None:
    path = tmp_path / "registry.db"
    make_registry(str(path))
    with closing(open_registry(str(path))) as registry:
        registry.promote(attested, "stable", actor=ME)
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(RegistryError, match=r"damaged one .* kernelgate registry restore BACKUP"):
        open_registry(str(path)).places()


@POSTGRES
def test_a_server_that_gives_no_connection_is_said_without_the_password(where: str, tmp_path: Path) -> None:
    with pytest.raises(RegistryUnavailable, match="gives no connection"):
        open_registry(f"postgresql:///postgres?host={tmp_path}&user=somebody&password=secret")
    for wrong in (where.replace("user=kernelgate", "user=nobody1"), where.replace("/postgres?", "/none?")):
        with pytest.raises(RegistryUnavailable, match=r"gives no connection: .* does not exist"):
            open_registry(wrong)
    with pytest.raises(RegistryUnavailable) as raised:
        open_registry("postgresql://somebody:secret@127.0.0.1:1/kernels")
    assert "secret" not in str(raised.value)
    assert "***" in str(raised.value)


@POSTGRES
def test_connections_that_the_server_dropped_are_made_again(
    where: str, registry: Registry, attested: Attestation
) -> None:
    registry.promote(attested, "stable", actor=ME)
    with psycopg.connect(where, autocommit=True) as killing:
        killing.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert registry.serving("relu", "sm_90", "stable") is not None


def test_another_version_of_the_schema_is_said_and_init_changes_nothing(where: str, registry: Registry) -> None:
    assert make_registry(where) is Made.UNCHANGED
    if "://" in where:
        with psycopg.connect(where) as connection:
            connection.execute("UPDATE registry_version SET version_num = '9999'")
    else:
        with closing(sqlite3.connect(where)) as opened:
            opened.execute("UPDATE registry_version SET version_num = '9999'")
            opened.commit()
    with pytest.raises(RegistryError, match="has the schema version 9999, this kernelgate uses 0001"):
        open_registry(where)
    with pytest.raises(RegistryError, match=r"schema version 9999.*a newer kernelgate is needed"):
        make_registry(where)


def test_a_clock_that_jumps_changes_no_order(
    registry: Registry, attested: Attestation, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Jumping(datetime):
        years = itertools.cycle([2031, 1999, 2026, 2040, 1971])

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime(next(cls.years), 1, 1, tzinfo=UTC)

    monkeypatch.setattr(changing, "datetime", Jumping)
    made = [variant(attested, number) for number in range(4)]
    for one in made:
        registry.promote(one, "stable", actor=ME)
    events = registry.events()
    assert [event.serves for event in events] == [one.digest for one in made]
    assert [event.at for event in events] != sorted(event.at for event in events)
    assert registry.events(newest=True, limit=1)[0].serves == made[-1].digest
    assert registry.rollback("relu", "sm_90", "stable", "", ME).now == made[-2].digest


@SQLITE
def test_a_writer_that_is_killed_leaves_nothing_half_done(
    where: str, registry: Registry, attested: Attestation
) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            with closing(sqlite3.connect(where, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("INSERT INTO registry_kernels VALUES (?, 'relu', 'relu', x'00', 0)", ("f" * 64,))
                os.kill(os.getpid(), 9)
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == 9
    registry.promote(attested, "stable", actor=ME)
    assert digests(registry) == {attested.digest}


def test_the_child_of_a_fork_has_connections_of_its_own(registry: Registry, attested: Attestation) -> None:
    registry.promote(attested, "stable", actor=ME)
    pid = os.fork()
    if pid == 0:
        try:
            registry.record("fallback", None, actor="child", reason="")
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    registry.record("fallback", None, actor="parent", reason="")
    assert [event.actor for event in registry.events()] == [ME, "child", "parent"]


def test_a_registrys_file_is_nobodys_to_run(tmp_path: Path) -> None:
    make_registry(str(tmp_path / "r.db"))
    assert not stat.S_IMODE((tmp_path / "r.db").stat().st_mode) & 0o111
