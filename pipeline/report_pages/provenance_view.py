"""Where a candidate is from: the models that were asked, with which prompts, and what it cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from pydantic import ValidationError

from pipeline.generation.loop.records import AttemptFacts, CallRecord
from pipeline.report_pages.verdict_view import Fact
from pipeline.report_pages.visible import cut
from pipeline.report_pages.wording import counted, seconds

TEXT_COLUMNS: Final = 4000
_PURPOSES: Final = {"write": "write it", "mend": "mend an earlier attempt", "speed": "make an earlier attempt faster"}


@dataclass(frozen=True, slots=True)
class PartRow:
    """One part of a prompt, by the digests of its text and of its template."""

    name: str
    digest: str
    template: str


@dataclass(frozen=True, slots=True)
class CallView:
    """One question to a model."""

    title: str
    facts: tuple[Fact, ...]
    parts: tuple[PartRow, ...]


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of somebody: the plan, what the author said, a reviewer's remark, what was complained of."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class ProvenanceView:
    """All that is known; `lacks` says why there is nothing."""

    lacks: str
    facts: tuple[Fact, ...] = ()
    calls: tuple[CallView, ...] = ()
    quotes: tuple[Quote, ...] = ()


def provenance_view(text: str | None) -> ProvenanceView:
    """Reads provenance.json for a page; what can't be read is said, and stops nothing."""
    if text is None:
        return ProvenanceView("Nobody recorded where it is from: it came as a file, not from 'kernelgate generate'.")
    try:
        facts = AttemptFacts.model_validate_json(text)
    except (ValidationError, RecursionError):
        return ProvenanceView(
            "provenance.json is not what this version of kernelgate writes, so nothing is shown of it."
        )
    calls = [_call("The author was asked", facts.call)]
    if facts.review is not None:
        calls.append(_call("A reviewer was asked", facts.review.call))
    return ProvenanceView("", tuple(_facts(facts)), tuple(calls), tuple(_quotes(facts)))


def dollars(usd: Decimal | None) -> str:
    """Returns an amount of money, as exactly as it was counted."""
    return "unknown" if usd is None else f"{usd:f} US dollars"


def _facts(facts: AttemptFacts) -> Iterator[Fact]:
    yield Fact("attempt", f"number {facts.number} for {facts.operator}")
    after = "" if facts.parent is None else f", in place of attempt {facts.parent}"
    yield Fact("purpose", f"{_PURPOSES[facts.purpose]}{after}")
    yield Fact("strategy", f"number {facts.strategy + 1}")
    calls = [facts.call, *([] if facts.review is None else [facts.review.call])]
    usd = [call.usd for call in calls]
    yield Fact("cost", dollars(None if None in usd else sum((one for one in usd if one is not None), Decimal(0))))
    yield Fact("tokens", str(sum(call.tokens for call in calls)))
    yield Fact("time", f"{seconds(facts.wall_s)}, its measuring included")
    if facts.knowledge is not None:
        yield Fact("could look up (SHA-256)", facts.knowledge, is_code=True)
    if facts.looked_up:
        yield Fact("was shown", cut(", ".join(facts.looked_up), TEXT_COLUMNS), is_code=True)


def _call(title: str, call: CallRecord) -> CallView:
    return CallView(title, tuple(_call_facts(call)), tuple(PartRow(p.name, p.digest, p.template) for p in call.parts))


def _call_facts(call: CallRecord) -> Iterator[Fact]:
    answered = "" if call.answered_by in (None, call.model) else f", answered by {call.answered_by}"
    yield Fact("model", f"{call.model} of {call.provider}{answered}", is_code=True)
    if call.ending is not None:
        yield Fact("ended", call.ending)
    if call.failure is not None:
        yield Fact("failed", f"{call.failure}: {cut(call.detail, 300)}")
    if call.usage is not None:
        used = call.usage
        yield Fact("tokens", f"{used.input_tokens} in ({used.cached_tokens} cached), {used.output_tokens} out")
    if call.unanswered:
        yield Fact("unanswered", f"{counted(call.unanswered, 'call')}, counted as the most that they can have used")
    yield Fact("cost", dollars(call.usd))
    yield Fact("time", seconds(call.wall_s))
    if call.begun_at is not None:
        yield Fact("begun", call.begun_at.strftime("%Y-%m-%d %H:%M:%S %Z"))
    yield Fact("request (SHA-256)", call.request, is_code=True)
    for name, value in (("request id", call.request_id), ("response id", call.response_id)):
        if value is not None:
            yield Fact(name, value, is_code=True)


def _quotes(facts: AttemptFacts) -> Iterator[Quote]:
    if facts.plan:
        yield Quote("The plan that the author was given", cut(facts.plan, TEXT_COLUMNS))
    if facts.said:
        yield Quote("What the author said about it", cut(facts.said, TEXT_COLUMNS))
    if facts.review is not None:
        word = facts.review.verdict or "no review"
        remarks = "\n".join(f"- {remark}" for remark in facts.review.remarks) or "no remarks"
        yield Quote(f"What the reviewer said: {word}", cut(remarks, TEXT_COLUMNS))
    if facts.complaint is not None:
        yield Quote("What the next attempt was told", cut(facts.complaint.text, TEXT_COLUMNS))
