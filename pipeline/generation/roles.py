"""Who takes which part: a YAML file beside the policy, `--roles FILE`.

    author: {provider: openai, model: MODEL}
    reviewer: {provider: anthropic, model: MODEL}

That is all that most need. `anthropic` and `openai` are known, with their keys in ANTHROPIC_API_KEY and OPENAI_API_KEY;
other addresses, other keys, how many calls a provider gets at once (8), a journal to replay and a folder of files are
named under `providers`:

    providers:
      gateway: {kind: messages, base_url: "https://models.example.org", key_variable: GATEWAY_KEY, at_once: 2}
      recorded: {kind: replay, journal: journal}
      mine: {kind: files, folder: kernels}

No model is named in code and there is no default one: models come and go, cost money, and are the team's to choose. A
key never stands in the file, which is meant to be committed. It travels over TLS, except to this machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from pipeline.errors import GenerationError
from pipeline.generation.addresses import checked_address
from pipeline.generation.exchange import Role, Stored
from pipeline.generation.strict_yaml import read_yaml

Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]
Address = Annotated[str, AfterValidator(checked_address)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
AtOnce = Annotated[int, Field(ge=1, le=1000)]  # calls that a provider gets at once
AT_ONCE: Final = 8


class MessagesProvider(Stored):
    """Speaks Anthropic's Messages API; without an address the SDK's own holds."""

    kind: Literal["messages"]
    key_variable: Variable = "ANTHROPIC_API_KEY"
    base_url: Address | None = None
    at_once: AtOnce = AT_ONCE


class ResponsesProvider(Stored):
    """Speaks OpenAI's Responses API; without an address the SDK's own holds."""

    kind: Literal["responses"]
    key_variable: Variable = "OPENAI_API_KEY"
    base_url: Address | None = None
    at_once: AtOnce = AT_ONCE


class ReplayProvider(Stored):
    """Answers from a journal of earlier answers, and asks nobody."""

    kind: Literal["replay"]
    journal: Path


class FilesProvider(Stored):
    """Answers an author's requests with candidates from a folder."""

    kind: Literal["files"]
    folder: Path


ProviderConfiguration = Annotated[
    MessagesProvider | ResponsesProvider | ReplayProvider | FilesProvider, Field(discriminator="kind")
]


class RoleConfiguration(Stored):
    """Who takes a role, and how it shall work.

    Attributes:
        effort: How much the model shall think, in the provider's own words.
        max_output_tokens: Of one answer, thinking included.
        deadline_s: For one answer; one that stalls is given up after twice as much.
        patience_s: How long a request is tried again while its provider is down, overloaded or limits the rate.
    """

    provider: Name
    model: str = Field(min_length=1, max_length=200)
    effort: str | None = Field(default=None, pattern=r"^[a-z]{1,16}$")
    max_output_tokens: int = Field(default=32_000, ge=256, le=1_000_000)
    deadline_s: float = Field(default=600, gt=0, le=3600)
    patience_s: float = Field(default=900, ge=0, le=86_400)


class Roles(Stored):
    """The whole file.

    Attributes:
        reviewer: None leaves candidates unreviewed; the gate decides with one and without.
        optimiser: None lets the author do that, too.
    """

    author: RoleConfiguration
    reviewer: RoleConfiguration | None = None
    optimiser: RoleConfiguration | None = None
    providers: Mapping[Name, ProviderConfiguration] = {}

    def of(self, role: Role) -> RoleConfiguration | None:
        """Returns who takes `role`; None where nobody reviews."""
        match role:
            case Role.AUTHOR:
                return self.author
            case Role.REVIEWER:
                return self.reviewer
            case Role.OPTIMISER:
                return self.optimiser or self.author

    def provider(self, name: str) -> ProviderConfiguration:
        """Returns what is configured for the provider of that name.

        Raises:
            GenerationError: nothing is.
        """
        known = {**_WELL_KNOWN, **self.providers}
        if name not in known:
            raise GenerationError(f"there is no provider '{name}': known are {', '.join(sorted(known))}; others are "
                                  "named under `providers` of the roles file")  # fmt: skip
        return known[name]


_WELL_KNOWN: Final[Mapping[str, ProviderConfiguration]] = {
    "anthropic": MessagesProvider(kind="messages"),
    "openai": ResponsesProvider(kind="responses"),
}


def load_roles(path: Path) -> Roles:
    """Reads a roles file; paths in it are relative to its folder.

    Raises:
        GenerationError: it can't be read, is not a valid one, or names a provider that it does not describe.
    """
    if not path.exists():
        raise GenerationError(
            f"there is no roles file {path}: it says who writes, as in 'author: {{provider: openai, model: MODEL}}'; "
            "--roles names another"
        )
    roles = read_yaml(path, Roles, "a roles file")
    for role in Role:
        taken = roles.of(role)
        if taken is not None:
            roles.provider(taken.provider)
    return _beside(roles, path.parent)


def _beside(roles: Roles, folder: Path) -> Roles:
    """Returns the same with paths that hold wherever one stands."""
    moved: dict[str, ProviderConfiguration] = {}
    for name, provider in roles.providers.items():
        match provider:
            case ReplayProvider():
                moved[name] = provider.model_copy(update={"journal": folder / provider.journal})
            case FilesProvider():
                moved[name] = provider.model_copy(update={"folder": folder / provider.folder})
            case _:
                moved[name] = provider
    return roles.model_copy(update={"providers": moved})
