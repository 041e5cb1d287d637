"""Every bundled kernel gets the verdict that its label says, with two different seeds."""

from __future__ import annotations

import secrets
from functools import cache
from pathlib import Path

import pytest

from pipeline.gate import Judged
from pipeline.labels import Labelled, read_labels
from pipeline.settings import PROJECT, Settings
from pipeline.verify import Options, verify_items
from policies.policy import load_policy
from runners.candidate import read_candidate

KERNELS = PROJECT / "tests" / "kernels"
LABELLED = read_labels(KERNELS)
FOREIGN = KERNELS / "liger"
OWN = tuple(kernel for kernel in LABELLED if FOREIGN not in kernel.path.parents)
IMPORTED = tuple(kernel for kernel in LABELLED if FOREIGN in kernel.path.parents)


class Quiet:
    def note(self, text: str) -> None: ...

    def case(self, path: str, done: int, planned: int) -> None: ...

    def judged(self, path: str, judged: Judged) -> None: ...


def _verdicts(kernels: tuple[Labelled, ...], policy: str, seed: int) -> dict[Path, Judged]:
    items = [read_candidate(kernel.path) for kernel in kernels]
    judged = verify_items(items, load_policy(policy), Settings.resolve(), Options(seed=seed), Quiet())
    return dict(zip((kernel.path for kernel in kernels), judged, strict=True))


@cache
def _own_verdicts(number: int) -> dict[Path, Judged]:
    return _verdicts(OWN, "ci", secrets.randbits(64))


@cache
def _imported_verdicts() -> dict[Path, Judged]:
    return _verdicts(IMPORTED, str(FOREIGN / "policy.yaml"), secrets.randbits(64))


def _name(kernel: Labelled) -> str:
    return str(kernel.path.relative_to(KERNELS))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("kernel", OWN, ids=_name)
def test_a_bundled_kernel_gets_its_labelled_verdict(kernel: Labelled, number: int, runner_image: str) -> None:
    judged = _own_verdicts(number)[kernel.path]
    assert kernel.matches(judged.verdict), judged.verdict.findings


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kernel", IMPORTED, ids=_name)
def test_a_kernel_from_an_index_gets_a_verdict_that_is_true_of_it(kernel: Labelled, runner_image: str) -> None:
    judged = _imported_verdicts()[kernel.path]
    assert kernel.matches(judged.verdict), judged.verdict.findings


def test_every_operator_has_two_right_kernels_and_four_wrong_ones() -> None:
    from runners.operators import OPERATORS

    for operator in OPERATORS:
        labels = [kernel.label for kernel in OWN if kernel.operator == operator]
        assert labels.count("right") >= 2, operator
        assert labels.count("wrong") >= 4, operator


def test_every_bundled_file_has_a_label_and_implements_the_operator_it_says() -> None:
    files = set(KERNELS.rglob("*.py"))
    assert files == {kernel.path for kernel in LABELLED}
    for kernel in LABELLED:
        assert read_candidate(kernel.path).facts.operator == kernel.operator


def test_the_demo_is_a_dozen_kernels_of_three_operators_right_and_wrong() -> None:
    demo = [kernel for kernel in LABELLED if kernel.demo]
    assert len(demo) == 12
    assert len({kernel.operator for kernel in demo}) == 3
    assert {kernel.label for kernel in demo} == {"right", "wrong"}
