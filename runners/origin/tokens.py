"""Source text as the tokens that a copier can't change for nothing.

Gone are comments, docstrings, blank space, imports, and the parentheses, commas, semicolons and line ends that a
formatter adds or takes. A name that an author is free to choose is one token, whatever it is; names after a dot are a
library's (a candidate has no classes of its own) and stay, since `tl.load` can be imported under another name but not
renamed. Numbers and texts are one token each: another block size is no other kernel.

What this does not see through: statements in another order, expressions written in another way (`x * x` for `x ** 2`),
dead code put in between. Each costs the copier the fingerprints around it, not the rest.

The standard library's tokenizer is used. It takes quadratic time for some texts that do not parse, so nobody calls
this with one.
"""

from __future__ import annotations

import io
import keyword
import tokenize
from collections.abc import Iterator
from typing import Final, NamedTuple

_NAME, _NUMBER, _TEXT = "N", "0", '"'
_MOVABLE: Final = frozenset({"(", ")", ",", ";"})
_LAYOUT: Final = frozenset({tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING})
_ENDS: Final = frozenset({tokenize.NEWLINE, tokenize.ENDMARKER})


class Token(NamedTuple):
    """A token after normalisation, the line (counted from 1) that it stands in, and the number of its function."""

    text: str
    line: int
    function: int


def tokens_of(text: str) -> tuple[Token, ...]:
    """Returns the normalised tokens of Python source that parses, in order.

    Functions of the top level are numbered, with their decorators; what stands between two belongs to the first.
    """
    found: list[Token] = []
    function = 0
    decorated = False
    for statement in _logical_lines(text):
        begins = statement[0].start[1] == 0 and statement[0].string in ("@", "def")
        function += begins and not decorated
        decorated = begins and statement[0].string == "@"
        if not _is_import(statement) and not _is_docstring(statement):
            found.extend(_normalised(statement, function))
    return tuple(found)


def comments_of(text: str) -> tuple[str, ...]:
    """Returns the comments of Python source that parses, in order."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return tuple(token.string for token in tokens if token.type == tokenize.COMMENT)


def _logical_lines(text: str) -> Iterator[list[tokenize.TokenInfo]]:
    line: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in _ENDS:
            if line:
                yield line
            line = []
        elif token.type not in _LAYOUT:
            line.append(token)


def _is_import(statement: list[tokenize.TokenInfo]) -> bool:
    return statement[0].string in ("import", "from")


def _is_docstring(statement: list[tokenize.TokenInfo]) -> bool:
    return all(token.type == tokenize.STRING for token in statement)


def _normalised(statement: list[tokenize.TokenInfo], function: int) -> Iterator[Token]:
    before = ""
    for token in statement:
        text = _symbol(token, before)
        if text not in _MOVABLE:
            yield Token(text, token.start[0], function)
        before = token.string


def _symbol(token: tokenize.TokenInfo, before: str) -> str:
    match token.type:
        case tokenize.NAME if before != "." and not keyword.iskeyword(token.string):
            return _NAME
        case tokenize.NUMBER:
            return _NUMBER
        case tokenize.STRING:
            return _TEXT
        case _:
            return token.string
