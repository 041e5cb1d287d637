"""The bundled kernels get the verdicts that their labels say.

Each run measures, under `ci`, the kernels of the demonstration, every hack and every third wrong kernel that was
written by hand; those of liger-kernel under their own policy; under `dev`, with a fifth of the cases, a right one of
each other operator: right kernels are run to the end, and under `ci` they would be a quarter of all tests' time. The
seed is fixed, so that a failure can be had again. Mechanical wrong ones have their witnesses (`test_witnesses.py`).
`make measure`, or KERNELGATE_CORPUS=all here, measures all under `ci`, with fresh draws; it takes hours on two cores.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from functools import cache

import pytest

from pipeline.corpus.labels import MUST_ALLOW, MUST_DENY, Labelled
from pipeline.corpus.reading import BUNDLED, POLICY_FILE, Corpus, read_corpus
from pipeline.gate.judged import Judged
from pipeline.measuring.measure import Selection, choose, measure_corpus
from pipeline.measuring.measurement import Measurement, Outcome, Row
from pipeline.settings import PROJECT, Settings
from pipeline.verification.verify import Options
from policies.policy import load_policy
from runners.candidate import read_candidate
from runners.operators import OPERATORS

KERNELS = PROJECT / BUNDLED
OWN = read_corpus(KERNELS)
IMPORTED = tuple(read_corpus(folder) for folder in OWN.apart)
ALL = tuple((corpus, kernel) for corpus in (OWN, *IMPORTED) for kernel in corpus.labelled)
WHOLE = os.environ.get("KERNELGATE_CORPUS") == "all"
WHOLE_CORPUS_S = 7200
SEED = 7
Measured = Callable[["Part"], Measurement]


@dataclasses.dataclass(frozen=True)
class Part:
    """Kernels of one corpus that are measured under one policy."""

    name: str
    corpus: Corpus
    policy: str
    kernels: frozenset[Labelled]


def parts() -> tuple[Part, ...]:
    """What the module's docstring says."""
    imported = tuple(
        Part(corpus.folder.name, corpus, str(corpus.folder / POLICY_FILE), frozenset(corpus.labelled))
        for corpus in IMPORTED
    )
    if WHOLE:
        return (Part("all", OWN, "ci", frozenset(OWN.labelled)), *imported)
    by_hand = [k for k in OWN.labelled if k.label == "wrong" and not k.path.name.startswith("mutant_")]
    whole = {*by_hand[::3], *(k for k in OWN.labelled if k.demo or k.label == "hack")}
    seen = {kernel.operator for kernel in whole if kernel.label == "right"}
    first_right = {kernel.operator: kernel for kernel in reversed(OWN.labelled) if kernel.label == "right"}
    brief = {kernel for operator, kernel in first_right.items() if operator not in seen}
    return (Part("whole", OWN, "ci", frozenset(whole)), Part("brief", OWN, "dev", frozenset(brief)), *imported)


PARTS = parts()


class Quiet:
    def note(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...

    def check(self, path: str, name: str) -> None: ...

    def case(self, path: str, done: int, planned: int) -> None: ...

    def mutant(self, path: str, done: int, planned: int) -> None: ...

    def judged(self, path: str, judged: Judged) -> None: ...


@pytest.fixture(scope="module")
def measured(runner_image: str, tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """Measures a part, once."""
    settings = dataclasses.replace(Settings.resolve(), runs=tmp_path_factory.mktemp("runs"))

    @cache
    def measure(part: Part) -> Measurement:
        chosen = {kernel: item for kernel, item in choose(part.corpus, Selection()).items() if kernel in part.kernels}
        options = Options(seed=None if WHOLE else SEED)
        return measure_corpus(part.corpus, chosen, load_policy(part.policy), settings, options, Quiet())

    return measure


@pytest.mark.timeout(WHOLE_CORPUS_S)
@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_no_wrong_kernel_is_allowed_and_no_right_one_denied(part: Part, measured: Measured) -> None:
    measurement = measured(part)
    assert [(row.path, row.findings[:1]) for row in measurement.misses] == []
    assert measurement.having(Outcome.UNMEASURED) == ()
    assert measurement.exit_code == 0
    assert len(measurement.rows) >= 12


@pytest.mark.timeout(WHOLE_CORPUS_S)
@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_each_verdict_is_the_labelled_one_for_the_labelled_reason(part: Part, measured: Measured) -> None:
    labels = {part.corpus.name(kernel.path): kernel for kernel in part.corpus.labelled}
    strange = [(row.path, row.tier, row.findings[:1]) for row in measured(part).rows if not fits(row, labels)]
    assert strange == []


def kind_of(rule: str) -> str:
    """What found it: the source, the compiler, or a run; which case fails first decides between a run's rules."""
    family = rule.split("/")[0]
    return "run" if family in ("properties", "memory", "races") else family


def fits(row: Row, labels: Mapping[str, Labelled]) -> bool:
    kernel = labels[row.path]
    if kernel.label in MUST_DENY:
        wanted = {kind_of(rule) for rule in kernel.findings}
        return row.outcome is Outcome.DENIED and (not wanted or kind_of(row.findings[0].rule) in wanted)
    return row.tier in kernel.allow if kernel.allow else row.outcome is Outcome.ALLOWED


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_has_two_right_kernels_and_four_wrong_ones(operator: str) -> None:
    labels = [kernel.label for kernel in OWN.labelled if kernel.operator == operator]
    assert sum(label in MUST_ALLOW for label in labels) >= 2
    assert sum(label in MUST_DENY for label in labels) >= 4


def test_every_bundled_file_has_a_label_and_implements_the_operator_it_says() -> None:
    assert set(KERNELS.rglob("*.py")) == {kernel.path for _, kernel in ALL}
    for _, kernel in ALL:
        assert read_candidate(kernel.path).facts.operator == kernel.operator, kernel.path


def test_the_demo_is_a_dozen_kernels_of_three_operators_right_and_wrong() -> None:
    demo = [kernel for kernel in OWN.labelled if kernel.demo]
    assert len(demo) == 12
    assert len({kernel.operator for kernel in demo}) == 3
    assert {kernel.label for kernel in demo} == {"right", "wrong"}
