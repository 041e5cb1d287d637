"""Driving Hypothesis: it only draws, leaves no trace, and what the body raises comes out."""

from __future__ import annotations

import importlib.util
import sys
import threading
from pathlib import Path

import hypothesis.configuration
import pytest

from runners.cases import Case
from runners.conversation import RunnerFault
from runners.drawing import draw
from runners.operators import OPERATORS
from runners.plans import random_cases

ADD = OPERATORS["add"]


def drawn(seed: int, count: int) -> list[Case]:
    cases: list[Case] = []
    draw(random_cases(ADD, ADD.dtypes), seed, count, lambda case: cases.append(case) is None)
    return cases


@pytest.mark.parametrize("count", [1, 2, 25, 120])
def test_exactly_as_many_cases_are_drawn_as_were_asked_for(count: int) -> None:
    assert len(drawn(1, count)) == count


def test_the_same_seed_draws_the_same_cases_and_another_seed_others() -> None:
    assert drawn(1, 20) == drawn(1, 20) != drawn(2, 20)


def test_drawing_ends_when_the_body_has_enough() -> None:
    cases: list[Case] = []

    def until_three(case: Case) -> bool:
        cases.append(case)
        return len(cases) < 3

    draw(random_cases(ADD, ADD.dtypes), 1, 50, until_three)
    assert len(cases) == 3


@pytest.mark.parametrize("error", [RunnerFault("the engine is gone"), ValueError("ours"), KeyboardInterrupt()])
def test_what_the_body_raises_comes_out_after_one_call(error: BaseException) -> None:
    calls: list[Case] = []

    def fail(case: Case) -> bool:
        calls.append(case)
        raise error

    with pytest.raises(type(error)) as caught:
        draw(random_cases(ADD, ADD.dtypes), 1, 50, fail)
    assert caught.value is error
    assert len(calls) == 1


def test_a_draw_within_a_draw_disturbs_neither() -> None:
    inner: list[Case] = []
    outer: list[Case] = []

    def nest(case: Case) -> bool:
        outer.append(case)
        if len(outer) == 2:
            inner.extend(drawn(2, 10))
        return True

    draw(random_cases(ADD, ADD.dtypes), 1, 10, nest)
    assert (outer, inner) == (drawn(1, 10), drawn(2, 10))


def test_threads_do_not_disturb_each_other() -> None:
    alone = {seed: drawn(seed, 30) for seed in range(3)}
    together: dict[int, list[Case]] = {}
    threads = [threading.Thread(target=lambda s=seed: together.update({s: drawn(s, 30)})) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


def test_nothing_is_left_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hypothesis.configuration, "__hypothesis_home_directory", tmp_path / ".hypothesis")
    drawn(1, 100)
    assert list(tmp_path.iterdir()) == []


def test_the_constants_of_an_imported_module_do_not_steer_what_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = drawn(1, 100)
    path = tmp_path / "candidate_with_constants.py"
    path.write_text("\n".join(f"a{n} = {n}" for n in range(200)))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, path.stem, module)
    spec.loader.exec_module(module)
    assert drawn(1, 100) == before
