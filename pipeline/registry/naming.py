"""Which registry is meant, and who changes it: an option wins over the environment."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping
from typing import Final

VARIABLE: Final = "KERNELGATE_REGISTRY"
DEFAULT: Final = "kernelgate-registry.db"


def registry_named(given: str | None, environment: Mapping[str, str]) -> str:
    """Returns the path or URL of the registry."""
    return given or environment.get(VARIABLE) or DEFAULT


def actor_named(given: str | None) -> str:
    """Returns who is at work: the name that was given, or user and host."""
    if given:
        return given
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in many containers
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"
