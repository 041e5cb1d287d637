"""What is asked for, and everything about it that can be looked at before a provider or a container is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import UsageError
from pipeline.generation.budgets import Budget, Purse
from pipeline.generation.exchange import Role
from pipeline.generation.experiment import load_experiment
from pipeline.generation.hardware import card_of
from pipeline.generation.knowledge.index import Index
from pipeline.generation.knowledge.installed import installed_references
from pipeline.generation.knowledge.notes import load_notes
from pipeline.generation.lessons.taught import NOTHING, Taught
from pipeline.generation.loop.store import Terms
from pipeline.generation.opening import Means
from pipeline.generation.prices import PriceTable, load_prices
from pipeline.generation.prompts import Prompts
from pipeline.generation.roles import MessagesProvider, ResponsesProvider, Roles, load_roles
from pipeline.generation.subject import Subject
from pipeline.settings import Mode
from policies.policy import Policy
from runners.digests import operator_digest
from runners.operators import Operator

PRICES_BESIDE: Final = "prices.yaml"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for.

    Attributes:
        operators: Their names; what the budget holds is for all of them.
        prices: A price table; None takes the one beside the roles file, where there is one.
        card: The GPU that kernels shall be fast on.
        notes: A folder of documents to look things up in; `prompts` one of templates that replace built-in ones.
        experiment: A file that says which templates are compared; each operator's run draws its own.
        resume: The id of a run that goes on; None begins one.
        begin_as: The id of the run that is begun; None draws one.
        lessons: Whether authors are told what earlier runs taught; in an experiment they are not, or each run's prompt
            would be its own.
    """

    operators: tuple[str, ...]
    roles: Path
    budget: Budget
    strategies: int = 3
    prices: Path | None = None
    card: str = "h100"
    notes: Path | None = None
    prompts: Path | None = None
    experiment: Path | None = None
    resume: str | None = None
    begin_as: str | None = None
    mode: Mode = Mode.AUTO
    lessons: bool = True


@dataclass(frozen=True, slots=True)
class PreparedOperator:
    """What a run is about for one operator, what it was started with, and what earlier runs taught."""

    subject: Subject
    terms: Terms
    prompts: Prompts
    lessons: Taught = NOTHING

    @property
    def name(self) -> str:
        """The operator's."""
        return self.subject.operator.name


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was asked for, read."""

    roles: Roles
    prices: PriceTable | None
    index: Index
    operators: tuple[PreparedOperator, ...]


def prepare(wanted: Wanted, policy: Policy, operators: Mapping[str, Operator], run_id: str) -> Prepared:
    """Reads what was asked for.

    Args:
        operators: Those that there are.
        run_id: The run's; an experiment's variants are drawn by it.

    Raises:
        UsageError: there is no such operator, the budget is zero, or prompts are named twice.
        GenerationError: roles, prices, notes, prompts or the experiment can't be used.
    """
    _refuse(wanted, operators)
    roles, card = load_roles(wanted.roles), card_of(wanted.card)
    beside = wanted.roles.parent / PRICES_BESIDE
    path = wanted.prices or (beside if beside.exists() else None)
    installed = installed_references()
    experiment = None if wanted.experiment is None else load_experiment(wanted.experiment, installed)
    named = Prompts(installed, wanted.prompts)
    index = Index(installed if wanted.notes is None else (*installed, *load_notes(wanted.notes)))
    takers = {role: taken for role in Role if (taken := roles.of(role)) is not None}

    def prepared(operator: Operator) -> PreparedOperator:
        drawn = None if experiment is None else experiment.definition.assigned(run_id, operator.name)
        prompts = named if experiment is None or drawn is None else experiment.prompts_of(drawn)
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
            experiment=drawn,
        )
        return PreparedOperator(Subject(operator, policy, card), terms, prompts)

    prices = load_prices(path) if path is not None else None
    means = Means(Purse(wanted.budget), prices)
    for role, taken in takers.items():
        if isinstance(roles.provider(taken.provider), MessagesProvider | ResponsesProvider):
            means.price_of(role, taken)
    return Prepared(roles, prices, index, tuple(prepared(operators[name]) for name in wanted.operators))


def _refuse(wanted: Wanted, operators: Mapping[str, Operator]) -> None:
    if not wanted.operators:
        raise UsageError("no operator was named; see 'kernelgate operators'")
    for name in wanted.operators:
        if name not in operators:
            raise UsageError(f"'{name}' is not an operator; see 'kernelgate operators'")
        if wanted.operators.count(name) > 1:
            raise UsageError(f"'{name}' was named twice")
    if wanted.experiment is not None and wanted.prompts is not None:
        raise UsageError("--prompts names the templates, and so does --experiment: give one of them")
    budget = wanted.budget
    if 0 in (budget.rounds, budget.tokens, budget.usd, budget.wall_s):
        raise UsageError("a budget of zero asks nobody, so there would be no candidate: give more than that")
