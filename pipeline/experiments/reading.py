"""Puts together what the runs of a folder say about experiments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.experiments.cautions import cautions_of
from pipeline.experiments.cohorts import cohorts_of, result_of
from pipeline.experiments.comparison import compared
from pipeline.experiments.results import ExperimentResult, ExperimentsDocument
from pipeline.experiments.trials import Trial, Unfinished, read_trials
from pipeline.generation.assignment import Definition
from pipeline.reporting import Report


def read_experiments(runs: Path, name: str | None, report: Report) -> ExperimentsDocument:
    """Reads the experiments of a folder of runs.

    Args:
        name: The one to read; None reads all.
        report: Told of each document that can't be read.

    Raises:
        UsageError: there is no experiment of that name.
    """
    trials = read_trials(runs, report)
    everyone: tuple[Trial | Unfinished, ...] = (*trials.finished, *trials.unfinished)
    definitions = {one.assignment.digest: one.assignment.definition for one in everyone}
    names = sorted({one.name for one in definitions.values()})
    if name is not None and name not in names:
        raise UsageError(f"there is no experiment '{name}' in {runs}; there are: {', '.join(names) or 'none'}")
    wanted = sorted(
        (one for one in definitions.values() if name in (None, one.name)), key=lambda one: (one.name, one.digest)
    )
    return ExperimentsDocument(experiments=tuple(_result(one, trials.finished, trials.unfinished) for one in wanted))


def as_json(document: ExperimentsDocument) -> str:
    """Returns the document as it is printed."""
    return document.model_dump_json(indent=2) + "\n"


def _result(definition: Definition, finished: Sequence[Trial], unfinished: Sequence[Unfinished]) -> ExperimentResult:
    digest, planned = definition.digest, definition.runs_per_variant
    cohorts = cohorts_of(
        definition,
        [one for one in finished if one.assignment.digest == digest],
        [one for one in unfinished if one.assignment.digest == digest],
    )
    variants = tuple(map(result_of, cohorts))
    is_readable = all(one.runs == planned for one in variants)
    base, *others = cohorts
    comparisons = tuple(compared(one, base, len(others)) for one in others) if is_readable else ()
    return ExperimentResult(
        name=definition.name,
        digest=digest,
        runs_per_variant=planned,
        is_readable=is_readable,
        variants=variants,
        comparisons=comparisons,
        cautions=tuple(cautions_of(planned, cohorts, variants, comparisons)),
    )
