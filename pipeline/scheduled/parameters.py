"""The parameters of scheduled flows: what a form on Prefect's page shows, and what its server refuses.

The server holds a run's parameters against the JSON Schema of these models when the run is made; what a schema can't
say (that there is a limit at all) is said when the run begins, before it does anything. Prefect calls a parameter by
its name in code, and the fields of a model by their titles: hence models, few of them to a flow.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, field_validator, model_validator

from pipeline.generation.budgets import Budget
from pipeline.settings import Mode


class _Parameters(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Gate(_Parameters):
    """How kernels are judged, and where that is written."""

    policy: Annotated[
        str, Field(title="Policy", description="dev, ci, production, or the path of a policy file.", min_length=1)
    ] = "ci"
    mode: Annotated[
        Mode,
        Field(
            title="Where kernels run",
            description="auto: on the GPU too, where the policy asks for it and there is one. cpu: never. gpu: always.",
        ),
    ] = Mode.AUTO
    operators: Annotated[
        Path | None, Field(title="Own operators", description="A folder whose files declare operators of your own.")
    ] = None
    runs: Annotated[
        Path | None, Field(title="Run folders", description="Where they go; as KERNELGATE_RUNS says, if empty.")
    ] = None
    reports_url: Annotated[
        HttpUrl | None,
        Field(title="Address of the run folders", description="Where a web server shows them; for links to reports."),
    ] = None


class ProductionGate(Gate):
    """How approved kernels are judged again, and where that is written."""

    policy: Annotated[
        str, Field(title="Policy", description="production, or the path of a policy file.", min_length=1)
    ] = "production"


class Kernels(_Parameters):
    """What models write, and who they are."""

    operators: Annotated[
        list[str], Field(title="Operators", description="Kernels are written for these.", min_length=1)
    ]
    roles: Annotated[Path, Field(title="Roles file", description="Who writes, improves and reviews.")] = Path(
        "roles.yaml"
    )
    prices: Annotated[
        Path | None,
        Field(title="Price table", description="If empty, prices.yaml beside the roles file, where it is there."),
    ] = None
    strategies: Annotated[
        int, Field(title="Plans to ask for", description="1 leaves the author free.", ge=1, le=20)
    ] = 3
    card: Annotated[str, Field(title="Card", description="The GPU that kernels shall be fast on.")] = "h100"

    @property
    def in_words(self) -> str:
        """For the name of a run."""
        return ", ".join(self.operators)


class Limits(_Parameters):
    """What a night may use, over all operators; at least one limit is needed."""

    usd: Annotated[Decimal | None, Field(title="US dollars", description="Every model needs a price.", gt=0)] = None
    rounds: Annotated[int | None, Field(title="Candidates", description="How many are asked for.", ge=1)] = None
    tokens: Annotated[int | None, Field(title="Tokens", description="In and out, thinking included.", ge=1)] = None
    minutes: Annotated[float | None, Field(title="Minutes", description="Checks included.", gt=0)] = None

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if all(limit is None for limit in (self.usd, self.rounds, self.tokens, self.minutes)):
            raise ValueError("a night needs a limit: usd, rounds, tokens or minutes")
        return self

    @property
    def budget(self) -> Budget:
        """The same for a run of generation."""
        return Budget(self.rounds, self.tokens, self.usd, None if self.minutes is None else 60 * self.minutes)


class Corpus(_Parameters):
    """Which labelled kernels the gate is measured on."""

    folder: Annotated[Path, Field(title="Folder", description="Kernels with a labels.toml.")]
    only: Annotated[list[str], Field(title="Only these operators", description="All of them, if empty.")] = []

    @property
    def in_words(self) -> str:
        """For the name of a run."""
        about = f", {', '.join(self.only)} alone" if self.only else ""
        return f"{self.folder.name}{about}"


def _password_in(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False  # it is no URL, and whoever opens it says so
    return parts.password is not None or "password" in parse_qs(parts.query)


class Approvals(_Parameters):
    """What is approved, and how often it is looked at again."""

    registry: Annotated[
        str | None,
        Field(
            title="Registry",
            description="A path or postgresql://… without a password; as KERNELGATE_REGISTRY says, if empty.",
        ),
    ] = None
    every_days: Annotated[
        int,
        Field(title="Days between looks", description="What nothing changed for is looked at so often.", ge=1, le=3650),
    ] = 7

    @field_validator("registry")
    @classmethod
    def _without_a_password(cls, registry: str | None) -> str | None:
        if registry is not None and _password_in(registry):
            raise ValueError("it would be shown on Prefect's pages: leave the password to KERNELGATE_REGISTRY")
        return registry


class Signing(_Parameters):
    """Who signs what was verified again, so that applications load it on the platform that it was verified on."""

    key: Annotated[
        Path | None,
        Field(
            title="Private key",
            description="A key of this machine's own; its passphrase is in KERNELGATE_KEY_PASSPHRASE. If empty, a "
            "person signs: kernelgate attest sign, kernelgate registry renew.",
        ),
    ] = None
    keyring: Annotated[
        Path | None, Field(title="Keyring", description="The public keys that are believed, this one among them.")
    ] = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.key is None) != (self.keyring is None):
            raise ValueError("who signs needs both: key and keyring")
        return self
