"""Does what `course` says, one step at a time: asks, reads, has it examined, keeps a record.

A step is an attempt from the question to the record, so whoever supervises (a flow, a command) sees attempts and
nothing smaller. A run that was killed is made again from its store: the steps that have a record are not repeated,
and the answer to the one that has none is in the journal.

What ends a run early is a value, too: the budget, or a provider that can't be asked. What the reviewer's provider does
ends nothing: a review allows nothing, so one that can't be had forbids nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.gate.kept import our_failure
from pipeline.generation.budgets import Amount, Limit
from pipeline.generation.content import Content, NoContent, Plans, Proposal, Review, read_content
from pipeline.generation.exchange import Answer, Failure, Part, Reason
from pipeline.generation.loop.asking import Asked, ask
from pipeline.generation.loop.course import End, best_of, next_move
from pipeline.generation.loop.evidence_lines import evidence_lines
from pipeline.generation.loop.examining import Examined
from pipeline.generation.loop.feedback import complaint_about, complaint_of_answer, complaint_of_review
from pipeline.generation.loop.records import (
    AttemptRecord,
    Complaint,
    Measured,
    NoCode,
    PlansRecord,
    ReviewRecord,
)
from pipeline.generation.loop.setting import Setting, Stopped
from pipeline.generation.loop.slowness import share_of_roof
from pipeline.generation.loop.store import RunStore
from pipeline.generation.loop.tasks import Task, task_for
from pipeline.generation.opening import TakenRole
from pipeline.generation.proposals import Unusable, candidate_of
from pipeline.reporting import Report
from runners.candidate import Candidate
from runners.digests import operator_digest

PLAN_CAP: Final = 4000  # characters: it is in every prompt of its strategy, and paid for each time
# About this one answer: another question may be answered.
OF_THE_ANSWER: Final = frozenset({Reason.TOO_LARGE})
_WORDS: Final[Mapping[End, str]] = {
    End.STANDS: "a candidate stands, and there is nothing left to improve that is measured",
    End.OUT_OF_STRATEGIES: "every strategy failed twice in the same way",
    End.NOT_THE_AUTHORS: "what stands against the last candidate is nothing that an author can mend",
}


class TimeSpentError(BaseException):
    """The run's time is over; not an Exception, so that nothing on the way takes it for something of the candidate."""


class Generation:
    """One operator's run. Not thread-safe: its steps follow each other."""

    def __init__(self, setting: Setting, store: RunStore, report: Report) -> None:
        """Takes up what the store holds, and counts what that used.

        Raises:
            GenerationError: the store is damaged.
        """
        self._setting = setting
        self._store = store
        self._report = report
        self._plans = store.plans()
        self._attempts = list(store.attempts())
        if self._plans is not None and self._plans.call is not None:
            setting.purse.recall(self._plans.call.amount)
        for record in self._attempts:
            setting.purse.recall(record.amount)

    @property
    def attempts(self) -> tuple[AttemptRecord, ...]:
        """The records so far."""
        return tuple(self._attempts)

    @property
    def plans(self) -> PlansRecord | None:
        """The strategies; None before the first step."""
        return self._plans

    @property
    def best(self) -> AttemptRecord | None:
        """The attempt to take; None where none stands."""
        return best_of(self._attempts)

    def run(self) -> Stopped:
        """Makes steps until there is a reason to stop, and returns it; raises as `step`."""
        while True:
            made = self.step()
            if isinstance(made, Stopped):
                return made

    def step(self) -> AttemptRecord | Stopped:
        """Makes one attempt and returns its record, or why there is none.

        Raises:
            GenerationError: the journal or the store is damaged.
            UnavailableError: what came can't be kept.
        """
        if self._plans is None:
            planned = self._planned()
            if isinstance(planned, Stopped):
                return planned
            self._store.keep_plans(planned)
            self._plans = planned
        move = next_move(len(self._plans.plans), self._attempts)
        if isinstance(move, End):
            return Stopped(move, _WORDS[move])
        made = self._counted(task_for(move, self._plans.plans, self._attempts, self._setting.index))
        if isinstance(made, AttemptRecord):
            self._store.keep(made)
            self._attempts.append(made)
            self._say(f"attempt {made.number}: {made.line}")
        return made

    def _say(self, text: str) -> None:
        self._report(f"{self._setting.subject.operator.name}: {text}")

    def _planned(self) -> PlansRecord | Stopped:
        """Asks for the strategies; where an answer holds none, the author is left free."""
        setting, author = self._setting, self._setting.team.author
        if setting.strategies == 1:
            return PlansRecord(call=None, plans=("",))
        self._say(f"asking the author ({_who(author)}) for {setting.strategies} plans")
        asked = self._ask(author, setting.prompts.plans(setting.subject, setting.strategies, setting.lessons), Plans, 0)
        if isinstance(asked.outcome, Failure):
            may_go_on = asked.outcome.reason in (*OF_THE_ANSWER, Reason.NOT_RECORDED)  # a folder has no plans
            return PlansRecord(call=asked.record, plans=("",)) if may_go_on else self._stopped(asked.outcome)
        read = read_content(asked.outcome, Plans)
        named = read.plans[: setting.strategies] if isinstance(read, Plans) else ()
        return PlansRecord(call=asked.record, plans=tuple(plan[:PLAN_CAP] for plan in named) or ("",))

    def _counted(self, task: Task) -> AttemptRecord | Stopped:
        """Makes the attempt if the budget holds another round; one that left no record was none."""
        purse, one = self._setting.purse, Amount(rounds=1)
        beyond = purse.begin(one)
        if beyond is not None:
            return Stopped(beyond, f"the budget's {beyond} is used up")
        is_counted = False
        try:
            made = self._made(task)
            is_counted = isinstance(made, AttemptRecord)
        finally:
            purse.settle(one, one if is_counted else Amount())
        return made

    def _made(self, task: Task) -> AttemptRecord | Stopped:
        began, setting, number = time.monotonic(), self._setting, len(self._attempts) + 1
        taken = setting.team.optimiser if task.purpose == "speed" else setting.team.author
        self._say(f"attempt {number}, strategy {task.strategy + 1}: asking the {taken.role} ({_who(taken)})")
        parts = setting.prompts.attempt(setting.subject, task.attempt, setting.lessons)
        asked = self._ask(taken, parts, Proposal, number - 1)
        if isinstance(asked.outcome, Failure) and asked.outcome.reason not in OF_THE_ANSWER:
            return self._stopped(asked.outcome)
        read = _read(asked, setting, f"generated/{setting.subject.operator.name}-{number:03d}.py")
        came = self._come_of(read.candidate, number)
        if isinstance(came, Stopped):
            return came
        context = task.attempt.context
        return AttemptRecord(
            number=number,
            operator=setting.subject.operator.name,
            operator_digest=operator_digest(setting.subject.operator),
            policy_digest=setting.subject.policy.digest,
            strategy=task.strategy,
            plan=task.attempt.plan,
            purpose=task.purpose,
            parent=task.parent,
            call=asked.record,
            said=read.said,
            knowledge=context.digest if context is not None else None,
            looked_up=tuple(one.name for one in context.included) if context is not None else (),
            outcome=came.outcome,
            review=came.review,
            complaint=came.complaint,
            wall_s=time.monotonic() - began,
            ended_s=setting.purse.used_s,
        )

    def _come_of(self, read: Candidate | _Unread, number: int) -> _Came | Stopped:
        if not isinstance(read, Candidate):
            useless = complaint_of_answer(read)
            return _Came(NoCode(problem=useless.line, detail=read.detail), useless, None)
        examined = self._examined(read)
        if isinstance(examined, Stopped):
            return examined
        outcome, complaint = _measured(read, examined), complaint_about(read, examined.judged)
        reviewer = self._setting.team.reviewer
        if not outcome.allowed or reviewer is None:
            return _Came(outcome, complaint, None)
        self._say(f"attempt {number}: the gate lets it through; asking the reviewer ({_who(reviewer)})")
        return self._reviewed(reviewer, outcome, number)

    def _examined(self, candidate: Candidate) -> Examined | Stopped:
        try:
            examined = self._setting.examiner.examine(candidate, self._go_on)
        except TimeSpentError:
            return Stopped(Limit.TIME, "the budget's time was over before the last candidate was measured; with more "
                                       "of it the run goes on, and pays for no answer again")  # fmt: skip
        failure = our_failure(examined.judged.evidence)
        is_denied = any(finding.severity == "error" for finding in examined.judged.verdict.findings)
        return examined if failure is None or is_denied else Stopped(End.UNMEASURED, failure)

    def _go_on(self) -> None:
        if self._setting.purse.left_s() <= 0:
            raise TimeSpentError

    def _reviewed(self, reviewer: TakenRole, outcome: Measured, number: int) -> _Came:
        parts = self._setting.prompts.review(self._setting.subject, outcome.code, evidence_lines(outcome.evidence))
        asked = self._ask(reviewer, parts, Review, number - 1)
        read = read_content(asked.outcome, Review) if isinstance(asked.outcome, Answer) else None
        if not isinstance(read, Review):
            return _Came(outcome, None, ReviewRecord(call=asked.record, verdict=None, remarks=()))
        review = ReviewRecord(call=asked.record, verdict=read.verdict, remarks=read.remarks)
        return _Came(outcome, complaint_of_review(read), review)

    def _ask(self, taken: TakenRole, parts: tuple[Part, ...], wanted: type[Content], serial: int) -> Asked:
        name = self._setting.subject.operator.name
        return ask(taken, name, parts, wanted, serial, self._store.journal, self._setting.purse)

    def _stopped(self, failure: Failure) -> Stopped:
        is_over = failure.is_passing and self._setting.purse.left_s() <= 0
        return Stopped(failure.reason, failure.detail + ("; the budget's time is over" if is_over else ""))


_Unread = Unusable | NoContent | Failure


@dataclass(frozen=True, slots=True)
class _Read:
    """What an answer to an author's question holds; `said` is what it says of its own code."""

    candidate: Candidate | _Unread
    said: str


@dataclass(frozen=True, slots=True)
class _Came:
    """What came of an answer."""

    outcome: NoCode | Measured
    complaint: Complaint | None
    review: ReviewRecord | None


def _read(asked: Asked, setting: Setting, path: str) -> _Read:
    if isinstance(asked.outcome, Failure):
        return _Read(asked.outcome, "")
    content = read_content(asked.outcome, Proposal)
    if isinstance(content, NoContent):
        return _Read(content, "")
    return _Read(candidate_of(content, setting.subject.operator, path, setting.operators), content.plan)


def _measured(candidate: Candidate, examined: Examined) -> Measured:
    verdict, evidence = examined.judged.verdict, examined.judged.evidence
    return Measured(
        path=candidate.path,
        code=candidate.source.decode(),
        digest=candidate.digest,
        screened=examined.screened,
        evidence=evidence,
        tier=verdict.tier.value,
        allowed=verdict.allowed,
        share_of_roof=share_of_roof(evidence),
    )


def _who(taken: TakenRole) -> str:
    return f"{taken.configuration.provider}, {taken.configuration.model}"
