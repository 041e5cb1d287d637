"""Which kernelgate this is: the version, and the commit where it runs from a checkout, as a reviewer has to name it."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Final

from pipeline.git_repository import commit_of

PROJECT: Final = Path(__file__).resolve().parents[1]


def version_line() -> str:
    """Returns the name and the version, with the commit where git knows one."""
    commit = commit_of(PROJECT)
    return f"kernelgate {metadata.version('kernelgate')}{'' if commit is None else f' (commit {commit})'}"
