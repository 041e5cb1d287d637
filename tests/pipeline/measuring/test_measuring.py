from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from candidate_sources import candidate
from rich.console import Console

import pipeline.measuring.measure
from pipeline.corpus.reading import read_corpus
from pipeline.errors import LabelsError, UsageError
from pipeline.gate.judged import Judged
from pipeline.measuring.measure import Selection, choose, measure_corpus, measurement_as_json, warnings_of
from pipeline.measuring.measurement import Measurement, Outcome
from pipeline.rendering.measure import print_measurement, summary
from pipeline.settings import Settings
from pipeline.verification.verify import Item, Listener, Options
from policies.policy import Policy, Tier, load_policy
from policies.verdict import Finding, Verdict
from runners.evidence import Evidence, Missing, MutantsEvidence

POLICY = load_policy("ci")
RULE = {Tier.REJECTED: "properties/raised", Tier.INCONCLUSIVE: "evidence/properties-missing"}


class Quiet:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.notes.append(text)

    def check(self, path: str, name: str) -> None: ...

    def case(self, path: str, done: int, planned: int) -> None: ...

    def mutant(self, path: str, done: int, planned: int) -> None: ...

    def judged(self, path: str, judged: Judged) -> None: ...


MUTANTS = MutantsEvidence(
    seed=1, possible=1, denied=0, inconclusive=0, killed=0, killed_by={}, first_kills=(), survivors=(),
    deadline_spent=False, wall_s=1.5,
)  # fmt: skip


def verdict_on(item: Item, tier: Tier, *, ours: bool = False) -> Judged:
    severity = "error" if tier is Tier.REJECTED else "incomplete"
    findings = (Finding(rule=RULE[tier], severity=severity, message="said"),) if tier in RULE else ()
    verdict = Verdict(
        tier=tier, allowed=tier is Tier.FUNCTIONAL, policy="ci", policy_digest="p", evidence_digest="e",
        findings=findings,
    )  # fmt: skip
    evidence = Evidence(
        candidate=item.facts, operator_digest=None, source=(), environment=None, isolation=None,
        properties=Missing(reason="the engine went away", ours=ours), mutants=MUTANTS,
    )  # fmt: skip
    return Judged(item.source, evidence, verdict)


class Gate:
    """Stands for the real one: `tiers` by file name, what `ends` it early, which files are our own failure."""

    def __init__(self, tiers: dict[str, Tier], *, ours: str = "", ends: BaseException | None = None) -> None:
        self.tiers, self.ours, self.ends = tiers, ours, ends

    def __call__(
        self, items: Sequence[Item], policy: Policy, settings: Settings, options: Options, listener: Listener
    ) -> None:
        for item in items:
            name = Path(item.facts.path).name
            if name in self.tiers:
                listener.judged(item.facts.path, verdict_on(item, self.tiers[name], ours=name == self.ours))
        if self.ends is not None:
            raise self.ends


LABELS = """
["a.py"]
label = "right"
operator = "relu"
["b.py"]
label = "wrong"
class = "mask"
operator = "relu"
finding = "properties/nonfinite"
["c.py"]
label = "hack"
operator = "relu"
visible = false
["d.py"]
label = "honest"
operator = "relu"
"""
A, B, C, D = "a.py", "b.py", "c.py", "d.py"
FUNCTIONAL, REJECTED, INCONCLUSIVE = Tier.FUNCTIONAL, Tier.REJECTED, Tier.INCONCLUSIVE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "labels.toml").write_text(LABELS)
    for name in (A, B, C, D):
        (corpus / name).write_text(candidate())
    return corpus


def measured(folder: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch, listener: Quiet | None = None) -> Measurement:
    monkeypatch.setattr(pipeline.measuring.measure, "verify_items", gate)
    corpus = read_corpus(folder)
    settings = dataclasses.replace(Settings.resolve(), runs=folder.parent / "runs")
    return measure_corpus(corpus, choose(corpus, Selection()), POLICY, settings, Options(), listener or Quiet())


def printed(measurement: Measurement) -> str:
    console = Console(file=io.StringIO(), width=200, highlight=False)
    print_measurement(measurement, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_what_fits_its_label_is_no_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measurement = measured(folder, Gate({A: FUNCTIONAL, B: REJECTED, C: REJECTED, D: FUNCTIONAL}), monkeypatch)
    assert (measurement.exit_code, measurement.misses) == (0, ())
    assert [row.outcome for row in measurement.rows] == ["allowed", "denied", "denied", "allowed"]
    assert [row.wall_s for row in measurement.rows] == [1.5] * 4
    assert "4 candidates, 0 false accepts of 2 (0.00% to 84.19%), 0 false denials of 2" in printed(measurement)


def test_misses_are_listed_with_their_finding(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measurement = measured(folder, Gate({A: REJECTED, B: FUNCTIONAL, C: REJECTED, D: FUNCTIONAL}), monkeypatch)
    assert measurement.exit_code == 1
    assert [row.path for row in measurement.misses] == [B, A]
    shown = printed(measurement)
    assert "properties/raised: said" in shown
    assert "1 false accepts of 2" in shown
    assert "1 false denials of 2" in shown
    assert "part held-out" in shown


def test_a_denial_for_another_reason_than_the_labels_is_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measurement = measured(folder, Gate({A: FUNCTIONAL, B: REJECTED, C: REJECTED, D: FUNCTIONAL}), monkeypatch)
    assert [row.path for row in measurement.rows if not row.reason_fits] == [B]
    assert "denied for another reason than the label's" in printed(measurement)


def test_inconclusive_and_our_own_failures_are_apart(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate({A: INCONCLUSIVE, B: INCONCLUSIVE, C: REJECTED, D: FUNCTIONAL}, ours=A)
    measurement = measured(folder, gate, monkeypatch)
    assert measurement.exit_code == 3
    assert [row.path for row in measurement.having(Outcome.INCONCLUSIVE)] == [B]
    assert [(row.path, row.note) for row in measurement.having(Outcome.UNMEASURED)] == [(A, "the engine went away")]
    assert measurement.misses == ()


def test_an_interrupt_keeps_what_was_measured(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measurement = measured(folder, Gate({A: FUNCTIONAL, B: REJECTED}, ends=KeyboardInterrupt()), monkeypatch)
    assert measurement.interrupted
    assert measurement.exit_code == 3
    assert [row.path for row in measurement.having(Outcome.UNMEASURED)] == [C, D]
    assert summary(measurement).startswith("interrupted: 4 candidates")
    assert len(list(Path(measurement.folder).glob("*/candidate.py"))) == 2


def test_a_bug_on_one_file_leaves_the_others_standing_and_is_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = Quiet()
    gate = Gate({A: FUNCTIONAL, B: REJECTED, C: REJECTED}, ends=ZeroDivisionError("ours"))
    measurement = measured(folder, gate, monkeypatch, quiet)
    assert (measurement.exit_code, measurement.interrupted) == (3, False)
    assert [row.path for row in measurement.having(Outcome.UNMEASURED)] == [D]
    assert any("ZeroDivisionError: ours" in note for note in quiet.notes)


@pytest.mark.parametrize("end", [KeyboardInterrupt(), ZeroDivisionError("ours")])
def test_where_nothing_was_measured_the_reason_is_raised(
    folder: Path, monkeypatch: pytest.MonkeyPatch, end: BaseException
) -> None:
    with pytest.raises(type(end)):
        measured(folder, Gate({}, ends=end), monkeypatch)


def test_the_json_is_the_stored_file_and_reads_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measurement = measured(folder, Gate({A: FUNCTIONAL, B: REJECTED, C: REJECTED, D: FUNCTIONAL}), monkeypatch)
    text = measurement_as_json(measurement)
    assert (Path(measurement.folder) / "measurement.json").read_text() == text
    assert Measurement.model_validate_json(text) == measurement
    assert json.loads(text)["rows"][1]["defect_class"] == "mask"


def test_a_selection_leaves_what_it_names(folder: Path) -> None:
    corpus = read_corpus(folder)
    assert [kernel.path.name for kernel in choose(corpus, Selection(labels=("hack", "right")))] == [A, C]
    assert len(choose(corpus, Selection(operators=("relu",)))) == 4
    with pytest.raises(UsageError, match="no labelled file"):
        choose(corpus, Selection(operators=("softmax",)))


def relabel(folder: Path, old: str, new: str) -> None:
    text = (folder / "labels.toml").read_text()
    assert old in text
    (folder / "labels.toml").write_text(text.replace(old, new, 1))


def test_a_labelled_operator_that_nobody_knows_is_refused(folder: Path) -> None:
    relabel(folder, '"relu"', '"hardswish"')
    with pytest.raises(LabelsError, match="'hardswish' is not an operator; --operators DIR brings others"):
        choose(read_corpus(folder), Selection())


def test_a_header_that_names_another_operator_is_refused_but_for_a_hack(folder: Path) -> None:
    (folder / C).write_text(candidate().replace('"relu"', '"gelu"'))
    assert len(choose(read_corpus(folder), Selection())) == 4
    (folder / B).write_text(candidate().replace('"relu"', '"gelu"'))
    with pytest.raises(LabelsError, match="labelled 'relu', but its header says 'gelu'"):
        choose(read_corpus(folder), Selection())


def test_a_label_without_an_operator_takes_the_headers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    relabel(folder, 'operator = "relu"\n', "")
    (folder / A).write_text(candidate().replace('"relu"', '"gelu"'))
    measurement = measured(folder, Gate(dict.fromkeys((A, B, C, D), REJECTED)), monkeypatch)
    assert [row.operator for row in measurement.rows] == ["gelu", "relu", "relu", "relu"]


def test_what_is_not_measured_is_said_before(folder: Path) -> None:
    (folder / "extra.py").write_text("x = 1\n")
    (folder / "apart").mkdir()
    (folder / "apart" / "labels.toml").write_text("")
    (folder / "apart" / "policy.yaml").write_text("extends: ci\n")
    said = " | ".join(warnings_of(read_corpus(folder)))
    assert "1 Python file has no label" in said
    assert "extra.py" in said
    assert "has a policy of its own" in said
