"""Two events for a kernel that a test holds in the middle of a call; the kernel's source imports this module."""

from __future__ import annotations

import threading

ENTERED = threading.Event()
GO_ON = threading.Event()


def wait() -> None:
    """Says that a call is under way, and waits until it may go on."""
    ENTERED.set()
    assert GO_ON.wait(60)
