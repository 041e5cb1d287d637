"""What answers have to hold, and reading it: the author's, the planner's and the reviewer's.

Providers promise to keep the schema; that is checked here, because a proxy, a truncation or a model of one's own does
not know the promise. The schemas hold nothing that one of the providers can't take: no defaults, no patterns, no
lengths.

A review has no word for 'approved'. It may stop a candidate or ask; whether one is right is measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.generation.exchange import Answer, Ending


class Content(BaseModel):
    """What a model has to answer with; the descriptions reach the model."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Plans(Content):
    """Ways to write a kernel that differ in how they divide the work."""

    plans: tuple[str, ...] = Field(description="each a few sentences: tiles, order of loops, what is kept where")


class Proposal(Content):
    """A candidate, and how it is meant to work."""

    plan: str = Field(description="what this kernel does and, if it replaces one, what changed and why")
    code: str = Field(description="the whole Python file, beginning with its header block; no Markdown")


class Review(Content):
    """What a reviewer has to say of a candidate."""

    verdict: Literal["veto", "ask", "no-objection"] = Field(
        description="veto: it must not be used; ask: the author has to answer; no-objection: neither"
    )
    remarks: tuple[str, ...] = Field(description="each names a line of the code and what is wrong or unclear there")


class Lack(StrEnum):
    """Why an answer holds nothing that can be used."""

    TRUNCATED = "truncated"
    REFUSED = "refused"
    FILTERED = "filtered"
    NOT_JSON = "not-json"
    WRONG_SCHEMA = "wrong-schema"


@dataclass(frozen=True, slots=True)
class NoContent:
    """An answer that was paid for and can't be used.

    Attributes:
        detail: What is the matter, without a word of the answer's text.
    """

    lack: Lack
    detail: str


_UNFINISHED = {
    Ending.TRUNCATED: NoContent(Lack.TRUNCATED, "the answer was cut off at the limit of tokens; the roles file sets "
                                                "max_output_tokens"),
    Ending.REFUSED: NoContent(Lack.REFUSED, "the model refused to answer"),
    Ending.FILTERED: NoContent(Lack.FILTERED, "the provider's content filter stopped the answer"),
}  # fmt: skip
C = TypeVar("C", bound=Content)


def read_content(answer: Answer, wanted: type[C]) -> C | NoContent:
    """Returns what the answer holds, or why it holds nothing; never raises for what the model wrote."""
    if answer.ending is not Ending.COMPLETE:
        return _UNFINISHED[answer.ending]
    try:
        return wanted.model_validate_json(answer.text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        if first["type"] == "json_invalid":
            return NoContent(Lack.NOT_JSON, f"the answer is not JSON: {first['msg']}")
        where = ".".join(map(str, first["loc"])) or "the whole"
        return NoContent(Lack.WRONG_SCHEMA, f"the answer's JSON is not a {wanted.__name__.lower()}: {where}: "
                                            f"{first['msg']}")  # fmt: skip
