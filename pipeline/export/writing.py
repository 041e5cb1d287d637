"""Puts a package on the disk, whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import ReportError, UsageError


def check_place(folder: Path) -> None:
    """Says before anything is asked that a package can't go there.

    Raises:
        UsageError: something is there already.
    """
    if folder.is_symlink() or folder.exists():
        raise UsageError(f"{folder} is there already: a package is never written over; name another folder with --to")


def write_package(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes the files of a package into a new folder, beside its place first.

    Raises:
        ReportError: it can't be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise ReportError(f"the package {folder} can't be written: {error.strerror or error}") from None
    try:
        for path, data in files.items():
            (partial / path).parent.mkdir(parents=True, exist_ok=True)
            (partial / path).write_bytes(data)
        partial.chmod(0o755)
        partial.rename(folder)
    except OSError as error:
        raise ReportError(f"the package {folder} can't be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
