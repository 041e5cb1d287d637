"""Where a candidate is, as the readers of reports count: from the repository's top folder, not from the shell's."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pipeline.errors import GitUnavailable, UsageError
from pipeline.git_repository import repository_of
from sandbox.printable import printable


@dataclass(frozen=True, slots=True)
class Places:
    """The folder that paths of reports are relative to, and the one that those of candidates are.

    Attributes:
        root: The repository's top folder; outside of a repository the working folder.
    """

    root: Path
    folder: Path

    def shown(self, path: str) -> str:
        """Returns the candidate's path from the root, with '/'; of one that lies outside, the whole path."""
        return printable(str(self._place(path)))

    def is_inside(self, path: str) -> bool:
        """Whether the candidate lies below the root."""
        return not self._place(path).is_absolute()

    def uri(self, path: str) -> str:
        """Returns an escaped URI (RFC 3986), relative to the root or, outside of it, with the scheme `file`."""
        escaped = quote(os.fsencode(self._place(path)), safe="/")
        return escaped if self.is_inside(path) else f"file://{escaped}"

    def _place(self, path: str) -> Path:
        whole = Path(os.path.normpath(self.folder / path))
        return whole.relative_to(self.root) if whole.is_relative_to(self.root) else whole


def places_here() -> Places:
    """Returns the places for whoever stands in the current working folder."""
    folder = Path.cwd()
    try:
        return Places(repository_of(folder).root, folder)
    except (UsageError, GitUnavailable):  # a report can be written anywhere
        return Places(folder, folder)
