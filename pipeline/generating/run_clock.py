"""How many seconds a run has used, over all its processes: kept beside its operators' folders, also when one is killed.

A thread writes it every second, because nothing else in a process is sure to come by: a question to a model takes
minutes, and nobody is called meanwhile. So a kill loses a second of the budget, and not an attempt.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from pipeline.errors import RunFolderError
from pipeline.generation.budgets import Purse

EVERY_S: Final = 1.0
NAME: Final = "clock"


def used_before(folder: Path) -> float:
    """Returns how many seconds earlier processes have used; 0 where there were none.

    Args:
        folder: The run's, among those under way.
    """
    try:
        return max(0.0, float((folder / NAME).read_text(encoding="ascii")))
    except (OSError, ValueError):
        return 0.0


@contextmanager
def keeping_time(folder: Path, purse: Purse) -> Iterator[None]:
    """Keeps what a run has used as long as this lasts.

    Raises:
        RunFolderError: the folder can't be written.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_keep_on, args=(folder, purse, ended), daemon=True)
    try:
        _keep(folder, purse)
    except OSError as error:
        raise RunFolderError(f"the folder {folder} can't be written: {error.strerror or error}") from None
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _keep_on(folder: Path, purse: Purse, ended: threading.Event) -> None:
    while not ended.wait(EVERY_S):
        with suppress(OSError):  # a full disk ends the run where it costs something: at the journal, or at a record
            _keep(folder, purse)


def _keep(folder: Path, purse: Purse) -> None:
    partial = folder / f".{NAME}"
    partial.write_text(repr(purse.used_s), encoding="ascii")
    partial.rename(folder / NAME)
