"""How experiments look to a person: two tables of variants, what comparing them says, and what to be careful about."""

from __future__ import annotations

from decimal import Decimal

from rich.console import Console
from rich.text import Text

from pipeline.experiments.results import Bounded, Comparison, ExperimentResult, ExperimentsDocument, VariantResult
from pipeline.rendering.fitted_table import FittedTable


def print_experiments(document: ExperimentsDocument, console: Console) -> None:
    """Prints each experiment; fits 80 columns."""
    if not document.experiments:
        console.print(Text("no run here was part of an experiment (kernelgate generate --experiment FILE)"))
    for number, one in enumerate(document.experiments):
        if number:
            console.print()
        _print(one, console)


def _print(experiment: ExperimentResult, console: Console) -> None:
    title = Text(experiment.name, "bold")
    console.print(
        title.append(f" ({experiment.digest[:12]}), {experiment.runs_per_variant} runs a variant", "not bold")
    )
    console.print()
    console.print(_outcomes(experiment))
    console.print()
    console.print(_costs(experiment))
    console.print()
    for comparison in experiment.comparisons:
        _print_comparison(comparison, console)
    for caution in experiment.cautions:
        console.print(Text(f"- {caution}", "yellow"))


def _outcomes(experiment: ExperimentResult) -> FittedTable:
    table = _table("runs", "stand", "rate", "95 % interval", "left out", "no end", "beyond")
    for one in experiment.variants:
        rate = "-" if one.rate is None else f"{one.rate.estimate:.1%}"
        interval = "-" if one.rate is None else _interval(one.rate, "{:.1%}")
        counts = (one.left_out_runs, one.unfinished, one.beyond_plan)
        table.add_row(Text(one.name), str(one.runs), str(one.successes), rate, interval, *map(_count, counts))
    return table


def _costs(experiment: ExperimentResult) -> FittedTable:
    table = _table("$ mean", "median", "a success", "tokens", "minutes", "p95", "first stands")
    for one in experiment.variants:
        money = (one.money.mean, one.money.median, one.money.per_success)
        table.add_row(Text(one.name), *map(_dollars, money), *_sizes(one))
    return table


def _sizes(variant: VariantResult) -> tuple[str, ...]:
    minutes = (None if one is None else one / 60 for one in (variant.wall_s, variant.wall_p95_s))
    tokens = "-" if variant.tokens is None else str(variant.tokens)
    first = "-" if variant.first_stands is None else f"attempt {variant.first_stands}"
    return tokens, *("-" if one is None else f"{one:.1f}" for one in minutes), first


def _print_comparison(comparison: Comparison, console: Console) -> None:
    level = f"{comparison.level * 100:.3g} %"
    strata = f" in {comparison.strata} strata" if comparison.strata > 1 else ""
    console.print(
        Text.assemble((comparison.variant, "bold"), " against ", (comparison.base, "bold"),
                      f": {comparison.runs} runs{strata}; {level} intervals")
    )  # fmt: skip
    rate = comparison.rate
    if rate is not None:
        points = Bounded(estimate=100 * rate.estimate, low=_percent(rate.low), high=_percent(rate.high))
        console.print(Text(f"  success rate {points.estimate:+.1f} points ({_interval(points, '{:+.1f}')})"))
    for name, ratio in (("cost", comparison.cost), ("time", comparison.time)):
        said = "not compared" if ratio is None else f"× {ratio.estimate:.3g} ({_interval(ratio, '{:.3g}')})"
        console.print(Text(f"  {name} of a run {said}"))
    console.print()


def _table(*columns: str) -> FittedTable:
    table = FittedTable()
    table.add_column("variant", overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", overflow="fold")
    return table


def _interval(bounded: Bounded, form: str) -> str:
    if bounded.low is None or bounded.high is None:
        return "too few runs for an interval"
    return f"{form.format(bounded.low)} to {form.format(bounded.high)}"


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction


def _count(number: int) -> str:
    return str(number) if number else "-"


def _dollars(usd: Decimal | None) -> str:
    return "unknown" if usd is None else f"{usd:.4f}"
