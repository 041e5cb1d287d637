"""Which variant of an experiment a run takes: drawn by a hash of the experiment's name, the run's id and the operator.

By hash and by run, not in turn: several processes at once need no common counter; a run that goes on after a kill draws
the same again, whoever makes it go on; and nobody can choose, since the id is drawn when the run begins. Turns would
also follow whatever alternates with them, such as two operators every night. One operator's whole run is the unit,
because its attempts build on each other.

What was drawn is in the run's terms, with the experiment's whole definition: results are read from runs alone, and an
experiment whose variants, weights or planned number were changed is another one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from pipeline.generation.exchange import Stored

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Weight = Annotated[int, Field(ge=1, le=1000)]
RunsPerVariant = Annotated[int, Field(ge=1, le=1_000_000)]
_HASH_BITS: Final = 256


class VariantDefinition(Stored):
    """One of the variants.

    Attributes:
        weight: Its share of the runs, as a part of the sum of all weights.
        prompts: SHA-256 of all its templates.
    """

    name: Name
    weight: Weight = 1
    prompts: str


class Definition(Stored):
    """What an experiment compares, fixed before its first run.

    Attributes:
        runs_per_variant: How many runs of each variant are looked at; planned beforehand, because an interval that is
            looked at again and again until it says something promises too much.
        variants: The first is the one that the others are compared with.
    """

    name: Name
    runs_per_variant: RunsPerVariant
    variants: tuple[VariantDefinition, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _variants_differ(self) -> Self:
        if len({one.name for one in self.variants}) < len(self.variants):
            raise ValueError("two variants have the same name")
        if len({one.prompts for one in self.variants}) < len(self.variants):
            raise ValueError("two variants have the same templates")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of all of it."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def assigned(self, run: str, operator: str) -> Assignment:
        """Returns what the run of that id takes for an operator; always the same."""
        weights = [one.weight for one in self.variants]
        variant = self.variants[_drawn([self.name, run, operator], weights)]
        return Assignment(definition=self, digest=self.digest, variant=variant.name, run=run)


class Assignment(Stored):
    """What was drawn for one operator's run.

    Attributes:
        digest: The definition's.
        variant: The one that was drawn.
        run: The id that it was drawn for; a run that goes on keeps it.
    """

    definition: Definition
    digest: str
    variant: str
    run: str

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.digest != self.definition.digest:
            raise ValueError("the digest is not the definition's")
        if self.variant not in {one.name for one in self.definition.variants}:
            raise ValueError(f"the experiment has no variant '{self.variant}'")
        return self

    @property
    def experiment(self) -> str:
        """The experiment's name."""
        return self.definition.name


def _drawn(what: Sequence[str], weights: Sequence[int]) -> int:
    """Returns the index of the weight that the hash, as a fraction of one, falls on; in integers, hence exact."""
    number = int.from_bytes(hashlib.sha256(json.dumps(what).encode()).digest())
    point = number * sum(weights) >> _HASH_BITS
    return next(index for index in range(len(weights)) if point < sum(weights[: index + 1]))
