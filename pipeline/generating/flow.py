"""The Prefect flow: a task an operator, and in it a task an attempt; what was answered and measured is in the store.

Prefect keeps no result here: the records and the journal of a run make it go on (`generation.loop.store`), and a flow
run that Prefect starts again goes on under its own id, without paying for an answer twice. Retried is what our side
failed to measure, and nothing else; a provider that fails is waited for by its own patience, which sees the bill.

A provider gets as many calls at once as its roles file says, over all flows that talk to one server. Keys come from the
environment, or from Prefect's Secret blocks (`prefect_keys`).

An interrupt ends the measuring at once, and waits for answers that are under way: they are paid for.

Artifacts show nothing that a model wrote: the tree of attempts in our own words, with verdicts, tokens and cost.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

from pipeline.orchestration.prefect_connection import fault_of_the_server, server  # isort: skip  # before Prefect is imported

import httpx
from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from prefect.tasks import Task

from pipeline.errors import FlowUnavailable
from pipeline.generating.artifacts import rows_of, tree_of
from pipeline.generating.conduct import Work
from pipeline.generating.prefect_keys import EnvironmentOrBlocks
from pipeline.generating.result import Generated
from pipeline.generating.run import UNDER_WAY, Place, generate
from pipeline.generating.wanted import Wanted
from pipeline.generation.budgets import Budget
from pipeline.generation.loop.course import End
from pipeline.generation.loop.run import Generation
from pipeline.generation.loop.setting import Stopped
from pipeline.orchestration.flow_work import RETRIED
from pipeline.orchestration.prefect_flow_runs import living
from pipeline.orchestration.prefect_slot import gpu_slot, provider_slot
from pipeline.settings import Mode, Settings
from pipeline.supply.slots import Slot
from policies.policy import Policy, load_policy
from runners.operators import OPERATORS

AT_ONCE: Final = 64  # operators; each is a thread that waits nearly all the time
_LOG: Final = logging.getLogger(__name__)


class NotMeasuredError(Exception):
    """Our side failed to measure an attempt; worth another try."""

    def __init__(self, stopped: Stopped) -> None:
        super().__init__(stopped.detail)
        self.stopped = stopped


class _Call:
    """What a command has prepared; a plain class, because Prefect searches dataclasses in parameters for futures."""

    def __init__(self, wanted: Wanted, policy: Policy, place: Place) -> None:
        self.wanted, self.policy, self.place = wanted, policy, place
        self.generated: Generated | None = None


class _Steps:
    """One operator's run, for its tasks."""

    def __init__(self, operator: str, generation: Generation) -> None:
        self.operator = operator
        self._generation = generation

    @property
    def number(self) -> int:
        """Of the attempt that is next."""
        return len(self._generation.attempts) + 1

    def step(self) -> Stopped | None:
        """Makes an attempt; returns why the run has ended, if it has.

        Raises:
            NotMeasuredError: our side failed.
        """
        made = self._generation.step()
        if not isinstance(made, Stopped):
            return None
        if made.reason is End.UNMEASURED:
            raise NotMeasuredError(made)
        return made


class InTasks:
    """Makes the steps of runs as tasks of the flow that this is called in."""

    def __init__(self) -> None:
        self._slots: dict[str, Slot] = {}

    def slot(self, provider: str, at_once: int) -> Slot:
        """As `Conduct.slot`; the server's."""
        if provider not in self._slots:
            slot = provider_slot(provider, at_once)
            slot.make()
            self._slots[provider] = slot
        return self._slots[provider]

    def make(self, work: Work) -> Mapping[str, Stopped]:
        """As `Conduct.make`."""
        if work.gpu is not None:
            slot = gpu_slot(work.gpu.number)
            slot.make()
            work.gpu.hold_also(slot)
        steps = [_Steps(name, generation) for name, generation in work.generations.items()]
        try:
            futures = write_kernel.map(operator=[one.operator for one in steps], steps=steps)
            return {one.operator: future.result() for one, future in zip(steps, futures, strict=True)}
        except BaseException:
            work.end()
            raise


_PREPARED: ContextVar[_Call | None] = ContextVar("prepared call", default=None)


def generate_with_flow(wanted: Wanted, policy: Policy, place: Place) -> Generated:
    """As `generate`, as a run of the flow.

    Raises:
        FlowUnavailable: Prefect's server does not answer.
    """
    call = _Call(wanted, policy, place)
    with server():
        token = _PREPARED.set(call)
        try:
            generate_and_verify(  # what is prepared counts; the rest is for Prefect's pages
                list(wanted.operators), wanted.roles, wanted.budget, policy.name, strategies=wanted.strategies,
                prices=wanted.prices, card=wanted.card, notes=wanted.notes, prompts=wanted.prompts,
                experiment=wanted.experiment, mode=wanted.mode, lessons=wanted.lessons,
            )  # fmt: skip
        except (httpx.HTTPError, RuntimeError) as error:  # the last: Prefect's word for no answer
            fault = fault_of_the_server(error)
            if fault is None:
                raise
            if call.generated is None:
                raise FlowUnavailable(
                    f"Prefect's server stopped to answer in the middle: {fault!r}. What was answered and measured is "
                    "kept: the same command with --resume goes on, and pays for none of it again."
                ) from error
            _LOG.warning("Prefect's server stopped to answer: its pages lack the end of this run, which is complete")
        finally:
            _PREPARED.reset(token)
    assert call.generated is not None
    return call.generated


def threads() -> TaskRunner[PrefectFuture[Any]]:
    runner: Any = ThreadPoolTaskRunner(max_workers=AT_ONCE)
    return cast("TaskRunner[PrefectFuture[Any]]", runner)


@flow(name="generate-and-verify", persist_result=False, task_runner=threads())
def generate_and_verify(
    operators: list[str],
    roles: Path,
    budget: Budget,
    policy: str = "ci",
    strategies: int = 3,
    prices: Path | None = None,
    card: str = "h100",
    notes: Path | None = None,
    prompts: Path | None = None,
    experiment: Path | None = None,
    mode: Mode = Mode.AUTO,
    lessons: bool = True,
) -> int:
    """Has kernels written, repaired and verified; shows tree, verdicts and cost as artifacts, returns the exit code.

    Args:
        operators: Names of operators; the budget is for all of them.
        roles: A roles file.
        budget: At least one limit: rounds, tokens, usd, wall_s (seconds).
        policy: dev, ci, production, or the path of a policy file.
        strategies: How many plans are asked for.
        prices: A price table; without one that beside the roles file, if there.
        card: The GPU that kernels shall be fast on.
        notes: A folder of documents to look things up in.
        prompts: A folder of templates that replace built-in ones.
        experiment: A file that says which templates are compared, instead.
        mode: auto takes a GPU where the policy asks for one and there is one; cpu never, gpu always.
        lessons: Whether authors are told what earlier runs taught.
    """
    with living():
        call = _PREPARED.get()
        if call is not None:
            call.generated = _generated(call.wanted, call.policy, call.place)
            return call.generated.finished.exit_code
        wanted = Wanted(
            tuple(operators), roles, budget, strategies=strategies, prices=prices, card=card, notes=notes,
            prompts=prompts, experiment=experiment, mode=mode, lessons=lessons,
        )  # fmt: skip
        place = Place(Settings.resolve(), os.environ, OPERATORS, _LOG.info)
        return generate_in_this_run(wanted, load_policy(policy), place).finished.exit_code


def generate_in_this_run(wanted: Wanted, policy: Policy, place: Place) -> Generated:
    """As `generate`, in the flow run that this is called in, whose id the run has: started again, it goes on."""
    run_id = _id_of_this_run()
    is_begun = (place.settings.runs / UNDER_WAY / run_id).exists()
    return _generated(replace(wanted, resume=run_id if is_begun else None, begin_as=run_id), policy, place)


def _generated(wanted: Wanted, policy: Policy, place: Place) -> Generated:
    keys = EnvironmentOrBlocks(place.environment)
    with_blocks = Place(place.settings, keys, place.operators, place.report, place.warn)
    generated = generate(wanted, policy, with_blocks, InTasks())
    _show(generated)
    return generated


def _is_ours(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    return isinstance(state.data, NotMeasuredError)


@task(name="write-kernel", task_run_name="{operator}", cache_policy=NO_CACHE, persist_result=False)
def write_kernel(operator: str, steps: _Steps) -> Stopped:
    """Makes attempts for one operator until there is a reason to stop; returns it."""
    while True:
        try:
            stopped = attempt(operator, steps.number, steps)
        except NotMeasuredError as error:
            return error.stopped
        if stopped is not None:
            return stopped


@task(
    name="attempt",
    task_run_name="{operator}, attempt {number}",
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_condition_fn=_is_ours,
    **RETRIED,
)
def attempt(operator: str, number: int, steps: _Steps) -> Stopped | None:
    """Makes one attempt; returns why there are no more, if so."""
    return steps.step()


def _id_of_this_run() -> str:
    """The run's id, the same whenever Prefect starts this flow run again."""
    context = FlowRunContext.get()
    assert context is not None
    assert context.flow_run is not None
    run = context.flow_run
    assert run.created is not None
    return f"{run.created:%Y%m%d-%H%M%S}-{run.id.hex[-8:]}"


def _show(generated: Generated) -> None:
    create_table_artifact(
        key="kernelgate-attempts",
        table=[*rows_of(generated.finished)],
        description="Each attempt, with its verdict, the first rule that stands against it, and what it cost.",
    )
    create_markdown_artifact(key="kernelgate-generation", markdown=tree_of(generated.finished))
