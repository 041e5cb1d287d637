"""When a candidate takes no such size, which it may beyond the sizes that its operator declares; and when it is wrong.

It may `assert` or `raise`. A block that holds a whole row may be too large for a multiprocessor, or for the compiler's
patience, and says so before anything has run. But a launch that the driver refuses is not a candidate's refusal: its
grid has more rows than a dimension counts, and nobody noticed while it was written.
"""

from __future__ import annotations

from typing import Final

from runners.failures import CodeRaised, Failure

OWN: Final = ("AssertionError", "NotImplementedError", "ValueError")
TOO_LARGE_A_BLOCK: Final = ("OutOfResources", "CompilationError", "PTXASError")
NO_ROOM: Final = ("OutOfMemoryError",)
LAUNCHER: Final = ("Triton Error", "CUDA error", "CUDA driver error")


def refusal(failure: Failure) -> str | None:
    """Says how the candidate refuses the case; None where it does not."""
    if not isinstance(failure, CodeRaised):
        return None
    own = failure.error in OWN or (failure.error == "RuntimeError" and not failure.message.startswith(LAUNCHER))
    if own or failure.error in TOO_LARGE_A_BLOCK:
        return f"{failure.error}: {failure.message}".strip().splitlines()[0][:200]
    return None


def lacks_room(failure: Failure) -> bool:
    """Whether the device had no memory left for what the candidate allocates."""
    return isinstance(failure, CodeRaised) and failure.error in NO_ROOM
