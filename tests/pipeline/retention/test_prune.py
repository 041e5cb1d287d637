"""What a prune deletes, and what it never does, whoever laid it there."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from report_runs import POLICY, entry
from signed_runs import judged, new_signer, signed_run, source
from typer.testing import CliRunner

import pipeline.retention.pruning as pruning
from pipeline.cli import app
from pipeline.errors import UsageError
from pipeline.observing.listeners import LogListener, observed
from pipeline.registry.admission import Named, admit
from pipeline.registry.approved import Approved, RegistryUnread
from pipeline.registry.backups import back_up, restore
from pipeline.registry.contract import open_registry
from pipeline.registry.making import make_registry
from pipeline.retention.contract import Decided, Fate, Kind, Pruned
from pipeline.retention.limits import Limits, limits
from pipeline.retention.pruning import prune
from pipeline.runs.facts import RunFacts
from pipeline.runs.folder import write_run
from pipeline.settings import PROJECT, Settings
from policies.policy import load_policy
from runners.operators import OPERATORS

DAY = 86_400.0
PRODUCTION = load_policy("production")
LONG_AGO = "20240102-030405-00000000"
OLD = Limits(timedelta(days=90), None)
SOURCES = {"approved": b"def relu(x):\n    return x  # approved\n", "other": b"def relu(x):\n    return x\n"}


@pytest.fixture(autouse=True)
def _own(own_machine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KERNELGATE_REGISTRY", "KERNELGATE_RUNS", "PREFECT_HOME", "PREFECT_LOCAL_STORAGE_PATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A checkout of its own, with run folders beside it."""
    monkeypatch.chdir(tmp_path)
    project = tmp_path / "project"
    (project / ".engine").mkdir(parents=True)
    return replace(Settings.resolve(), project=project, state=project / ".engine", runs=tmp_path / "runs")


def aged(path: Path, days: float) -> Path:
    """Sets a whole folder's times back."""
    when = time.time() - days * DAY
    for one in (*path.rglob("*"), path):
        os.utime(one, (when, when), follow_symlinks=False)
    return path


def run_id(days: float, number: int = 0) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).strftime("%Y%m%d-%H%M%S-") + f"{number:08x}"


def stored(settings: Settings, days: float, source: str = "other", number: int = 0) -> Path:
    judged = [entry(source=SOURCES[source])]
    return aged(write_run(settings.runs, run_id(days, number), POLICY, judged), days)


def journal(settings: Settings, days: float, number: int = 0) -> Path:
    folder = settings.runs / "generation" / run_id(days, number)
    (folder / "relu" / "attempts").mkdir(parents=True)
    (folder / "relu" / "terms.json").write_text("{}")
    (folder / "relu" / "lock").touch()
    (folder / "relu" / "attempts" / "001.json").write_text("{}")
    return aged(folder, days)


def kept_result(settings: Settings, days: float, says: str = "") -> Path:
    folder = settings.state / "prefect" / "storage"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"kernelgate-{hashlib.sha256(f'{days}{says}'.encode()).hexdigest()}"
    path.write_text(json.dumps({"result": json.dumps({"candidate": {"digest": says}})}))
    return aged(path, days)


def wheels(settings: Settings, days: float) -> Path:
    folder = settings.project / ".wheelhouse" / "cp311-x86_64-0123456789ab"
    folder.mkdir(parents=True)
    (folder / "torch-2.13.0-py3-none-any.whl").write_bytes(b"x" * 5000)
    return aged(folder, days)


def pruned(settings: Settings, chosen: Limits = OLD, *, dry_run: bool = False) -> Pruned:
    return prune(settings, chosen, lambda text: None, dry_run=dry_run, environment={})


def of(result: Pruned, path: Path) -> Decided:
    (found,) = [one for one in result.decided if one.found.path == path]
    return found


@contextmanager
def approving(monkeypatch: pytest.MonkeyPatch, approved: Approved) -> Iterator[None]:
    """As if the registry approved this; what it says of itself is tested where it is."""
    with monkeypatch.context() as patch:
        patch.setattr(pruning, "approved_in", lambda url, report: approved)
        yield


def everything(settings: Settings, days: float) -> list[Path]:
    return [stored(settings, days), journal(settings, days, 9), kept_result(settings, days), wheels(settings, days)]


def test_what_is_older_goes_and_what_is_younger_stays(settings: Settings) -> None:
    old, young = everything(settings, 91), [stored(settings, 89, number=1), kept_result(settings, 89)]
    result = pruned(settings)
    assert [of(result, path).fate for path in old] == [Fate.WENT] * 4
    assert {of(result, path).why for path in old} == {"older than 90 d"}
    assert not any(path.exists() for path in old)
    assert [of(result, path).fate for path in young] == [Fate.STAYS] * 2
    assert all(path.exists() for path in young)
    assert result.is_complete


def test_a_dry_run_says_the_same_and_deletes_nothing(settings: Settings) -> None:
    old = everything(settings, 91)
    dry = pruned(settings, dry_run=True)
    assert [of(dry, path).fate for path in old] == [Fate.GOES] * 4
    assert all(path.exists() for path in old)
    wet = pruned(settings)
    assert [(one.found.name, one.why) for one in dry.decided] == [(one.found.name, one.why) for one in wet.decided]


def test_by_size_the_oldest_go_until_the_rest_fits(settings: Settings) -> None:
    runs = [stored(settings, days, number=days) for days in (3, 2, 1)]
    sizes = {one.found.path: one.found.size_bytes for one in pruned(settings, dry_run=True).decided}
    result = pruned(settings, Limits(None, sizes[runs[1]] + sizes[runs[2]]))
    assert [of(result, path).fate for path in runs] == [Fate.WENT, Fate.STAYS, Fate.STAYS]
    assert [path.exists() for path in runs] == [False, True, True]


def test_what_must_stay_counts_and_the_others_go_for_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    approved, other = stored(settings, 3, "approved"), stored(settings, 1, number=1)
    digest = hashlib.sha256(SOURCES["approved"]).hexdigest()
    with approving(monkeypatch, Approved(sources=frozenset({digest}))):
        result = pruned(settings, Limits(None, 1))
    assert of(result, approved).fate is Fate.STAYS
    assert of(result, other).fate is Fate.WENT


@pytest.mark.parametrize("named_by", ["source", "evidence", "run"])
def test_an_approved_kernels_evidence_never_goes(
    named_by: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    approved, other = stored(settings, 400, "approved"), stored(settings, 400, number=1)
    (evidence,) = approved.glob("*/evidence.json")
    source = hashlib.sha256(SOURCES["approved"]).hexdigest()
    told = {
        "source": Approved(sources=frozenset({source})),
        "evidence": Approved(evidence=frozenset({hashlib.sha256(evidence.read_bytes()).hexdigest()})),
        "run": Approved(runs=frozenset({approved.name})),
    }[named_by]
    with approving(monkeypatch, told):
        result = pruned(settings, Limits(timedelta(0), 0))
    assert of(result, approved).why == "an approved kernel rests on it"
    assert approved.exists()
    assert of(result, other).fate is Fate.WENT


def test_a_damaged_summary_does_not_let_an_approved_kernel_go(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody writes other digests into run.json: the bytes are digested, too."""
    folder = stored(settings, 400, "approved")
    source = hashlib.sha256(SOURCES["approved"]).hexdigest()
    for name in ("run.json", *(str(path.relative_to(folder)) for path in folder.glob("*/*.json"))):
        (folder / name).write_text((folder / name).read_text().replace(source, "0" * 64))
    aged(folder, 400)
    with approving(monkeypatch, Approved(sources=frozenset({source}))):
        assert of(pruned(settings), folder).fate is Fate.STAYS


def test_kept_results_and_journals_of_an_approved_kernel_stay(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = hashlib.sha256(SOURCES["approved"]).hexdigest()
    kept, other = kept_result(settings, 400, source), kept_result(settings, 400, "0" * 64)
    folder = stored(settings, 400, "approved", number=5)
    own = settings.runs / "generation" / folder.name
    aged(Path(shutil.move(journal(settings, 300), own)), 400)
    mentioning = journal(settings, 500, 3)
    (mentioning / "relu" / "attempts" / "001.json").write_text(json.dumps({"outcome": {"digest": source}}))
    aged(mentioning, 500)
    with approving(monkeypatch, Approved(sources=frozenset({source}))):
        result = pruned(settings)
    assert [of(result, path).fate for path in (kept, folder, own, mentioning)] == [Fate.STAYS] * 4
    assert of(result, other).fate is Fate.WENT


def test_a_registry_that_can_not_be_read_lets_nothing_go(settings: Settings) -> None:
    old = everything(settings, 400)
    with pytest.raises(RegistryUnread, match="nothing was deleted"):
        prune(settings, OLD, lambda text: None, dry_run=False,
              environment={"KERNELGATE_REGISTRY": str(settings.project / "no-such.db")})  # fmt: skip
    assert all(path.exists() for path in old)


def test_a_registry_that_lies_here_counts_as_named(settings: Settings) -> None:
    old = everything(settings, 400)
    (settings.project.parent / "kernelgate-registry.db").write_bytes(b"no database")
    with pytest.raises(RegistryUnread):
        pruned(settings)
    assert all(path.exists() for path in old)


def test_a_run_that_is_under_way_stays(settings: Settings) -> None:
    folder = stored(settings, 400)
    facts = RunFacts(folder.name, "verify", "dev", "0", 1)
    with observed(facts, settings.runs, LogListener(lambda text: None, lambda text: None)):
        assert of(pruned(settings), folder).why == "is under way"
    assert of(pruned(settings), folder).fate is Fate.WENT


def test_a_run_of_generation_that_somebody_works_on_stays(settings: Settings) -> None:
    folder = journal(settings, 400)
    with (folder / "relu" / "lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        aged(folder, 400)
        assert of(pruned(settings), folder).why == "is under way"
    assert of(pruned(settings), folder).fate is Fate.WENT


def test_wheels_stay_while_an_image_is_built(settings: Settings) -> None:
    folder = wheels(settings, 400)
    with (settings.state / "image.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert of(pruned(settings), folder).why == "an image is being built"
    assert of(pruned(settings), folder).fate is Fate.WENT


def test_a_link_among_the_runs_is_not_followed(settings: Settings, tmp_path: Path) -> None:
    outside = aged(stored(settings, 400).rename(tmp_path / LONG_AGO), 400)
    link = settings.runs / LONG_AGO
    link.symlink_to(outside)
    os.utime(link, (0, 0), follow_symlinks=False)
    result = pruned(settings, Limits(timedelta(0), 0))
    assert of(result, link).why == "not a run folder of kernelgate: is a link"
    assert (outside / "run.json").exists()
    assert link.is_symlink()


def test_a_run_folder_with_a_link_in_it_stays(settings: Settings, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    folder = stored(settings, 400)
    (folder / "001-kernels-k" / "more").symlink_to(precious)
    aged(folder, 400)
    assert "holds a link" in of(pruned(settings), folder).why
    assert (precious / "file").read_text() == "mine"
    assert folder.exists()


@pytest.mark.parametrize("holds", ["nothing", "notes", "another run's summary", "a summary that is a link"])
def test_a_folder_that_is_only_named_like_a_run_stays(holds: str, settings: Settings, tmp_path: Path) -> None:
    real = stored(settings, 400)
    folder = settings.runs / LONG_AGO
    folder.mkdir()
    if holds == "notes":
        (folder / "notes.txt").write_text("mine")
    elif holds == "another run's summary":
        shutil.copy(real / "run.json", folder / "run.json")
    elif holds == "a summary that is a link":
        (tmp_path / "run.json").write_text((real / "run.json").read_text().replace(real.name, LONG_AGO))
        (folder / "run.json").symlink_to(tmp_path / "run.json")
    aged(folder, 400)
    result = pruned(settings, Limits(timedelta(0), 0))
    assert of(result, folder).found.kind is Kind.FOREIGN
    assert folder.exists()
    assert not real.exists()


def test_files_and_folders_of_others_stay(settings: Settings) -> None:
    stored(settings, 400)
    foreign = [settings.runs / name for name in ("notes.md", "my experiments", ".hidden", f".{LONG_AGO}.backup")]
    foreign[0].write_text("mine")
    for path in foreign[1:]:
        path.mkdir()
    storage = kept_result(settings, 400).parent
    (storage / "somebody-elses").write_text("{}")
    for path in (*foreign, storage / "somebody-elses"):
        aged(path, 400)
    pruned(settings, Limits(timedelta(0), 0))
    assert all(path.exists() for path in (*foreign, storage / "somebody-elses"))


def test_a_journal_folder_that_is_a_link_is_not_entered(settings: Settings, tmp_path: Path) -> None:
    inside = journal(settings, 400)
    elsewhere = (settings.runs / "generation").rename(tmp_path / "elsewhere")
    (settings.runs / "generation").symlink_to(elsewhere)
    pruned(settings, Limits(timedelta(0), 0))
    assert (elsewhere / inside.name / "relu" / "terms.json").exists()


def test_a_link_that_took_a_folders_place_is_not_followed(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the deletion somebody puts a link there."""
    folder = stored(settings, 400)
    decide = pruning.decide

    def then_swapped(*arguments: object) -> tuple[Decided, ...]:
        decided = decide(*arguments)  # type: ignore[arg-type]  # passed on as it came
        folder.rename(tmp_path / "moved")
        folder.symlink_to(tmp_path / "moved")
        return decided

    monkeypatch.setattr(pruning, "decide", then_swapped)
    result = pruned(settings)
    assert of(result, folder).fate is Fate.FAILED
    assert (tmp_path / "moved" / "run.json").exists()
    assert not result.is_complete


def test_what_is_from_the_future_is_young(settings: Settings) -> None:
    """A clock that jumped back: a run's id says tomorrow, its files a year ago."""
    folder = aged(stored(settings, -1), 400)
    assert of(pruned(settings), folder).fate is Fate.STAYS


def test_what_was_restored_from_a_backup_is_as_old_as_its_files(settings: Settings) -> None:
    folder = aged(stored(settings, 400), 1)
    assert of(pruned(settings), folder).fate is Fate.STAYS


def test_what_a_killed_run_and_a_killed_prune_left_goes(settings: Settings) -> None:
    stored(settings, 1)
    partial, trash = (settings.runs / f".{LONG_AGO}{ending}" for ending in (".partial", ".trash"))
    for path in (partial, trash):
        path.mkdir()
        (path / "half").write_text("x")
    result = pruned(settings)
    assert [of(result, path).why for path in (partial, trash)] == ["a process that was killed left it"] * 2
    assert not partial.exists()
    assert not trash.exists()


def test_what_is_being_written_stays(settings: Settings) -> None:
    stored(settings, 1)
    partial = settings.runs / f".{LONG_AGO}.partial"
    partial.mkdir()
    descriptor = os.open(partial, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    aged(partial, 400)
    result = pruned(settings)
    os.close(descriptor)
    assert of(result, partial).why == "is being written"
    assert partial.exists()


KILLED = """
import os, shutil, signal, sys
from dataclasses import replace
from pathlib import Path
from datetime import timedelta
from pipeline.retention.limits import Limits
from pipeline.retention.pruning import prune
from pipeline.settings import Settings
removed = 0
real = os.unlink
def unlink(path, **more):
    global removed
    removed += 1
    if removed == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    real(path, **more)
os.unlink = unlink
runs, project = Path(sys.argv[1]), Path(sys.argv[2])
settings = replace(Settings.resolve(), runs=runs, project=project, state=project / ".engine")
prune(settings, Limits(timedelta(days=90), None), print, dry_run=False, environment={})
"""


def test_a_prune_that_is_killed_leaves_whole_folders_and_the_next_ends_its_work(settings: Settings) -> None:
    runs = [stored(settings, 400 + number, number=number) for number in range(3)]
    files = {run.name: sorted(path.relative_to(run) for path in run.rglob("*")) for run in runs}
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(settings.runs), str(settings.project)], cwd=PROJECT, capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    seen = [path for path in settings.runs.iterdir() if not path.name.startswith(".")]
    assert len(seen) == 2  # the third is hidden, half deleted
    for run in seen:
        assert sorted(path.relative_to(run) for path in run.rglob("*")) == files[run.name]
    result = pruned(settings)
    assert result.is_complete
    assert list(settings.runs.iterdir()) == []


def test_an_interrupt_ends_it_between_two_things(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [stored(settings, 400 + number, number=number) for number in range(3)]
    remove, calls = pruning.remove, []

    def interrupted(decided: Decided) -> Decided:
        if calls:
            raise KeyboardInterrupt
        calls.append(decided)
        return remove(decided)

    monkeypatch.setattr(pruning, "remove", interrupted)
    result = pruned(settings)
    assert result.interrupted
    assert not result.is_complete
    assert sum(path.exists() for path in runs) == 2


@pytest.mark.parametrize(
    ("older", "larger", "expected"),
    [
        ("90d", None, Limits(timedelta(days=90), None)),
        ("36h", "20GB", Limits(timedelta(hours=36), 20 * 10**9)),
        ("2w", "1.5 TiB", Limits(timedelta(days=14), int(1.5 * (1 << 40)))),
    ],
)
def test_limits_are_read(older: str, larger: str | None, expected: Limits) -> None:
    assert limits(older, larger) == expected


@pytest.mark.parametrize(
    ("older", "larger"), [(None, None), ("90", None), ("-1d", None), ("9" * 40 + "d", None), ("1d", "20"), ("1d", "GB")]
)
def test_limits_that_can_not_be_read_are_said(older: str | None, larger: str | None) -> None:
    with pytest.raises(UsageError):
        limits(older, larger)


def test_the_command_prints_what_went_and_why(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr("pipeline.commands.machine.Settings.resolve", lambda runs=None: settings)
    old, young = stored(settings, 400), stored(settings, 1, number=1)
    for _ in range(2):
        kept_result(settings, 400 + _)
    dry = CliRunner().invoke(app, ["prune", "--older-than", "90d", "--dry-run", "-q"])
    assert dry.exit_code == 0, dry.output
    assert f"{old.name}  run" in dry.stdout
    assert "would go  older than 90 d" in dry.stdout
    assert "2 kept results" in dry.stdout
    assert "3 would go" in dry.stdout
    done = CliRunner().invoke(app, ["prune", "--older-than", "90d", "--format", "json", "-q"])
    fates = {one["name"]: one["fate"] for one in json.loads(done.stdout)["entries"]}
    assert (fates[old.name], fates[young.name]) == ("went", "stays")
    assert done.stderr == ""


def test_a_registry_that_is_named_is_asked_and_that_none_is_there_is_said(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.commands.machine.Settings.resolve", lambda runs=None: settings)
    monkeypatch.delenv("KERNELGATE_REGISTRY", raising=False)
    monkeypatch.chdir(tmp_path)
    old = stored(settings, 400)
    monkeypatch.setenv("COLUMNS", "400")
    named = CliRunner().invoke(app, ["prune", "--older-than", "90d", "--registry", str(tmp_path / "none.db")])
    assert (named.exit_code, "nothing was deleted" in named.stderr) == (3, True)
    dry = CliRunner().invoke(app, ["prune", "--older-than", "90d", "--dry-run"])
    assert "nothing is kept for approved kernels" in dry.stderr
    make_registry("kernelgate-registry.db")
    dry = CliRunner().invoke(app, ["prune", "--older-than", "90d", "--dry-run"])
    assert (dry.exit_code, "nothing is kept" in dry.stderr, old.exists()) == (0, False, True)


def test_without_a_limit_nothing_is_deleted(settings: Settings) -> None:
    done = CliRunner().invoke(app, ["prune"])
    assert done.exit_code == 2
    assert "--older-than 90d" in done.stderr


def test_what_a_real_registry_promoted_stays_and_what_it_does_not_know_goes(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer, url = new_signer(tmp_path), str(tmp_path / "registry.db")
    ids = {number: run_id(400, number) for number in range(4)}
    # The last run is about a kernel that another run's attestation is about, and no attestation names it.
    about = {0: 0, 1: 1, 2: 2, 3: 0}
    folders = [signed_run(settings.runs, ids[number], [judged(source(about[number]))], signer) for number in range(4)]
    make_registry(url)
    with closing(open_registry(url)) as registry:
        for number in (0, 1):
            admitted = admit(Named(folders[number], "001-kernels-relu"), signer.ring, OPERATORS, PRODUCTION)
            registry.promote(admitted, "stable", actor="test")
        registry.revoke(admitted.digest, "wrong", "test")
    for folder in folders:
        aged(folder, 400)
    result = prune(settings, OLD, lambda text: None, dry_run=False, environment={"KERNELGATE_REGISTRY": url})
    assert [of(result, folder).fate for folder in folders] == [Fate.STAYS, Fate.STAYS, Fate.WENT, Fate.STAYS]
    assert [folder.exists() for folder in folders] == [True, True, False, True]
    Path(url).write_bytes(b"\0" * 4096)
    with pytest.raises(RegistryUnread, match="nothing was deleted"):
        prune(settings, Limits(timedelta(0), 0), lambda text: None, dry_run=False,
              environment={"KERNELGATE_REGISTRY": url})  # fmt: skip
    assert folders[0].exists()


def test_what_is_promoted_while_things_are_deleted_stays(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer, url = new_signer(tmp_path), str(tmp_path / "registry.db")
    folders = [signed_run(settings.runs, run_id(400, number), [judged(source(number))], signer) for number in (0, 1)]
    for folder in folders:
        aged(folder, 400)
    make_registry(url)
    decide = pruning.decide

    def decided_then_promoted(*given: object) -> tuple[Decided, ...]:
        decided = decide(*given)  # type: ignore[arg-type]
        with closing(open_registry(url)) as registry:
            admitted = admit(Named(folders[1], "001-kernels-relu"), signer.ring, OPERATORS, PRODUCTION)
            registry.promote(admitted, "stable", actor="test")
        return decided

    monkeypatch.setattr(pruning, "decide", decided_then_promoted)
    result = prune(settings, OLD, lambda text: None, dry_run=False, environment={"KERNELGATE_REGISTRY": url})
    assert [of(result, folder).fate for folder in folders] == [Fate.WENT, Fate.STAYS]
    assert [folder.exists() for folder in folders] == [False, True]


def test_a_registry_that_goes_away_meanwhile_lets_no_more_go(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = tmp_path / "registry.db"
    old = stored(settings, 400)
    make_registry(str(url))
    decide = pruning.decide
    monkeypatch.setattr(pruning, "decide", lambda *given: (url.unlink(), decide(*given))[1])
    result = prune(settings, OLD, lambda text: None, dry_run=False, environment={"KERNELGATE_REGISTRY": str(url)})
    assert of(result, old).fate is Fate.FAILED
    assert old.exists()
    assert not result.is_complete


def test_the_evidence_of_a_kernel_that_a_restore_knows_as_revoked_alone_stays(
    settings: Settings, tmp_path: Path
) -> None:
    signer = new_signer(tmp_path)
    folder = signed_run(settings.runs, run_id(400), [judged(source())], signer)
    admitted = admit(Named(folder, "001-kernels-relu"), signer.ring, OPERATORS, PRODUCTION)
    aged(folder, 400)
    old, new, backup = (tmp_path / name for name in ("old.db", "new.db", "backup.db"))
    make_registry(str(old))
    back_up(str(old), backup, lambda text: None)
    with closing(open_registry(str(old))) as registry:
        registry.promote(admitted, "stable", actor="test")
        registry.revoke(admitted.digest, "wrong", "test")
    restore(backup, str(new), "test", lambda text: None, str(old))
    result = prune(settings, OLD, lambda text: None, dry_run=False, environment={"KERNELGATE_REGISTRY": str(new)})
    assert of(result, folder).fate is Fate.STAYS
    assert folder.exists()
