"""Whether the gate fell: what it says of labelled kernels, against what it said of them before. Pure.

A fall is a kernel that the gate is wrong about and was not wrong about before: a `wrong` one or a `hack` that passes, a
`right` or `honest` one that is denied, or that can't be decided any more. Rates are not compared: one kernel of four
hundred is no rate, and is what somebody has to look at.

Before means the newest measurement of the same corpus under a policy of the same name that decided about this kernel:
one that was interrupted, or was about another operator, hides nothing. A kernel that was never decided about has
nothing before it, and counts as one that the gate was right about: the first measurement of all tells of every error.
An error that the last measurement had, too, is known, and no fall; it is shown until it is mended.

Measurements are found in their run folders, by whomever they were made, the newest first. One that can't be read (of
another version, or damaged) is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from pipeline.corpus.labels import MUST_ALLOW, MUST_DENY
from pipeline.measuring.measurement import Measurement, Outcome, Row

MEASUREMENTS: Final = 30  # so many are looked through
FILE_CAP_BYTES: Final = 64 << 20
_FILE: Final = "measurement.json"
_RUN_ID: Final = re.compile(r"\d{8}-\d{6}-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Before:
    """What an earlier run decided about a kernel."""

    run: str
    row: Row


@dataclass(frozen=True, slots=True)
class Comparison:
    """A measurement beside those before it.

    Attributes:
        fallen: What is a fall, false accepts first.
        known: What the gate is wrong about as it was before, with the run that says so.
        mended: What it was wrong about before, and is not any more.
        unmeasured: What our side failed to measure.
    """

    fallen: tuple[Row, ...]
    known: tuple[Before, ...]
    mended: tuple[Row, ...]
    unmeasured: tuple[Row, ...]


def compare(measurement: Measurement, before: Mapping[str, Before]) -> Comparison:
    """Compares row by row; `before` is by the kernel's path."""
    fallen = [row for row in measurement.rows if _fell(row, before.get(row.path))]
    known = [
        before[row.path]
        for row in measurement.rows
        if row.missed and row.path in before and before[row.path].row.missed
    ]
    mended = [
        row
        for row in measurement.rows
        if row.path in before and before[row.path].row.missed and _is_decided(row) and not row.missed
    ]
    return Comparison(
        fallen=tuple(sorted(fallen, key=lambda row: row.label in MUST_ALLOW)),
        known=tuple(known),
        mended=tuple(mended),
        unmeasured=measurement.having(Outcome.UNMEASURED),
    )


def fall_in_words(row: Row) -> str:
    """Says what happened to a kernel that is a fall."""
    if row.label in MUST_DENY:
        return f"{row.path} ({row.label}) passes"
    what = "is denied" if row.outcome is Outcome.DENIED else "can't be decided any more"
    return f"{row.path} ({row.label}) {what}"


def decided_before(runs: Path, corpus: Path, policy: str) -> dict[str, Before]:
    """Finds the newest decision about each kernel.

    Args:
        runs: The folder of run folders; it need not exist.
        policy: The policy's name; another version of it counts, too.
    """
    found: dict[str, Before] = {}
    for measurement in _measurements(runs):
        if measurement.policy == policy and Path(measurement.corpus).resolve() == corpus.resolve():
            for row in measurement.rows:
                if _is_decided(row):
                    found.setdefault(row.path, Before(measurement.run, row))
    return found


def _fell(row: Row, before: Before | None) -> bool:
    if row.missed:
        return before is None or not before.row.missed
    was_allowed = before is not None and before.row.outcome is Outcome.ALLOWED
    return row.label in MUST_ALLOW and row.outcome is Outcome.INCONCLUSIVE and was_allowed


def _is_decided(row: Row) -> bool:
    return row.outcome in (Outcome.ALLOWED, Outcome.DENIED)


def _measurements(runs: Path) -> Iterator[Measurement]:
    try:
        names = sorted((path.name for path in runs.iterdir() if _RUN_ID.fullmatch(path.name)), reverse=True)
    except OSError:
        return
    files = [runs / name / _FILE for name in names if (runs / name / _FILE).is_file()]
    for file in files[:MEASUREMENTS]:
        try:
            if file.stat().st_size <= FILE_CAP_BYTES:
                yield Measurement.model_validate_json(file.read_bytes())
        except (OSError, ValidationError):
            continue
