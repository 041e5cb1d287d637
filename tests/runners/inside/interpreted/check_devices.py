"""What host code asks of a device is answered as on a GPU, and nothing else of the file changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from runners import wire
from runners.inside import candidate_unsafe

X = torch.ones(3)


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(candidate_unsafe, "FILE", tmp_path / "candidate.py")
    return tmp_path / "candidate.py"


def answered(body: str, argument: object = X) -> object:
    entry = candidate_unsafe.load(memoryview(f"import torch\ndef entry(x):\n{body}\n".encode()), "entry")
    assert callable(entry), entry
    return entry(argument)


HOLDS = (
    "x.is_cuda", "not x.is_cpu", "x.device.type == 'cuda'", "x.get_device() == 0", "x.device.index == 0",
    "torch.empty(2, device=x.device).is_cuda", "x.device == x.view(-1).device", "torch.cuda.is_available()",
)  # fmt: skip


@pytest.mark.parametrize("question", HOLDS)
def test_what_holds_on_a_gpu_holds_here(question: str) -> None:
    assert answered(f"    assert {question}\n    return 1") == 1
    assert answered(f"    return {question}") is True


def test_a_device_in_a_variable_is_asked_too() -> None:
    assert answered("    d = x.device\n    assert d.type == 'cuda'\n    return d") == torch.device("cpu")


@pytest.mark.parametrize("guard", ["torch.cuda.device(x.device)", "torch.cuda.device_of(x)", "torch.cuda.device(0)"])
def test_a_device_guard_does_nothing(guard: str) -> None:
    assert answered(f"    with {guard}:\n        return 2") == 2
    with pytest.raises(ValueError, match="inside"):
        answered(f"    with {guard}:\n        raise ValueError('inside')")


def test_an_assertion_that_fails_on_a_gpu_fails_here() -> None:
    with pytest.raises(AssertionError, match="on the CPU"):
        answered("    assert x.is_cpu, 'on the CPU'")


def test_the_same_names_of_anything_else_are_its_own() -> None:
    class Other:
        is_cuda, type, index, get_device = "a", "b", "c", "d"

    assert answered("    return x.is_cuda, x.type, x.index, x.get_device, [3, 4].index(4)", Other()) == (
        "a", "b", "c", "d", 1,
    )  # fmt: skip
    with pytest.raises(AttributeError, match="is_cuda"):
        answered("    return (3).is_cuda")


def test_the_line_of_an_error_is_that_of_the_file(file: Path) -> None:
    source = b"def entry(x):\n    assert x.is_cuda\n    assert not x.is_cuda, 'third'\n"
    entry = candidate_unsafe.load(memoryview(source), "entry")
    assert callable(entry)
    try:
        entry(X)
    except AssertionError as error:
        told = candidate_unsafe.interpreter.candidate_line(error, str(file))
        assert told == 3
    assert file.read_bytes() == source


def test_a_file_that_does_not_parse_says_so() -> None:
    told = candidate_unsafe.load(memoryview(b"x.is_cuda = (\n"), "entry")
    assert isinstance(told, wire.Raised)
    assert (told.error, told.line) == ("SyntaxError", 1)
