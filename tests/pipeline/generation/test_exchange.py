from __future__ import annotations

import pytest
from generation_requests import PARTS, part, request
from pydantic import ValidationError

from pipeline.generation.content import Proposal, Review
from pipeline.generation.exchange import Lasts, Role, Usage


def usage(**changes: int) -> Usage:
    given = {"input_tokens": 10, "cached_tokens": 4, "written_tokens": 6, "output_tokens": 5, "reasoning_tokens": 5}
    return Usage(**(given | changes))


def test_usage_that_does_not_add_up_cant_be_made() -> None:
    assert usage().input_tokens == 10
    for wrong in ({"cached_tokens": 5}, {"reasoning_tokens": 6}, {"output_tokens": -1}):
        with pytest.raises(ValidationError):
            usage(**wrong)


def test_a_prompt_that_does_not_begin_with_what_lasts_cant_be_asked() -> None:
    for parts in ((), (PARTS[2], PARTS[0]), (PARTS[1], PARTS[0])):
        with pytest.raises(ValueError, match="do not begin with what lasts longest"):
            request(parts=parts)


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "made-up-2"},
        {"parts": (*PARTS[:2], part("attempt", "another"))},
        {"wanted": Review},
        {"effort": "high"},
        {"max_output_tokens": 2001},
        {"serial": 1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_whatever_the_model_is_told_changes_the_digest(changes: dict[str, object]) -> None:
    assert request(**changes).digest != request().digest


@pytest.mark.parametrize("changes", [{"deadline_s": 9.0}, {"role": Role.OPTIMISER}, {"operator": "relu"}])
def test_what_the_model_does_not_see_is_not_part_of_the_digest(changes: dict[str, object]) -> None:
    assert request(**changes).digest == request().digest


def test_where_one_part_ends_and_the_next_begins_is_part_of_the_digest() -> None:
    one = (part("contract", "a", Lasts.PROJECT), part("attempt", "bc"))
    other = (part("contract", "ab", Lasts.PROJECT), part("attempt", "c"))
    assert request(parts=one).digest != request(parts=other).digest


def test_the_schema_is_what_the_answer_is_read_with() -> None:
    assert '"additionalProperties": false' in request(wanted=Proposal).schema
