"""The breaker: one for each kernel (by digest) and process. Once open it stays open; a restart closes it.

Who calls a kernel looks before the call and after it. A result that arrives when the breaker is open is thrown away, so
after it opened no call returns what the kernel computed, in whichever thread it was. That holds from the moment on at
which `is_open` is set: a call that has looked for the second time before that has returned before it.
"""

from __future__ import annotations

import threading
from typing import Final


class Breaker:
    """Closed until it is opened.

    Attributes:
        is_open: Read without a lock at every call; written once.
        why: What opened it; empty while it is closed.
    """

    __slots__ = ("_lock", "is_open", "why")

    def __init__(self) -> None:
        self.is_open = False
        self.why = ""
        self._lock = threading.Lock()

    def open(self, why: str) -> bool:
        """Opens it; False where it was open: whoever opened it does what follows from that."""
        with self._lock:
            if self.is_open:
                return False
            self.why = why
            self.is_open = True
            return True


_BREAKERS: Final[dict[str, Breaker]] = {}
_LOCK: Final = threading.Lock()


def breaker_of(digest: str) -> Breaker:
    """Returns this process's breaker of a kernel, however often and through whichever channel that is loaded."""
    with _LOCK:
        return _BREAKERS.setdefault(digest, Breaker())
