"""A process that asks and is killed: before an answer is kept, while it is, or right after. Imports little."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from pipeline.generation.content import Proposal
from pipeline.generation.exchange import Answer, Begun, Ending, Lasts, Note, Outcome, Part, Request, Role, nobody
from pipeline.generation.journal import Journal, Journaled

REQUEST = Request(
    role=Role.AUTHOR,
    operator="softmax",
    model="made-up-1",
    parts=(Part(name="contract", lasts=Lasts.PROJECT, text="the contract", template="0" * 64),),
    wanted=Proposal,
    max_output_tokens=2000,
    deadline_s=30.0,
)


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nobody gets here")


class Answers:
    """Answers, and counts."""

    def __init__(self, *, dies_at: int | None = None) -> None:
        self.calls = 0
        self._dies_at = dies_at

    def ask(self, request: Request, note: Note) -> Outcome:
        self.calls += 1
        note(Begun("req", f"resp-{self.calls}"))
        if self.calls == self._dies_at:
            die()
        return Answer(
            ending=Ending.COMPLETE, text="{}", provider="p", model="m", request_id="req",
            response_id=f"resp-{self.calls}", usage=None, begun_at=datetime.now(UTC), wall_s=0.0,
        )  # fmt: skip


def main(where: str, folder: str) -> None:
    rename = Path.rename

    def last_act(self: Path, target: Path) -> Path:
        if where == "during":
            die()
        rename(self, target)
        die()

    if where.isdigit():
        ask_all(Answers(dies_at=int(where)), Path(folder))
    Path.rename = last_act  # type: ignore[method-assign]
    Journaled(Answers(dies_at=1 if where == "before" else None), Journal(Path(folder))).ask(REQUEST, nobody)


def ask_all(provider: Answers, folder: Path) -> None:
    for serial in range(10):
        Journaled(provider, Journal(folder)).ask(replace(REQUEST, serial=serial), nobody)


if __name__ == "__main__":
    main(*sys.argv[1:])
