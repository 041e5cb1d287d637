from __future__ import annotations

import pytest
from generation_runs import attempt

from pipeline.generation.loop.course import End, Mend, Quicken, Write, best_of, next_move
from pipeline.generation.loop.records import AttemptRecord

FAST, FASTER = attempt(2, share=0.4), attempt(3, share=0.6)


@pytest.mark.parametrize(
    ("attempts", "move"),
    [
        ([], Write(0)),
        ([attempt(1, fails="a")], "mend 1"),
        ([attempt(1, fails="a"), attempt(2, fails="b")], "mend 2"),
        ([attempt(1, fails="a"), attempt(2, fails="a")], Write(1)),
        ([attempt(1, fails="a"), attempt(2, fails="b"), attempt(3, fails="a")], Write(1)),
        ([attempt(1, fails="a"), attempt(2, fails="a"), attempt(3, fails="a", strategy=1)], "mend 3"),
        ([attempt(n, fails="a", strategy=(n - 1) // 2) for n in (1, 2, 3, 4)], End.OUT_OF_STRATEGIES),
        ([attempt(1, fails="a"), attempt(2)], End.STANDS),
        ([attempt(1, fails="a"), FAST], "quicken 2"),
        ([attempt(1, fails="a"), FAST, FASTER], "quicken 3"),
        ([FAST, attempt(3, share=0.3)], "quicken 2"),
        ([FAST, attempt(3, fails="a")], "quicken 2"),
        ([FAST, attempt(3, fails="a"), attempt(4, fails="a")], "quicken 2"),
        ([FAST, attempt(3, share=0.4, text="of_2")], End.STANDS),
        ([FAST, attempt(3, fails="a", is_empty=True)], "quicken 2"),
        ([FAST, attempt(3, fails="a", is_empty=True), attempt(4, fails="a", is_empty=True)], End.STANDS),
    ],
)
def test_the_next_move_follows_from_the_records(attempts: list[AttemptRecord], move: object) -> None:
    made = next_move(2, attempts)
    shown: object = made
    if isinstance(made, Mend):
        shown = f"mend {made.attempt.number}"
    elif isinstance(made, Quicken):
        shown = f"quicken {made.attempt.number}"
    assert shown == move


def test_the_fastest_that_stands_is_taken_and_of_equals_the_first() -> None:
    assert best_of([attempt(1, fails="a")]) is None
    assert best_of([FAST, FASTER, attempt(4, share=0.6)]) == FASTER
    assert best_of([attempt(1), attempt(2)]) == attempt(1)
