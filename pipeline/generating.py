"""`kernelgate generate`: an operator in, candidates, verdicts and what they cost out.

Everything that the user can have got wrong is looked at before anything is paid for or started: the operator, the
policy, the roles and their keys, prices, notes and prompts. Containers are begun when the first answer is to be run.

A run has an id from its first moment, and a folder `generation/<id>` among the run folders, where answers and records
are as they come: killed or interrupted, it goes on with `--resume <id>`. The run folder of the same id is written at
the end, like that of a verification; folders of runs that went on are written again under an id of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.gate import Judged, judge
from pipeline.generation.budgets import Budget, Purse
from pipeline.generation.exchange import Role
from pipeline.generation.hardware import card_of
from pipeline.generation.knowledge.index import Index
from pipeline.generation.knowledge.installed import installed_references
from pipeline.generation.knowledge.notes import load_notes
from pipeline.generation.loop.examining import Gate
from pipeline.generation.loop.records import AttemptRecord, Measured
from pipeline.generation.loop.report import Finished, provenance_json, report_json
from pipeline.generation.loop.run import Generation
from pipeline.generation.loop.setting import Setting, Team
from pipeline.generation.loop.store import RunStore, Terms, store_of
from pipeline.generation.opening import Spending, TakenRole, open_role
from pipeline.generation.prices import PriceTable, load_prices
from pipeline.generation.prompts import Prompts
from pipeline.generation.roles import Roles, load_roles
from pipeline.generation.subject import Subject
from pipeline.gpu_opening import gpu_for
from pipeline.machine_slots import SharedMachine
from pipeline.reporting import Report
from pipeline.run_folder import new_run_id, write_run
from pipeline.settings import Mode, Settings
from pipeline.supply import supply_for
from pipeline.turns import Turns
from policies.policy import Policy
from runners.candidate import Candidate, parse_candidate
from runners.digests import operator_digest
from runners.operators import Operator

UNDER_WAY = "generation"  # the folder of runs under way, among the run folders
PRICES_BESIDE = "prices.yaml"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for.

    Attributes:
        prices: A price table; None takes the one beside the roles file, where there is one.
        card: The GPU that kernels shall be fast on.
        notes: A folder of documents to look things up in; `prompts` one of templates that replace built-in ones.
        resume: The id of a run that goes on; None begins one.
    """

    operator: str
    roles: Path
    budget: Budget
    strategies: int = 3
    prices: Path | None = None
    card: str = "h100"
    notes: Path | None = None
    prompts: Path | None = None
    resume: str | None = None
    mode: Mode = Mode.AUTO


@dataclass(frozen=True, slots=True)
class Generated:
    """A finished run with its verdicts: one for each attempt that was measured, in order."""

    finished: Finished
    folder: Path
    judged: tuple[Judged, ...]


def generate(
    wanted: Wanted,
    policy: Policy,
    settings: Settings,
    operators: Mapping[str, Operator],
    environment: Mapping[str, str],
    report: Report,
) -> Generated:
    """Has candidates for an operator written, repaired and verified, and writes the run folder.

    Args:
        operators: Those that there are.
        environment: Where the providers' keys are; read once.

    Raises:
        UsageError: there is no such operator, or the budget is zero.
        GenerationError: roles, keys, prices, notes, prompts or the run to go on with can't be used.
        SdkUnavailable: a provider's SDK is not installed.
        SandboxUnavailable: a GPU was asked for, and there is none.
        RunFolderError: a folder can't be written.
    """
    prepared = _prepare(wanted, policy, operators)
    store, run_id = _store(wanted, settings)
    with store.working(report), _going_on(run_id, report):
        # The clock begins before the first question, and after what earlier processes used.
        purse = Purse(wanted.budget, used_s=max((one.ended_s for one in store.attempts()), default=0.0))
        spending = Spending(purse, prepared.prices)
        team = _team(prepared.roles, store, spending, environment, operators)
        store.agree(prepared.terms)
        turns = Turns(settings.workers, SharedMachine.of_this_user(settings.workers))
        with supply_for(settings, policy, report) as supply, gpu_for(settings, policy, wanted.mode, report) as gpu:
            gate = Gate(policy, supply, turns, gpu)
            setting = Setting(
                prepared.subject, prepared.prompts, prepared.index, team, gate, purse, wanted.strategies, operators
            )
            generation = Generation(setting, store, report)
            stopped = generation.run()
        finished = Finished(
            id=run_id if wanted.resume is None else new_run_id(),
            terms=prepared.terms,
            budget=wanted.budget,
            used=purse.used,
            used_s=purse.used_s,
            prices=prepared.prices,
            stopped=stopped,
            plans=generation.plans,
            attempts=generation.attempts,
        )
        return write_generated(finished, policy, settings.runs, operators)


def write_generated(finished: Finished, policy: Policy, runs: Path, operators: Mapping[str, Operator]) -> Generated:
    """Writes the run folder: as a verification's, with each candidate's provenance and the whole in generation.json.

    Raises:
        RunFolderError: it can't be written.
    """
    measured = [one for one in finished.attempts if isinstance(one.outcome, Measured)]
    judged = tuple(_judged(one, policy, operators) for one in measured)
    more = {"generation.json": report_json(finished, str(runs / finished.id))}
    folder = write_run(runs, finished.id, policy, judged, more, [provenance_json(one) for one in measured])
    return Generated(finished, folder, judged)


@dataclass(frozen=True, slots=True)
class _Prepared:
    subject: Subject
    roles: Roles
    prices: PriceTable | None
    prompts: Prompts
    index: Index
    terms: Terms


def _prepare(wanted: Wanted, policy: Policy, operators: Mapping[str, Operator]) -> _Prepared:
    if wanted.operator not in operators:
        raise UsageError(f"'{wanted.operator}' is not an operator; see 'kernelgate operators'")
    budget = wanted.budget
    if 0 in (budget.rounds, budget.tokens, budget.usd, budget.wall_s):
        raise UsageError("a budget of zero asks nobody, so there would be no candidate: give more than that")
    roles, card = load_roles(wanted.roles), card_of(wanted.card)
    beside = wanted.roles.parent / PRICES_BESIDE
    path = wanted.prices or (beside if beside.exists() else None)
    installed = installed_references()
    prompts = Prompts(installed, wanted.prompts)
    index = Index(installed if wanted.notes is None else (*installed, *load_notes(wanted.notes)))
    operator = operators[wanted.operator]
    takers = {role: taken for role in Role if (taken := roles.of(role)) is not None}
    terms = Terms(
        operator=operator.name,
        operator_digest=operator_digest(operator),
        policy=policy.name,
        policy_digest=policy.digest,
        card=card.name,
        roles=tuple(f"{role}: {taken.provider}, {taken.model}" for role, taken in takers.items()),
        strategies=wanted.strategies,
        prompts=prompts.digest,
        knowledge=index.digest,
    )
    prices = load_prices(path) if path is not None else None
    return _Prepared(Subject(operator, policy, card), roles, prices, prompts, index, terms)


def _store(wanted: Wanted, settings: Settings) -> tuple[RunStore, str]:
    under_way = settings.runs / UNDER_WAY
    if wanted.resume is not None:
        return store_of(under_way, wanted.resume), wanted.resume
    run_id = new_run_id()
    return RunStore(under_way / run_id), run_id


def _team(
    roles: Roles,
    store: RunStore,
    spending: Spending,
    environment: Mapping[str, str],
    operators: Mapping[str, Operator],
) -> Team:
    def taken(role: Role) -> TakenRole:
        return open_role(roles, role, store.journal, environment, operators, spending)

    reviewer = taken(Role.REVIEWER) if roles.reviewer is not None else None
    return Team(author=taken(Role.AUTHOR), optimiser=taken(Role.OPTIMISER), reviewer=reviewer)


@contextmanager
def _going_on(run_id: str, report: Report) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        report(
            f"what was answered is kept: the same command with --resume {run_id} goes on, and pays for none of it again"
        )
        raise


def _judged(record: AttemptRecord, policy: Policy, operators: Mapping[str, Operator]) -> Judged:
    assert isinstance(record.outcome, Measured)
    candidate = parse_candidate(record.outcome.code.encode(), record.outcome.path, operators)
    assert isinstance(candidate, Candidate)
    return judge(candidate, record.outcome.evidence, policy)
