"""From paths to candidates: files as given, folders searched for Python files.

Every Python file of a folder is a candidate, whether it has a header or not: a file that lost its header must not slip
through a gate unseen. Empty files hold no kernel and are skipped.

A link is followed to Python files of its own working tree alone: what is read is stored and shown, and a pull request
can add a link to any file of the machine. Where there is no repository, its own folder stands for the working tree.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.errors import UsageError
from runners.candidate import Candidate, Unreadable, link_elsewhere, read_candidate
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
            found.append(_read(path, operators))
        except OSError as error:
            raise UsageError(f"{path} can't be read: {error.strerror}") from None
    if not files:
        places = ", ".join(str(path) for path in paths)
        raise UsageError(f"no candidate in {places}: a candidate is a Python file with a '# /// kernel' block")
    return tuple(found)


def _read(path: Path, operators: Mapping[str, Operator]) -> Candidate | Unreadable:
    if (target := _elsewhere(path)) is not None:
        return link_elsewhere(shown_path(path), target)
    return read_candidate(path, shown_path(path), operators)


def _elsewhere(path: Path) -> str | None:
    """Where a link leads that is not followed."""
    lexical = Path(os.path.abspath(path))  # noqa: PTH100  # `..` and links above the working tree stay as they are named
    real = lexical.resolve()
    if real == lexical:
        return None
    repositories = [parent for parent in lexical.parents if (parent / ".git").exists()]
    tree = (repositories[-1] if repositories else lexical.parent).resolve()  # the outermost: a link leads into no other
    if real.is_relative_to(tree) and (real.suffix == ".py" or not lexical.is_symlink()):
        return None
    return str(lexical.readlink() if lexical.is_symlink() else real)


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
            if file.is_file() and (file.stat().st_size or _elsewhere(file) is not None):  # those of /proc have no size
                yield file
    elif path.exists():
        if not path.is_file():
            raise UsageError(f"{path} is no regular file; write what is to be verified into one")
        yield path
    else:
        raise UsageError(f"{path} does not exist")
