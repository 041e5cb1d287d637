from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.demo import demo_items
from pipeline.errors import LabelsError
from pipeline.labels import BUNDLED, Labelled, read_labels
from pipeline.settings import Settings
from policies.policy import Tier
from policies.verdict import Finding, Verdict
from runners.candidate import Candidate, read_candidate

SETTINGS = Settings.resolve()
FOLDER = SETTINGS.project / BUNDLED


def verdict(tier: Tier, *rules: str) -> Verdict:
    findings = tuple(Finding(rule=rule, severity="error", message="said") for rule in rules)
    return Verdict(
        tier=tier,
        allowed=tier is Tier.FUNCTIONAL,
        policy="ci",
        policy_digest="p",
        evidence_digest="e",
        findings=findings,
    )


def labels(folder: Path, text: str) -> tuple[Labelled, ...]:
    (folder / "labels.toml").write_text(text)
    for name in ("a.py", "b.py"):
        (folder / name).write_text("x = 1\n")
    return read_labels(folder)


RIGHT = '["a.py"]\nlabel = "right"\noperator = "relu"\n'
WRONG = '["a.py"]\nlabel = "wrong"\noperator = "relu"\nclass = "mask"\n'
HONEST = '["a.py"]\nlabel = "honest"\noperator = "relu"\nallow = ["functional", "inconclusive"]\n'
WRONG_VALUES = 'finding = ["properties/wrong-values", "properties/nonfinite"]\n'


@pytest.mark.parametrize(
    ("text", "given", "matches"),
    [
        (RIGHT, verdict(Tier.FUNCTIONAL), True),
        (RIGHT, verdict(Tier.INCONCLUSIVE, "evidence/unsupported"), False),
        (RIGHT, verdict(Tier.REJECTED, "properties/raised"), False),
        (WRONG, verdict(Tier.REJECTED, "properties/raised"), True),
        (WRONG, verdict(Tier.FUNCTIONAL), False),
        (WRONG, verdict(Tier.INCONCLUSIVE, "evidence/unsupported"), False),
        (WRONG + WRONG_VALUES, verdict(Tier.REJECTED, "properties/nonfinite", "properties/raised"), True),
        (WRONG + WRONG_VALUES, verdict(Tier.REJECTED, "properties/raised", "properties/nonfinite"), False),
        (WRONG + 'finding = "properties/raised"\n', verdict(Tier.REJECTED, "properties/raised"), True),
        (HONEST, verdict(Tier.INCONCLUSIVE, "evidence/unsupported"), True),
        (HONEST, verdict(Tier.FUNCTIONAL), True),
        (HONEST, verdict(Tier.REJECTED, "properties/raised"), False),
    ],
)
def test_a_label_matches_its_verdict_for_its_reason_only(
    tmp_path: Path, text: str, given: Verdict, matches: bool
) -> None:
    (labelled,) = labels(tmp_path, text)
    assert labelled.matches(given) is matches


def test_labels_keep_their_order_and_say_where_the_file_is(tmp_path: Path) -> None:
    read = labels(tmp_path, RIGHT.replace("a.py", "b.py") + "demo = true\n" + WRONG)
    assert [labelled.path for labelled in read] == [tmp_path / "b.py", tmp_path / "a.py"]
    assert [labelled.demo for labelled in read] == [True, False]
    assert [labelled.defect for labelled in read] == [None, "mask"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("not toml", "labels.toml"),
        (RIGHT + 'colour = "blue"\n', "a.py.colour"),
        (RIGHT.replace('"right"', '"fine"'), "a.py.label"),
        (RIGHT + "demo = 1\n", "a.py.demo"),
        (RIGHT + 'finding = "properties/raised"\n', "for wrong kernels"),
        (RIGHT + 'allow = ["functional"]\n', "for honest kernels"),
        (HONEST.replace("functional", "fine"), "a.py.allow"),
        (HONEST.partition("allow")[0], "for honest kernels"),
        (WRONG + 'finding = "properties/no-such"\n', "is not a rule"),
        (RIGHT.replace("a.py", "missing.py"), "missing.py, which is not there"),
    ],
)
def test_labels_that_can_not_be_used_are_refused_with_the_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(LabelsError, match=says):
        labels(tmp_path, text)


def test_missing_labels_are_said(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match="can't be read"):
        read_labels(tmp_path)


def test_every_bundled_kernel_is_labelled() -> None:
    unlabelled = set(FOLDER.rglob("*.py")) - {labelled.path for labelled in read_labels(FOLDER)}
    assert unlabelled == set()


def test_every_bundled_kernel_is_a_candidate_for_the_labelled_operator() -> None:
    for labelled in read_labels(FOLDER):
        candidate = read_candidate(labelled.path)
        assert isinstance(candidate, Candidate), labelled.path
        assert candidate.operator.name == labelled.operator, labelled.path


def test_the_demo_shows_right_and_wrong_kernels_of_at_least_three_operators() -> None:
    shown = demo_items(SETTINGS)
    assert 10 <= len(shown) <= 16
    assert {"right", "wrong"} <= {labelled.label for labelled in shown}
    assert len({labelled.operator for labelled in shown}) >= 3
