"""Writes offered kernels as entries of a corpus, as `pipeline.corpus` reads one: a folder an operator, labels in each.

Nothing is overwritten: a file that is there stays, and new tables are put behind those of a labels file, which is
replaced as a whole. What the folder holds already, by bytes or by all that has an effect, is not offered again. Names
of files are ours; what is not is escaped as JSON strings are, which TOML takes (but for DEL, which it wants escaped).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pipeline.corpus.labels import LABELS_FILE, read_labels
from pipeline.errors import UsageError
from pipeline.generation.exchange import Count, Stored
from pipeline.generation.lessons.offering import WrongKernel
from pipeline.generation.lessons.sameness import normal_digest
from runners.candidate import SOURCE_CAP_BYTES, source_digest
from sandbox.printable import printable

DIGITS: Final = 12  # of the digest, in the name of a file
CLASS: Final = "generated"


class Offered(Stored):
    """What came of an offer.

    Attributes:
        written: The new files, relative to the folder.
        known: How many more are the same as one that the folder, or this offer, holds.
    """

    folder: str
    written: tuple[str, ...]
    known: Count
    damaged: tuple[str, ...]


def offer_to(folder: Path, kernels: Iterable[WrongKernel], damaged: tuple[str, ...] = ()) -> Offered:
    """Writes those that `folder` does not hold yet.

    Args:
        damaged: A line for each run that could not be looked through.

    Raises:
        LabelsError: labels that are there can't be used; nothing was written.
        UsageError: the folder can't be read or written.
    """
    with _at(folder):
        seen = set(_digests(folder))
        new: list[WrongKernel] = []
        known = 0
        for kernel in kernels:
            digests = {kernel.digest, normal_digest(kernel.text)}
            known += bool(digests & seen)
            new += [] if digests & seen else [kernel]
            seen |= digests
        places = sorted({folder / kernel.operator for kernel in new})
        for place in places:
            if (place / LABELS_FILE).exists():
                read_labels(place)  # says what is wrong with it before anything is written
        for place in places:
            _write([kernel for kernel in new if folder / kernel.operator == place], place)
    return Offered(
        folder=str(folder), written=tuple(f"{one.operator}/{_name(one)}" for one in new), known=known, damaged=damaged
    )


def _digests(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*.py") if folder.exists() else ():
        with path.open("rb") as file:
            source = file.read(SOURCE_CAP_BYTES + 1)
        yield source_digest(source)
        yield normal_digest(source.decode("utf-8", "replace"))


def _write(kernels: list[WrongKernel], place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    for kernel in kernels:
        with (place / _name(kernel)).open("xb") as file:
            file.write(kernel.text.encode())
    labels = place / LABELS_FILE
    before = labels.read_text(encoding="utf-8-sig").rstrip("\n") + "\n\n" if labels.exists() else ""
    partial = place / f".{LABELS_FILE}"
    partial.write_text(before + "\n".join(map(_table, kernels)), encoding="utf-8")
    partial.rename(labels)


def _name(kernel: WrongKernel) -> str:
    return f"wrong_generated_{kernel.digest[:DIGITS]}.py"


def _table(kernel: WrongKernel) -> str:
    origin = (
        f"run {kernel.run}, attempt {kernel.attempt}, SHA-256 {kernel.digest}; {kernel.rule}, found {kernel.found}; "
        "nobody has looked at it yet"
    )
    lines = [
        f"[{_quoted(_name(kernel))}]",
        'label = "wrong"',
        f"operator = {_quoted(kernel.operator)}",
        f"class = {_quoted(CLASS)}",
        f"finding = {_quoted(kernel.rule)}",
        f"origin = {_quoted(origin)}",
    ]
    if kernel.witness is not None:
        lines.append(f"witness = {_quoted(kernel.witness.model_dump_json())}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(printable(text), ensure_ascii=False).replace("\x7f", "\\u007f")


@contextmanager
def _at(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"the folder {folder} can't be used: {error.strerror or error}") from None
