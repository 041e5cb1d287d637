"""Licences as SPDX expressions: what a file declares, and whether a list of licences covers it.

A declaration is a comment with `SPDX-License-Identifier:`; the same words in a text are none. Of several all hold, as
in the REUSE specification. `license-expression` (the library of ScanCode, with SPDX's list inside, in pure Python)
parses: names, operators and exceptions are not ours to keep up to date. A name of one's own is `LicenseRef-…`, as SPDX
has it.

Not handled: that `GPL-2.0-or-later` could be taken as `GPL-3.0-only`; whoever allows both lists both. Licence texts
without an identifier are not recognised, nor is a LICENSE file beside: what has no header has no licence here.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any, Final

from license_expression import ExpressionError, LicenseSymbol, LicenseWithExceptionSymbol, get_spdx_licensing

from runners.origin.evidence import Licence, LicenceExpression, NoLicence, NotAnExpression
from runners.origin.tokens import comments_of

EXPRESSION_CAP: Final = 400  # characters, of all declarations of a file together
SHOWN: Final = 100  # characters of what is no expression
NO_LICENCE: Final = "NONE"  # SPDX's word for it
_TAG: Final = re.compile(r"SPDX-License-Identifier:(.*)", re.IGNORECASE)
_OF_ONES_OWN: Final = re.compile(r"(DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+")


class NoExpressionError(Exception):
    """A text is no SPDX expression."""


def declared_licence(text: str) -> Licence:
    """Returns what Python source that parses declares as its licence."""
    if _TAG.search(text) is None:  # most files; cutting a text into tokens takes its time
        return NoLicence()
    tags = [tag.group(1).strip() for comment in comments_of(text) if (tag := _TAG.search(comment))]
    if not tags:
        return NoLicence()
    whole = tags[0] if len(tags) == 1 else " AND ".join(f"({tag})" for tag in tags)
    try:
        return LicenceExpression(expression=normal_expression(whole))
    except NoExpressionError:
        return NotAnExpression(text=whole[:SHOWN])


def normal_expression(text: str) -> str:
    """Returns an SPDX expression with its names as SPDX writes them.

    Raises:
        NoExpressionError: it is none, or names a licence that SPDX does not know.
    """
    return str(_parsed(text))


def is_one_licence(text: str) -> bool:
    """Whether this is one licence, with an exception perhaps, and no choice or sum of them."""
    try:
        return isinstance(_parsed(text), LicenseSymbol | LicenseWithExceptionSymbol)
    except NoExpressionError:
        return False


def covers(allowed: Collection[str], licence: Licence) -> bool:
    """Whether `allowed` licences are enough: one of a choice (OR), each of a sum (AND).

    An exception (WITH) only permits more, so the licence itself is enough for it. Where a file declares nothing,
    or nothing that is an expression, it takes `NONE` among the allowed.
    """
    if isinstance(licence, LicenceExpression):
        return _covers(allowed, _parsed(licence.expression))
    return isinstance(licence, NoLicence) and NO_LICENCE in allowed


def _covers(allowed: Collection[str], node: Any) -> bool:
    match node:
        case LicenseWithExceptionSymbol():
            return str(node) in allowed or node.license_symbol.key in allowed
        case LicenseSymbol():
            return node.key in allowed
        case _:
            parts = [_covers(allowed, part) for part in node.args]
            return any(parts) if node.operator.strip() == "OR" else all(parts)


@lru_cache(maxsize=64)
def _parsed(text: str) -> Any:
    if len(text) > EXPRESSION_CAP or not text.isascii():
        raise NoExpressionError(text[:SHOWN])
    try:
        node = _spdx().parse(text, strict=True)
        unknown = _spdx().unknown_license_keys(node) if node is not None else []
    except ExpressionError as error:
        raise NoExpressionError(str(error)) from None
    if node is None or not all(_OF_ONES_OWN.fullmatch(key) for key in unknown):
        raise NoExpressionError(text)
    return node


@lru_cache(maxsize=1)
def _spdx() -> Any:
    return get_spdx_licensing()
