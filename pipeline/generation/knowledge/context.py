"""Which references go into a prompt, and which there is no room for.

What belongs to a fault, in this order: for each name that does not exist the ones that may be meant; the references
of the names that the code at fault uses; what shares words with the message and the code. A reference is shown whole
or not at all: half a signature is worse than none. What was left out is said, so that nobody takes silence for
absence.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.generation.knowledge.index import Index
from pipeline.generation.knowledge.references import Reference

PER_NAME: Final = 3
BY_WORDS: Final = 8
_DOTTED: Final = re.compile(r"\b(?:tl|triton|torch|libdevice)(?:\.[A-Za-z_]\w*)+")


@dataclass(frozen=True, slots=True)
class Fault:
    """What an attempt failed on.

    Attributes:
        names: Names that do not exist or are used wrongly, as they stand in the code.
        code: The lines at fault.
        message: What was said about them.
    """

    names: tuple[str, ...]
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Context:
    """What fits, best first, and the names of what does not.

    Attributes:
        digest: Of all that could have been looked up.
    """

    included: tuple[Reference, ...]
    left_out: tuple[str, ...]
    digest: str


def context_for(index: Index, fault: Fault, budget_chars: int) -> Context:
    """Returns the references that belong to `fault` and fit into so many characters together."""
    included: list[Reference] = []
    left_out: list[str] = []
    left = budget_chars
    for reference in _unique(_belonging(index, fault)):
        size = len(reference.shown)
        if size <= left:
            included.append(reference)
            left -= size
        else:
            left_out.append(reference.name)
    return Context(tuple(included), tuple(left_out), index.digest)


def _belonging(index: Index, fault: Fault) -> Iterator[Reference]:
    meant = [index.by_name(name, PER_NAME) for name in fault.names]
    for rank in itertools.zip_longest(*meant):
        yield from (one for one in rank if one is not None)
    for dotted in _DOTTED.findall(fault.code):
        known = index.exactly(dotted)
        if known is not None:
            yield known
    yield from index.by_text(f"{fault.message}\n{fault.code}", BY_WORDS)


def _unique(references: Iterable[Reference]) -> Iterator[Reference]:
    seen: set[str] = set()
    for reference in references:
        if reference.name not in seen:
            seen.add(reference.name)
            yield reference
