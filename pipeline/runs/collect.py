"""From paths to candidates: files as given, folders searched for Python files.

Every Python file of a folder is a candidate, whether it has a header or not: a file that lost its header must not slip
through a gate unseen. Empty files hold no kernel and are skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.errors import UsageError
from runners.candidate import Candidate, Unreadable, read_candidate
from runners.operators import OPERATORS, Operator


def collect(
    paths: Sequence[Path],
    operators: Mapping[str, Operator] = OPERATORS,
    taken: Callable[[Path], bool] = lambda path: True,
) -> tuple[Candidate | Unreadable, ...]:
    """Reads the candidates below `paths`, each file once, in order; `operators` are those that they can implement.

    Args:
        taken: Which of the files are read; where it takes none of those that are there, the result is empty.

    Raises:
        UsageError: a path is missing or unreadable, or there is no candidate at all.
    """
    found: list[Candidate | Unreadable] = []
    files = dict.fromkeys(file for given in paths for file in _files(given))
    for path in filter(taken, files):
        try:
            found.append(read_candidate(path, shown_path(path), operators))
        except OSError as error:
            raise UsageError(f"{path} can't be read: {error.strerror}") from None
    if not files:
        places = ", ".join(str(path) for path in paths)
        raise UsageError(f"no candidate in {places}: a candidate is a Python file with a '# /// kernel' block")
    return tuple(found)


def barren(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Returns those of `paths` that are folders without a candidate, which nobody would miss beside the others."""
    return tuple(path for path in paths if path.is_dir() and next(_files(path), None) is None)


def shown_path(path: Path) -> str:
    """Returns the path as text that can be printed and stored.

    Raises:
        UsageError: it holds characters that a terminal would obey.
    """
    if not str(path).isprintable():
        raise UsageError(f"the name {str(path)!a} holds characters that can't be printed; rename it")
    return str(path)


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        for file in sorted(path.rglob("*.py")):
            if file.is_file() and file.stat().st_size:
                yield file
    elif path.exists():
        yield path
    else:
        raise UsageError(f"{path} does not exist")
