from __future__ import annotations

import json

import pytest
from generation_runs import attempt

from pipeline.generation.budgets import Amount, Budget, Limit
from pipeline.generation.exchange import Reason
from pipeline.generation.loop.course import End
from pipeline.generation.loop.records import AttemptRecord
from pipeline.generation.loop.report import Finished, report_json
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
    return Finished(
        id="r", terms=TERMS, budget=Budget(rounds=3), used=Amount(2, 100, None), used_s=1.5, prices=None,
        stopped=Stopped(reason, "so it is"), plans=None, attempts=attempts,
    )  # fmt: skip


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


def test_an_unknown_cost_is_null_and_evidence_stands_elsewhere() -> None:
    document = json.loads(report_json(finished(End.STANDS, DENIED, RIGHT), "runs/r"))
    assert document["used"] == {"rounds": 2, "tokens": 100, "usd": None, "wall_s": 1.5}
    assert document["prices"] is None
    assert [one["outcome"].keys() & {"evidence", "code"} for one in document["attempts"]] == [set(), set()]
