"""The Prefect flow: one task a candidate, evidence kept by content.

What a task returns, and Prefect keeps as JSON, is evidence; verdicts are made from it each time. A flow that was killed
and is started again measures only what was not finished (`pipeline.content_key` says what makes two runs the same).

A candidate's failure is evidence like any other: the task completes, is kept and is not tried again. A failure of ours
raises `InfrastructureFault`, the only thing that is retried; it is never kept, whichever check it was
(`pipeline.kept`), and when the retries are spent what was measured is judged with the reason that the rest is missing.
Where only the GPU failed us, only the checks on it are made again. What was kept and can't be read (its writer was
killed) is measured again.

Whoever is on a GPU has its slot on Prefect's server (`pipeline.prefect_slot`); nothing else that a task does needs one.

Prefect supervises and does not bound: deadlines live on the runners. An interrupt closes the supply and lets each
candidate end after the case it is at, so it is heard within one case's deadline.

Artifacts show no text of a candidate's author but its path: Prefect's pages render markdown.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, Protocol, cast

from pydantic import ValidationError

from pipeline.collect import collect
from pipeline.content_key import content_key
from pipeline.drift import tell_drift
from pipeline.errors import FlowUnavailable
from pipeline.gate import Judged, judge, measure, needs_runner, planned_cases
from pipeline.gpu_gate import checked_on_gpu
from pipeline.gpu_opening import gpu_for
from pipeline.gpu_supply import GpuSupply
from pipeline.kept import lacks_only_the_gpu, our_failure, why_again
from pipeline.machine_slots import SharedMachine
from pipeline.observing import LogListener, observed
from pipeline.platforms import holds_for
from pipeline.run_facts import RunFacts
from pipeline.run_folder import new_run_id, write_run
from pipeline.settings import Mode, Settings
from pipeline.steps import Steps, Watcher, steps_of
from pipeline.supply import RunnerSupply, supply_for
from pipeline.turns import IN_PLAY, Turns
from policies.policy import Policy, Tier, load_policy
from policies.waivers import DatedWaivers
from runners.candidate import Candidate, Unreadable
from runners.evidence import Evidence

from pipeline.prefect_connection import fault_of_the_server, server  # isort: skip  # before Prefect is imported

import httpx
from prefect import flow, task, unmapped
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.futures import PrefectFuture, as_completed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from prefect.tasks import Task, exponential_backoff

from pipeline.prefect_slot import gpu_slot

RETRIES: Final = 2
_LOG: Final = logging.getLogger(__name__)
BACKOFF_S: Final = 1.0
Item = Candidate | Unreadable
Progress = Callable[[str, Judged], None]


class ClosableSupply(RunnerSupply, Protocol):
    """A supply that an interrupt can close: from then on it gives no runner."""

    def close(self) -> None:
        """Ends what waits; safe to call twice and from another thread than `take`."""
        ...


class InfrastructureFault(Exception):
    """Our side failed while a candidate was measured; worth another try."""


class NoEvidenceError(Exception):
    """A task left something else than evidence, on its second try too: a bug on our side, not a fault to wait out."""


class _StoppedError(BaseException):
    """The run was ended; not an Exception, so that nothing on the way takes it for something that a candidate did."""


class _Work:
    """What one flow run works on: live objects, which can't be parameters of a flow.

    A plain class, because Prefect searches dataclasses in a task's parameters for futures.
    """

    def __init__(
        self,
        items: Sequence[Item],
        policy: Policy,
        supply: ClosableSupply,
        turns: Turns,
        *,
        fresh: bool,
        progress: Progress,
        gpu: GpuSupply | None = None,
        waivers: DatedWaivers | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        self.gpu = gpu
        self._watcher = watcher
        self._waivers = waivers
        self.items = tuple(items)
        self._turns = turns
        self.policy = policy
        self.supply = supply
        self.fresh = fresh
        self.judged: dict[int, Judged] = {}
        self.unread: dict[int, Exception] = {}
        self._progress = progress
        self._stopped = threading.Event()
        self._faults: dict[int, Evidence] = {}

    @property
    def in_order(self) -> tuple[Judged, ...]:
        """The verdicts in the order of the items."""
        return tuple(self.judged[number] for number in range(len(self.items)))

    def measure(self, number: int) -> str:
        """Measures one candidate and returns the evidence as JSON.

        Raises:
            InfrastructureFault: our side failed.
        """
        evidence = self._measured(number)
        self._go_on()  # what a runner says while it is being closed is our doing
        failure = our_failure(evidence)
        if failure is not None:
            self._faults[number] = evidence
            raise InfrastructureFault(failure)
        return evidence.model_dump_json()

    def stop(self) -> None:
        """Ends the measuring of all candidates."""
        self._stopped.set()
        self._turns.close()
        self.supply.close()
        if self.gpu is not None:
            self.gpu.close()

    def take_in(self, number: int, future: PrefectFuture[str]) -> bool:
        """Judges what a finished task left; False when there is no evidence in it."""
        try:
            result: object = future.result(raise_on_failure=False)
        except Exception as error:  # noqa: BLE001  # Prefect's own: what the task itself raised is returned
            self.unread[number] = error
            return False
        try:
            evidence = self._faults[number] if isinstance(result, InfrastructureFault) else _evidence_in(result)
            if future.state.name == "Cached" and (why := why_again(evidence)) is not None:
                raise NoEvidenceError(why)
        except (ValidationError, NoEvidenceError) as error:
            self.unread[number] = error
            return False
        item = self.items[number]
        own = evidence.model_copy(update={"candidate": item.facts})  # the same content may have another path now
        reused = future.state.name == "Cached"
        self.judged[number] = judge(item, own, self.policy, reused=reused, waivers=self._waivers)
        self._progress(item.facts.path, self.judged[number])
        return True

    def _measured(self, number: int) -> Evidence:
        item, earlier, gpu = self.items[number], self._faults.get(number), self.gpu
        if isinstance(item, Candidate) and gpu is not None and earlier is not None and lacks_only_the_gpu(earlier):
            device = checked_on_gpu(item, self.policy, gpu, secrets.randbits(64), self._go_on)
            return earlier.model_copy(update={"device": device})  # the rest was measured and stands
        return measure(item, self.policy, self.supply, steps=self._steps(item), turns=self._turns, gpu=self.gpu)

    def _steps(self, item: Item) -> Steps:
        if self._watcher is None:
            return Steps(cases=self._go_on)
        heard = steps_of(item.facts.path, planned_cases(self.policy, self.gpu), self._watcher)

        def cases(done: int) -> None:
            self._go_on()
            heard.cases(done)

        return Steps(cases, heard.check)

    def _go_on(self, done: int = 0) -> None:
        if self._stopped.is_set():
            raise _StoppedError


def _threads(at_once: int) -> TaskRunner[PrefectFuture[Any]]:
    runner: Any = ThreadPoolTaskRunner(max_workers=at_once)  # its own future is no PrefectFuture[Any] to a type checker
    return cast("TaskRunner[PrefectFuture[Any]]", runner)


_PREPARED: ContextVar[_Work | None] = ContextVar("prepared work", default=None)


def verify_with_flow(
    items: Sequence[Item],
    policy: Policy,
    supply: ClosableSupply,
    turns: Turns,
    *,
    fresh: bool,
    progress: Progress,
    gpu: GpuSupply | None = None,
    waivers: DatedWaivers | None = None,
    watcher: Watcher | None = None,
) -> tuple[Judged, ...]:
    """Verifies `items` as a run of the flow; the result is in their order.

    `supply` should be open, when any candidate is to be run: evidence is kept only where its isolation is known before.

    Raises:
        FlowUnavailable: Prefect's server does not answer.
    """
    work = _Work(
        items, policy, supply, turns, fresh=fresh, progress=progress, gpu=gpu, waivers=waivers, watcher=watcher
    )
    run = verify_kernels.with_options(task_runner=_threads(min(len(work.items), IN_PLAY)))
    with server():
        token = _PREPARED.set(work)
        try:
            run(paths=[Path(item.facts.path) for item in work.items], policy=policy.name, fresh=fresh)
        except (httpx.HTTPError, NoEvidenceError, RuntimeError) as error:  # the last: Prefect's word for no answer
            fault = fault_of_the_server(error)
            if fault is None:
                raise
            if len(work.judged) < len(work.items):
                raise FlowUnavailable(
                    f"Prefect's server stopped to answer in the middle: {fault!r}. What was measured is kept: "
                    "run the same command again, and it goes on."
                ) from error
            _LOG.warning("Prefect's server stopped to answer: its pages lack the end of this run, which is complete")
        finally:
            _PREPARED.reset(token)
    return work.in_order


@flow(
    name="verify-kernels",
    persist_result=False,
    task_runner=_threads(IN_PLAY),
)
def verify_kernels(
    paths: list[Path], policy: str = "ci", fresh: bool = False, mode: Mode = Mode.AUTO
) -> tuple[str, ...]:
    """Verifies every kernel below the paths, shows the verdicts as artifacts and returns their tiers in order.

    Args:
        paths: Candidate files, or folders that hold some.
        policy: dev, ci, production, or the path of a policy file.
        fresh: Measure again what was measured before.
        mode: auto takes a GPU where the policy asks for one and there is one; cpu never, gpu always.
    """
    work = _PREPARED.get()
    if work is not None:
        return _verify(work)
    settings, rules, items = Settings.resolve(), load_policy(policy), collect(paths)
    run_id = new_run_id()
    facts = RunFacts(run_id, "verify", rules.name, rules.digest, len(items))
    with (
        observed(facts, settings.runs, LogListener(_LOG.info, _LOG.warning)) as heard,
        supply_for(settings, rules, _LOG.info) as supply,
        gpu_for(settings, rules, mode, _LOG.info) as gpu,
    ):
        if any(needs_runner(item, rules) for item in items):
            supply.open()
            tell_drift(items, rules, settings.runs, supply, gpu, _LOG.warning)
        turns = Turns(settings.workers, SharedMachine.of_this_user(settings.workers))
        work = _Work(items, rules, supply, turns, fresh=fresh, progress=heard.judged, gpu=gpu, watcher=heard)
        tiers = _verify(work)
    write_run(settings.runs, run_id, rules, work.in_order)
    return tiers


def _verify(work: _Work) -> tuple[str, ...]:
    if work.gpu is not None:
        slot = gpu_slot(work.gpu.number)
        slot.make()
        work.gpu.hold_also(slot)
    try:
        unread = _measure_all(work, range(len(work.items)), fresh=work.fresh)
        lost = _measure_all(work, unread, fresh=True)
    except BaseException:
        work.stop()
        raise
    if lost:
        paths = ", ".join(work.items[n].facts.path for n in lost)
        raise NoEvidenceError(f"no evidence came back for {paths}") from work.unread[lost[0]]
    _show(work.in_order)
    return tuple(judged.verdict.tier.value for judged in work.in_order)


def _measure_all(work: _Work, numbers: Sequence[int], *, fresh: bool) -> list[int]:
    """Runs the tasks of these candidates and returns the numbers of those that left no evidence."""
    gpu = work.gpu.identity if work.gpu is not None else None
    keys = [content_key(work.items[n], work.policy, work.supply.isolation, gpu) for n in numbers]
    paths = [work.items[n].facts.path for n in numbers]
    mapped = verify_candidate.with_options(refresh_cache=fresh)
    futures = list(mapped.map(path=paths, number=list(numbers), key=keys, work=unmapped(work))) if numbers else []
    number_of = dict(zip(futures, numbers, strict=True))
    return [number_of[future] for future in as_completed(futures) if not work.take_in(number_of[future], future)]


def _evidence_in(result: object) -> Evidence:
    if isinstance(result, str):
        return Evidence.model_validate_json(result)
    raise NoEvidenceError(repr(result)) from (result if isinstance(result, BaseException) else None)


def _kept_under(context: TaskRunContext, parameters: dict[str, Any]) -> str | None:
    key: str | None = parameters["key"]
    return key


def _is_ours(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    return isinstance(state.data, InfrastructureFault)


@task(
    name="verify-candidate",
    task_run_name="{path}",
    cache_key_fn=_kept_under,
    persist_result=True,
    result_serializer="json",
    retries=RETRIES,
    retry_delay_seconds=exponential_backoff(BACKOFF_S),
    retry_jitter_factor=0.5,
    retry_condition_fn=_is_ours,
)
def verify_candidate(path: str, number: int, key: str | None, work: _Work) -> str:
    """Measures one candidate; returns its evidence as JSON."""
    return work.measure(number)


def _show(judged: Sequence[Judged]) -> None:
    create_table_artifact(
        key="kernelgate-verdicts",
        table=[_row(entry) for entry in judged],
        description="The verdict on each candidate, with the first rule that stands against it.",
    )
    tiers = [entry.verdict.tier for entry in judged]
    lines = [f"- {tiers.count(tier)} {tier.value}" for tier in Tier if tier in tiers]
    lines += ["", *(f"- denied: {_literal(entry)}" for entry in judged if not entry.verdict.allowed)]
    create_markdown_artifact(key="kernelgate-summary", markdown="\n".join(lines))


def _row(entry: Judged) -> dict[str, Any]:
    facts, findings = entry.evidence.candidate, entry.verdict.findings
    return {
        "candidate": facts.path,
        "operator": facts.operator or "-",
        "verdict": entry.verdict.tier.value,
        "allowed": "yes" if entry.verdict.allowed else "no",
        "first rule": findings[0].rule if findings else "-",
        "what it says": findings[0].about.title if findings else "-",
        "holds for": holds_for(entry.evidence, entry.verdict.tier) or "-",
        "measured": "by an earlier run" if entry.reused else "now",
    }


def _literal(entry: Judged) -> str:
    shown = "".join(c if c.isprintable() and c != "`" else "?" for c in entry.evidence.candidate.path)
    return f"`{shown}`: {entry.verdict.findings[0].rule}"
