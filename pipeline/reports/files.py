"""The files that reports are written to, looked at before anything is measured: hours later is too late to hear it.

Each is written whole, by way of a file beside it that takes its name, but for the summary: GITHUB_STEP_SUMMARY names a
file that several steps write to, so it is appended in one write. A folder that is missing, or a name that is no plain
file, is the user's to mend (exit 2); what a disk refuses afterwards is not (exit 3).
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ReportError, UsageError


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """Where each report goes; None leaves it out."""

    sarif: Path | None = None
    junit: Path | None = None
    summary: Path | None = None
    annotations: Path | None = None

    def check(self) -> None:
        """Sees that each can be written; makes none.

        Raises:
            UsageError: one can't, or two are the same file.
        """
        named = {
            "--sarif": self.sarif,
            "--junit": self.junit,
            "--summary": self.summary,
            "--annotations": self.annotations,
        }
        taken: dict[str, str] = {}
        for option, path in named.items():
            if path is None:
                continue
            other = taken.setdefault(os.path.realpath(path), option)
            if other != option:
                raise UsageError(f"{other} and {option} name the same file, {path}")
            check_writable(option, path)


def check_writable(option: str, path: Path) -> None:
    """Sees that the file which `option` names can be written; makes none.

    Raises:
        UsageError: it can't.
    """
    if path.exists() and not path.is_file():
        raise UsageError(f"{option} {path} is not a plain file")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
        if path.exists():
            with path.open("ab"):
                pass
    except OSError as error:
        raise UsageError(f"{option} {path} can't be written: {error.strerror}") from None


def write_whole(path: Path, text: str) -> None:
    """Writes a file that nobody sees half-written; a link is followed.

    Raises:
        ReportError: it can't be written.
    """
    final = Path(os.path.realpath(path))
    try:
        with tempfile.NamedTemporaryFile("wb", dir=final.parent, prefix=f".{final.name}.", delete=False) as file:
            partial = Path(file.name)
            try:
                file.write(text.encode())
                file.flush()
                partial.chmod(final.stat().st_mode & 0o777 if final.exists() else 0o666 & ~_umask())
                partial.replace(final)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise ReportError(f"{path} can't be written: {error.strerror or error}") from None


def append(path: Path, text: str) -> None:
    """Appends in one write.

    Raises:
        ReportError: it can't be written.
    """
    try:
        with path.open("ab", buffering=0) as file:
            file.write(text.encode())
    except OSError as error:
        raise ReportError(f"{path} can't be written: {error.strerror or error}") from None


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
