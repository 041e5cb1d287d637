"""A run of generation without provider or container: scripted answers, a scripted gate, all between them is real."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from generation_requests import MODEL

from pipeline.gate.judged import Judged
from pipeline.gate.judging import judge
from pipeline.generation.budgets import Amount, Budget, Purse
from pipeline.generation.content import Content, Plans, Proposal, Review
from pipeline.generation.exchange import Answer, Ending, Outcome, Request, Role, Usage
from pipeline.generation.hardware import card_of
from pipeline.generation.journal import Journaled
from pipeline.generation.knowledge.index import Index
from pipeline.generation.knowledge.installed import installed_references
from pipeline.generation.loop.examining import Examined, GoOn
from pipeline.generation.loop.records import AttemptRecord, CallRecord, Complaint, Measured, NoCode
from pipeline.generation.loop.run import Generation
from pipeline.generation.loop.setting import Setting, Team
from pipeline.generation.loop.store import RunStore
from pipeline.generation.metering import Metered
from pipeline.generation.opening import TakenRole
from pipeline.generation.patience import Clock, Patient
from pipeline.generation.prices import Price
from pipeline.generation.prompts import Prompts
from pipeline.generation.roles import RoleConfiguration
from pipeline.generation.subject import Subject
from policies.policy import load_policy
from runners.candidate import Candidate, parse_candidate
from runners.cases import Case, TensorPlan
from runners.device_evidence import DeviceEvidence
from runners.evidence import (
    CompileEvidence,
    Environment,
    Evidence,
    Missing,
    PropertiesEvidence,
    SourceFact,
    TargetEvidence,
)
from runners.failures import Failure, WrongElement, WrongValues
from runners.isolation_evidence import IsolationEvidence
from runners.operators import OPERATORS

USAGE = Usage(input_tokens=1120, cached_tokens=1000, written_tokens=20, output_tokens=300, reasoning_tokens=40)
PRICE = Price(
    provider="local", model=MODEL, input_usd=Decimal(3), cached_usd=Decimal("0.3"), written_usd=Decimal("3.75"),
    output_usd=Decimal(15),
)  # fmt: skip
COST = PRICE.cost_usd(USAGE)
INDEX = Index(installed_references())
PROMPTS = Prompts(installed_references())
SUBJECT = Subject(OPERATORS["relu"], load_policy("dev"), card_of("h100"))
HEADER = '# /// kernel\n# operator = "relu"\n# language = "triton"\n# ///\n'
ISOLATION = IsolationEvidence(isolation="docker", engine="e", runtime="runc", image="i", limits=())
CASE = Case(
    operator="relu", form="matrix", dtype="float32", sizes={"M": 1, "N": 3}, scalars={}, seed=987654321,
    tensors={"x": TensorPlan(values="normal", special="nan", position="first", layout="transposed")},
)  # fmt: skip
WRONG = WrongValues(
    case=CASE, conditions="natural", output=0, wrong=2, total=3, nonfinite=False,
    first=(WrongElement(index=(0, 1), got=1.5, expected=1.0, low=0.9999, high=1.0001),),
)  # fmt: skip


def code(name: str) -> str:
    """A candidate's text that holds `name`; the scripted gate goes by that."""
    return f"{HEADER}import torch\n\n\ndef relu(x):\n    return {name}\n"


def answer(content: Content | str, **changes: object) -> Answer:
    given = {
        "ending": Ending.COMPLETE, "text": content if isinstance(content, str) else content.model_dump_json(),
        "provider": "local", "model": MODEL, "request_id": "req_1", "response_id": "resp_1", "usage": USAGE,
        "begun_at": datetime(2026, 1, 2, tzinfo=UTC), "wall_s": 0.1,
    }  # fmt: skip
    return Answer.model_validate(given | changes)


def proposed(name: str) -> Answer:
    return answer(Proposal(plan=f"the plan of {name}", code=code(name)))


def planned(*plans: str) -> Answer:
    return answer(Plans(plans=plans))


def reviewed(verdict: str, *remarks: str) -> Answer:
    return answer(Review.model_validate({"verdict": verdict, "remarks": remarks}))


class Asked:
    """A provider that gives outcomes in order and keeps what it was asked."""

    def __init__(self, outcomes: Sequence[Outcome | BaseException]) -> None:
        self._left: Iterator[Outcome | BaseException] = iter(outcomes)
        self.requests: list[Request] = []

    def ask(self, request: Request, note: object) -> Outcome:
        self.requests.append(request)
        outcome = next(self._left)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    @property
    def prompts(self) -> list[str]:
        """The parts of each request that are about the attempt."""
        return [request.parts[-1].text for request in self.requests]


def evidence_of(
    candidate: Candidate, failure: Failure | None = None, source: tuple[SourceFact, ...] = (),
    device: DeviceEvidence | Missing | None = None, compiled: CompileEvidence | None = None,
) -> Evidence:  # fmt: skip
    """Evidence of a candidate that is right but for what is given."""
    rules = SUBJECT.policy.properties
    controls = ()
    properties: PropertiesEvidence | Missing = PropertiesEvidence(
        seed=1, offered=("float32",), dtypes=("float32",), pairwise_cases=rules.pairwise_cases,
        random_cases=rules.random_cases, failure=failure, failed_at=None, reductions=0, unsupported=None,
        unsupported_cases=0, slow_cases=0, controls=controls, worst_ratio={"float32": 0.25}, deadline_spent=False,
        runners=1, wall_s=1.0,
    )  # fmt: skip
    targets = tuple(
        TargetEvidence(target=name, required=True, compiled=1, registers=20, spill_bytes=0, shared_bytes=0)
        for name in SUBJECT.policy.compile.required_targets
    )
    fine = CompileEvidence(
        seen=1, front_end=1, chosen=1, targets=targets, not_on=(), failures=(), containers=1, wall_s=1.0
    )
    return Evidence(
        candidate=candidate.facts, operator_digest="d", source=source,
        properties=Missing(reason="denied", ours=False) if source else properties, compile=compiled or fine,
        device=device or Missing(reason="no GPU", ours=False),
        environment=Environment(hardware="cpu", python="3", torch="t", triton="t", interpreter_repaired=True),
        isolation=ISOLATION,
    )  # fmt: skip


def without_controls() -> Subject:
    """The subject of these runs: nothing is planted, because nothing runs."""
    rules = SUBJECT.policy.properties.model_copy(update={"controls": (), "dtypes": ("float32",)})
    return Subject(SUBJECT.operator, SUBJECT.policy.model_copy(update={"properties": rules}), SUBJECT.card)


PLAIN = without_controls()
Rule = Callable[[Candidate], Evidence]


def by_name(candidate: Candidate) -> Evidence:
    """Right where the code says so, wrong or denied elsewhere."""
    text = candidate.text
    if "denied" in text:
        fact = SourceFact(rule="source/unknown-name", line=9, detail="'tl.reduce_max' does not exist")
        return evidence_of(candidate, source=(fact,))
    return evidence_of(candidate, failure=None if "right" in text else WRONG)


class ScriptedGate:
    """Judges really, on evidence that a rule makes of a candidate."""

    def __init__(self, rule: Rule = by_name, subject: Subject = PLAIN) -> None:
        self._rule = rule
        self._policy = subject.policy
        self.examined: list[Candidate] = []

    def examine(self, candidate: Candidate, go_on: GoOn) -> Examined:
        go_on()
        self.examined.append(candidate)
        judged: Judged = judge(candidate, self._rule(candidate), self._policy)
        return Examined(judged, screened=False)


@dataclass
class StandingClock:
    """A clock that moves when somebody sleeps, or a test says so."""

    now_s: float = 1000.0
    slept: list[float] = field(default_factory=list)

    @property
    def clock(self) -> Clock:
        return Clock(monotonic=lambda: self.now_s, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


class OneRun:
    """A run over scripted answers; made again over the same folder it goes on."""

    def __init__(
        self, folder: Path, author: Sequence[Outcome | BaseException], *, budget: Budget | None = None,
        reviewer: Sequence[Outcome] | None = None, strategies: int = 1, gate: ScriptedGate | None = None,
        price: Price | None = PRICE, clock: StandingClock | None = None, patience_s: float = 0.0, used_s: float = 0.0,
        subject: Subject = PLAIN, max_output_tokens: int = 2000,
    ) -> None:  # fmt: skip
        self.clock = clock or StandingClock()
        self.purse = Purse(budget or Budget(rounds=10), self.clock.clock, used_s)
        self.store = RunStore(folder)
        (folder / "attempts").mkdir(parents=True, exist_ok=True)
        self.gate = gate or ScriptedGate()
        self.author, self.reviewer = Asked(author), Asked(reviewer or ())
        self.said: list[str] = []
        self._limits = (patience_s, max_output_tokens)
        writes = self._taken(Role.AUTHOR, self.author, price)
        reads = self._taken(Role.REVIEWER, self.reviewer, price) if reviewer is not None else None
        improves = self._taken(Role.OPTIMISER, self.author, price)
        team = Team(author=writes, optimiser=improves, reviewer=reads)
        setting = Setting(subject, PROMPTS, INDEX, team, self.gate, self.purse, strategies)
        self.generation = Generation(setting, self.store, self.said.append)

    def _taken(self, role: Role, provider: Asked, price: Price | None) -> TakenRole:
        patience_s, most = self._limits
        configuration = RoleConfiguration(
            provider="local", model=MODEL, max_output_tokens=most, patience_s=patience_s, deadline_s=30
        )
        metered = Metered(Journaled(provider, self.store.journal), self.store.journal, self.purse, price)
        patient = Patient(metered, patience_s, self.clock.clock, self.purse.left_s)
        return TakenRole(role, configuration, patient, is_billed=True, price=price, left_s=self.purse.left_s)

    @property
    def recorded(self) -> Amount:
        """What the records say was used."""
        plans = self.generation.plans
        calls = [] if plans is None or plans.call is None else [plans.call.amount]
        return sum((one.amount for one in self.generation.attempts), sum(calls, Amount()))


CALL = CallRecord(
    role=Role.AUTHOR, provider="local", model="m", answered_by="m", request="r", request_id=None, response_id="x",
    ending=Ending.COMPLETE, failure=None, detail="", usage=None, unanswered=0, tokens=0, usd=None,
    begun_at=datetime(2026, 1, 2, tzinfo=UTC), wall_s=0, parts=(),
)  # fmt: skip


def attempt(number: int, *, strategy: int = 0, **about: Any) -> AttemptRecord:
    """An attempt; `fails` names its failure, `share` how fast one that stands is, `text` its code, `tier` its tier."""
    fails, share = about.get("fails"), about.get("share")
    text = code(about.get("text", f"of_{number}"))
    candidate = parse_candidate(text.encode(), "c.py")
    assert isinstance(candidate, Candidate)
    measured = Measured(
        path="c.py", code=text, digest=candidate.digest, screened=False, evidence=evidence_of(candidate),
        tier=about.get("tier") or ("rejected" if fails else "functional"), allowed=not fails, share_of_roof=share,
    )  # fmt: skip
    return AttemptRecord(
        number=number, operator="relu", operator_digest="d", policy_digest=PLAIN.policy.digest, strategy=strategy,
        plan="", purpose="write", parent=None, call=CALL, said="", knowledge=None, looked_up=(),
        outcome=NoCode(problem="answer/refused", detail="") if about.get("is_empty") else measured, review=None,
        complaint=Complaint(line=fails, text=fails, fingerprint=fails) if fails else None, wall_s=1, ended_s=1,
    )  # fmt: skip
