"""What was found about an operator's own test is kept, and says nothing once the test has changed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import pipeline.gate.strength_records
from pipeline.errors import UsageError
from pipeline.gate.strength_records import BUILT_IN, record_path, record_strength, recorded_strength
from pipeline.measuring.strength import REQUIRED_RATE, Question, Strength, as_evidence
from pipeline.own_operators import load_operators
from policies.policy import load_policy
from policies.strength_findings import KERNELS
from runners.digests import own_test_digest
from runners.evidence import Missing, StrengthEvidence
from runners.operators import OPERATORS, Operator
from runners.strength import DegenerateTally

DECLARATION = """
import torch
from runners.operators.model import Dim, Form, Operator, TensorInput
CUBE = Operator(name="cube", summary="x * x * x", inputs=(TensorInput("x"),), dims=(Dim("N", (1, 5)),),
                forms=(Form("vector", {"x": ("N",)}),), reference=lambda x: x * x * x, condition=torch.abs)
"""
TALLY = DegenerateTally("zeros", 0, tried=9, rejected=9, first=1)


@pytest.fixture
def cube(tmp_path: Path) -> Operator:
    (tmp_path / "cube.py").write_text(DECLARATION)
    return load_operators(tmp_path)["cube"]


def found(operator: Operator) -> StrengthEvidence:
    strength = Strength(operator.name, 1, 56, (TALLY,), ())
    return as_evidence(strength, Question(operator, (), load_policy("ci"), 1, 0))


def test_a_record_is_read_back_beside_the_file_that_declares_the_operator(cube: Operator, tmp_path: Path) -> None:
    assert record_strength(cube, found(cube)) == tmp_path / "cube.strength.json"
    assert recorded_strength(cube) == found(cube)
    assert load_operators(tmp_path)["cube"].declared_in == cube.declared_in


@pytest.mark.parametrize("name", OPERATORS)
def test_what_is_known_of_a_built_in_operator_is_about_its_test_as_it_is_now(name: str) -> None:
    """Else no kernel is production-safe; `benchmarks/record_strengths.py` says how it is examined again."""
    assert isinstance(recorded_strength(OPERATORS[name]), StrengthEvidence)


def reason(operator: Operator) -> str:
    missing = recorded_strength(operator)
    assert isinstance(missing, Missing)
    assert not missing.ours
    assert f"kernelgate operators check {operator.name} --record" in missing.reason
    return missing.reason


def test_without_a_record_the_operator_was_never_examined(cube: Operator) -> None:
    assert "was never examined" in reason(cube)


def test_a_record_says_nothing_about_a_changed_declaration(cube: Operator, tmp_path: Path) -> None:
    record_strength(cube, found(cube))
    (tmp_path / "cube.py").write_text(DECLARATION.replace("(1, 5)", "(1, 7)"))
    assert "changed since it was examined" in reason(load_operators(tmp_path)["cube"])


def test_a_record_of_another_operator_is_none(cube: Operator) -> None:
    record_strength(cube, found(cube).model_copy(update={"operator": "relu"}))
    assert "changed since" in reason(cube)


@pytest.mark.parametrize("content", ["", "{}", '{"kind": "strength", "killed": "many"}', "[" * 9999])
def test_a_record_that_is_none_is_told(cube: Operator, content: str) -> None:
    record_path(cube).write_text(content)
    assert "can't be read as a record" in reason(cube)


def test_a_record_that_can_not_be_written_is_told(cube: Operator) -> None:
    record_path(cube).mkdir()
    with pytest.raises(UsageError, match=r"cube\.strength\.json can't be written"):
        record_strength(cube, found(cube))


def test_a_built_in_operator_has_its_record_with_the_program() -> None:
    assert record_path(OPERATORS["relu"]) == BUILT_IN / "relu.strength.json"
    assert BUILT_IN.parent == Path(pipeline.gate.strength_records.__file__).parent


def test_the_digest_of_a_test_is_the_operators_own() -> None:
    relu = OPERATORS["relu"]
    assert own_test_digest(relu) == own_test_digest(dataclasses.replace(relu))
    assert len({own_test_digest(operator) for operator in OPERATORS.values()}) == len(OPERATORS)
    assert own_test_digest(relu) != own_test_digest(dataclasses.replace(relu, declared_in="x"))


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_what_is_recorded_of_a_built_in_operator_would_certify_by_it(name: str) -> None:
    record = StrengthEvidence.model_validate_json((BUILT_IN / f"{name}.strength.json").read_bytes())
    assert record.operator == name
    assert record.degenerates > 0
    assert record.passed_over == ()
    assert record.kernels >= KERNELS
    assert record.killed > 0
    assert record.kill_rate >= REQUIRED_RATE
