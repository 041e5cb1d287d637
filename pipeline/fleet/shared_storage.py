"""Storage that all machines of a fleet see, by content: sources, policies, and the files of finished runs.

Anything that fsspec opens: a folder of a shared file system, an object store. A text is stored under the SHA-256 of its
bytes, so it is written once whoever writes it, and what was written half-way, or changed since, is noticed when it is
read: it is not what was asked for. A run is a list of its files with their digests, written after the files: a run that
is listed is whole.

    blobs/<2 digits>/<digest>
    runs/<run id>.json
    evidence/                   Prefect's results (`pipeline.fleet.results`)
"""

from __future__ import annotations

import hashlib
import posixpath
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, Final

import fsspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import SettingsError, StorageError
from pipeline.settings import Settings

BLOB_CAP_BYTES: Final = 256 << 20
DIGEST: Final = r"^[0-9a-f]{64}$"


class StoredFile(BaseModel):
    """One file of a run: its place in the run folder, and its content."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    digest: str = Field(pattern=DIGEST)


class RunListing(BaseModel):
    """The files of one run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    files: tuple[StoredFile, ...]


class SharedStorage:
    """Storage at a URL; thread-safe."""

    def __init__(self, url: str) -> None:
        """Opens it; makes nothing.

        Raises:
            SettingsError: fsspec can't open such a URL.
        """
        try:
            files, root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise SettingsError(f"KERNELGATE_STORAGE is '{url}', which can't be opened: {error}") from None
        self.url = url
        self._files: Any = files  # fsspec ships no types
        self._root = str(root).rstrip("/")

    def put(self, content: bytes) -> str:
        """Stores bytes, unless they are there, and returns their digest.

        Raises:
            StorageError: the storage does not take them.
        """
        digest = hashlib.sha256(content).hexdigest()
        with self._failing("does not take a file"):
            if self._read(self._blob(digest)) != content:
                self._write(self._blob(digest), content)
        return digest

    def get(self, digest: str) -> bytes:
        """Returns the bytes of this digest.

        Raises:
            StorageError: they are not there, or not whole.
        """
        with self._failing("can't be read"):
            content = self._read(self._blob(digest))
        if content is None:
            raise StorageError(f"{self.url} has no file {digest}")
        if hashlib.sha256(content).hexdigest() != digest:
            raise StorageError(f"{self.url}: the file {digest} is damaged; whoever stores it again mends it")
        return content

    def put_run(self, folder: Path) -> None:
        """Stores a finished run folder.

        Raises:
            StorageError: the storage does not take it; the run is not listed then.
        """
        files = tuple(
            StoredFile(path=path.relative_to(folder).as_posix(), digest=self.put(path.read_bytes()))
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        )
        listing = RunListing(run=folder.name, files=files).model_dump_json().encode()
        with self._failing(f"does not take the run {folder.name}"):
            self._write(self._listing(folder.name), listing)

    def get_run(self, run: str, runs: Path) -> Path:
        """Writes a stored run into the folder `runs` and returns its folder.

        Raises:
            StorageError: it is not stored, not whole, another one's, or names files outside of its folder.
            OSError: it can't be written; nothing is left of it then.
        """
        with self._failing("can't be read"):
            listed = self._read(self._listing(run)) if PurePosixPath(run).name == run else None
        try:
            listing = RunListing.model_validate_json(listed or b"")
        except ValidationError:
            raise StorageError(f"{self.url} has no run {run}") from None
        if listing.run != run:
            raise StorageError(f"{self.url}: what it has as run {run} is run {listing.run[:80]}")
        partial, final = runs / f".{run}.{secrets.token_hex(4)}.fetched", runs / run
        try:
            for file in listing.files:
                self._fetch(file, run, partial)
            return partial.rename(final)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _fetch(self, file: StoredFile, run: str, folder: Path) -> None:
        path = PurePosixPath(file.path)
        if path.is_absolute() or ".." in path.parts or not path.name or "\0" in file.path:
            raise StorageError(f"{self.url}: run {run} names a file outside of its folder: {file.path}")
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self.get(file.digest))

    def _blob(self, digest: str) -> str:
        return f"{self._root}/blobs/{digest[:2]}/{digest}"

    def _listing(self, run: str) -> str:
        return f"{self._root}/runs/{run}.json"

    def _read(self, path: str) -> bytes | None:
        try:
            with self._files.open(path, "rb") as file:
                return bytes(file.read(BLOB_CAP_BYTES + 1))
        except FileNotFoundError:
            return None

    def _write(self, path: str, content: bytes) -> None:
        """Under another name first: on a file system a reader sees all of it or nothing."""
        self._files.makedirs(posixpath.dirname(path), exist_ok=True)
        partial = f"{path}.{secrets.token_hex(8)}.partial"
        try:
            with self._files.open(partial, "wb") as file:
                file.write(content)
            self._files.mv(partial, path)
        except Exception:
            with suppress(Exception):  # that it can't be written is what is told
                self._files.rm(partial)
            raise

    @contextmanager
    def _failing(self, does: str) -> Iterator[None]:
        """Tells what fails in there. File systems of fsspec raise what their libraries do, not only OSError."""
        try:
            yield
        except Exception as error:  # noqa: BLE001
            raise StorageError(f"{self.url} {does}: {error}") from None


def check_storage(settings: Settings) -> None:
    """Opens what the settings name as storage, before hours are measured for it; asks it nothing.

    Raises:
        SettingsError: it can't be opened.
    """
    if settings.storage is not None:
        SharedStorage(settings.storage)


def store_elsewhere(settings: Settings, folder: Path) -> None:
    """Stores a finished run folder where the settings name a storage.

    Raises:
        SettingsError, StorageError: as `SharedStorage`; the folder is there all the same.
    """
    if settings.storage is None:
        return
    try:
        SharedStorage(settings.storage).put_run(folder)
    except StorageError as error:
        raise StorageError(f"{error}. The run is in {folder}, with its verdicts, and not in the storage") from None
