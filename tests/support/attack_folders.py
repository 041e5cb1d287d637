"""The folders of tests/attacks as data; what their keys mean is said in the README beside them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

ATTACKS = Path(__file__).parents[1] / "attacks"
Text = Annotated[str, Field(min_length=1, max_length=200)]
Rules = Annotated[tuple[str, ...], Field(min_length=1)]
Family = Literal[
    "forgery", "tampering", "memory", "time", "environment", "fallback", "kernel", "resources", "escape",
    "exfiltration", "files",
]  # fmt: skip
Layer = Literal[
    "source contract", "judge", "monitors", "controls", "deadline", "memory limit", "process limit", "file limits",
    "seccomp", "capabilities", "namespaces", "read-only root",
]  # fmt: skip


class Attack(BaseModel):
    """What one attack tries and what the gate must say of it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    name: str
    tries: Text
    family: Family
    stopped_by: Layer
    contract: Rules
    behind: Rules | None = None
    says: Text | None = None
    why_contract_alone: Text | None = None

    @model_validator(mode="after")
    def _is_decided(self) -> Self:
        if (self.behind is None) is (self.why_contract_alone is None):
            raise ValueError("either `behind` or `why_contract_alone` says what stops it once the contract is waived")
        if self.says is not None and self.behind is None:
            raise ValueError("`says` is about the finding of `behind`")
        return self

    @property
    def file(self) -> Path:
        """The candidate."""
        return ATTACKS / self.name / "attack.py"

    @property
    def honest(self) -> Path | None:
        """The look-alike, where there is one."""
        path = ATTACKS / self.name / "honest.py"
        return path if path.exists() else None


def read_attacks() -> tuple[Attack, ...]:
    """Returns all attacks by name."""
    folders = sorted(path.parent for path in ATTACKS.glob("*/attack.py"))
    return tuple(_read(folder) for folder in folders)


def _read(folder: Path) -> Attack:
    content = tomllib.loads((folder / "attack.toml").read_text(encoding="utf-8"))
    # TOML has arrays where the model has tuples.
    named = {key: tuple(value) if isinstance(value, list) else value for key, value in content.items()}
    return Attack(name=folder.name, **named)
