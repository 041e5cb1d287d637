"""A kernel that is labelled wrong with a witness fails on that case, and the kernel that it was made from does not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.corpus.labels import Labelled
from pipeline.corpus.reading import BUNDLED, read_corpus
from pipeline.settings import PROJECT
from runners.operators import OPERATORS

KERNELS = PROJECT / BUNDLED
PROGRAM = Path(__file__).parent / "support" / "run_witnesses.py"
WITNESSED = tuple(kernel for kernel in read_corpus(KERNELS).labelled if kernel.witness is not None)
MUTANTS = tuple(kernel for kernel in WITNESSED if kernel.path.name.startswith("mutant_"))
ALL_WITNESSES_S = 600


def source_of(mutant: Path) -> Path:
    """The right kernel that a mutant was made from, which its name says."""
    return mutant.with_name(re.sub(r"^mutant_(.+)_\d+\.py$", r"right_\1.py", mutant.name))


def name(kernel: Labelled) -> str:
    return str(kernel.path.relative_to(KERNELS))


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, list[str]]:
    """What the judge says of each kernel with a witness, and of the source of each mutant."""
    asked = []
    for kernel in WITNESSED:
        assert kernel.witness is not None
        files = [kernel.path, source_of(kernel.path)] if kernel in MUTANTS else [kernel.path]
        asked.append(json.dumps({"case": kernel.witness.model_dump(), "files": [str(file) for file in files]}))
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(tmp_path_factory.mktemp("sources"))],
        input="\n".join(asked),
        cwd=PROJECT,
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {kernel.path: answer for kernel, answer in zip(WITNESSED, answers, strict=True)}


@pytest.mark.timeout(ALL_WITNESSES_S)
@pytest.mark.parametrize("kernel", WITNESSED, ids=name)
def test_a_witness_shows_the_labelled_finding(kernel: Labelled, said: dict[Path, list[str]]) -> None:
    assert said[kernel.path][0] in kernel.findings


@pytest.mark.timeout(ALL_WITNESSES_S)
@pytest.mark.parametrize("kernel", MUTANTS, ids=name)
def test_a_mutants_source_is_right_on_its_witness(kernel: Labelled, said: dict[Path, list[str]]) -> None:
    assert said[kernel.path][1] == "agreed"


def test_every_mutant_has_a_witness_and_differs_from_a_right_kernel_in_its_code() -> None:
    assert set(KERNELS.rglob("mutant_*.py")) == {kernel.path for kernel in MUTANTS}
    for kernel in MUTANTS:
        assert source_of(kernel.path).read_bytes() != kernel.path.read_bytes()


def test_the_mechanical_part_is_large_and_leaves_no_operator_out() -> None:
    assert len(MUTANTS) >= 160
    assert {kernel.operator for kernel in MUTANTS} == set(OPERATORS)
