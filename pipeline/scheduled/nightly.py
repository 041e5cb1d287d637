"""Kernels every night: models write, the gate teaches and judges, as `kernelgate generate --flow` does it.

A night without a kernel that stands is no failure of the run: that is what the gate is for. It fails where our side
could not measure, or where somebody has to change something (a key, an account, the roles file).
"""

from __future__ import annotations

import os
from typing import Any, Final

from pipeline.generating.flow import generate_in_this_run, threads  # isort: skip  # before Prefect is imported

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.schedules import Schedule
from prefect.states import Completed

from pipeline.exit_codes import INCOMPLETE, USAGE
from pipeline.generating.result import Generated
from pipeline.generating.run import Place
from pipeline.generating.wanted import Wanted, prepare
from pipeline.generation.loop.report import FinishedOperator
from pipeline.own_operators import load_operators
from pipeline.runs.folder import folder_names
from pipeline.scheduled.alerts import About, Kind, alert, concluded
from pipeline.scheduled.deployments import Deployed
from pipeline.scheduled.pages import Reports, Table, code, plain, section, show_page
from pipeline.scheduled.parameters import Gate, Kernels, Limits
from pipeline.scheduled.run_log import RunLog
from pipeline.settings import Settings
from policies.policy import load_policy

KEY: Final = "kernelgate-night"


@flow(
    name="Generate and verify kernels",
    flow_run_name="{kernels.in_words} under {gate.policy}",
    persist_result=False,
    task_runner=threads(),
)
def nightly(kernels: Kernels, limits: Limits, gate: Gate = Gate()) -> State[Any]:  # noqa: B008  # it is frozen
    """Has models write kernels, repair them by the gate's findings, and verifies each like any stranger's.

    Fails where something could not be measured or is configured wrongly; not where no kernel stands.

    Args:
        kernels: What is written, and by whom.
        limits: What the run may use, over all operators; at least one is needed.
        gate: How kernels are judged, and where that is written.
    """
    about = About("generation", kernels.in_words)
    return concluded(about, lambda: _concluded(_generated(kernels, limits, gate), gate, about))


def deployed(schedule: Schedule, kernels: Kernels, limits: Limits, gate: Gate) -> Deployed:
    """The deployment of this flow, once everything was read that its runs will read.

    Raises:
        UserError: something can't be used.
    """
    prepare(_wanted(kernels, limits, gate), load_policy(gate.policy), load_operators(gate.operators), "not yet a run")
    return Deployed(
        nightly, "nightly-generation", "generation", schedule, {"kernels": kernels, "limits": limits, "gate": gate}
    )


def _wanted(kernels: Kernels, limits: Limits, gate: Gate) -> Wanted:
    return Wanted(
        tuple(kernels.operators), kernels.roles, limits.budget, strategies=kernels.strategies, prices=kernels.prices,
        card=kernels.card, mode=gate.mode,
    )  # fmt: skip


def _generated(kernels: Kernels, limits: Limits, gate: Gate) -> Generated:
    log = RunLog()
    settings = Settings.resolve(runs=gate.runs)
    place = Place(settings, os.environ, load_operators(gate.operators), log.note, log.warn)
    return generate_in_this_run(_wanted(kernels, limits, gate), load_policy(gate.policy), place)


def _concluded(generated: Generated, gate: Gate, about: About) -> State[Any]:
    finished = generated.finished
    message = "; ".join(_in_words(one) for one in finished.operators)
    cost = "cost unknown" if finished.used.usd is None else f"{finished.used.usd:.2f} US dollars"
    _show(generated, gate, f"{message}; {cost}")
    codes = {one.exit_code for one in finished.operators}
    if codes & {USAGE, INCOMPLETE}:
        return alert(Kind.STOPPED if USAGE in codes else Kind.INCOMPLETE, about, message)
    return Completed(message=f"{message}; {cost}")


def _in_words(one: FinishedOperator) -> str:
    if one.best is not None:
        return f"{one.terms.operator}: attempt {one.best.number} stands"
    return f"{one.terms.operator}: no candidate stands ({one.stopped.reason.value}: {one.stopped.detail})"


def _show(generated: Generated, gate: Gate, headline: str) -> None:
    reports = Reports.of(generated.folder, gate)
    names = folder_names(generated.judged)
    verdicts = Table(
        ("kernel", "verdict", "first rule", "seconds", "report"),
        tuple(
            (
                code(one.evidence.candidate.path),
                plain(one.verdict.tier.value),
                plain(one.verdict.findings[0].rule) if one.verdict.findings else "–",
                f"{one.wall_s:.1f}",
                reports.of_candidate(name),
            )
            for name, one in zip(names, generated.judged, strict=True)
        ),
    )
    parts = [reports.whole(), section("Verdicts", verdicts), section("Cost", _cost(generated))]
    show_page(KEY, headline, parts, "What the night came to: verdicts, cost, and where the reports are.")


def _cost(generated: Generated) -> Table:
    def row(one: FinishedOperator) -> tuple[str, ...]:
        amounts = [attempt.amount for attempt in one.attempts]
        usd = None if any(amount.usd is None for amount in amounts) else sum(amount.usd or 0 for amount in amounts)
        return (
            plain(one.terms.operator),
            str(len(amounts)),
            str(sum(amount.tokens for amount in amounts)),
            "unknown" if usd is None else f"{usd:.4f}",
            f"{sum(attempt.wall_s for attempt in one.attempts):.1f}",
        )

    rows = tuple(row(one) for one in generated.finished.operators)
    return Table(("operator", "attempts", "tokens", "US dollars", "seconds"), rows)
