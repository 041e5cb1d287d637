"""The schemas of what is stored: committed as they are made, whole, and true of what is written."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import torch
import whole_evidence
import yaml
from jsonschema import Draft202012Validator

from pipeline.gate.judged import Judged
from pipeline.gate.judging import judge
from pipeline.runs.folder import write_run
from pipeline.schemas.documents import FOLDER, as_text, facts_schema, schemas, write_schemas
from pipeline.schemas.generator import attributes_of, summary_of
from policies.policy import BUILT_IN, Policy, load_policy
from policies.verdict import Verdict
from policies.waivers import DatedWaivers, Waiver
from runners.candidate import Candidate
from runners.evidence import Evidence, ExaminedCase, PropertiesEvidence, Times, WrongElement
from runners.mapping_errors import map_errors
from runners.operators import OPERATORS
from runners.oracle import Expected
from runners.plans import pairwise

ROOT = Path(__file__).parents[3]
CI = load_policy("ci")
SOURCE = b"x = 1\n"
NEVER = torch.zeros((), dtype=torch.bool)


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((ROOT / FOLDER / f"{name}.schema.json").read_text()))


def problems(name: str, document: object) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in validator(name).iter_errors(document)]


def failing() -> Evidence:
    """A failure with all that a stored one may have: a map, what was found first, numbers unknown to JSON, a trail."""
    exact = torch.zeros(3, 70, dtype=torch.float64)
    got = torch.full((3, 70), torch.nan)
    got[0] = 3.0
    errors = map_errors(Expected("float32", exact, exact - 1, exact + 1, NEVER), got)
    element = WrongElement(index=(1, 0), got=float("nan"), expected=0.0, low=float("-inf"), high=float("inf"))
    wrong = whole_evidence.WRONG.model_copy(update={"errors": errors, "first": (element,)})
    cases = pairwise(OPERATORS["layer_norm"], 1, ("float32",))
    trail = tuple(
        ExaminedCase.of(case, "pairwise", "agreed", elements=6, ratio=0.25, wall_s=0.012345)
        for case, _ in zip(cases, range(20), strict=False)
    )
    refused = ExaminedCase.of(wrong.case, "reduction", "refused", elements=0, ratio=None, wall_s=0.0)
    times = Times(source_s=0.1, origin_s=0.0, waited_s=0.0, total_s=2.0)
    return whole_evidence.evidence(
        SOURCE,
        properties=whole_evidence.properties(
            failure=whole_evidence.WRONG, found=wrong, failed_at=20, trail=(*trail, refused), left_out=3
        ),
        times=times,
    )


def entry(evidence: Evidence, waivers: DatedWaivers | None = None) -> Judged:
    item = Candidate("kernels/relu.py", SOURCE, SOURCE.decode(), OPERATORS["relu"], "relu")
    return judge(item, evidence, CI, waivers=waivers)


def waiver() -> Waiver:
    digest = whole_evidence.evidence(SOURCE).candidate.digest
    return Waiver(rule="properties/wrong-values", digest=digest, reason="known", expires=date(2027, 1, 1))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stored run: one that is allowed, one that failed, the same waived."""
    waived = DatedWaivers(day=date(2026, 11, 30), waivers=(waiver(),))
    judged = [entry(whole_evidence.evidence(SOURCE)), entry(failing()), entry(failing(), waived)]
    return write_run(tmp_path_factory.mktemp("runs"), "20261130-000000-00000000", CI, judged)


def test_the_committed_schemas_are_those_of_the_types(tmp_path: Path) -> None:
    assert write_schemas(tmp_path) == len(schemas())
    made = {path.name: path.read_text() for path in (tmp_path / FOLDER).iterdir()}
    committed = {path.name: path.read_text() for path in (ROOT / FOLDER).glob("*.schema.json")}
    assert committed == made, "make them: python -m pipeline.schemas"


def test_what_is_no_schema_any_more_goes_and_pages_stay(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir(parents=True)
    (tmp_path / FOLDER / "old.schema.json").write_text("{}")
    (tmp_path / FOLDER / "evidence.md").write_text("a page")
    write_schemas(tmp_path)
    assert not (tmp_path / FOLDER / "old.schema.json").exists()
    assert (tmp_path / FOLDER / "evidence.md").read_text() == "a page"


def test_the_command_writes_them_where_it_is_called(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pipeline.schemas"], cwd=tmp_path, check=True, env={"PYTHONPATH": str(ROOT)}, timeout=120
    )
    assert sorted(path.name for path in (tmp_path / FOLDER).iterdir()) == sorted(Path(name).name for name in schemas())


@pytest.mark.parametrize("schema", [*schemas().values(), facts_schema()], ids=[*schemas(), "facts"])
def test_every_field_says_what_it_means_and_no_other_is_allowed(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    objects = list(models(schema))
    assert objects
    for name, model in objects:
        assert model["description"].endswith("."), name
        assert model.get("additionalProperties", False) is False, name
        fields = [*model.get("properties", {}).items(), *((one["title"], one) for one in model.get("prefixItems", ()))]
        assert [f"{name}.{field}" for field, about in fields if not about.get("description", "").endswith(".")] == []


def models(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, model in {**schema.get("$defs", {}), "": schema}.items():
        if "properties" in model or "title" in str(model.get("prefixItems", "")):
            yield name, model


def test_all_that_a_run_stores_is_as_the_schemas_say(run: Path) -> None:
    assert problems("run", json.loads((run / "run.json").read_text())) == []
    assert problems("policy", json.loads((run / "policy.json").read_text())) == []
    stored = sorted(run.glob("*/*.json"))
    assert len(stored) == 6
    for path in stored:
        assert problems(path.stem, json.loads(path.read_text())) == [], path
    cases = list(run.glob("*/cases/*.json"))
    assert len(cases) == 2
    for path in cases:
        assert problems("case", json.loads(path.read_text())) == []
    verdicts = [Verdict.model_validate_json(path.read_text()) for path in sorted(run.glob("*/verdict.json"))]
    assert [verdict.allowed for verdict in verdicts] == [True, False, True]


def test_evidence_is_read_back_to_the_byte(run: Path) -> None:
    for path in run.glob("*/evidence.json"):
        text = path.read_text()
        assert Evidence.model_validate_json(text).model_dump_json() == text


def test_evidence_of_earlier_versions_is_as_the_schema_says(run: Path) -> None:
    document = json.loads((run / "002-kernels-relu" / "evidence.json").read_text())
    del document["times"]
    for later in ("found", "trail", "left_out"):
        del document["properties"][later]
    del document["properties"]["failure"]["errors"]
    assert problems("evidence", document) == []
    read = Evidence.model_validate(document)
    assert isinstance(read.properties, PropertiesEvidence)
    assert (read.times, read.properties.trail) == (None, ())


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("verdict",), "allowed"),
        (("schema_version",), 2),
        (("times", "total_s"), "long"),
        (("times", "total_s"), None),
        (("properties", "kind"), "missing"),
        (("properties", "trail", 0, 0), "a phase of its own"),
        (("properties", "trail", 0), ["pairwise"]),
        (("properties", "trail", 0, 5, "x", 3), "sideways"),
        (("properties", "found", "errors", "wrong", 0), [0] * 65),
        (("properties", "found", "errors", "worst", 0, 0), "Infinity"),
        (("properties", "found", "first", 0, "got"), "many"),
    ],
)
def test_what_is_no_evidence_is_none_by_the_schema(run: Path, place: tuple[Any, ...], value: object) -> None:
    document = json.loads((run / "002-kernels-relu" / "evidence.json").read_text())
    assert problems("evidence", document) == []
    changed = copy.deepcopy(document)
    inner = changed
    for part in place[:-1]:
        inner = inner[part]
    inner[place[-1]] = value
    assert problems("evidence", changed) != []


def test_numbers_that_json_has_not_are_text(run: Path) -> None:
    document = json.loads((run / "002-kernels-relu" / "evidence.json").read_text())
    first = document["properties"]["found"]["first"][0]
    assert (first["got"], first["low"], first["high"]) == ("NaN", "-Infinity", "Infinity")


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_built_in_policies_are_as_the_schema_says(name: str) -> None:
    document = load_policy(name).model_dump(mode="json")
    assert problems("policy", document) == []
    assert problems("policy", document | {"propertis": {}}) != []
    assert problems("policy", document | {"allows": ["rejected"]}) != []
    assert Policy.model_validate(document).name == name


def test_a_waivers_file_is_as_the_schema_says() -> None:
    written = yaml.safe_load(yaml.safe_dump([waiver().model_dump(mode="json")]))
    assert problems("waivers", written) == []
    assert problems("waivers", [written[0] | {"digest": "7a5c"}]) != []
    assert problems("waivers", [written[0] | {"until": "2027-01-01"}]) != []
    assert problems("waivers", written[0]) != []


class Described:
    """What it is, in
    two lines.

    Attributes:
        one: A text of
            two lines.
        other: Short.

    Some more.
    """


class Bare: ...


def test_the_attributes_of_a_docstring_are_read() -> None:
    assert summary_of(Described) == "What it is, in two lines."
    assert attributes_of(Described) == {"one": "A text of two lines.", "other": "Short."}
    assert attributes_of(Bare) == {}


def test_a_schema_is_stored_as_readable_text() -> None:
    assert as_text({"a": "²"}) == '{\n  "a": "²"\n}\n'
