"""A corpus: a folder of labelled candidates, with one `labels.toml` at its top, one a subfolder, or both.

A subfolder with a `labels.toml` and a `policy.yaml` is a corpus of its own: it needs another policy, and numbers got
under two policies do not add up. It is left out of the outer one, and said. A Python file that nobody labelled is left
out and said, too. Two different labels for one file are an error: one of the two numbers would be wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.corpus.labels import LABELS_FILE, Labelled, read_labels
from pipeline.errors import LabelsError

BUNDLED: Final = Path("tests", "kernels")  # below the project
POLICY_FILE: Final = "policy.yaml"


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus as it lies on disk.

    Attributes:
        labelled: Its kernels, by folder and in the order of each folder's labels.
        unlabelled: Python files without a label; they are not measured.
        apart: Subfolders that are a corpus of their own; they are not measured either.
        notes: Lines about what was ignored in the labels.
    """

    folder: Path
    labelled: tuple[Labelled, ...]
    unlabelled: tuple[Path, ...]
    apart: tuple[Path, ...]
    notes: tuple[str, ...]

    def name(self, path: Path) -> str:
        """Returns the path of one of its files as it is shown: relative to the corpus."""
        return path.relative_to(self.folder).as_posix() if path.is_relative_to(self.folder) else str(path)


def read_corpus(folder: Path, *, besides: Iterable[Path] = ()) -> Corpus:
    """Reads all labels below `folder`; `besides` are folders whose Python files are no candidates (operators).

    Raises:
        LabelsError: no label at all, labels that can't be used, or two that contradict each other.
    """
    if not folder.is_dir():
        raise LabelsError(f"{folder} is not a folder; a corpus is a folder with a {LABELS_FILE}")
    places = sorted(file.parent for file in folder.rglob(LABELS_FILE) if _shown(folder, file))
    apart = tuple(place for place in places if place != folder and (place / POLICY_FILE).is_file())
    files = [read_labels(place) for place in places if not _below(place, apart)]
    labelled = tuple(_once(kernel for file in files for kernel in file.labelled))
    if not labelled:
        raise LabelsError(f"{folder} holds no {LABELS_FILE} that labels a file")
    known = {kernel.path.resolve() for kernel in labelled}
    outside = (*apart, *besides)
    unlabelled = tuple(
        path
        for path in sorted(folder.rglob("*.py"))
        if _shown(folder, path) and not _below(path, outside) and path.resolve() not in known
    )
    return Corpus(folder, labelled, unlabelled, apart, tuple(note for file in files for note in file.notes))


def _once(kernels: Iterable[Labelled]) -> Iterator[Labelled]:
    seen: dict[Path, Labelled] = {}
    for kernel in kernels:
        earlier = seen.setdefault(kernel.path.resolve(), kernel)
        if earlier is kernel:
            yield kernel
        elif (earlier.label, earlier.operator) != (kernel.label, kernel.operator):
            raise LabelsError(f"{kernel.path} is labelled twice, and the labels differ; keep the one that is true")


def _shown(folder: Path, path: Path) -> bool:
    return not any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(folder).parts)


def _below(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.resolve().is_relative_to(folder.resolve()) for folder in folders)
