"""Labels: what each kernel of a corpus is, by whoever wrote it; never by what the gate says of it.

They stand in `labels.toml`, a table a file:

    ["softmax/no_maximum.py"]
    label = "wrong"
    operator = "softmax"
    class = "overflow"

`right` and `honest` kernels (honest: strange, or written elsewhere, but not wrong) must be allowed; `wrong` ones and
`hack`s must not be. Corpora are written by many hands, so names are read liberally: quoted or nested tables, with or
without `.py`. A key that is not known is said and ignored. What would falsify a number is an error: an unknown label,
a labelled file that is not there, two labels for one file.

The project's own kernels use four more keys: `finding` (wrong and hack: the rules of which one has to be the first
finding), `allow` (honest: the tiers that are true of it), `demo` (part of the demonstration), `witness` (wrong and
hack: a case on which it fails, as the JSON of `runners.cases.Case`; to replay it proves the label without any draw).
`origin` says for people where a kernel is from; nothing reads it.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Json, ValidationError, model_validator

from pipeline.errors import LabelsError
from policies.policy import Tier
from policies.rules import RULES
from policies.verdict import Verdict
from runners.cases import Case

LABELS_FILE: Final = "labels.toml"
Label = Literal["right", "wrong", "hack", "honest"]
MUST_ALLOW: Final[tuple[Label, ...]] = ("right", "honest")
MUST_DENY: Final[tuple[Label, ...]] = ("wrong", "hack")
_WORDS: Final = {"true": "visible", "1": "visible", "false": "held-out", "0": "held-out"}


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _lowered(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _joined(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _group(value: object) -> object:
    if isinstance(value, bool | int | str):
        word = str(value).strip().lower()
        return _WORDS.get(word, word) or None
    return value


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    label: Annotated[Label, BeforeValidator(_lowered)]
    operator: str | None = None
    defect: Annotated[str | None, BeforeValidator(_joined)] = Field(default=None, alias="class")
    visible: Annotated[str | None, BeforeValidator(_group)] = None
    finding: Annotated[list[str], BeforeValidator(_listed)] = []
    allow: Annotated[list[Tier], BeforeValidator(_listed)] = []
    demo: bool = False
    witness: Json[Case] | None = None

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if self.allow and self.label != "honest":
            raise ValueError("'allow' is for honest kernels")
        if self.finding and self.label not in MUST_DENY:
            raise ValueError("'finding' is for wrong kernels and hacks")
        if self.witness is not None and self.label not in MUST_DENY:
            raise ValueError("'witness' is for wrong kernels and hacks")
        if self.witness is not None and self.operator not in (None, self.witness.operator):
            raise ValueError(f"'witness' is a case of {self.witness.operator}")
        return self


_KEYS: Final = frozenset({"label", "operator", "class", "visible", "finding", "allow", "demo", "witness", "origin"})


@dataclass(frozen=True, slots=True)
class Labelled:
    """One kernel and what it is.

    Attributes:
        operator: What it claims to implement; None where the label leaves that to the file's header.
        defect: Its class: the kind of defect, attack or look-alike; None where none is said.
        group: Which part of the corpus it belongs to, from `visible`: "visible", "held-out" or another word.
        findings: The rules of which one must be the first finding; empty where any will do.
        allow: The tiers that an honest kernel may get; empty where it must be allowed.
        witness: A case on which it fails; None where none is given.
    """

    path: Path
    label: Label
    operator: str | None = None
    defect: str | None = None
    group: str | None = None
    findings: tuple[str, ...] = ()
    allow: tuple[Tier, ...] = ()
    demo: bool = False
    witness: Case | None = field(default=None, compare=False)  # what it holds has no hash

    def matches(self, verdict: Verdict) -> bool:
        """Whether `verdict` is the labelled one, and for the labelled reason."""
        if self.label in MUST_DENY:
            return verdict.tier is Tier.REJECTED and self.for_its_reason(verdict)
        return verdict.tier in self.allow if self.allow else verdict.allowed

    def for_its_reason(self, verdict: Verdict) -> bool:
        """Whether the first finding is one that the label names; true where it names none."""
        return not self.findings or (bool(verdict.findings) and verdict.findings[0].rule in self.findings)


@dataclass(frozen=True, slots=True)
class LabelsFile:
    """What one `labels.toml` says, in its order; `notes` are lines about what was ignored in it."""

    labelled: tuple[Labelled, ...]
    notes: tuple[str, ...]


def read_labels(folder: Path) -> LabelsFile:
    """Reads `labels.toml` in `folder`.

    Raises:
        LabelsError: it is missing or malformed, or labels a file that is not there.
    """
    file = folder / LABELS_FILE
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise LabelsError(f"{file} can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LabelsError(f"{file} can't be used: {error}") from None
    notes: list[str] = []
    problems: list[str] = []
    labelled: list[Labelled] = []
    for parts, table in _tables(data, (), notes):
        path = _file(folder, parts)
        if path is None:
            problems.append(f"{'.'.join(parts)}: labels {'/'.join(parts)}, which is not there")
            continue
        try:
            entry = _Entry.model_validate_json(json.dumps(table, default=str))
        except ValidationError as error:
            problems += [f"{_place(parts, e['loc'])}: {e['msg']}" for e in error.errors(include_url=False)]
            continue
        labelled.append(_labelled(path, entry))
        notes += _ignored(table, entry)
    if problems:
        raise LabelsError(f"{file} can't be used:\n" + "\n".join(f"  {problem}" for problem in problems))
    return LabelsFile(tuple(labelled), tuple(f"{file}: {note}{_times(n)}" for note, n in Counter(notes).items()))


def _tables(
    data: dict[str, object], above: tuple[str, ...], notes: list[str]
) -> Iterator[tuple[tuple[str, ...], dict[str, object]]]:
    """Yields the tables that label a file, with the parts of their name; nested ones are parts of a path."""
    for name, value in data.items():
        parts = (*above, name)
        if not isinstance(value, dict):
            notes.append(f"'{'.'.join(parts)}' is no table of a file; it was ignored")
        elif any(not isinstance(inner, dict) for inner in value.values()):
            if "label" in value or name.endswith(".py"):
                yield parts, value
            else:
                notes.append(f"the table '{'.'.join(parts)}' has no label; it was ignored")
                yield from _tables({k: v for k, v in value.items() if isinstance(v, dict)}, parts, notes)
        else:
            yield from _tables(value, parts, notes)


def _file(folder: Path, parts: tuple[str, ...]) -> Path | None:
    """Returns the file that a table's name means: `["a/b.py"]`, `[a."b.py"]`, `[a.b.py]`, `["a/b"]`, `[a.b]`."""
    joined = "/".join(parts)
    names = [joined, f"{joined}.py"]
    if len(parts) > 1:
        names.insert(1, "/".join(parts[:-1]) + f".{parts[-1]}")
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _place(parts: tuple[str, ...], inside: tuple[int | str, ...]) -> str:
    return ".".join((*parts, *map(str, inside)))


def _labelled(path: Path, entry: _Entry) -> Labelled:
    return Labelled(
        path=path,
        label=entry.label,
        operator=entry.operator,
        defect=entry.defect,
        group=entry.visible,
        findings=tuple(rule for rule in entry.finding if rule in RULES),
        allow=tuple(entry.allow),
        demo=entry.demo,
        witness=entry.witness,
    )


def _ignored(table: dict[str, object], entry: _Entry) -> Iterator[str]:
    for key in sorted(table.keys() - _KEYS):
        yield f"the key '{key}' is not known; it was ignored"
    for rule in entry.finding:
        if rule not in RULES:
            yield f"'{rule}' in 'finding' is not a rule; it was ignored"


def _times(count: int) -> str:
    return f" ({count} times)" if count > 1 else ""
