"""Every block of code in a document is what it says: commands that exist, files that parse, policies that hold."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from command_lines import make_targets, parse, shown_commands, spoken_commands, targets_of_the_makefile, unknown_options
from documents import NO_RULES, name_of
from markdown_pages import Block, blocks

from pipeline.own_operators import load_operators
from pipeline.settings import PROJECT
from policies.checking import check_policy
from runners.candidate import Candidate, read_candidate

BLOCKS = [block for page in NO_RULES for block in blocks(page)]
WRITTEN = {"python", "yaml", "json", "toml", "sh", "diff", "text", "", "{toctree}", "{include} ../../SECURITY.md"}


def of_kind(*kinds: str) -> pytest.MarkDecorator:
    found = [block for block in BLOCKS if block.kind in kinds]
    return pytest.mark.parametrize("block", found, ids=lambda block: f"{name_of(block.page)}:{block.line}")


def is_policy(block: Block) -> bool:
    return any(line.startswith("extends:") for line in block.text.splitlines())


def is_operator(block: Block) -> bool:
    return "= Operator(" in block.text


def is_candidate(block: Block) -> bool:
    return block.text.startswith("# /// kernel\n") and "@triton.jit" in block.text


def test_no_block_is_of_a_kind_that_nobody_looks_at() -> None:
    assert {block.kind for block in BLOCKS} <= WRITTEN


@pytest.mark.parametrize("page", NO_RULES, ids=name_of)
def test_every_command_that_is_shown_parses(page: Path) -> None:
    for line in shown_commands(page):
        parse(line)


@pytest.mark.parametrize("page", NO_RULES, ids=name_of)
def test_every_command_that_a_text_names_has_these_options(page: Path) -> None:
    assert [(line, wrong) for line in spoken_commands(page) if (wrong := unknown_options(line))] == []


@pytest.mark.parametrize(
    "line", ["kernelgate verfy a.py", "kernelgate verify a.py --polcy ci", "kernelgate verify", "kernelgate replay 1",
             "kernelgate waive RUN --reason x --expires soon", "kernelgate verify a.py --format xml"],
)  # fmt: skip
def test_a_line_that_the_program_would_refuse_is_found(line: str) -> None:
    with pytest.raises(Exception, match=r"verfy|polcy|paths|case|soon|xml"):
        parse(line)


def test_an_option_that_is_none_is_found_in_a_text() -> None:
    assert unknown_options("kernelgate verify --format json --fast") == ["--fast"]


def test_every_target_of_make_that_a_document_names_is_there() -> None:
    named = set().union(*map(make_targets, NO_RULES))
    assert {"demo", "test", "docs"} <= named
    assert named <= targets_of_the_makefile()


@of_kind("sh")
def test_a_block_of_shell_is_one(block: Block) -> None:
    done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@of_kind("python")
def test_a_block_of_python_is_one(block: Block) -> None:
    ast.parse(block.text)


@of_kind("yaml", "json", "toml")
def test_a_block_of_data_parses(block: Block) -> None:
    load = {"yaml": yaml.safe_load, "json": json.loads, "toml": tomllib.loads}[block.kind]
    assert load(block.text)


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.kind == "yaml" and is_policy(block)], ids=str)
def test_a_policy_that_is_shown_passes_the_check(block: Block, tmp_path: Path) -> None:
    (tmp_path / "references").mkdir()  # what docs/how-to/deny-copies.md says stands beside the file
    shutil.copy(PROJECT / "tests/kernels/softmax/right_online.py", tmp_path / "references")
    file = tmp_path / "team.yaml"
    file.write_text(block.text)
    found = check_policy(file, None)
    assert [str(problem) for problem in found.problems] == []


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.kind == "python" and is_operator(block)], ids=str)
def test_an_operator_that_is_shown_loads(block: Block, tmp_path: Path) -> None:
    (tmp_path / "shown.py").write_text(block.text)
    assert len(load_operators(tmp_path)) == len(load_operators(None)) + 1


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.kind == "python" and is_candidate(block)], ids=str
)
def test_a_kernel_that_is_shown_can_be_read(block: Block, tmp_path: Path) -> None:
    (tmp_path / "shown.py").write_text(block.text)
    read = read_candidate(tmp_path / "shown.py")
    assert isinstance(read, Candidate) or read.problem.rule == "candidate/unknown-operator"  # which its page adds
