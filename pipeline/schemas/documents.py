"""Which documents have a schema, and where the schemas are: in the repository, beside the pages about them.

Schemas of what is stored are of what this version writes; it reads more, as fields that were added later have defaults.
A policy's is of one whose `extends` is resolved, as `policy.json` of a run has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from pipeline.runs.folder import CaseFile
from pipeline.runs.summary import RunSummary
from pipeline.schemas.generator import DescribedSchema, RecordSchema
from policies.organisation import Facts
from policies.policy import Policy
from policies.verdict import Verdict
from policies.waivers import Waiver
from runners.evidence import Evidence

FOLDER: Final = "docs/reference"
DIALECT: Final = DescribedSchema.schema_dialect
_WAIVERS: Final[TypeAdapter[tuple[Waiver, ...]]] = TypeAdapter(tuple[Waiver, ...])


def evidence_schema() -> dict[str, Any]:
    """The schema of evidence.json."""
    return Evidence.model_json_schema(mode="serialization", schema_generator=RecordSchema)


def verdict_schema() -> dict[str, Any]:
    """The schema of verdict.json."""
    return Verdict.model_json_schema(mode="serialization", schema_generator=DescribedSchema)


def run_schema() -> dict[str, Any]:
    """The schema of run.json."""
    return RunSummary.model_json_schema(mode="serialization", schema_generator=DescribedSchema)


def case_schema() -> dict[str, Any]:
    """The schema of the file of a failing case."""
    return CaseFile.model_json_schema(mode="serialization", schema_generator=DescribedSchema)


def policy_schema() -> dict[str, Any]:
    """The schema of policy.json, and of a policy's file that extends none."""
    return Policy.model_json_schema(mode="validation", schema_generator=DescribedSchema)


def waivers_schema() -> dict[str, Any]:
    """The schema of a waivers file."""
    schema = _WAIVERS.json_schema(mode="validation", schema_generator=DescribedSchema)
    return {"title": "Waivers", "description": "A list of waivers, as a team writes it.", **schema}


def facts_schema() -> dict[str, Any]:
    """The schema of what rules of an organisation can name; `kernelgate policy schema` prints it."""
    return Facts.model_json_schema(mode="serialization", schema_generator=RecordSchema)


_SCHEMAS: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "case": case_schema,
    "evidence": evidence_schema,
    "policy": policy_schema,
    "run": run_schema,
    "verdict": verdict_schema,
    "waivers": waivers_schema,
}


def schemas() -> dict[str, dict[str, Any]]:
    """Returns every committed schema by its path from the root of the repository."""
    return {f"{FOLDER}/{name}.schema.json": {"$schema": DIALECT, **make()} for name, make in _SCHEMAS.items()}


def write_schemas(root: Path) -> int:
    """Writes every schema below `root`, removes those of documents that are no more, and returns how many there are."""
    texts = {name: as_text(schema) for name, schema in schemas().items()}
    for old in (root / FOLDER).glob("*.schema.json"):
        if str(old.relative_to(root)) not in texts:
            old.unlink()
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (root / name).write_text(text, encoding="utf-8")
    return len(texts)


def as_text(schema: dict[str, Any]) -> str:
    """Returns a schema as it is stored."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
