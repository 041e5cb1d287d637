"""How a measurement looks to a person: errors by kind, the misses with their findings, cost."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.measuring.measurement import Count, Errors, Measurement, Outcome, Row
from pipeline.rendering.fitted_table import FittedTable
from pipeline.rendering.verdict_table import STYLES


def print_measurement(measurement: Measurement, console: Console) -> None:
    """Prints both kinds of errors, what was not decided, the misses, the cost, and the one line that says it all."""
    _print_errors("must be denied", "false accepts", measurement.false_accepts, console)
    _print_errors("must be allowed", "false denials", measurement.false_denials, console)
    _print_rows("misses", measurement.misses, console)
    _print_rows("inconclusive", measurement.having(Outcome.INCONCLUSIVE), console)
    _print_rows("not measured, for a reason of ours", measurement.having(Outcome.UNMEASURED), console)
    other = [row for row in measurement.having(Outcome.DENIED) if not row.reason_fits and not row.missed]
    _print_rows("denied for another reason than the label's", other, console)
    _print_cost(measurement, console)
    if measurement.unlabelled:
        console.print(Text(f"Python files without a label, not measured: {len(measurement.unlabelled)}", "yellow"))
    style = "bold red" if measurement.misses else ""
    console.print(Text(summary(measurement), style))
    seed = "" if measurement.seed is None else f", seed {measurement.seed}"
    console.print(Text(f"policy {measurement.policy}{seed}; {measurement.folder}"))


def summary(measurement: Measurement) -> str:
    """Returns the line that says how often the gate was wrong."""
    count = len(measurement.rows)
    parts = [f"{count} candidate{'' if count == 1 else 's'}"]
    for name, errors in (("accepts", measurement.false_accepts), ("denials", measurement.false_denials)):
        parts.append(f"{errors.total.errors} false {name} of {errors.total.decided}{_interval(errors.total, ' ({})')}")
    parts.append(f"{len(measurement.having(Outcome.INCONCLUSIVE))} inconclusive")
    parts.append(f"{len(measurement.having(Outcome.UNMEASURED))} not measured")
    return ("interrupted: " if measurement.interrupted else "") + ", ".join(parts)


def _print_errors(title: str, error: str, errors: Errors, console: Console) -> None:
    if not errors.total.files:
        return
    table = FittedTable()
    table.add_column(title, overflow="fold")
    for column in ("files", "allowed", "denied", "inconclusive", "not measured", error, "95 % interval"):
        table.add_column(column, justify="right", no_wrap=True)
    _add(table, "", (errors.total,))
    for kind, counts in (("label", errors.by_label), ("class", errors.by_class), ("part", errors.by_visible)):
        if len(counts) > 1 or (counts and counts[0].name != "-" and kind != "label"):
            _add(table, f"{kind} ", counts)
    wrong = tuple(count for count in errors.by_operator if count.errors)
    _add(table, "operator ", wrong)
    console.print(table)
    console.print()


def _add(table: Table, prefix: str, counts: Iterable[Count]) -> None:
    for count in counts:
        style = "bold red" if count.errors else ""
        numbers = (count.files, count.allowed, count.denied, count.inconclusive, count.unmeasured)
        table.add_row(
            Text(prefix + count.name),
            *(Text(str(number) if number else "-") for number in numbers),
            Text(_rate(count), style),
            Text(_interval(count, "{}") or "-"),
        )


def _rate(count: Count) -> str:
    return f"{count.errors} ({count.errors / count.decided:.1%})" if count.decided else "-"


def _interval(count: Count, form: str) -> str:
    return form.format(f"{count.rate_low:.2%} to {count.rate_high:.2%}") if count.decided else ""


def _print_rows(title: str, rows: Iterable[Row], console: Console) -> None:
    table = FittedTable()
    for column in (title, "label", "class", "verdict", "first finding", "smallest case"):
        table.add_column(column, overflow="fold")
    for row in rows:
        verdict = Text("-") if row.tier is None else Text(row.tier.value, STYLES[row.tier])
        labels = (Text(row.path), Text(row.label), Text(row.defect_class or "-"))
        table.add_row(*labels, verdict, _finding(row), Text(row.case or "-"))
    if table.row_count:
        console.print(table)
        console.print()


def _finding(row: Row) -> Text:
    if not row.findings:
        return Text(row.note or "-")
    first = row.findings[0]
    line = f" (line {first.line})" if first.line is not None else ""
    return Text.assemble((first.rule, "bold"), f"{line}: {first.message}")


def _print_cost(measurement: Measurement, console: Console) -> None:
    table = FittedTable()
    table.add_column("cost of a verdict", overflow="fold")
    for column in ("verdicts", "median s", "p95 s"):
        table.add_column(column, justify="right")
    for cost in measurement.cost:
        table.add_row(cost.operator, str(cost.verdicts), f"{cost.median_s:.1f}", f"{cost.p95_s:.1f}")
    if table.row_count:
        console.print(table)
        console.print()
    kill = measurement.first_kill
    if kill is not None:
        numbers = f"median {kill.median}, p99 {kill.p99}, largest {kill.largest}, of {kill.kernels} kernels"
        console.print(Text(f"number of the first failing case: {numbers}"))
    if measurement.denied_by:
        rules = ", ".join(f"{count.rule} {count.kernels}" for count in measurement.denied_by)
        console.print(Text(f"denied by: {rules}"))
        console.print()
