"""What of a run is told to whoever records it; a run that nothing records has `UNRECORDED`.

Whoever records must not raise: nothing that decides about a candidate may depend on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Protocol

from pipeline.gate.judged import Judged
from pipeline.gate.steps import CheckName
from pipeline.telemetry.spending import Spending
from sandbox.contract import Sandbox


class Recorder(Protocol):
    """Records a run; thread-safe."""

    def check(self, path: str, name: CheckName) -> None:
        """A check of a candidate begins."""
        ...

    def judged(self, path: str, judged: Judged) -> None:
        """A candidate has its verdict."""
        ...

    def spent(self, spending: Spending) -> None:
        """A call of a model was answered."""
        ...

    def had_gpu(self, number: int, wall_s: float) -> None:
        """A candidate had this machine's GPU of that number for so many seconds."""
        ...

    def around(self, sandbox: Sandbox) -> Sandbox:
        """Returns a sandbox that does what `sandbox` does; its starts and ends are recorded."""
        ...


class Unrecorded:
    """Records nothing."""

    def check(self, path: str, name: CheckName) -> None:
        """As `Recorder.check`."""

    def judged(self, path: str, judged: Judged) -> None:
        """As `Recorder.judged`."""

    def spent(self, spending: Spending) -> None:
        """As `Recorder.spent`."""

    def had_gpu(self, number: int, wall_s: float) -> None:
        """As `Recorder.had_gpu`."""

    def around(self, sandbox: Sandbox) -> Sandbox:
        """The sandbox itself: what is not recorded costs nothing."""
        return sandbox


UNRECORDED: Final = Unrecorded()
_CURRENT: ContextVar[Recorder] = ContextVar("recorder", default=UNRECORDED)


def current_recorder() -> Recorder:
    """Returns what records the run that this is called in, on the thread that began it."""
    return _CURRENT.get()


@contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Makes `recorder` the current one."""
    token = _CURRENT.set(recorder)
    try:
        yield
    finally:
        _CURRENT.reset(token)
