"""The bundled kernels get the verdicts that their labels say, in one measurement.

Each run measures the kernels of the demonstration and those of liger-kernel, every hack, every second wrong kernel that
was written by hand and a right one of each operator, under one seed, so that a failure can be had again. Mechanical
wrong ones have their witnesses (`test_witnesses.py`). `make measure`, or KERNELGATE_CORPUS=all here, measures all, with
fresh draws; it takes hours on two cores.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import pytest

from pipeline.corpus import BUNDLED, POLICY_FILE, Corpus, read_corpus
from pipeline.gate import Judged
from pipeline.labels import MUST_ALLOW, MUST_DENY, Labelled
from pipeline.measurement import Measurement, Outcome, Row
from pipeline.measuring import Selection, choose, measure_corpus
from pipeline.settings import PROJECT, Settings
from pipeline.verify import Options
from policies.policy import load_policy
from runners.candidate import Candidate, Unreadable, read_candidate
from runners.operators import OPERATORS

KERNELS = PROJECT / BUNDLED
OWN = read_corpus(KERNELS)
IMPORTED = tuple(read_corpus(folder) for folder in OWN.apart)
ALL = tuple((corpus, kernel) for corpus in (OWN, *IMPORTED) for kernel in corpus.labelled)
WHOLE = os.environ.get("KERNELGATE_CORPUS") == "all"
WHOLE_CORPUS_S = 7200
SEED = 7
Measured = Callable[[Corpus], Measurement]


class Quiet:
    def note(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...

    def check(self, path: str, name: str) -> None: ...

    def case(self, path: str, done: int, planned: int) -> None: ...

    def judged(self, path: str, judged: Judged) -> None: ...


def drawn(corpus: Corpus) -> dict[Labelled, Candidate | Unreadable]:
    """What the module's docstring says; a corpus of its own whole."""
    chosen = choose(corpus, Selection())
    if corpus is not OWN or WHOLE:
        return chosen
    first_right = {kernel.operator: kernel for kernel in reversed(OWN.labelled) if kernel.label == "right"}.values()
    by_hand = [k for k in OWN.labelled if k.label == "wrong" and not k.path.name.startswith("mutant_")]
    wanted = {*first_right, *by_hand[::2], *(k for k in OWN.labelled if k.demo or k.label == "hack")}
    return {kernel: item for kernel, item in chosen.items() if kernel in wanted}


@pytest.fixture(scope="module")
def measured(runner_image: str, tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """Measures a corpus, once."""
    settings = dataclasses.replace(Settings.resolve(), runs=tmp_path_factory.mktemp("runs"))

    @cache
    def measure(folder: Path) -> Measurement:
        corpus = next(corpus for corpus in (OWN, *IMPORTED) if corpus.folder == folder)
        policy = load_policy("ci" if corpus is OWN else str(folder / POLICY_FILE))
        return measure_corpus(corpus, drawn(corpus), policy, settings, Options(seed=None if WHOLE else SEED), Quiet())

    return lambda corpus: measure(corpus.folder)


@pytest.mark.timeout(WHOLE_CORPUS_S)
@pytest.mark.parametrize("corpus", [OWN, *IMPORTED], ids=lambda corpus: corpus.folder.name)
def test_no_wrong_kernel_is_allowed_and_no_right_one_denied(corpus: Corpus, measured: Measured) -> None:
    measurement = measured(corpus)
    assert [(row.path, row.findings[:1]) for row in measurement.misses] == []
    assert measurement.having(Outcome.UNMEASURED) == ()
    assert measurement.exit_code == 0
    assert len(measurement.rows) >= 12


@pytest.mark.timeout(WHOLE_CORPUS_S)
@pytest.mark.parametrize("corpus", [OWN, *IMPORTED], ids=lambda corpus: corpus.folder.name)
def test_each_verdict_is_the_labelled_one_for_the_labelled_reason(corpus: Corpus, measured: Measured) -> None:
    labels = {corpus.name(kernel.path): kernel for kernel in corpus.labelled}
    strange = [(row.path, row.tier, row.findings[:1]) for row in measured(corpus).rows if not fits(row, labels)]
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
