"""Puts a run together: what was asked for, the providers, the machine, and who makes the steps.

All operators of a run share one budget, one supply of runners and the slots of the providers; each has a folder, a
journal and records of its own. Containers are begun when the first answer is to be run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from pipeline.errors import GenerationError
from pipeline.gate.turns import Turns
from pipeline.generating.conduct import Conduct, InThreads, Work
from pipeline.generating.lessons import with_lessons
from pipeline.generating.result import Generated, write_generated
from pipeline.generating.run_clock import keeping_time, used_before
from pipeline.generating.wanted import Prepared, PreparedOperator, Wanted, prepare
from pipeline.generation.budgets import Purse
from pipeline.generation.exchange import Role
from pipeline.generation.loop.examining import Gate, Watcher
from pipeline.generation.loop.report import Finished, FinishedOperator
from pipeline.generation.loop.run import Generation
from pipeline.generation.loop.setting import Setting, Team
from pipeline.generation.loop.store import RunStore, begun_in
from pipeline.generation.opening import Means, TakenRole, open_role
from pipeline.generation.roles import Roles
from pipeline.observing.listeners import LogListener, observed
from pipeline.reporting import Report
from pipeline.runs.facts import RunFacts
from pipeline.runs.folder import new_run_id
from pipeline.runs.places import UNDER_WAY as UNDER_WAY
from pipeline.settings import Settings
from pipeline.supply.gpu_opening import gpu_for
from pipeline.supply.machine_slots import SharedMachine
from pipeline.supply.runners import supply_for
from pipeline.telemetry.contract import current_recorder
from policies.policy import Policy
from runners.operators import Operator


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run happens.

    Attributes:
        environment: Where the providers' keys are; read once.
        operators: Those that there are.
        report: Hears what goes on.
        warn: Hears what must be seen, however quiet the run shall be; None: `report` does.
        watcher: Hears of checks and verdicts.
    """

    settings: Settings
    environment: Mapping[str, str]
    operators: Mapping[str, Operator]
    report: Report
    warn: Report | None = None
    watcher: Watcher | None = None


def generate(wanted: Wanted, policy: Policy, place: Place, conduct: Conduct | None = None) -> Generated:
    """Has candidates for operators written, repaired and verified, and writes the run folder.

    Args:
        conduct: Who makes the steps; None takes threads.

    Raises:
        UsageError: there is no such operator, the budget is zero, or prompts are named twice.
        GenerationError: roles, keys, prices, notes, prompts, the experiment or the run to go on with can't be used.
        SdkUnavailable: a provider's SDK is not installed.
        SlotUnavailable: a provider's slots can't be had.
        SandboxUnavailable: a GPU was asked for, and there is none.
        RunFolderError: a folder can't be written.
    """
    run_id = wanted.resume or wanted.begin_as or new_run_id()
    prepared = prepare(wanted, policy, place.operators, run_id)
    stores = _stores(wanted, run_id, place)
    warn = place.warn or place.report
    facts = RunFacts(run_id, "generate", policy.name, policy.digest, None)
    with ExitStack() as held, _going_on(run_id, warn):
        watcher = held.enter_context(observed(facts, place.settings.runs, LogListener(place.report, warn)))
        place = replace(place, watcher=watcher)
        for store in stores.values():
            held.enter_context(store.working(place.report))
        learns = wanted.lessons and wanted.experiment is None
        prepared = with_lessons(prepared, stores, place.settings.runs, place.report, is_wanted=learns)
        made = _make(wanted, policy, place, prepared, stores, conduct or InThreads(), held)
        is_taken = (place.settings.runs / run_id).exists()  # this run had come to an end before
        finished = Finished(
            id=new_run_id() if is_taken else run_id,
            budget=wanted.budget,
            used=made.purse.used,
            used_s=made.purse.used_s,
            prices=prepared.prices,
            operators=made.operators,
        )
        return write_generated(finished, policy, place.settings.runs, place.operators)


@dataclass(frozen=True, slots=True)
class _Made:
    purse: Purse
    operators: tuple[FinishedOperator, ...]


def _make(
    wanted: Wanted, policy: Policy, place: Place, prepared: Prepared, stores: Mapping[str, RunStore],
    conduct: Conduct, held: ExitStack,
) -> _Made:  # fmt: skip
    # The clock begins before the first question, and after what earlier processes used.
    under_way = {store.folder.parent for store in stores.values()}.pop()
    earlier = [one.ended_s for store in stores.values() for one in store.attempts()]
    purse = Purse(wanted.budget, used_s=max([used_before(under_way), *earlier]))
    means = Means(purse, prepared.prices, conduct.slot, current_recorder().spent)
    teams = {name: _team(prepared.roles, store, means, place) for name, store in stores.items()}
    for one in prepared.operators:
        stores[one.name].agree(one.terms)
    run_id = under_way.name
    place.report(f"run {run_id}; interrupted or killed, it goes on by the same command with --resume {run_id}")
    held.enter_context(keeping_time(under_way, purse))
    machine = held.enter_context(_machine(wanted, policy, place))

    def generation(one: PreparedOperator) -> Generation:
        setting = Setting(
            one.subject, one.prompts, prepared.index, teams[one.name], machine.gate, purse, wanted.strategies,
            place.operators, one.lessons,
        )  # fmt: skip
        return Generation(setting, stores[one.name], place.report)

    def end() -> None:
        purse.close()
        machine.end()

    generations = {one.name: generation(one) for one in prepared.operators}
    stopped = conduct.make(Work(generations, end, machine.gate.gpu))
    finished = (
        FinishedOperator(one.terms, stopped[one.name], generations[one.name].plans, generations[one.name].attempts)
        for one in prepared.operators
    )
    return _Made(purse, tuple(finished))


@dataclass(frozen=True, slots=True)
class _Machine:
    gate: Gate
    end: Callable[[], None]


@contextmanager
def _machine(wanted: Wanted, policy: Policy, place: Place) -> Iterator[_Machine]:
    settings, report = place.settings, place.report
    turns = Turns(settings.workers, SharedMachine.of_this_user(settings.workers))
    with supply_for(settings, policy, report) as supply, gpu_for(settings, policy, wanted.mode, report) as gpu:

        def end() -> None:
            turns.close()
            supply.close()
            if gpu is not None:
                gpu.close()

        yield _Machine(Gate(policy, supply, turns, gpu, place.watcher), end)


def _stores(wanted: Wanted, run_id: str, place: Place) -> Mapping[str, RunStore]:
    under_way = place.settings.runs / UNDER_WAY
    if wanted.resume is not None:
        others = sorted(set(begun_in(under_way, run_id)) - set(wanted.operators))
        if others:
            raise GenerationError(
                f"the run {run_id} was begun with more operators: name {', '.join(others)}, too, or start a new run "
                "without --resume"
            )
    return {name: RunStore(under_way / run_id / name) for name in wanted.operators}


def _team(roles: Roles, store: RunStore, means: Means, place: Place) -> Team:
    def taken(role: Role) -> TakenRole:
        return open_role(roles, role, store.journal, place.environment, place.operators, means)

    reviewer = taken(Role.REVIEWER) if roles.reviewer is not None else None
    return Team(author=taken(Role.AUTHOR), optimiser=taken(Role.OPTIMISER), reviewer=reviewer)


@contextmanager
def _going_on(run_id: str, report: Report) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        report(
            f"what was answered is kept: the same command with --resume {run_id} goes on, and pays for none of it twice"
        )
        raise
