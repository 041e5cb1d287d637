"""The gate itself, measured on labelled kernels: `kernelgate measure` as a flow that knows what it said before.

`falling` decides whether the gate fell. What our side failed to measure is an alert of its own, behind a fall: from
half a measurement nothing follows about the other half.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.orchestration.prefect_connection import server as server  # isort: skip  # before Prefect is imported

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.schedules import Schedule
from prefect.states import Completed

from pipeline.corpus.labels import Labelled
from pipeline.corpus.reading import Corpus as LabelledFolder
from pipeline.corpus.reading import read_corpus
from pipeline.measuring.measure import Selection, choose, measure_corpus, warnings_of
from pipeline.measuring.measurement import Measurement, Row
from pipeline.orchestration.prefect_flow_runs import look_of_this_run
from pipeline.own_operators import load_operators
from pipeline.runs.summary import RunSummary
from pipeline.scheduled.alerts import About, Kind, alert, concluded
from pipeline.scheduled.deployments import Deployed
from pipeline.scheduled.falling import Comparison, compare, decided_before, fall_in_words
from pipeline.scheduled.pages import Reports, Table, code, plain, section, show_page, show_table
from pipeline.scheduled.parameters import Corpus, Gate
from pipeline.scheduled.run_log import RunLog
from pipeline.settings import Settings
from pipeline.verification.verify import Options
from policies.policy import load_policy
from runners.candidate import Candidate, Unreadable

KEY: Final = "kernelgate-corpus"
NAMED: Final = 3  # so many kernels are named in a message


@flow(
    name="Measure the gate on a corpus",
    flow_run_name="{corpus.in_words} under {gate.policy}",
    persist_result=False,
)
def corpus_watch(corpus: Corpus, gate: Gate = Gate()) -> State[Any]:  # noqa: B008  # it is frozen
    """Verifies labelled kernels and counts how often the gate is wrong; fails where it fell since the last time.

    It fell where a wrong kernel passes, or a right one is denied, that did not before.

    Args:
        corpus: The labelled kernels.
        gate: How they are judged, and where that is written.
    """
    about = About("corpus", corpus.folder.name)
    return concluded(about, lambda: _watched(corpus, gate, about))


def deployed(schedule: Schedule, corpus: Corpus, gate: Gate) -> Deployed:
    """The deployment of this flow, once everything was read that its runs will read.

    Raises:
        UserError: something can't be used.
    """
    load_policy(gate.policy)
    _chosen(corpus, gate)
    return Deployed(corpus_watch, f"corpus-{corpus.folder.name}", "corpus", schedule, {"corpus": corpus, "gate": gate})


@dataclass(frozen=True, slots=True)
class _Chosen:
    read: LabelledFolder
    kernels: Mapping[Labelled, Candidate | Unreadable]


def _chosen(corpus: Corpus, gate: Gate) -> _Chosen:
    operators = load_operators(gate.operators)
    read = read_corpus(corpus.folder, besides=() if gate.operators is None else (gate.operators,))
    return _Chosen(read, choose(read, Selection(tuple(corpus.only)), operators))


def _watched(corpus: Corpus, gate: Gate, about: About) -> State[Any]:
    settings, policy = Settings.resolve(runs=gate.runs), load_policy(gate.policy)
    chosen, log = _chosen(corpus, gate), RunLog()
    for warning in warnings_of(chosen.read):
        log.warn(warning)
    before = decided_before(settings.runs, corpus.folder, policy.name)  # before this one is among them
    options = Options(flow=True, look=look_of_this_run(), mode=gate.mode)
    measurement = measure_corpus(chosen.read, chosen.kernels, policy, settings, options, log)
    comparison = compare(measurement, before)
    message = _in_words(measurement, comparison)
    _show(measurement, comparison, gate, message)
    if comparison.fallen:
        return alert(Kind.FELL, about, message)
    if comparison.unmeasured:
        return alert(Kind.INCOMPLETE, about, message)
    return Completed(message=message)


def _in_words(measurement: Measurement, comparison: Comparison) -> str:
    parts = []
    if comparison.fallen:
        named = "; ".join(fall_in_words(row) for row in comparison.fallen[:NAMED])
        more = len(comparison.fallen) - NAMED
        parts.append(f"the gate fell: {named}" + (f"; and {more} more" if more > 0 else ""))
    if comparison.unmeasured:
        first = comparison.unmeasured[0]
        parts.append(f"{_kernels(len(comparison.unmeasured))} not measured, first {first.path}: {first.note}")
    parts.append(f"{_kernels(len(measurement.rows))}, of which the gate is wrong about {len(measurement.misses)}")
    if comparison.known:
        parts.append(f"{len(comparison.known)} of these since run {comparison.known[0].run} or earlier")
    return "; ".join(parts)


def _kernels(count: int) -> str:
    return "1 kernel" if count == 1 else f"{count} kernels"


def _show(measurement: Measurement, comparison: Comparison, gate: Gate, headline: str) -> None:
    reports = Reports.of(Path(measurement.folder), gate)
    known = tuple(before.row for before in comparison.known)
    parts = [
        reports.whole(),
        section("Fallen since the last measurement", _kernels_table(comparison.fallen)),
        section("Wrong about, as before", _kernels_table(known)),
        section("Right about again", _kernels_table(comparison.mended)),
        section("Not measured", _kernels_table(comparison.unmeasured)),
        section("How often it is wrong", _errors(measurement)),
        section("Cost", _cost(measurement)),
    ]
    show_page(KEY, headline, [part for part in parts if part], "How often the gate is wrong, and what changed.")
    show_table(
        f"{KEY}-verdicts",
        _verdicts(measurement, reports),
        "Each kernel of the corpus, with what the gate says of it.",
    )


def _verdicts(measurement: Measurement, reports: Reports) -> Table:
    # The run folder holds what has a verdict, in the order of the rows.
    stored = RunSummary.model_validate_json((reports.folder / "run.json").read_bytes())
    folders = iter(candidate.folder for candidate in stored.candidates)
    links = [reports.of_candidate(next(folders)) if row.tier is not None else "–" for row in measurement.rows]
    rows = tuple(
        (
            code(row.path),
            plain(row.operator),
            plain(row.label),
            plain(row.tier.value if row.tier is not None else row.outcome.value),
            plain(row.findings[0].rule) if row.findings else "–",
            "–" if row.wall_s is None else f"{row.wall_s:.1f}",
            link,
        )
        for row, link in zip(measurement.rows, links, strict=True)
    )
    return Table(("kernel", "operator", "label", "verdict", "first rule", "seconds", "report"), rows)


def _kernels_table(rows: tuple[Row, ...]) -> Table:
    cells = tuple((code(row.path), plain(row.label), plain(row.outcome.value), _said(row)) for row in rows)
    return Table(("kernel", "label", "gate", "first finding"), cells)


def _said(row: Row) -> str:
    return plain(row.findings[0].rule) if row.findings else plain(row.note or "–")


def _errors(measurement: Measurement) -> Table:
    kinds = (
        ("wrong kernels that pass", measurement.false_accepts),
        ("right kernels denied", measurement.false_denials),
    )
    rows = tuple(
        (
            name,
            str(errors.total.errors),
            str(errors.total.decided),
            f"{errors.total.rate_low:.2%} to {errors.total.rate_high:.2%}" if errors.total.decided else "–",
            str(errors.total.inconclusive),
        )
        for name, errors in kinds
    )
    return Table(("", "wrong about", "of", "95 % interval", "inconclusive"), rows)


def _cost(measurement: Measurement) -> Table:
    rows = tuple(
        (plain(cost.operator), str(cost.verdicts), f"{cost.median_s:.1f}", f"{cost.p95_s:.1f}")
        for cost in measurement.cost
    )
    return Table(("operator", "verdicts", "median seconds", "95th percentile"), rows)
