"""Fingerprints of a text by winnowing: Schleimer, Wilkerson, Aiken, "Winnowing", SIGMOD 2003.

Each run of GRAM tokens has a hash; of each WINDOW hashes in a row the smallest is kept, the rightmost among equals. So
whatever run of GRAM + WINDOW - 1 tokens two texts share, they share a fingerprint of it, wherever it stands; of less
than GRAM nothing is found. No gram reaches from one function into the next, so their order does not matter. The hash
is the paper's (Karp and Rabin), over a prime near 2⁶¹ with a fixed base: the same text has the same fingerprints on
every machine. An author who makes two grams collide makes texts more alike, not less.

Both numbers were chosen on kernels of three groups of authors (docs/results/generation.md). Of 12 tokens, independent
authors share half as much again. 20 told the two apart as well as 16, and whoever changes each twentieth token would
have hidden all.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple

from runners.origin.tokens import Token

GRAM: Final = 16
WINDOW: Final = 4
_PRIME: Final = (1 << 61) - 1
_BASE: Final = 0x1F3D5B79A2C4E68B % _PRIME


class Fingerprint(NamedTuple):
    """A hash, and the number of the token that its gram begins with."""

    value: int
    at: int


def fingerprints_of(tokens: Sequence[Token]) -> tuple[Fingerprint, ...]:
    """Returns the fingerprints of a text in order; none of one that is shorter than a gram."""
    return tuple(
        Fingerprint(value, at + begin) for begin, function in _functions(tokens) for value, at in _winnowed(function)
    )


def grams_of(tokens: Sequence[Token]) -> frozenset[int]:
    """Returns the hash of every gram of a text, so that each fingerprint of each part of it is among them."""
    return frozenset(value for _, function in _functions(tokens) for value in _hashes(function))


def _functions(tokens: Sequence[Token]) -> Iterator[tuple[int, Sequence[Token]]]:
    begin = 0
    for _, group in groupby(tokens, key=attrgetter("function")):
        function = tuple(group)
        yield begin, function
        begin += len(function)


def _hashes(tokens: Sequence[Token]) -> Iterator[int]:
    leaving = pow(_BASE, GRAM, _PRIME)
    symbols = [zlib.crc32(token.text.encode("utf-8", "surrogatepass")) + 1 for token in tokens]
    value = 0
    for number, symbol in enumerate(symbols):
        value = (value * _BASE + symbol) % _PRIME
        if number >= GRAM:
            value = (value - symbols[number - GRAM] * leaving) % _PRIME
        if number >= GRAM - 1:
            yield value


def _winnowed(tokens: Sequence[Token]) -> Iterator[Fingerprint]:
    """Keeps a window's candidates in rising order, so each hash is put in and taken out once."""
    rising: deque[Fingerprint] = deque()
    last = -1
    seen = 0
    for at, value in enumerate(_hashes(tokens)):
        seen += 1
        while rising and rising[-1].value >= value:
            rising.pop()
        rising.append(Fingerprint(value, at))
        if rising[0].at <= at - WINDOW:
            rising.popleft()
        if at >= WINDOW - 1 and rising[0].at != last:
            last = rising[0].at
            yield rising[0]
    if 0 < seen < WINDOW:
        yield rising[0]
