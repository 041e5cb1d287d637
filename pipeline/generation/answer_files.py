"""Candidates that are there already, in the place of an author: a folder of files, taken in order of their names.

The first request for an operator gets the first file whose header names it, and so on by the request's serial number.
A folder has no plans, no opinion and improves nothing: it answers what wants a proposal, of an author.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import GenerationError
from pipeline.generation.content import Proposal
from pipeline.generation.exchange import Answer, Ending, Failure, Note, Outcome, Reason, Request, Role
from runners.candidate import Candidate, read_candidate
from runners.operators import OPERATORS, Operator


class AnswerFiles:
    """A provider that answers with files, and bills nothing."""

    def __init__(self, name: str, folder: Path, operators: Mapping[str, Operator] = OPERATORS) -> None:
        """Reads the folder.

        Args:
            name: What the roles file calls it.
            operators: Those that a header may name.

        Raises:
            GenerationError: it is no folder, or a file can't be read.
        """
        self._name = name
        self._folder = folder
        if not folder.is_dir():
            raise GenerationError(f"{folder} is not a folder; provider '{name}' takes one with candidates")
        try:
            read = [read_candidate(path, operators=operators) for path in sorted(folder.glob("*.py"))]
        except OSError as error:
            raise GenerationError(f"a candidate of provider '{name}' can't be read: {error}") from None
        self._candidates = [one for one in read if isinstance(one, Candidate)]

    def ask(self, request: Request, note: Note) -> Outcome:
        """As `Provider.ask`."""
        if request.role is not Role.AUTHOR or request.wanted is not Proposal:
            return self._nothing(f"holds candidates, and no {request.wanted.__name__.lower()} of the {request.role}")
        files = [one for one in self._candidates if one.operator.name == request.operator]
        if request.serial >= len(files):
            return self._nothing(f"has {len(files)} candidates for {request.operator}, and one more is asked for")
        chosen = files[request.serial]
        return Answer(
            ending=Ending.COMPLETE,
            text=Proposal(plan=f"from {Path(chosen.path).name}", code=chosen.text).model_dump_json(),
            provider=self._name,
            model="file",
            request_id=None,
            response_id=chosen.digest,
            usage=None,
            begun_at=datetime.now(UTC),
            wall_s=0.0,
        )

    def _nothing(self, what: str) -> Failure:
        return Failure(Reason.NOT_RECORDED, f"the folder {self._folder} of provider '{self._name}' {what}")
