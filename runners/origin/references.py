"""The files that a candidate is compared with: a folder that a team supplies.

Every Python file below it is one; other files (licences, notes) are let be. They are read as text and parsed, never run
or imported. A file that can't be compared would be a hole that nobody sees, so it is an error with a message: one that
is not UTF-8, does not parse, is a link (which may lead out of the folder, or in a circle) or is larger than any kernel.

The digest covers paths and bytes. A set is held by it: a policy that was read names the set of that moment, and a
folder that changed since is not what the policy means.

What many files of a set have is no mark of one of them. Fingerprints that more than COMMON_SHARE of the files have, and
more than COMMON_FILES, are passed over; files with equal fingerprints count once.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from runners.contract.parsing import parse
from runners.evidence import SourceFact
from runners.origin.evidence import Licence
from runners.origin.fingerprints import GRAM, fingerprints_of
from runners.origin.licences import declared_licence
from runners.origin.tokens import tokens_of

FILES_CAP: Final = 2000
FILE_CAP_BYTES: Final = 1 << 20
SET_CAP_BYTES: Final = 8 << 20  # some 30 s of reading, once a process
COMMON_FILES: Final = 8
COMMON_SHARE: Final = 0.1
TOLD: Final = 3  # files of which a message says what is wrong with them


class ReferencesError(Exception):
    """A folder of references can't be used; the text says where and why."""


class Place(NamedTuple):
    """Where a fingerprint stands: the number of its first token, and the lines of its first and last."""

    at: int
    first_line: int
    last_line: int


@dataclass(frozen=True, slots=True)
class Marks:
    """A text's fingerprints, each with the places where it stands, in order."""

    places: Mapping[int, Sequence[Place]]


@dataclass(frozen=True, slots=True)
class Reference:
    """One file of the set."""

    path: str
    licence: Licence
    marks: Marks


@dataclass(frozen=True, slots=True)
class ReferenceSet:
    """All files of a set.

    Attributes:
        holders: For each fingerprint the numbers of the files that have it, without the common ones.
    """

    digest: str
    files: tuple[Reference, ...]
    common: frozenset[int]
    holders: Mapping[int, Sequence[int]]


def marks_of(text: str) -> Marks:
    """Returns the fingerprints of Python source that parses."""
    tokens = tokens_of(text)
    places: defaultdict[int, list[Place]] = defaultdict(list)
    for value, at in fingerprints_of(tokens):
        last = tokens[min(at + GRAM, len(tokens)) - 1]
        places[value].append(Place(at, tokens[at].line, last.line))
    return Marks(MappingProxyType(dict(places)))


def digest_of(folder: Path) -> str:
    """Returns the digest of the set that is in `folder` now, after a look at each of its files.

    Raises:
        ReferencesError: the folder can't be used.
    """
    digest = _digest(_sources(folder))
    references_of(str(folder), digest)
    return digest


@lru_cache(maxsize=4)
def references_of(folder: str, digest: str) -> ReferenceSet:
    """Returns the set with this digest, from memory where this process has read it before.

    Raises:
        ReferencesError: the folder holds another set by now, or can't be used.
    """
    sources = _sources(Path(folder))
    if _digest(sources) != digest:
        raise ReferencesError(f"the references in {folder} have changed since the policy was read: read it again")
    try:
        return read_set(sources)
    except ReferencesError as error:
        raise ReferencesError(f"the references in {folder} can't be compared with: {error}") from None


def _sources(folder: Path) -> Mapping[str, bytes]:
    if not folder.is_dir():
        raise ReferencesError(f"{folder} is not a folder of references")
    files: dict[str, bytes] = {}
    total = 0
    try:
        for path in _python_files(folder):
            source = _read(path)
            total += len(source)
            if len(files) == FILES_CAP or total > SET_CAP_BYTES:
                most = f"{FILES_CAP} files and {SET_CAP_BYTES >> 20} MiB"
                raise ReferencesError(f"{folder} holds more than {most} of Python: name a smaller folder")
            files[path.relative_to(folder).as_posix()] = source
    except OSError as error:
        raise ReferencesError(f"the references can't be read: {error.filename}: {error.strerror}") from None
    if not files:
        raise ReferencesError(f"{folder} holds no Python file to compare with")
    return files


def _python_files(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder, onerror=_raise):
        folders.sort()
        for name in (*folders, *sorted(names)):
            path = Path(root, name)
            if name in folders and not path.is_symlink():
                continue
            if name in folders or name.endswith(".py"):
                if not str(path).isprintable():
                    raise ReferencesError(f"the name {str(path)!a} holds characters that can't be printed; rename it")
                if path.is_symlink():
                    raise ReferencesError(f"{path} is a link: put what it leads to in its place")
                yield path


def _raise(error: OSError) -> None:
    raise error


def _read(path: Path) -> bytes:
    if not stat.S_ISREG(path.lstat().st_mode):
        raise ReferencesError(f"{path} is not a plain file")
    with path.open("rb") as file:
        source = file.read(FILE_CAP_BYTES + 1)
    if len(source) > FILE_CAP_BYTES:
        raise ReferencesError(f"{path} is larger than {FILE_CAP_BYTES >> 10} KiB, which no kernel is: leave it out")
    return source


def _digest(sources: Mapping[str, bytes]) -> str:
    framed = (f"{path}\0{len(source)}\0".encode() + source for path, source in sources.items())
    return hashlib.sha256(b"".join(framed)).hexdigest()


def read_set(sources: Mapping[str, bytes]) -> ReferenceSet:
    """Returns the set of these files, by their paths.

    Raises:
        ReferencesError: one is not UTF-8 or does not parse, or all are shorter than a fingerprint.
    """
    files, problems = [], []
    for path, source in sources.items():
        text = _text(source)
        if isinstance(text, SourceFact):
            line = f", line {text.line}" if text.line is not None else ""
            problems.append(f"{path}{line}: {text.detail}")
        else:
            files.append(Reference(path, declared_licence(text), marks_of(text)))
    if problems:
        more = f"; and {len(problems) - TOLD} more" if len(problems) > TOLD else ""
        told = "; ".join(problems[:TOLD])
        raise ReferencesError(f"{told}{more}. Mend it or leave it out")
    common = _common(files)
    holders: defaultdict[int, list[int]] = defaultdict(list)
    for number, file in enumerate(files):
        for value in file.marks.places.keys() - common:
            holders[value].append(number)
    if not holders:
        raise ReferencesError("all files are too short")
    return ReferenceSet(_digest(sources), tuple(files), common, MappingProxyType(dict(holders)))


def _text(source: bytes) -> str | SourceFact:
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return SourceFact(rule="candidate/not-utf8", line=None, detail=f"byte {error.start} is not UTF-8")
    tree = parse(text)
    return tree if isinstance(tree, SourceFact) else text


def _common(files: Sequence[Reference]) -> frozenset[int]:
    different = {frozenset(file.marks.places) for file in files}
    most = max(COMMON_FILES, COMMON_SHARE * len(different))
    counts = Counter(value for values in different for value in values)
    return frozenset(value for value, count in counts.items() if count > most)
