"""What is kept of every call and every attempt: the loop's memory, and a candidate's provenance.

A record is written when an attempt is over, and never changed. The loop decides from records alone, so a run that was
killed goes on from them; evidence and code are in them, because a verdict must be made of them again. What our side
failed to measure leaves no record: it is measured when the run goes on. Reasoning of a model (its plan) is kept for
people; no reviewer is shown it, and the gate never.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field

from pipeline.generation.budgets import Amount
from pipeline.generation.exchange import Count, Ending, Label, Part, Reason, Role, Stored, Usage
from runners.evidence import Evidence

VERSION: Final = 1
Seconds = Annotated[float, Field(ge=0)]


class PartRecord(Stored):
    """One part of a prompt, by digests: of its text, and of the template that it was rendered from."""

    name: str
    digest: str
    template: str


class CallRecord(Stored):
    """One question to a model, with all calls that it took.

    Attributes:
        provider: As the roles file calls it; `model` likewise, `answered_by` in the provider's own words.
        request: The journal's key.
        ending: None where no answer came; then `failure` says why, and `detail` in words.
        usage: Of the answer; None where nothing was billed.
        unanswered: Calls that may be billed and left no answer; each is counted as the most that it can have used.
        tokens: All that was used; `usd` likewise, None where nobody knows the price.
        begun_at: By the clock on the wall; None where no answer came.
        wall_s: All calls and the waiting between them.
    """

    role: Role
    provider: str
    model: str
    answered_by: Label | None
    request: str
    request_id: Label | None
    response_id: Label | None
    ending: Ending | None
    failure: Reason | None
    detail: str
    usage: Usage | None
    unanswered: Count
    tokens: Count
    usd: Decimal | None
    begun_at: AwareDatetime | None
    wall_s: Seconds
    parts: tuple[PartRecord, ...]

    @property
    def amount(self) -> Amount:
        """What a budget counts."""
        return Amount(tokens=self.tokens, usd=self.usd)


class PlansRecord(Stored):
    """The strategies of a run: at least one, and an empty one leaves the author free.

    Attributes:
        call: None where nobody was asked.
    """

    version: Literal[1] = VERSION
    call: CallRecord | None
    plans: tuple[str, ...] = Field(min_length=1)


class NoCode(Stored):
    """The answer holds nothing that could be measured.

    Attributes:
        problem: `truncated`, `refused`, `no-code` and so on: `content.Lack`, `proposals.Problem` or `exchange.Reason`.
    """

    kind: Literal["no-code"] = "no-code"
    problem: str
    detail: str


class MeasuredFacts(Stored):
    """What the gate's measuring of a candidate came to.

    Attributes:
        screened: It failed the first few cases or their compilation, so the rest was not made.
        allowed: Whether the policy lets it through.
        share_of_roof: The geometric mean over what was timed on a GPU; None where nothing was.
    """

    kind: Literal["measured"] = "measured"
    path: str
    digest: str
    screened: bool
    tier: str
    allowed: bool
    share_of_roof: float | None


class Measured(MeasuredFacts):
    """The same with the candidate's text, and what was measured of it."""

    code: str
    evidence: Evidence


class ReviewRecord(Stored):
    """What a reviewer said of a candidate that the gate lets through.

    Attributes:
        verdict: None where the answer holds no review; that stops nothing, since a review allows nothing.
    """

    call: CallRecord
    verdict: Literal["veto", "ask", "no-objection"] | None
    remarks: tuple[str, ...]


Purpose = Literal["write", "mend", "speed"]


class Complaint(Stored):
    """What an author can mend.

    Attributes:
        line: One line of it in our own words, for tables and for the ledger of later prompts.
        text: All that the author is told.
        fingerprint: The same for the same failure, whatever case showed it.
    """

    line: str
    text: str
    fingerprint: str


class AttemptFacts(Stored):
    """One candidate that was asked for: all that is said of it but its text and its evidence, which stand elsewhere.

    Attributes:
        number: Counted from 1 within the operator's run.
        parent: The attempt whose code it replaces; None where it begins.
        plan: The strategy's, which the author was given; `said` is the author's own about this answer.
        knowledge: Digest of all that could have been looked up; `looked_up` names what was shown.
        complaint: What stands against it; None where nothing does that an author can mend.
        wall_s: All of it; `ended_s` is the run's clock at its end, with what earlier processes used.
    """

    version: Literal[1] = VERSION
    number: Annotated[int, Field(ge=1)]
    operator: str
    operator_digest: str
    policy_digest: str
    strategy: Count
    plan: str
    purpose: Purpose
    parent: int | None
    call: CallRecord
    said: str
    knowledge: str | None
    looked_up: tuple[str, ...]
    outcome: Annotated[NoCode | MeasuredFacts, Field(discriminator="kind")]
    review: ReviewRecord | None
    complaint: Complaint | None
    wall_s: Seconds
    ended_s: Seconds

    @property
    def allowed(self) -> bool:
        """Whether the policy lets it through and no reviewer has vetoed it."""
        vetoed = self.review is not None and self.review.verdict == "veto"
        return isinstance(self.outcome, MeasuredFacts) and self.outcome.allowed and not vetoed

    @property
    def share_of_roof(self) -> float | None:
        """How fast it was on a GPU; None where that was not measured."""
        return self.outcome.share_of_roof if isinstance(self.outcome, MeasuredFacts) else None

    @property
    def line(self) -> str:
        """What became of it, in one line of our own words."""
        if self.complaint is not None:
            return self.complaint.line
        if not isinstance(self.outcome, MeasuredFacts):
            return self.outcome.problem
        share = "" if self.share_of_roof is None else f", {self.share_of_roof:.0%} of the roofline"
        return f"{self.outcome.tier}{share}"

    @property
    def amount(self) -> Amount:
        """What a budget counts."""
        review = Amount() if self.review is None else self.review.call.amount
        return Amount(rounds=1) + self.call.amount + review


class AttemptRecord(AttemptFacts):
    """One candidate that was asked for, whole: the loop goes on from it."""

    outcome: Annotated[NoCode | Measured, Field(discriminator="kind")]

    @property
    def code(self) -> str:
        """The candidate's text; empty where there is none."""
        return self.outcome.code if isinstance(self.outcome, Measured) else ""

    @property
    def facts(self) -> AttemptFacts:
        """The same without text and evidence."""
        return AttemptFacts.model_validate(self.model_dump(exclude={"outcome": {"evidence", "code"}}))


def parts_of(parts: tuple[Part, ...]) -> tuple[PartRecord, ...]:
    """Returns a prompt's parts as they are kept."""
    return tuple(PartRecord(name=part.name, digest=part.digest, template=part.template) for part in parts)
