from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.corpus.labels import Labelled, LabelsFile, read_labels
from pipeline.corpus.reading import BUNDLED
from pipeline.errors import LabelsError
from pipeline.measuring.demo import demo_items
from pipeline.settings import Settings
from policies.policy import Tier
from policies.verdict import Finding, Verdict
from runners.cases import Case, TensorPlan

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


def read(folder: Path, text: str) -> LabelsFile:
    (folder / "labels.toml").write_text(text)
    (folder / "deep").mkdir(exist_ok=True)
    for name in ("a.py", "b.py", "deep/c.py"):
        (folder / name).write_text("x = 1\n")
    return read_labels(folder)


def labels(folder: Path, text: str) -> tuple[Labelled, ...]:
    return read(folder, text).labelled


RIGHT = '["a.py"]\nlabel = "right"\noperator = "relu"\n'
WRONG = '["a.py"]\nlabel = "wrong"\noperator = "relu"\nclass = "mask"\n'
HONEST = '["a.py"]\nlabel = "honest"\noperator = "relu"\nallow = ["functional", "inconclusive"]\n'
HACK = '["a.py"]\nlabel = "hack"\noperator = "relu"\nclass = "reads the clock"\n'
CASE = Case(
    operator="relu",
    form="vector",
    dtype="float32",
    sizes={"N": 2},
    scalars={},
    tensors={"x": TensorPlan(values="unit", special="none", position="first", layout="contiguous")},
    seed=(1 << 64) - 1,
)
WITNESS = f"witness = '{CASE.model_dump_json()}'\n"
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
        (HONEST.partition("allow")[0], verdict(Tier.FUNCTIONAL), True),
        (HONEST.partition("allow")[0], verdict(Tier.INCONCLUSIVE, "evidence/unsupported"), False),
        (HACK, verdict(Tier.REJECTED, "source/import-not-allowed"), True),
        (HACK, verdict(Tier.FUNCTIONAL), False),
    ],
)
def test_a_label_matches_its_verdict_for_its_reason_only(
    tmp_path: Path, text: str, given: Verdict, matches: bool
) -> None:
    (labelled,) = labels(tmp_path, text)
    assert labelled.matches(given) is matches


def test_labels_keep_their_order_and_say_where_the_file_is(tmp_path: Path) -> None:
    found = labels(tmp_path, RIGHT.replace("a.py", "b.py") + "demo = true\n" + WRONG)
    assert [labelled.path for labelled in found] == [tmp_path / "b.py", tmp_path / "a.py"]
    assert [labelled.demo for labelled in found] == [True, False]
    assert [labelled.defect for labelled in found] == [None, "mask"]


@pytest.mark.parametrize(
    ("table", "file"),
    [
        ('["a.py"]', "a.py"),
        ("[a.py]", "a.py"),
        ("[a]", "a.py"),
        ('["./a.py"]', "a.py"),
        ('["deep/c.py"]', "deep/c.py"),
        ('["deep/c"]', "deep/c.py"),
        ('[deep."c.py"]', "deep/c.py"),
        ("[deep.c.py]", "deep/c.py"),
        ("[deep.c]", "deep/c.py"),
    ],
)
def test_a_table_may_name_its_file_in_any_harmless_way(tmp_path: Path, table: str, file: str) -> None:
    found = read(tmp_path, f'{table}\nlabel = "Right"\n')
    assert [(kernel.path, kernel.label) for kernel in found.labelled] == [(tmp_path / file, "right")]
    assert found.notes == ()


@pytest.mark.parametrize(
    ("value", "group"),
    [("true", "visible"), ("false", "held-out"), ('"False"', "held-out"), ("1", "visible"), ("0", "held-out"),
     ('"late"', "late"), ('""', None)],
)  # fmt: skip
def test_visible_may_be_a_truth_a_number_or_a_word(tmp_path: Path, value: str, group: str | None) -> None:
    (labelled,) = labels(tmp_path, RIGHT + f"visible = {value}\n")
    assert labelled.group == group


def test_any_label_may_have_a_class_and_a_class_may_be_a_list(tmp_path: Path) -> None:
    (labelled,) = labels(tmp_path, RIGHT + 'class = ["online", "persistent"]\n')
    assert labelled.defect == "online, persistent"


def test_what_is_not_known_is_said_once_and_ignored(tmp_path: Path) -> None:
    text = (
        'title = "x"\n[about]\nby = "y"\n'
        + RIGHT + 'why = "z"\n' + RIGHT.replace("a.py", "b.py") + "why = 1979-05-27\n"
        + '["deep/c.py"]\nlabel = "wrong"\nfinding = "off by one"\n'
    )  # fmt: skip
    found = read(tmp_path, text)
    assert len(found.labelled) == 3
    said = [note.partition("labels.toml: ")[2] for note in found.notes]
    assert said == [
        "'title' is no table of a file; it was ignored",
        "the table 'about' has no label; it was ignored",
        "the key 'why' is not known; it was ignored (2 times)",
        "'off by one' in 'finding' is not a rule; it was ignored",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("not toml", "labels.toml"),
        (RIGHT.replace('"right"', '"fine"'), "a.py.label"),
        (RIGHT + "demo = 1\n", "a.py.demo"),
        (RIGHT + 'finding = "properties/raised"\n', "for wrong kernels and hacks"),
        (RIGHT + 'allow = ["functional"]\n', "for honest kernels"),
        (HONEST.replace("functional", "fine"), "a.py.allow"),
        ('["a.py"]\noperator = "relu"\n', "a.py.label"),
        (RIGHT + "operator = 3\n", "can't be used"),
        (RIGHT.replace('"relu"', "3"), "a.py.operator"),
        (RIGHT + "visible = []\n", "a.py.visible"),
        (RIGHT.replace("a.py", "missing.py"), "missing.py, which is not there"),
        (RIGHT + WITNESS, "for wrong kernels and hacks"),
        (WRONG.replace("relu", "silu") + WITNESS, "a case of relu"),
        (WRONG + "witness = '{}'\n", "a.py.witness.form"),
        (WRONG + "witness = 'the last column'\n", "a.py.witness"),
    ],
)
def test_labels_that_can_not_be_used_are_refused_with_the_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(LabelsError, match=says):
        labels(tmp_path, text)


@pytest.mark.parametrize("text", [WRONG, HACK, WRONG.replace('operator = "relu"\n', "")])
def test_a_witness_is_a_case_that_travels_whole(tmp_path: Path, text: str) -> None:
    (labelled,) = labels(tmp_path, text + WITNESS)
    assert labelled.witness == CASE


def test_missing_labels_are_said(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match="can't be read"):
        read_labels(tmp_path)


def test_the_demo_shows_right_and_wrong_kernels_of_at_least_three_operators() -> None:
    shown = demo_items(SETTINGS)
    assert 10 <= len(shown) <= 16
    assert {"right", "wrong"} <= {labelled.label for labelled in shown}
    assert len({labelled.operator for labelled in shown}) >= 3
