"""What can be looked up: one name of an installed package, or one section of a document."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reference:
    """One entry.

    Attributes:
        name: Dotted, as it is imported; of a section: the document's name and the heading.
        call: How it is written, with its arguments; empty for a section.
        text: What its author says about it: a docstring, a section's text. Not ours, and not necessarily a friend's.
        source: Whose it is: `triton 3.9.0`, or the document's name.
        elsewhere: What other libraries call it; it is found by these names, too.
    """

    name: str
    call: str
    text: str
    source: str
    elsewhere: tuple[str, ...] = ()

    @property
    def is_note(self) -> bool:
        """Whether it is a section of a document and no name of a package."""
        return not self.call

    @property
    def is_removed(self) -> bool:
        """Whether the name is there only to say that it is gone; Triton 3.9 keeps such names of block pointers."""
        return "have been removed" in self.text.partition("\n")[0]

    @property
    def shown(self) -> str:
        """The whole entry, as a model reads it."""
        head = self.call or self.name
        return f"{head}\n{self.text}" if self.text else head


def digest_of(references: Iterable[Reference]) -> str:
    """Returns the SHA-256 over all that can be looked up; it goes into the provenance."""
    digest = hashlib.sha256()
    for one in references:
        for field in (one.name, one.call, one.text, one.source, *one.elsewhere):
            digest.update(f"{len(field.encode())}:".encode() + field.encode())
    return digest.hexdigest()
