"""Storage by content: written once, read whole or not at all, mended by whoever stores the same again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from candidate_sources import candidate
from object_store import object_store
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import SettingsError, StorageError
from pipeline.fleet.shared_storage import SharedStorage

CONTENT = b"a kernel\n"


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with object_store() as found:
        yield found
    fsspec.filesystem("s3").clear_instance_cache()  # those that know a server which is gone


@pytest.fixture(params=["folder", "file", "memory", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    match request.param:
        case "folder":
            return str(tmp_path / "s")
        case "file":
            return f"file://{tmp_path}/s"
        case "memory":
            return f"memory://{tmp_path.name}"
        case _:
            return f"{request.getfixturevalue('bucket')}/{tmp_path.name}"


def test_what_is_stored_comes_back_under_its_digest(url: str) -> None:
    digest = SharedStorage(url).put(CONTENT)
    assert digest == hashlib.sha256(CONTENT).hexdigest()
    assert SharedStorage(url).put(CONTENT) == digest
    assert SharedStorage(url).get(digest) == CONTENT


@pytest.mark.parametrize("damage", [b"", CONTENT[:4], b"another\n"])
def test_what_was_written_half_way_or_changed_is_not_given_and_can_be_mended(tmp_path: Path, damage: bytes) -> None:
    storage = SharedStorage(str(tmp_path))
    digest = storage.put(CONTENT)
    (tmp_path / "blobs" / digest[:2] / digest).write_bytes(damage)
    with pytest.raises(StorageError, match="damaged"):
        storage.get(digest)
    storage.put(CONTENT)
    assert storage.get(digest) == CONTENT


def test_what_is_missing_is_said(url: str) -> None:
    with pytest.raises(StorageError, match="has no file"):
        SharedStorage(url).get("0" * 64)
    with pytest.raises(StorageError, match="has no run"):
        SharedStorage(url).get_run("20261129-071941-5e6cf53e", Path())


def test_a_run_comes_back_file_by_file_and_is_listed_when_it_is_whole(url: str, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "20261129-071941-5e6cf53e"
    (run / "001-relu" / "cases").mkdir(parents=True)
    (run / "run.json").write_bytes(b"{}")
    (run / "001-relu" / "candidate.py").write_bytes(CONTENT)
    SharedStorage(url).put_run(run)
    back = SharedStorage(url).get_run(run.name, tmp_path / "elsewhere")
    assert back == tmp_path / "elsewhere" / run.name
    assert {path.relative_to(back).as_posix(): path.read_bytes() for path in back.rglob("*") if path.is_file()} == {
        "run.json": b"{}",
        "001-relu/candidate.py": CONTENT,
    }


@pytest.mark.parametrize(
    ("run", "said"), [("../outside", "has no run"), ("other", "what it has as run other is run r1")]
)
def test_a_run_comes_under_its_own_name_alone(tmp_path: Path, run: str, said: str) -> None:
    storage, folder = SharedStorage(str(tmp_path / "s")), tmp_path / "r1"
    folder.mkdir()
    (folder / "run.json").write_bytes(b"{}")
    storage.put_run(folder)
    for name in ("other", "outside"):
        (tmp_path / "s" / "runs" / f"{name}.json").write_bytes((tmp_path / "s" / "runs" / "r1.json").read_bytes())
    (tmp_path / "runs").mkdir()
    with pytest.raises(StorageError, match=said):
        storage.get_run(run, tmp_path / "runs")
    assert list((tmp_path / "runs").iterdir()) == []
    assert not (tmp_path / "outside").exists()
    assert storage.get_run("r1", tmp_path / "runs").is_dir()


@pytest.mark.parametrize("path", ["../outside", "/etc/outside", "a/../../outside", ".", "outside\\u0000"])
def test_a_listing_cannot_lead_out_of_its_run(tmp_path: Path, path: str) -> None:
    storage = SharedStorage(str(tmp_path / "s"))
    listing = f'{{"run": "r", "files": [{{"path": "{path}", "digest": "{storage.put(CONTENT)}"}}]}}'
    (tmp_path / "s" / "runs").mkdir()
    (tmp_path / "s" / "runs" / "r.json").write_text(listing)
    with pytest.raises(StorageError, match="outside"):
        storage.get_run("r", tmp_path / "runs")
    assert not list(tmp_path.rglob("outside"))


def test_a_storage_that_takes_no_more_is_said_and_leaves_nothing_half_way(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("a file where a folder should be")
    with pytest.raises(StorageError, match="does not take a file"):
        SharedStorage(str(tmp_path / "s")).put(CONTENT)


@pytest.mark.parametrize("unset", [(), ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")])
def test_an_object_store_that_does_not_answer_or_knows_nobody_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, unset: tuple[str, ...]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "nobody")
    for name in unset:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("HOME", str(tmp_path))
    fsspec.filesystem("s3").clear_instance_cache()
    storage = SharedStorage("s3://fleet/gate")
    said = "Unable to locate credentials" if unset else "Could not connect"
    with pytest.raises(StorageError, match=f"^s3://fleet/gate does not take a file: .*{said}"):
        storage.put(CONTENT)
    with pytest.raises(StorageError, match=f"^s3://fleet/gate can't be read: .*{said}"):
        storage.get("0" * 64)
    with pytest.raises(StorageError, match=f"^s3://fleet/gate can't be read: .*{said}"):
        storage.get_run("20261129-071941-5e6cf53e", tmp_path)
    fsspec.filesystem("s3").clear_instance_cache()


def test_a_url_that_nothing_opens_is_said() -> None:
    with pytest.raises(SettingsError, match="KERNELGATE_STORAGE is 'nothing://here'"):
        SharedStorage("nothing://here")


@pytest.mark.parametrize(
    ("storage", "code", "said", "has_run"),
    [("nothing://here", 2, "KERNELGATE_STORAGE is 'nothing://here'", False), ("file", 3, "The run is in runs/", True)],
)
def test_storage_that_can_not_be_opened_is_said_first_and_one_that_takes_nothing_loses_no_run(
    storage: str, code: int, said: str, has_run: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("no folder")
    Path("k.py").write_text(candidate("import socket"))
    done = CliRunner().invoke(app, ["verify", "k.py"], env={"KERNELGATE_STORAGE": storage})
    assert (done.exit_code, said in done.stderr) == (code, True), done.stderr
    assert bool(list(tmp_path.glob("runs/*/run.json"))) == has_run
