"""Packages of extras: what is said where one is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pipeline.errors import SdkUnavailable

OURS: Final = ("pipeline", "policies", "runners", "sandbox")


@contextmanager
def needing_extra(extra: str) -> Iterator[None]:
    """Says what to install where a package of an extra is missing; a module of our own that is missing is a bug."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in OURS:
            raise
        raise SdkUnavailable(f"this needs the package '{error.name}': pip install 'kernelgate[{extra}]'") from None
