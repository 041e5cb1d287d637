from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import OperatorsError
from pipeline.own_operators import load_operators
from runners.digests import operator_digest
from runners.operators import OPERATORS

IMPORTS = (
    "import torch\nfrom runners.operators import Operator\n"
    "from runners.operators.model import Dim, Form, ScalarInput, TensorInput\n"
)


def declared(name: str = "square", reference: str = "torch.square", more: str = "") -> str:
    return IMPORTS + (
        f'OP = Operator(name="{name}", summary="x²", inputs=(TensorInput("x"),), dims=(Dim("N", (1, 2, 7, 0)),),\n'
        f'    forms=(Form("vector", {{"x": ("N",)}}),), reference={reference}{more})\n'
    )


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def test_without_a_folder_there_are_the_built_in_operators_alone() -> None:
    assert load_operators(None) is OPERATORS


def test_a_folders_operators_stand_beside_the_built_in_ones(tmp_path: Path) -> None:
    cube = declared("cube", "lambda x: x * x * x").replace("OP =", "CUBE =")
    known = load_operators(write(tmp_path, square=declared(), more=declared("fourth", "lambda x: x**4") + cube))
    assert known.keys() - OPERATORS.keys() == {"square", "fourth", "cube"}
    assert all(known[name] is operator for name, operator in OPERATORS.items())


def test_what_a_file_imports_from_the_built_in_ones_is_not_declared_by_it(tmp_path: Path) -> None:
    text = "from runners.operators.elementwise import SWIGLU\n" + declared(reference="lambda x: x * x")
    assert len(load_operators(write(tmp_path, square=text))) == len(OPERATORS) + 1


def test_the_digest_of_an_operator_covers_its_file(tmp_path: Path) -> None:
    first = load_operators(write(tmp_path, square=declared()))["square"]
    again = load_operators(tmp_path)["square"]
    other = load_operators(write(tmp_path, square=declared() + "# changed\n"))["square"]
    assert operator_digest(first) == operator_digest(again)
    assert operator_digest(first) != operator_digest(other)


def test_the_built_in_digests_do_not_depend_on_the_folder(tmp_path: Path) -> None:
    known = load_operators(write(tmp_path, square=declared()))
    assert operator_digest(known["relu"]) == operator_digest(OPERATORS["relu"])


def test_loading_leaves_nothing_in_the_folder(tmp_path: Path) -> None:
    load_operators(write(tmp_path, square=declared()))
    assert [path.name for path in tmp_path.iterdir()] == ["square.py"]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "holds no Python file"),
        ({"a": "x = 1\n"}, r"a\.py declares no operator"),
        ({"a": "from runners.operators.elementwise import RELU\n"}, r"a\.py declares no operator"),
        ({"a": "x =\n"}, r"a\.py, line 1: invalid syntax"),
        ({"a": "import torch\nimport no_such_module\n"}, r"a\.py, line 2: ModuleNotFoundError: .*no_such_module"),
        ({"a": IMPORTS + "\n\n1 / 0\n"}, r"a\.py, line 6: ZeroDivisionError"),
        ({"a": declared(more=', reduction="K"')}, r"a\.py, line 4: ValueError: 'K' of operator 'square'"),
        ({"a": declared("relu")}, r"a\.py: an operator is called 'relu', as a built-in one is"),
        ({"a": declared(), "b": declared()}, r"b\.py: an operator is called 'square', as another file's is"),
        (
            {"a": declared(reference="lambda x: x.no_such_thing()")},
            r"a\.py, line 5: operator 'square' fails on vector N=.*AttributeError",
        ),
    ],
)
def test_a_folder_that_can_not_be_used_is_refused_with_the_place(
    tmp_path: Path, files: dict[str, str], says: str
) -> None:
    with pytest.raises(OperatorsError, match=says):
        load_operators(write(tmp_path, **files))


def test_what_is_no_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(OperatorsError, match="is not a folder"):
        load_operators(tmp_path / "none")
