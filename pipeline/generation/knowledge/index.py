"""Finds the references that belong to a name, to a piece of code or to an error's words. Lexical, and the same
everywhere.

A model writes names that do not exist: misspelt ones, those of another library, those that ought to exist. So a name is
compared in two ways. RapidFuzz compares it with every name as a whole, which finds what is misspelt. BM25 (bm25s), over
pieces of words, finds names and descriptions that share stems with it: `syncthreads` and 'synchronize all threads'.
Both are scaled to the best of the query and added; ties fall by name, so that equal questions have equal answers.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import bm25s
import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz

from pipeline.generation.knowledge.references import Reference, digest_of

logging.getLogger("bm25s").setLevel(logging.WARNING)  # on import it asks for DEBUG, which Prefect's handler prints
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_PIECE: Final = 4
# A name that was asked for in a module is rather one of that module.
_OWNED: Final = 0.25
_OWNERS: Final = {
    "tl": "triton.language",
    "triton.language": "triton.language",
    "triton": "triton",
    "torch": "torch",
    "libdevice": "triton.language.extra.libdevice",
    "tl.extra.libdevice": "triton.language.extra.libdevice",
}
Scores = npt.NDArray[np.float64]


class Index:
    """References that can be searched. Immutable, hence thread-safe."""

    def __init__(self, references: Sequence[Reference]) -> None:
        """Builds it: some 50 ms for the installed packages."""
        self.references = tuple(references)
        self.digest = digest_of(self.references)
        self._exact = {one.name: one for one in self.references}
        self._names = [tuple(map(_plain, (one.name, *one.elsewhere))) for one in self.references]
        self._owners = [one.name.rpartition(".")[0] for one in self.references]
        self._by_name = _Words(_last_words(one.name) for one in self.references)
        self._by_text = _Words(_all_words(one) for one in self.references)

    def by_name(self, name: str, limit: int) -> tuple[Reference, ...]:
        """Returns the `limit` references that a name that was asked for is likely to mean, best first.

        Args:
            name: Dotted or not, as it stands in code or in an error; it need not exist.
        """
        plain, words = _plain(name), _last_words(name)
        whole = np.array([max(fuzz.ratio(plain, other) for other in names) / 100 for names in self._names])
        owner = _OWNERS.get(name.rpartition(".")[0])
        owned = np.array([_OWNED * (one == owner) for one in self._owners])
        shared = _scaled(self._by_name.scores(words)) + _scaled(self._by_text.scores(words))
        return self._best(whole + shared + owned, limit)

    def exactly(self, name: str) -> Reference | None:
        """Returns the reference of a name that exists, as it is written in code (`tl.load`) or in full."""
        owner, _, last = name.rpartition(".")
        return self._exact.get(f"{_OWNERS.get(owner, owner)}.{last}")

    def by_text(self, text: str, limit: int) -> tuple[Reference, ...]:
        """Returns the `limit` references whose words a text shares, best first; those that share none are left out.

        Args:
            text: A message, or the code at fault.
        """
        return self._best(_scaled(self._by_text.scores(_words(text))), limit)

    def _best(self, scores: Scores, limit: int) -> tuple[Reference, ...]:
        order = sorted(range(len(scores)), key=lambda n: (-scores[n], self.references[n].name))
        return tuple(self.references[n] for n in order[:limit] if scores[n] > 0)


class _Words:
    """BM25 over the pieces of words."""

    def __init__(self, documents: Iterable[Sequence[str]]) -> None:
        pieces = [_pieces(words) for words in documents]
        self._known = {piece for document in pieces for piece in document}
        self._bm25 = bm25s.BM25()
        self._bm25.index(pieces, show_progress=False)
        self._count = len(pieces)

    def scores(self, words: Sequence[str]) -> Scores:
        pieces = [piece for piece in _pieces(words) if piece in self._known]
        if not pieces:
            return np.zeros(self._count)
        return np.asarray(self._bm25.get_scores(pieces), dtype=np.float64)


def _plain(name: str) -> str:
    """The last name of a dotted one, without what distinguishes ways of writing."""
    return "".join(_last_words(name))


def _last_words(name: str) -> list[str]:
    return _words(name.rpartition(".")[2])


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _all_words(reference: Reference) -> list[str]:
    names = [word for name in (reference.name, *reference.elsewhere) for word in _last_words(name)]
    return names + _words(_gist(reference))


def _gist(reference: Reference) -> str:
    """What says what it is for: the first paragraph; below come arguments, as everywhere. A note is all gist."""
    return reference.text if reference.is_note else reference.text.partition("\n\n")[0]


def _pieces(words: Iterable[str]) -> list[str]:
    return [piece for word in words for piece in _pieces_of(word)]


def _pieces_of(word: str) -> Iterator[str]:
    marked = f"<{word}>"
    yield marked
    for length in range(3, _PIECE + 1):
        for start in range(len(marked) - length + 1):
            yield marked[start : start + length]


def _scaled(scores: Scores) -> Scores:
    highest = float(scores.max(initial=0.0))
    return scores / highest if highest > 0 else scores
