"""What is counted of the runs of an experiment, what is compared, and what is said besides."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from experiment_runs import MENDED, RIGHT, WRONG, defined, terms, write_run
from generation_runs import OneRun, proposed

from pipeline.errors import UsageError
from pipeline.experiments.reading import read_experiments
from pipeline.experiments.results import Comparison, ExperimentResult, VariantResult
from pipeline.generation.assignment import Definition
from pipeline.generation.budgets import Limit
from pipeline.generation.exchange import Reason
from pipeline.generation.loop.course import End
from pipeline.generation.loop.documents import as_text, document_of
from pipeline.generation.loop.report import Finished, FinishedOperator
from pipeline.generation.loop.store import RunStore

TWO = defined(2)


def read(runs: Path, name: str | None = None) -> ExperimentResult:
    (one,) = read_experiments(runs, name, pytest.fail).experiments
    return one


def variant(runs: Path, name: str) -> VariantResult:
    return next(one for one in read(runs).variants if one.name == name)


def compared(runs: Path) -> Comparison:
    (comparison,) = read(runs).comparisons
    return comparison


def write_many(runs: Path, definition: Definition, name: str, count: int, successes: int, **about: object) -> None:
    for number in range(count):
        run = f"{name}-{number:03d}"
        stands = number < successes
        changes = {"attempts": (RIGHT,) if stands else (WRONG,), "reason": End.STANDS if stands else Limit.ROUNDS}
        write_run(runs, run, terms(definition, name, run), **(changes | about))  # type: ignore[arg-type]


def test_a_run_through_the_loop_is_read_with_what_it_used(tmp_path: Path) -> None:
    run = OneRun(tmp_path / "under way", [proposed("wrong"), proposed("right")])
    stopped = run.generation.run()
    drawn = terms(defined(1), "new", "r1")
    operator = FinishedOperator(drawn, stopped, run.generation.plans, run.generation.attempts)
    finished = Finished("r1", run.purse._budget, run.purse.used, 90.0, None, (operator,))
    (tmp_path / "runs/r1").mkdir(parents=True)
    (tmp_path / "runs/r1/generation.json").write_text(as_text(document_of(finished, tmp_path)))
    new = variant(tmp_path / "runs", "new")
    assert (new.runs, new.successes, new.first_stands) == (1, 1, 2)
    assert (new.tokens, new.wall_s) == (2 * 1420, 90.0)
    assert new.money.mean == run.purse.used.usd


@pytest.mark.parametrize("reason", [End.OUT_OF_STRATEGIES, Reason.OVER_BUDGET, *Limit])
def test_a_run_that_had_its_chance_is_a_failure(reason: End | Limit | Reason, tmp_path: Path) -> None:
    write_run(tmp_path, "r1", terms(TWO, "old", "r1"), attempts=(WRONG,), reason=reason)
    old = variant(tmp_path, "old")
    assert (old.runs, old.successes, old.left_out) == (1, 0, ())


@pytest.mark.parametrize(
    "reason", [End.UNMEASURED, End.NOT_THE_AUTHORS, *(one for one in Reason if one is not Reason.OVER_BUDGET)]
)
def test_a_run_that_our_side_a_provider_or_a_key_ended_is_neither(reason: End | Reason, tmp_path: Path) -> None:
    write_run(tmp_path, "r1", terms(TWO, "old", "r1"), attempts=(WRONG,), reason=reason)
    old = variant(tmp_path, "old")
    assert old.runs == 0
    assert old.rate is None
    assert [(one.reason, one.runs) for one in old.left_out] == [(reason.value, 1)]


def test_what_stands_is_a_success_whatever_ended_the_run_afterwards(tmp_path: Path) -> None:
    write_run(tmp_path, "r1", terms(TWO, "old", "r1"), attempts=MENDED, reason=Reason.OVERLOADED)
    assert variant(tmp_path, "old").successes == 1


def test_a_run_that_was_never_asked_anything_is_neither(tmp_path: Path) -> None:
    write_run(tmp_path, "r1", terms(TWO, "old", "r1"), attempts=(), reason=Reason.OVER_BUDGET)
    assert [one.reason for one in variant(tmp_path, "old").left_out] == ["nothing-was-asked"]


def test_a_failure_that_goes_on_until_it_stands_remains_a_failure(tmp_path: Path) -> None:
    drawn = terms(TWO, "old", "r1")
    write_run(tmp_path, "r1", drawn, attempts=(WRONG,), reason=Limit.ROUNDS, usd="1")
    write_run(tmp_path, "r2", drawn, attempts=MENDED, usd="9")
    old = variant(tmp_path, "old")
    assert (old.runs, old.successes, old.money.mean) == (1, 0, Decimal(1))


def test_what_decided_nothing_counts_once_it_has_gone_on(tmp_path: Path) -> None:
    drawn = terms(TWO, "old", "r1")
    write_run(tmp_path, "r1", drawn, attempts=(WRONG,), reason=Reason.OVERLOADED)
    write_run(tmp_path, "r2", drawn, attempts=MENDED)
    old = variant(tmp_path, "old")
    assert (old.runs, old.successes, old.left_out) == (1, 1, ())


def test_nothing_is_compared_before_the_plan_is_reached(tmp_path: Path) -> None:
    write_many(tmp_path, TWO, "old", 2, 1)
    write_many(tmp_path, TWO, "new", 1, 1)
    result = read(tmp_path)
    assert not result.is_readable
    assert result.comparisons == ()
    assert result.cautions == ("new: planned 2, has 1: not to be read yet",)
    write_run(tmp_path, "new-009", terms(TWO, "new", "new-009"))
    assert read(tmp_path).is_readable


def test_runs_beyond_the_plan_change_nothing(tmp_path: Path) -> None:
    for name in ("old", "new"):
        write_many(tmp_path, TWO, name, 2, 1)
    before = read(tmp_path)
    write_many(tmp_path, TWO, "zzz", 0, 0)
    for number in range(7):
        run = f"zzz-{number}"
        write_run(tmp_path, run, terms(TWO, "new", run))
    after = read(tmp_path)
    assert after.comparisons == before.comparisons
    assert after.variants[1].beyond_plan == 7
    assert after.variants[1].model_copy(update={"beyond_plan": 0}) == before.variants[1]


def test_a_run_without_an_end_is_counted_and_may_take_the_place_of_a_later_one(tmp_path: Path) -> None:
    definition = defined(1)
    for run, name in (("r1", "old"), ("r2", "new")):
        write_run(tmp_path, run, terms(definition, name, run))
    for run in ("r0", "r2", "r3"):  # the second has come to an end
        store = RunStore(tmp_path / "generation" / run / "relu")
        store.folder.mkdir(parents=True)
        store.agree(terms(definition, "new", run))
    result = read(tmp_path)
    assert [one.unfinished for one in result.variants] == [0, 2]
    (caution,) = result.cautions
    assert caution.startswith("new: runs without an end that were begun before the last that is counted: 1;")


def test_rates_costs_and_times_are_compared_with_intervals(tmp_path: Path) -> None:
    definition = defined(10)
    write_many(tmp_path, definition, "old", 10, 4, usd="2", seconds=100.0)
    write_many(tmp_path, definition, "new", 10, 9, usd="1", seconds=300.0)
    result, comparison = read(tmp_path), compared(tmp_path)
    assert (comparison.variant, comparison.base, comparison.level) == ("new", "old", 0.95)
    assert (comparison.runs, comparison.strata, comparison.alone) == (20, 1, 0)
    assert comparison.rate is not None
    assert comparison.rate.estimate == pytest.approx(0.5)
    assert comparison.rate.low is not None
    assert 0 < comparison.rate.low < 0.2
    assert comparison.cost is not None
    assert (comparison.cost.estimate, comparison.cost.low, comparison.cost.high) == (0.5, 0.5, 0.5)
    assert comparison.time is not None
    assert comparison.time.estimate == pytest.approx(3)
    assert [one.money.per_success for one in result.variants] == [Decimal(5), Decimal(10) / 9]
    assert result.variants[0].rate is not None
    assert result.variants[0].rate.low == pytest.approx(0.1216, abs=1e-4)
    assert result.cautions == ()


def test_each_run_is_compared_with_those_under_its_own_conditions(tmp_path: Path) -> None:
    definition = defined(12)
    for name, easy, hard in (("old", 2, 10), ("new", 10, 2)):
        for number in range(easy + hard):
            run, operator = f"{name}-{number:02d}", "relu" if number < easy else "matmul"
            stands = operator == "relu"
            write_run(tmp_path, run, terms(definition, name, run, operator), attempts=(RIGHT if stands else WRONG,),
                      reason=End.STANDS if stands else Limit.ROUNDS)  # fmt: skip
    comparison = compared(tmp_path)
    assert comparison.strata == 2
    assert comparison.rate is not None
    assert comparison.rate.estimate == 0
    (caution,) = read(tmp_path).cautions
    assert caution.startswith("runs differ in operator: 2 conditions")


@pytest.mark.parametrize(
    ("changes", "rounds", "named"),
    [
        ({"policy_digest": "e"}, 5, "policy"),
        ({"roles": ("author: a, b",)}, 5, "roles"),
        ({"knowledge": "e", "strategies": 3}, 5, "strategies, knowledge"),
        ({}, 6, "budget"),
    ],
)
def test_what_differs_is_named_and_runs_without_a_counterpart_are_counted(
    changes: dict[str, object], rounds: int, named: str, tmp_path: Path
) -> None:
    for name in ("old", "new"):
        write_many(tmp_path, TWO, name, 1, 1)
    for run, name, more, budget in (("old-8", "old", {}, 5), ("new-8", "new", changes, rounds)):
        write_run(tmp_path, run, terms(TWO, name, run, **more), rounds=budget)
    result = read(tmp_path)
    assert result.cautions == (
        f"runs differ in {named}: 2 conditions; each run is compared with those under its own",
        "new against old: runs without any to be compared with under the same conditions: 1",
    )
    assert (result.comparisons[0].runs, result.comparisons[0].alone) == (3, 1)


def test_where_no_conditions_are_shared_nothing_is_said_of_a_difference(tmp_path: Path) -> None:
    write_many(tmp_path, TWO, "old", 2, 1)
    write_many(tmp_path, TWO, "new", 2, 1, rounds=9)
    comparison = compared(tmp_path)
    assert (comparison.rate, comparison.cost, comparison.time, comparison.alone) == (None, None, None, 4)


def test_operators_of_one_run_share_its_budget_and_that_is_said(tmp_path: Path) -> None:
    definition = defined(1)
    write_run(tmp_path, "r1", terms(definition, "old", "r1"), terms(definition, "new", "r1", "gelu"))
    result = read(tmp_path)
    assert "share a budget" in result.cautions[-1]
    assert [one.tokens for one in result.variants] == [0, 0]  # what their own records say, not the run's 1000


def test_much_that_is_left_out_and_costs_that_nobody_knows_are_said(tmp_path: Path) -> None:
    for name in ("old", "new"):
        write_many(tmp_path, TWO, name, 2, 1, usd=None if name == "new" else "0")
    write_run(tmp_path, "r9", terms(TWO, "old", "r9"), attempts=(WRONG,), reason=End.UNMEASURED)
    result = read(tmp_path)
    assert result.cautions == (
        "old: neither success nor failure, hence left out: unmeasured 1; so many that the others may not be typical",
        "new: runs whose cost is unknown, and left out of the sums: 2",
    )
    assert result.variants[1].money.mean is None
    assert result.comparisons[0].cost is None


def test_several_variants_are_compared_with_the_first_at_a_level_that_holds_for_all(tmp_path: Path) -> None:
    definition = defined(2, "a", "b", "c")
    for name in "abc":
        write_many(tmp_path, definition, name, 2, 1)
    comparisons = read(tmp_path).comparisons
    assert [(one.variant, one.base, one.level) for one in comparisons] == [("b", "a", 0.975), ("c", "a", 0.975)]


def test_an_experiment_that_was_changed_is_another_one_of_the_same_name(tmp_path: Path) -> None:
    write_run(tmp_path, "r1", terms(defined(2), "old", "r1"))
    write_run(tmp_path, "r2", terms(defined(3), "old", "r2"))
    both = read_experiments(tmp_path, "tone", pytest.fail).experiments
    assert {(one.runs_per_variant, one.variants[0].runs) for one in both} == {(2, 1), (3, 1)}
    assert len({one.digest for one in both}) == 2


def test_a_name_that_there_is_not_is_said_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no experiment 'tune' in .*; there are: none"):
        read_experiments(tmp_path, "tune", pytest.fail)
    write_run(tmp_path, "r1", terms(TWO, "old", "r1"))
    with pytest.raises(UsageError, match="there are: tone"):
        read_experiments(tmp_path, "tune", pytest.fail)


def test_a_damaged_document_is_said_and_left_out(tmp_path: Path) -> None:
    write_run(tmp_path, "r1", terms(TWO, "old", "r1"))
    damaged = write_run(tmp_path, "r2", terms(TWO, "old", "r2"))
    damaged.write_text(damaged.read_text()[:-30])
    (tmp_path / "generation/r3/relu").mkdir(parents=True)
    (tmp_path / "generation/r3/relu/terms.json").write_text("{}")
    said: list[str] = []
    (result,) = read_experiments(tmp_path, None, said.append).experiments
    assert result.variants[0].runs == 1
    assert len(said) == 2
    assert all("\n" not in line and "is damaged" in line for line in said)


def test_runs_outside_of_experiments_are_none(tmp_path: Path) -> None:
    write_run(tmp_path, "r1", terms(TWO, "old", "r1", experiment=None))
    assert read_experiments(tmp_path, None, pytest.fail).experiments == ()
