from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.corpus.labels import Label
from pipeline.measuring.measurement import Measurement, Outcome, Row, count_errors
from pipeline.scheduled.falling import Before, compare, decided_before, fall_in_words

ALLOWED, DENIED = Outcome.ALLOWED, Outcome.DENIED
INCONCLUSIVE, UNMEASURED = Outcome.INCONCLUSIVE, Outcome.UNMEASURED


def row(label: Label, outcome: Outcome, path: str = "k.py") -> Row:
    return Row(
        path=path, label=label, operator="relu", defect_class=None, visible=None, outcome=outcome, tier=None,
        findings=(), case=None, case_id=None, reason_fits=True, wall_s=1.0, failed_at=None, note=None,
    )  # fmt: skip


def measured(rows: Sequence[Row], run: str = "20261130-070848-00000001", **changes: object) -> Measurement:
    given = {
        "corpus": "corpus", "policy": "ci", "policy_digest": "d", "seed": None, "run": run, "folder": "f",
        "interrupted": False, "exit_code": 0, "false_accepts": count_errors(rows, ("wrong", "hack")),
        "false_denials": count_errors(rows, ("right", "honest")), "first_kill": None, "denied_by": (), "cost": (),
        "unlabelled": (), "notes": (), "rows": tuple(rows),
    }  # fmt: skip
    return Measurement.model_validate(given | changes)


@pytest.mark.parametrize(
    ("label", "before", "now", "falls"),
    [
        ("wrong", DENIED, ALLOWED, True),
        ("hack", INCONCLUSIVE, ALLOWED, True),
        ("wrong", None, ALLOWED, True),
        ("wrong", ALLOWED, ALLOWED, False),
        ("wrong", ALLOWED, DENIED, False),
        ("wrong", DENIED, INCONCLUSIVE, False),
        ("wrong", DENIED, UNMEASURED, False),
        ("right", ALLOWED, DENIED, True),
        ("honest", None, DENIED, True),
        ("right", DENIED, DENIED, False),
        ("right", ALLOWED, INCONCLUSIVE, True),
        ("right", None, INCONCLUSIVE, False),
        ("right", DENIED, INCONCLUSIVE, False),
        ("right", ALLOWED, ALLOWED, False),
        ("right", ALLOWED, UNMEASURED, False),
    ],
)
def test_a_fall_is_an_error_that_was_not_there_before(
    label: Label, before: Outcome | None, now: Outcome, falls: bool
) -> None:
    earlier = {} if before is None else {"k.py": Before("r", row(label, before))}
    found = compare(measured([row(label, now)]), earlier)
    assert bool(found.fallen) == falls
    assert bool(found.unmeasured) == (now is UNMEASURED)


def test_a_known_error_is_shown_with_its_run_and_a_mended_one_too() -> None:
    before = {
        "k.py": Before("r1", row("wrong", ALLOWED)),
        "l.py": Before("r2", row("right", DENIED, "l.py")),
    }
    found = compare(measured([row("wrong", ALLOWED), row("right", ALLOWED, "l.py")]), before)
    assert (found.fallen, [one.run for one in found.known], [one.path for one in found.mended]) == (
        (),
        ["r1"],
        ["l.py"],
    )


def test_false_accepts_come_first_and_are_said_in_words() -> None:
    found = compare(measured([row("right", DENIED), row("hack", ALLOWED, "h.py")]), {})
    assert [fall_in_words(one) for one in found.fallen] == ["h.py (hack) passes", "k.py (right) is denied"]


def test_what_was_decided_before_is_the_newest_decision_about_each_kernel(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    runs = tmp_path / "runs"
    stored = {
        "20261130-070848-00000001": measured([row("wrong", DENIED), row("right", ALLOWED, "l.py")]),
        "20261130-070849-00000002": measured([row("wrong", ALLOWED), row("right", UNMEASURED, "l.py")]),
        "20261130-070850-00000003": measured([row("wrong", DENIED)], policy="dev"),
        "20261130-070851-00000004": measured([row("wrong", DENIED)], corpus=str(tmp_path / "other")),
        "20261130-070852-00000005": None,
        "no run": measured([row("wrong", DENIED)]),
    }
    for name, measurement in stored.items():
        (runs / name).mkdir(parents=True)
        if measurement is None:
            (runs / name / "measurement.json").write_text("{}")
            continue
        at = str(corpus) if measurement.corpus == "corpus" else measurement.corpus
        text = measurement.model_copy(update={"run": name, "corpus": at}).model_dump_json()
        (runs / name / "measurement.json").write_text(text)
    found = decided_before(runs, corpus, "ci")
    assert {path: (one.run[-1], one.row.outcome) for path, one in found.items()} == {
        "k.py": ("2", ALLOWED), "l.py": ("1", ALLOWED),
    }  # fmt: skip
    assert decided_before(tmp_path / "none", corpus, "ci") == {}
