"""`docs/how-to/add-an-operator.md`, followed to the letter: what it writes, what it runs, what it says comes out."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from pipeline.corpus.equivalents import known_equivalents
from pipeline.own_operators import load_operators
from pipeline.settings import PROJECT
from runners.candidate import Candidate, read_candidate
from runners.mutants import shuffled_mutants

PAGE = PROJECT / "docs" / "how-to" / "add-an-operator.md"
FENCED = re.compile(r"(?:`(?P<file>[\w./]+)`:\n\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.M | re.S)
Program = Callable[..., CompletedProcess[str]]


@dataclass(frozen=True)
class Page:
    """The page's blocks: files by path, commands and the diff in order."""

    files: dict[str, str]
    commands: tuple[str, ...]
    diff: str


@pytest.fixture(scope="module")
def page() -> Page:
    blocks = list(FENCED.finditer(PAGE.read_text()))
    named = {block["file"]: block["text"] for block in blocks if block["file"]}
    (diff,) = (block["text"] for block in blocks if block["kind"] == "diff")
    commands = tuple(block["text"].strip() for block in blocks if block["kind"] == "sh")
    return Page(named, commands, diff)


@pytest.fixture
def folder(tmp_path: Path, page: Page) -> Path:
    for name, text in page.files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_the_page_writes_an_operator_a_kernel_and_labels(page: Page) -> None:
    assert sorted(page.files) == [
        "kernels/equivalent.toml", "kernels/huber.py", "kernels/labels.toml", "operators/huber.py",
        "right/equivalent.toml", "right/huber_clipped.py",
    ]  # fmt: skip
    assert [shlex.split(command)[:2] for command in page.commands] == [
        ["kernelgate", "operators"], ["kernelgate", "operators"], ["kernelgate", "verify"], ["kernelgate", "operators"],
        ["kernelgate", "measure"],
    ]  # fmt: skip


def test_the_operator_takes_less_than_forty_lines(page: Page) -> None:
    assert len(page.files["operators/huber.py"].splitlines()) < 40


def test_the_operator_loads_and_the_kernel_is_a_candidate_for_it(folder: Path) -> None:
    operators = load_operators(folder / "operators")
    candidate = read_candidate(folder / "kernels" / "huber.py", operators=operators)
    assert isinstance(candidate, Candidate)
    assert candidate.operator is operators["huber"]


@pytest.mark.parametrize(("name", "listed"), [("kernels/huber.py", 7), ("right/huber_clipped.py", 6)])
def test_every_mutant_that_the_page_calls_equivalent_is_one_of_its_kernel(
    folder: Path, page: Page, name: str, listed: int
) -> None:
    """Whether they survive, minutes tell: `operators check` reports a listed one that is killed."""
    candidate = read_candidate(folder / name, operators=load_operators(folder / "operators"))
    assert isinstance(candidate, Candidate)
    known = known_equivalents(folder / name)
    assert len(known) == listed
    assert set(known) <= {mutant.id for mutant in shuffled_mutants(candidate.text, candidate.entry, 0)}
    assert name in page.commands[3]


def run(kernelgate: Program, folder: Path, command: str, *more: str) -> CompletedProcess[str]:
    return kernelgate(*shlex.split(command)[1:], *more, cwd=folder)


def test_the_list_shows_the_operator(kernelgate: Program, folder: Path, page: Page) -> None:
    done = run(kernelgate, folder, page.commands[0])
    assert done.returncode == 0, done.stderr
    assert "huber(x, y, delta)" in done.stdout


def test_its_own_test_rejects_degenerate_results(kernelgate: Program, folder: Path, page: Page) -> None:
    done = run(kernelgate, folder, page.commands[1])
    assert done.returncode == 3, done.stdout + done.stderr
    assert "'huber' rejects every degenerate output" in done.stdout


def test_the_right_kernel_is_functional(kernelgate: Program, folder: Path, page: Page, runner_image: str) -> None:
    done = run(kernelgate, folder, page.commands[2])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "functional" in done.stdout


def test_the_broken_kernel_is_rejected_and_its_case_replays(
    kernelgate: Program, folder: Path, page: Page, runner_image: str
) -> None:
    old, new = (line[1:] + "\n" for line in page.diff.splitlines())
    path = folder / "kernels" / "huber.py"
    source = path.read_text()
    assert source.count(old) == 1
    path.write_text(source.replace(old, new))
    done = run(kernelgate, folder, page.commands[2], "--format", "json")
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    (verdict,) = document["candidates"]
    assert verdict["tier"] == "rejected"
    assert verdict["findings"][0]["rule"] == "properties/wrong-values"
    again = kernelgate("replay", document["run"], verdict["case"], "--operators", "operators", cwd=folder)
    assert again.returncode == 1, again.stderr
    without = kernelgate("replay", document["run"], verdict["case"], cwd=folder)
    assert without.returncode == 2
    assert "'huber' is not an operator here; add --operators DIR" in without.stderr


def test_the_folder_can_be_measured(kernelgate: Program, folder: Path, page: Page, runner_image: str) -> None:
    done = run(kernelgate, folder, page.commands[4])
    assert done.returncode == 0, done.stderr
    assert "0 false denials of 1" in done.stdout
