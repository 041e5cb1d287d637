"""Every table at 40, 60, 80 and 200 columns: all of it is there, nothing is too wide, nothing squeezed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from io import StringIO
from itertools import groupby
from pathlib import Path

import pytest
from experiment_runs import WRONG, defined, terms, write_run
from lesson_runs import leave_run
from report_runs import POLICY, entry, facts, mixed, wrong
from rich.cells import cell_len
from rich.console import Console

from pipeline.attestation.verifying import Verified
from pipeline.corpus.labels import MUST_ALLOW, MUST_DENY
from pipeline.experiments.reading import read_experiments
from pipeline.generation.lessons.ranking import lessons_document
from pipeline.generation.lessons.reading import read_runs
from pipeline.measuring.measurement import Measurement, Outcome, Row, costs, count_errors, denied_by, first_kill
from pipeline.rendering.attest import print_verified
from pipeline.rendering.console import GuardedConsole
from pipeline.rendering.experiments import print_experiments
from pipeline.rendering.fitted_table import FOLDED, FittedTable
from pipeline.rendering.judge import print_rejudgement
from pipeline.rendering.lessons import print_lessons
from pipeline.rendering.measure import print_measurement
from pipeline.rendering.operators import print_operators
from pipeline.rendering.policy import print_differences
from pipeline.rendering.results import print_run
from pipeline.rendering.rules import print_rules
from pipeline.rendering.signs import print_signs
from pipeline.runs.rejudging import Rejudged, Rejudgement
from pipeline.runs.stored import StoredRun
from pipeline.status.doctor import Sign
from policies.policy import Tier, load_policy
from policies.rules import RULES
from policies.verdict import Finding
from runners.operators import OPERATORS

WIDTHS = (40, 60, 80, 200)
LONG = "kernels/" + "核" * 30 + "/a_long_name_of_a_softmax_kernel.py"
SEEN = datetime(2026, 11, 30, 4, 10, tzinfo=UTC)


def verify(console: Console, folder: Path) -> None:
    run = mixed()
    print_run(
        type(run)(run.id, run.folder, run.policy, (*run.judged, entry(LONG, denied=facts(("source/no-launch", 3))))),
        console,
    )


def judge(console: Console, folder: Path) -> None:
    entries = tuple(Rejudged(f"{number:03d}-k", one, one.verdict) for number, one in enumerate(mixed().judged))
    print_rejudgement(Rejudgement(StoredRun(Path("runs/r"), POLICY, ()), POLICY, entries), console)


def measure(console: Console, folder: Path) -> None:
    said = Finding(rule="properties/raised", severity="error", message="ValueError: what was given is not a tensor")
    rows = tuple(
        Row(
            path=LONG, label=label, operator="fused_add_rms_norm", defect_class="mask", visible=None, outcome=outcome,
            tier=Tier.REJECTED if outcome is Outcome.DENIED else Tier.FUNCTIONAL, findings=(said,), case=None,
            case_id=None, reason_fits=True, wall_s=2.0, failed_at=1, note=None,
        )
        for label, outcome in (("wrong", Outcome.ALLOWED), ("right", Outcome.DENIED))
    )  # fmt: skip
    measured = Measurement(
        corpus="corpus", policy="ci", policy_digest="0", seed=None, run="r", folder="runs/r", interrupted=False,
        exit_code=1, false_accepts=count_errors(rows, MUST_DENY), false_denials=count_errors(rows, MUST_ALLOW),
        first_kill=first_kill(rows), denied_by=denied_by(rows), cost=costs(rows), unlabelled=(), notes=(), rows=rows,
    )  # fmt: skip
    print_measurement(measured, console)


def doctor(console: Console, folder: Path) -> None:
    print_signs(
        [
            Sign("engine", False, "no container engine answers at unix:///var/run/docker.sock", "make engine"),
            Sign("gpu", False, "none", "production-safe needs an NVIDIA GPU", needed=False),
            Sign("torch", True, "2.11"),
        ],
        console,
    )


def lessons(console: Console, folder: Path) -> None:
    leave_run(folder, "20200100-000000-00000000", {"relu": ["denied reduce_max", "early; nan", "short", "right"]})
    print_lessons(lessons_document(read_runs(folder)), Path("runs"), console)


def experiments(console: Console, folder: Path) -> None:
    definition = defined(6, "as-it-is", "a-shorter-contract")
    for number in range(12):
        name = definition.variants[number % 2].name
        fails = {"attempts": (WRONG,)} if number % 3 == 0 else {}
        write_run(folder, f"r{number:02d}", terms(definition, name, f"r{number:02d}"), **fails)  # type: ignore[arg-type]
    print_experiments(read_experiments(folder, None, str), console)


def attest(console: Console, folder: Path) -> None:
    print_verified(
        [
            Verified("001-softmax-right_block", None, "functional", True, "3f2a91c04d1e55", SEEN),
            Verified("002-softmax-wrong", "evidence.json is not the one that was signed", "functional", False, "3f"),
        ],
        console,
    )  # fmt: skip


# What each printer must show in one piece at any width: words that carry its meaning without colour.
PRINTERS: dict[str, tuple[Callable[[Console, Path], None], Sequence[str]]] = {
    "verify": (verify, ("functional", "rejected", "inconclusive", "kernels/denied.py", "(waived)")),
    "judge": (judge, ("functional", "rejected", "inconclusive", "kernels/denied.py")),
    "measure": (measure, ("false accepts", "misses", "properties/raised", "inconclusive")),
    "doctor": (doctor, ("engine", "lack", "ok", "make engine", "torch")),
    "policy diff": (
        lambda console, _: print_differences(load_policy("dev"), load_policy("ci"), console), ("stricter", "ci"),
    ),
    "lessons": (lessons, ("properties/nonfinite", "attempts failed")),
    "experiments": (experiments, ("as-it-is", "a-shorter-contract", "interval")),
    "attest": (attest, ("yes", "no", "3f2a91c04d1e", "1 of 2 are believed", "2026-11-30")),
    "rules": (lambda console, _: print_rules(tuple(RULES.values()), console), ("source/hook", "memory/device-fault")),
    "operators": (lambda console, _: print_operators(console, OPERATORS), ("fused_add_rms_norm", "bfloat16")),
}  # fmt: skip


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PRINTERS)
def test_a_table_can_be_read_at_any_width(name: str, width: int, tmp_path: Path) -> None:
    screen = StringIO()
    printer, words = PRINTERS[name]
    printer(GuardedConsole(file=screen, width=width, color_system=None), tmp_path)
    text = screen.getvalue()
    assert "\x1b" not in text
    lines = text.splitlines()
    commands = ("replay the first", "what a rule means", "the other")  # these are broken by the terminal itself
    assert [line for line in lines if cell_len(line.rstrip()) > width and not line.startswith(commands)] == []
    assert name == "operators" or "…" not in text  # nothing is cut off; operators' summaries have some of their own
    squeezed = [len(list(run)) for narrow, run in groupby(lines, lambda line: 0 < len(line.strip()) <= 3) if narrow]
    assert max(squeezed, default=0) < 4, text
    assert [word for word in words if word not in text] == []


def table(*values: str) -> FittedTable:
    made = FittedTable("path", "what")
    made.add_row(*values)
    return made


def shown(made: FittedTable, width: int) -> list[str]:
    screen = StringIO()
    GuardedConsole(file=screen, width=width).print(made)
    return [line.rstrip() for line in screen.getvalue().splitlines()]


def test_the_form_changes_where_a_column_would_be_squeezed() -> None:
    given = ("a" * 30, "b" * 30)
    enough = 2 * FOLDED + 2
    assert shown(table(*given), enough)[0].split() == ["path", "what"]
    assert shown(table(*given), enough - 1)[:3] == ["path", "a" * 30, f"  what: {'b' * 30}"]


def test_wide_characters_count_twice() -> None:
    assert table("核" * 12, "x").fits(24 + 2 + 4)
    assert not table("核" * 12, "x").fits(24 + 2 + 3)
    assert [cell_len(line) <= 20 for line in shown(table("核" * 40, "x"), 20)].count(False) == 0


def test_an_escape_in_a_cell_is_no_escape_in_a_block() -> None:
    lines = shown(table("a\x1b[2J\x9b" + "a" * 40, "::error::x" + "b" * 40), 30)
    assert not [line for line in lines if "\x1b" in line or "\x9b" in line or line.lstrip().startswith("::")]


def test_markup_in_a_text_of_a_block_is_text() -> None:
    assert "  what: [0, 1] [red]x" in shown(table("a" * 30, "[0, 1] [red]x"), 25)


def test_a_failing_case_is_no_longer_than_a_dozen_lines() -> None:
    screen = StringIO()
    print_run(mixed(), GuardedConsole(file=screen, width=80))
    text = screen.getvalue()
    block = text[text.index("first failing case: ") :].splitlines()
    assert len(block) <= 12
    assert wrong().case.id in text
