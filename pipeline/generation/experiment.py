"""An experiment over prompts: a YAML file, `--experiment FILE`.

    name: shorter-contract
    runs_per_variant: 40
    variants:
      as-it-is: built-in
      shorter: prompts/shorter
    weights: {as-it-is: 1, shorter: 1}

A variant is a folder of templates that replace built-in ones (as `--prompts`), relative to the file's own folder, or
the word `built-in`; a folder of that name is `./built-in`. The first variant is what the others are compared with.
Weights can be left out, and then variants are drawn alike; where there are any, each variant has one. The planned
number of runs can't be left out: variants are not compared before it is reached (`pipeline.experiments`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from pipeline.errors import GenerationError
from pipeline.generation.assignment import Assignment, Definition, Name, RunsPerVariant, VariantDefinition, Weight
from pipeline.generation.exchange import Stored
from pipeline.generation.knowledge.references import Reference
from pipeline.generation.prompts import Prompts
from pipeline.generation.strict_yaml import read_yaml

BUILT_IN: Final = "built-in"
Folder = Annotated[str, Field(min_length=1, max_length=4096)]


class ExperimentFile(Stored):
    """The whole file.

    Attributes:
        variants: Each one's folder of templates, relative to the file's, or `built-in`.
        weights: For each variant; empty where all are alike.
    """

    name: Name
    runs_per_variant: RunsPerVariant
    variants: Mapping[Name, Folder] = Field(min_length=2)
    weights: Mapping[Name, Weight] = {}


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment whose templates are read.

    Attributes:
        prompts: Of each variant, in the definition's order.
    """

    definition: Definition
    prompts: tuple[Prompts, ...]

    def prompts_of(self, assignment: Assignment) -> Prompts:
        """Returns the prompts of the variant that was drawn."""
        names = [one.name for one in self.definition.variants]
        return self.prompts[names.index(assignment.variant)]


def load_experiment(path: Path, references: tuple[Reference, ...]) -> Experiment:
    """Reads an experiment and the templates of its variants.

    Args:
        references: Those of the installed packages, as for `Prompts`.

    Raises:
        GenerationError: the file can't be read or is not a valid one; a variant's folder is none or holds what is no
            template; two variants have the same templates.
    """
    file = read_yaml(path, ExperimentFile, "an experiment")
    unknown = sorted(file.variants.keys() ^ file.weights.keys()) if file.weights else []
    if unknown:
        raise GenerationError(f"{path}: weights are for all variants and nothing else; look at {', '.join(unknown)}")
    prompts = tuple(_prompts(path, name, folder, references) for name, folder in file.variants.items())
    names = tuple(file.variants)
    for index, one in enumerate(prompts):
        same = next((at for at in range(index) if prompts[at].digest == one.digest), None)
        if same is not None:
            raise GenerationError(
                f"{path}: the variants '{names[same]}' and '{names[index]}' have the same templates, so they are one"
            )
    variants = tuple(
        VariantDefinition(name=name, weight=file.weights.get(name, 1), prompts=one.digest)
        for name, one in zip(names, prompts, strict=True)
    )
    return Experiment(Definition(name=file.name, runs_per_variant=file.runs_per_variant, variants=variants), prompts)


def _prompts(path: Path, name: str, folder: str, references: tuple[Reference, ...]) -> Prompts:
    try:
        return Prompts(references, None if folder == BUILT_IN else path.parent / folder)
    except GenerationError as error:
        raise GenerationError(f"{path}, variant '{name}': {error}") from None
