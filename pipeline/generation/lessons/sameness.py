"""Whether two candidates are the same but for what has no effect: comments, docstrings, blank lines and spaces.

Tokens are compared and not syntax trees, whose making a text can end by its depth. Reading tokens costs time with the
square of a line's length (a string of 256 KiB that does not end: minutes), so a text with a line beyond any kernel's is
not read. That one, and what is no Python, is the same as nothing but its own bytes.
"""

from __future__ import annotations

import hashlib
import io
import tokenize
from collections.abc import Iterator
from typing import Final

COLUMNS: Final = 500
_NOTHING: Final = frozenset({tokenize.COMMENT, tokenize.NL, tokenize.ENCODING})
_BEGINS: Final = frozenset({tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT})
_SHAPE: Final = frozenset({tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER})


def normal_digest(text: str) -> str:
    """Returns the SHA-256 of what has an effect; the same for two texts that differ in nothing else."""
    try:
        tokens = list(_effective(text)) if max(map(len, text.split("\n"))) <= COLUMNS else [text]
    except (tokenize.TokenError, SyntaxError):
        tokens = [text]
    return hashlib.sha256("\0".join(tokens).encode("utf-8", "surrogatepass")).hexdigest()


def _effective(text: str) -> Iterator[str]:
    tokens = [one for one in tokenize.generate_tokens(io.StringIO(text).readline) if one.type not in _NOTHING]
    skips = False
    for number, one in enumerate(tokens):
        begins = number == 0 or tokens[number - 1].type in _BEGINS
        ends = number + 1 < len(tokens) and tokens[number + 1].type in (tokenize.NEWLINE, tokenize.ENDMARKER)
        if skips or (one.type == tokenize.STRING and begins and ends):
            skips = not skips  # the string, and the end of its line
            continue
        yield tokenize.tok_name[one.type] if one.type in _SHAPE else one.string
