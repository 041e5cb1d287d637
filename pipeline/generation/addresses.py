"""Where a key may be sent: over TLS, or to this machine; never to what an address hides in itself."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from pipeline.errors import GenerationError

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def checked_address(url: str) -> str:
    """Returns `url` if a key may be sent there.

    Raises:
        ValueError: it may not; the text does not repeat the address, which may hold a secret.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is no address such as https://models.example.org")
    if parts.username or parts.password or parts.query:
        raise ValueError("holds more than an address; a key belongs in the environment, named by key_variable")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("would send the key unencrypted; http is for this machine alone")
    return url


def refuse_address(provider: str, url: str) -> None:
    """Checks the address that an SDK chose, which reads variables of its own.

    Raises:
        GenerationError: a key may not be sent there.
    """
    try:
        checked_address(url)
    except ValueError as error:
        raise GenerationError(f"the address of provider '{provider}', from the roles file or a variable of its SDK, "
                              f"{error}") from None  # fmt: skip
