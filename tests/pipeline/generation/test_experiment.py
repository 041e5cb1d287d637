"""An experiment's file, and how a run's variant is drawn."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.errors import GenerationError
from pipeline.generation.assignment import Assignment, Definition, VariantDefinition
from pipeline.generation.experiment import Experiment, load_experiment
from pipeline.generation.knowledge.installed import installed_references
from pipeline.generation.prompts import Prompts

REFERENCES = installed_references()
GOOD = """
name: shorter-contract
runs_per_variant: 40
variants:
  as-it-is: built-in
  shorter: prompts/shorter
"""


def load(folder: Path, text: str = GOOD) -> Experiment:
    for name in ("shorter", "same"):
        (folder / "prompts" / name).mkdir(parents=True, exist_ok=True)
    (folder / "prompts/shorter/plans.j2").write_text("Name {{ count }} plans.")
    (folder / "experiment.yaml").write_text(text)
    return load_experiment(folder / "experiment.yaml", REFERENCES)


def defined(*weights: int) -> Definition:
    variants = tuple(
        VariantDefinition(name=name, weight=weight, prompts=name)
        for name, weight in zip("abcdef", weights, strict=False)
    )
    return Definition(name="x", runs_per_variant=5, variants=variants)


def test_a_variant_is_a_folder_beside_the_file_or_the_built_in_templates(tmp_path: Path) -> None:
    experiment = load(tmp_path)
    first, second = experiment.definition.variants
    assert (first.name, first.weight, first.prompts) == ("as-it-is", 1, Prompts(REFERENCES).digest)
    assert second.prompts == Prompts(REFERENCES, tmp_path / "prompts/shorter").digest
    assert experiment.definition.runs_per_variant == 40


def test_the_prompts_are_those_of_the_variant_that_was_drawn(tmp_path: Path) -> None:
    experiment = load(tmp_path)
    by_name = {one.name: one.prompts for one in experiment.definition.variants}
    for number in range(20):
        drawn = experiment.definition.assigned(f"run-{number}", "relu")
        assert experiment.prompts_of(drawn).digest == by_name[drawn.variant]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("shorter-contract", "Shorter contract"), "is not an experiment:\n  name: String should match"),
        (("runs_per_variant: 40\n", ""), "runs_per_variant: Field required"),
        (("runs_per_variant: 40", "runs_per_variant: 0"), "runs_per_variant: Input should be greater than"),
        (("runs_per_variant: 40", "runs_per_variant: '40'"), "runs_per_variant: Input should be a valid integer"),
        (("runs_per_variant", "runs"), "runs: Extra inputs are not permitted"),
        (("  shorter: prompts/shorter\n", ""), "variants: .* should have at least 2 items"),
        (("  shorter: prompts/shorter\n", "  shorter:\n"), "variants.shorter: Input should be a valid string"),
        (("shorter: prompts/shorter", "as-it-is: prompts/shorter"), "line 6 is not YAML: key 'as-it-is' stands twice"),
        (("prompts/shorter", "prompts/shortest"), "variant 'shorter': .*prompts/shortest is not a folder"),
        (("prompts/shorter", "./built-in"), "variant 'shorter': .*built-in is not a folder"),
        (("prompts/shorter", "prompts/same"), "'as-it-is' and 'shorter' have the same templates, so they are one"),
        (("runs_per", "weights: {as-it-is: 1}\nruns_per"), "weights are for all variants .* look at shorter"),
        (("runs_per", "weights: {as-it-is: 1, shorter: 1, c: 2}\nruns_per"), "look at c"),
        (("runs_per", "weights: {as-it-is: 1, shorter: 0}\nruns_per"), "weights.shorter: Input should be greater"),
        (("shorter-contract", "[unclosed"), "is not YAML"),
        ((GOOD, "2026-13-45"), "is not YAML"),
        ((GOOD, ""), "is not an experiment"),
    ],
)
def test_what_is_wrong_with_the_file_is_said(change: tuple[str, str], says: str, tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match=says):
        load(tmp_path, GOOD.replace(*change))


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match="can't be read"):
        load_experiment(tmp_path / "none.yaml", REFERENCES)


def test_the_draw_is_the_same_whoever_makes_it() -> None:
    drawn = defined(1, 1).assigned("20260102-030405-0a1b2c3d", "softmax")
    assert drawn == defined(1, 1).assigned("20260102-030405-0a1b2c3d", "softmax")
    assert "".join(defined(1, 1).assigned(f"run-{n}", "relu").variant for n in range(12)) == "babbbbaaabba"


@pytest.mark.parametrize("weights", [(1, 1), (1, 2, 3), (9, 1)])
def test_ten_thousand_ids_are_divided_by_the_weights(weights: tuple[int, ...]) -> None:
    definition = defined(*weights)
    counts = Counter(definition.assigned(f"20260102-030405-{n:08x}", "relu").variant for n in range(10_000))
    for variant in definition.variants:
        share = variant.weight / sum(weights)
        assert abs(counts[variant.name] - 10_000 * share) < 4 * (10_000 * share * (1 - share)) ** 0.5


def test_operators_of_one_run_and_experiments_over_one_run_are_drawn_independently() -> None:
    one, other = defined(1, 1), defined(1, 1).model_copy(update={"name": "y"})
    runs = [f"run-{n}" for n in range(2000)]
    first, second, third = (
        [definition.assigned(run, operator).variant for run in runs]
        for definition, operator in ((one, "relu"), (one, "gelu"), (other, "relu"))
    )
    for those in (second, third):
        assert abs(sum(a == b for a, b in zip(first, those, strict=True)) - 1000) < 4 * 500**0.5


@pytest.mark.parametrize("change", [{"name": "y"}, {"runs_per_variant": 6}, {"variants": defined(1, 2).variants}])
def test_an_experiment_that_was_changed_has_another_digest(change: dict[str, object]) -> None:
    assert defined(1, 1).model_copy(update=change).digest != defined(1, 1).digest


def test_what_was_not_drawn_from_its_definition_is_not_read() -> None:
    drawn = defined(1, 1).assigned("run", "relu")
    for change in ({"variant": "c"}, {"digest": "d"}):
        with pytest.raises(ValidationError):
            Assignment.model_validate(drawn.model_dump() | change)


@pytest.mark.parametrize("twice", ["name", "prompts"])
def test_variants_are_different(twice: str) -> None:
    first, second = defined(1, 1).variants
    with pytest.raises(ValidationError, match="two variants have the same"):
        Definition(
            name="x",
            runs_per_variant=1,
            variants=(first, second.model_copy(update={twice: getattr(first, twice)})),
        )
