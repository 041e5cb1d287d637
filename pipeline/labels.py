"""The labels of the bundled kernels: what each file's verdict has to be, and by which rule.

They stand in `labels.toml` beside the kernels, written by whoever planted the defect, never by what the gate says.
`right` kernels must be allowed, `wrong` ones rejected by the rule named, `honest` ones (strange, but not wrong) must
get one of the tiers listed. A verdict that is right for another reason than the label's does not match.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from pipeline.errors import LabelsError
from policies.policy import Tier
from policies.rules import RULES
from policies.verdict import Verdict

BUNDLED: Final = Path("tests", "kernels")  # below the project
Label = Literal["right", "wrong", "honest"]


def _listed(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _known(rules: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [rule for rule in rules if rule not in RULES]
    if unknown:
        raise ValueError(f"'{unknown[0]}' is not a rule")
    return rules


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    label: Label
    operator: str
    defect: str | None = Field(default=None, alias="class")
    finding: Annotated[tuple[str, ...], BeforeValidator(_listed), AfterValidator(_known)] = ()
    allow: tuple[Tier, ...] = ()
    demo: bool = False

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if (self.label == "honest") != bool(self.allow):
            raise ValueError("'allow' is for honest kernels, and they need it")
        if self.label != "wrong" and (self.finding or self.defect):
            raise ValueError("'finding' and 'class' are for wrong kernels")
        return self


@dataclass(frozen=True, slots=True)
class Labelled:
    """One bundled kernel and the verdict that it must get.

    Attributes:
        defect: The class of the planted defect; None where there is none.
        findings: The rules of which one must be the first finding; empty where any will do.
        allow: The tiers that an honest kernel may get.
    """

    path: Path
    label: Label
    operator: str
    defect: str | None
    findings: tuple[str, ...]
    allow: tuple[Tier, ...]
    demo: bool

    def matches(self, verdict: Verdict) -> bool:
        """Whether `verdict` is the labelled one."""
        match self.label:
            case "right":
                return verdict.allowed
            case "wrong":
                return verdict.tier is Tier.REJECTED and (
                    not self.findings or verdict.findings[0].rule in self.findings
                )
            case "honest":
                return verdict.tier in self.allow


_ENTRIES: Final = TypeAdapter(dict[str, _Entry])


def read_labels(folder: Path) -> tuple[Labelled, ...]:
    """Reads `labels.toml` in `folder`, in its order.

    Raises:
        LabelsError: it is missing or malformed, or labels a file that is not there.
    """
    file = folder / "labels.toml"
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        entries = _ENTRIES.validate_json(json.dumps(data))
    except OSError as error:
        raise LabelsError(f"{file} can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError) as error:
        raise LabelsError(f"{file} can't be used: {error}") from None
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False)]
        raise LabelsError(f"{file} can't be used:\n" + "\n".join(lines)) from None
    labelled = tuple(_labelled(folder / name, entry) for name, entry in entries.items())
    for kernel in labelled:
        if not kernel.path.is_file():
            raise LabelsError(f"{file} labels {kernel.path}, which is not there")
    return labelled


def _labelled(path: Path, entry: _Entry) -> Labelled:
    return Labelled(
        path=path,
        label=entry.label,
        operator=entry.operator,
        defect=entry.defect,
        findings=entry.finding,
        allow=entry.allow,
        demo=entry.demo,
    )
