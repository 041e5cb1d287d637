from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from generation_runs import attempt

from pipeline.errors import StoredRunError
from pipeline.generation.budgets import Amount, Budget, Limit
from pipeline.generation.exchange import Reason
from pipeline.generation.loop.course import End
from pipeline.generation.loop.documents import as_text, document_of, read_document
from pipeline.generation.loop.records import AttemptRecord
from pipeline.generation.loop.report import Finished, FinishedOperator
from pipeline.generation.loop.setting import Stopped
from pipeline.generation.loop.store import Terms

TERMS = Terms(
    operator="relu", operator_digest="d", policy="dev", policy_digest="d", card="h100", roles=(), strategies=1,
    prompts="d", knowledge="d",
)  # fmt: skip
DENIED, RIGHT = attempt(1, fails="a"), attempt(2)
EMPTY = attempt(1, fails="a", is_empty=True)
UNCLEAR = attempt(1, fails="a", tier="inconclusive")


def finished(reason: End | Limit | Reason, *attempts: AttemptRecord) -> Finished:
    return whole(FinishedOperator(TERMS, Stopped(reason, "so it is"), None, attempts))


def whole(*operators: FinishedOperator) -> Finished:
    return Finished(
        id="r", budget=Budget(rounds=3), used=Amount(2, 100, None), used_s=1.5, prices=None, operators=operators
    )


@pytest.mark.parametrize(
    ("reason", "attempts", "code"),
    [
        (End.STANDS, [DENIED, RIGHT], 0),
        (Reason.OVER_BUDGET, [DENIED, RIGHT], 0),
        (Reason.WRONG_KEY, [RIGHT], 0),
        (End.OUT_OF_STRATEGIES, [DENIED], 1),
        (Limit.ROUNDS, [DENIED], 1),
        (Limit.TIME, [DENIED], 1),
        (Reason.OVER_BUDGET, [EMPTY], 1),
        (Reason.OVER_BUDGET, [], 2),
        (Limit.ROUNDS, [], 2),
        *[
            (reason, [DENIED], 2)
            for reason in (Reason.WRONG_KEY, Reason.NO_CREDIT, Reason.UNKNOWN_MODEL, Reason.KEY_IN_PROMPT,
                           Reason.NOT_ACCEPTED, Reason.NOT_RECORDED)
        ],
        *[
            (reason, [DENIED], 3)
            for reason in (Reason.OVERLOADED, Reason.RATE_LIMITED, Reason.UNREACHABLE, Reason.TIMED_OUT,
                           Reason.BROKEN_OFF, Reason.UNINTELLIGIBLE)
        ],
        (End.UNMEASURED, [DENIED], 3),
        (End.NOT_THE_AUTHORS, [UNCLEAR], 3),
        (End.OUT_OF_STRATEGIES, [UNCLEAR], 3),
        (Limit.TIME, [], 3),
    ],
)  # fmt: skip
def test_the_exit_code_says_whether_something_stands_and_if_not_whose_turn_it_is(
    reason: End | Limit | Reason, attempts: list[AttemptRecord], code: int
) -> None:
    assert finished(reason, *attempts).exit_code == code


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ([(End.STANDS, RIGHT), (End.STANDS, RIGHT)], 0),
        ([(End.STANDS, RIGHT), (End.UNMEASURED, DENIED)], 3),
        ([(End.UNMEASURED, DENIED), (Limit.ROUNDS, DENIED)], 1),
        ([(Limit.ROUNDS, DENIED), (Reason.WRONG_KEY, DENIED), (End.STANDS, RIGHT)], 2),
    ],
)
def test_of_several_operators_the_exit_code_is_what_the_user_can_act_on_first(
    codes: list[tuple[End | Limit | Reason, AttemptRecord]], code: int
) -> None:
    operators = (FinishedOperator(TERMS, Stopped(reason, ""), None, (one,)) for reason, one in codes)
    assert whole(*operators).exit_code == code


def test_an_unknown_cost_is_null_and_evidence_stands_elsewhere() -> None:
    text = as_text(document_of(finished(End.STANDS, DENIED, RIGHT), Path("runs/r")))
    document = json.loads(text)
    assert document["used"] == {"rounds": 2, "tokens": 100, "usd": None, "wall_s": 1.5}
    assert document["prices"] is None
    (operator,) = document["operators"]
    assert [one["outcome"].keys() & {"evidence", "code"} for one in operator["attempts"]] == [set(), set()]


def test_a_document_is_read_back_as_it_was(tmp_path: Path) -> None:
    document = document_of(finished(End.STANDS, DENIED, EMPTY, RIGHT), Path("runs/r"))
    (tmp_path / "generation.json").write_text(as_text(document))
    assert read_document(tmp_path / "generation.json") == document


@pytest.mark.parametrize(
    ("change", "says"),
    [(lambda text: text[:-9], "is damaged"), (lambda text: text.replace('_version": 1', '_version": 2'), "version")],
)
def test_a_document_that_is_damaged_or_of_another_version_is_said(
    change: Callable[[str], str], says: str, tmp_path: Path
) -> None:
    path = tmp_path / "generation.json"
    path.write_text(change(as_text(document_of(finished(End.STANDS, RIGHT), Path("runs/r")))))
    with pytest.raises(StoredRunError, match=says):
        read_document(path)


def test_a_document_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoredRunError, match="can't be read"):
        read_document(tmp_path / "generation.json")
