"""The run folder of a run of generation: as a verification's, with each candidate's provenance and the whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.gate.judged import Judged
from pipeline.gate.judging import judge
from pipeline.generation.loop.documents import NAME, as_text, document_of, provenance_text
from pipeline.generation.loop.records import AttemptRecord, Measured
from pipeline.generation.loop.report import Finished
from pipeline.runs.folder import write_run
from policies.policy import Policy
from runners.candidate import Candidate, parse_candidate
from runners.operators import Operator


@dataclass(frozen=True, slots=True)
class Generated:
    """A finished run with its verdicts: one for each attempt that was measured, in the order of `Finished.measured`."""

    finished: Finished
    folder: Path
    judged: tuple[Judged, ...]


def write_generated(finished: Finished, policy: Policy, runs: Path, operators: Mapping[str, Operator]) -> Generated:
    """Writes the run folder.

    Raises:
        RunFolderError: it can't be written.
    """
    judged = tuple(_judged(one, policy, operators) for one in finished.measured)
    provenance = [provenance_text(one) for one in finished.measured]
    more = {NAME: as_text(document_of(finished, runs / finished.id))}
    return Generated(finished, write_run(runs, finished.id, policy, judged, more, provenance), judged)


def _judged(record: AttemptRecord, policy: Policy, operators: Mapping[str, Operator]) -> Judged:
    assert isinstance(record.outcome, Measured)
    candidate = parse_candidate(record.outcome.code.encode(), record.outcome.path, operators)
    assert isinstance(candidate, Candidate)
    return judge(candidate, record.outcome.evidence, policy)
