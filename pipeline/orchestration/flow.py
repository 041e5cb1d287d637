"""The Prefect flow: one task a candidate, evidence kept by content.

What a task returns, and Prefect keeps as JSON, is evidence; verdicts are made from it each time. A flow that was killed
and is started again measures only what was not finished (`pipeline.gate.content_key` says what makes two runs the
same).

A candidate's failure is evidence like any other: the task completes, is kept and is not tried again. A failure of ours
raises `InfrastructureFault`, the only thing that is retried; it is never kept, whichever check it was
(`pipeline.gate.kept`), and when the retries are spent what was measured is judged with the reason that the rest is
missing. Where only the GPU failed us, only the checks on it are made again. What was kept and can't be read (its writer
was killed) is measured again.

Whoever is on a GPU has its slot on Prefect's server (`pipeline.orchestration.prefect_slot`); nothing else that a task
does needs one.

Prefect supervises and does not bound: deadlines live on the runners. An interrupt closes the supply and lets each
candidate end after the case it is at, so it is heard within one case's deadline. A run's own deadline (`deadline_s`)
does the same, on a clock that nobody can set: runners are ended. What they had not finished is missing by our doing, so
it is not kept, and the next run begins there.

Artifacts show no text of a candidate's author but its path, as code: Prefect's pages render Markdown, in the cells of
tables, too.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, Protocol, cast

from pipeline.errors import FlowUnavailable
from pipeline.extras import needing_extra
from pipeline.fleet.shared_storage import store_elsewhere
from pipeline.gate.content_key import content_key, key_in_look
from pipeline.gate.gpu_part import checked_on_gpu
from pipeline.gate.judged import Judged
from pipeline.gate.judging import measure, needs_runner, planned_cases
from pipeline.gate.kept import lacks_only_the_gpu, our_failure
from pipeline.gate.run_deadline import DeadlineSeconds
from pipeline.gate.steps import Steps, Watcher, steps_of
from pipeline.gate.turns import IN_PLAY, Turns
from pipeline.observing.listeners import LogListener, observed
from pipeline.orchestration.flow_work import (
    RETRIED,
    InfrastructureFault,
    Item,
    NoEvidenceError,
    Progress,
    Work,
    is_ours,
)
from pipeline.runs.collect import collect
from pipeline.runs.drift import tell_drift
from pipeline.runs.facts import RunFacts
from pipeline.runs.folder import new_run_id, write_run
from pipeline.settings import Mode, Settings
from pipeline.supply.gpu import GpuSupply
from pipeline.supply.gpu_opening import gpu_for
from pipeline.supply.machine_slots import SharedMachine
from pipeline.supply.platforms import holds_for
from pipeline.supply.runners import RunnerSupply, supply_for
from policies.policy import Policy, Tier, load_policy
from policies.waivers import DatedWaivers
from runners.candidate import Candidate
from runners.evidence import Evidence

from pipeline.orchestration.prefect_connection import fault_of_the_server, server  # isort: skip  # before Prefect is imported

import httpx
from prefect import flow, task, unmapped
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.context import TaskRunContext
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from pipeline.orchestration.prefect_flow_runs import living
from pipeline.orchestration.prefect_slot import gpu_slot

_LOG: Final = logging.getLogger(__name__)
LOOK_UP_S: Final = 5.0


class ClosableSupply(RunnerSupply, Protocol):
    """A supply that an interrupt can close: from then on it gives no runner."""

    def close(self) -> None:
        """Ends what waits; safe to call twice and from another thread than `take`."""
        ...


class _StoppedError(BaseException):
    """The run was ended; not an Exception, so that nothing on the way takes it for something that a candidate did."""


class LocalWork(Work):
    """Measures in this process: a thread a candidate."""

    at_once = 1 << 20  # a task that waits here costs next to nothing

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
        deadline_s: float | None = None,
        unreduced: frozenset[str] = frozenset(),
        look: str | None = None,
    ) -> None:
        super().__init__(
            items, policy, fresh=fresh, progress=progress, waivers=waivers, deadline_s=deadline_s, look=look
        )
        self._gpu = gpu
        self._supply = supply
        self._unreduced = unreduced
        self._turns = turns
        self._watcher = watcher
        self._stopped = threading.Event()
        self._faults: dict[int, Evidence] = {}

    def begin(self) -> None:
        """Has whoever is on the GPU hold its slot on the server, too."""
        if self._gpu is not None:
            slot = gpu_slot(self._gpu.number)
            slot.make()
            self._gpu.hold_also(slot)

    def submit(self, numbers: Sequence[int], *, fresh: bool) -> dict[PrefectFuture[str], int]:
        """Begins a task for each."""
        gpu = self._gpu.identity if self._gpu is not None else None
        paths = [self.items[n].facts.path for n in numbers]
        keys = [self._key(n, gpu) for n in numbers]
        mapped = verify_candidate.with_options(refresh_cache=fresh)
        futures = list(mapped.map(path=paths, number=list(numbers), key=keys, work=unmapped(self))) if numbers else []
        return dict(zip(futures, numbers, strict=True))

    def _key(self, number: int, gpu: str | None) -> str | None:
        if self.look is None and self.items[number].facts.path in self._unreduced:
            return None
        return key_in_look(content_key(self.items[number], self.policy, self._supply.isolation, gpu), self.look)

    def measure(self, number: int) -> str:
        """Measures one candidate and returns the evidence as JSON.

        Raises:
            InfrastructureFault: our side failed.
        """
        evidence = self._measured(number)
        if self._stopped.is_set():  # what a runner says while it is being closed is our doing
            raise _StoppedError
        evidence = self.deadline.cut(evidence)
        failure = our_failure(evidence)
        if failure is not None:
            self._faults[number] = evidence
            raise InfrastructureFault(failure, evidence.model_dump_json(), not self.deadline.is_over)
        return evidence.model_dump_json()

    def stop(self) -> None:
        """Ends the measuring of all candidates."""
        self._stopped.set()
        self._close()

    def end_in_time(self) -> None:
        """Ends turns and runners."""
        self._close()

    def _close(self) -> None:
        self._turns.close()
        self._supply.close()
        if self._gpu is not None:
            self._gpu.close()

    def _measured(self, number: int) -> Evidence:
        item, earlier, gpu = self.items[number], self._faults.get(number), self._gpu
        if isinstance(item, Candidate) and gpu is not None and earlier is not None and lacks_only_the_gpu(earlier):
            device = checked_on_gpu(item, self.policy, gpu, secrets.randbits(64), self._go_on)
            return earlier.model_copy(update={"device": device})  # the rest was measured and stands
        reduces, steps = item.facts.path not in self._unreduced, self._steps(item)
        return measure(item, self.policy, self._supply, reduces=reduces, steps=steps, turns=self._turns, gpu=gpu)

    def _steps(self, item: Item) -> Steps:
        if self._watcher is None:
            return Steps(cases=self._go_on)
        heard = steps_of(item.facts.path, planned_cases(self.policy, self._gpu), self._watcher)

        def cases(done: int) -> None:
            self._go_on()
            heard.cases(done)

        return Steps(cases, heard.check, heard.mutants)

    def _go_on(self, done: int = 0) -> None:
        if self._stopped.is_set():
            raise _StoppedError
        self.deadline.go_on()


def _threads(at_once: int) -> TaskRunner[PrefectFuture[Any]]:
    runner: Any = ThreadPoolTaskRunner(max_workers=at_once)  # its own future is no PrefectFuture[Any] to a type checker
    return cast("TaskRunner[PrefectFuture[Any]]", runner)


_PREPARED: ContextVar[Work | None] = ContextVar("prepared work", default=None)


def _prepared() -> Work | None:
    """A function, because a flow goes to workers with all that its own body names, and no variable of a context can."""
    return _PREPARED.get()


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
    deadline_s: float | None = None,
    unreduced: frozenset[str] = frozenset(),
    look: str | None = None,
) -> tuple[Judged, ...]:
    """Verifies `items` as a run of the flow; the result is in their order.

    `supply` should be open, when any candidate is to be run: evidence is kept only where its isolation is known before.
    A failing case of a path that is `unreduced` is not made smaller, and such evidence is not kept for others.

    Raises:
        FlowUnavailable: Prefect's server does not answer.
    """
    work = LocalWork(
        items, policy, supply, turns, fresh=fresh, progress=progress, gpu=gpu, waivers=waivers, watcher=watcher,
        deadline_s=deadline_s, unreduced=unreduced, look=look,
    )  # fmt: skip
    return run_flow(work, _threads(min(len(work.items), IN_PLAY)))


def run_flow(work: Work, runner: TaskRunner[PrefectFuture[Any]]) -> tuple[Judged, ...]:
    """Runs the flow over `work` with its tasks on `runner`; the result is in the order of the items.

    Raises:
        FlowUnavailable: Prefect's server does not answer.
    """
    run = verify_kernels.with_options(task_runner=runner)
    with server():
        token = _PREPARED.set(work)
        try:
            run(paths=[Path(item.facts.path) for item in work.items], policy=work.policy.name, fresh=work.fresh)
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


def _name_of_this_run() -> str:
    parameters: dict[str, Any] = flow_run.get_parameters()
    count = len(parameters["paths"])
    return f"{count} path{'' if count == 1 else 's'} under {Path(parameters['policy']).stem}"


@flow(
    name="verify-kernels",
    flow_run_name=_name_of_this_run,
    persist_result=False,
    task_runner=_threads(IN_PLAY),
)
def verify_kernels(
    paths: list[Path],
    policy: str = "ci",
    fresh: bool = False,
    mode: Mode = Mode.AUTO,
    deadline_s: DeadlineSeconds | None = None,
) -> tuple[str, ...]:
    """Verifies every kernel below the paths, shows the verdicts as artifacts and returns their tiers in order.

    Args:
        paths: Candidate files, or folders that hold some.
        policy: dev, ci, production, or the path of a policy file.
        fresh: Measure again what was measured before.
        mode: auto takes a GPU where the policy asks for one and there is one; cpu never, gpu always.
        deadline_s: Seconds after which measuring ends; what is not finished is inconclusive, and the next run's.
    """
    with living():
        work = _prepared()
        return _verify(work) if work is not None else _verify_paths(paths, policy, fresh, mode, deadline_s)


def _verify_paths(
    paths: Sequence[Path], policy: str, fresh: bool, mode: Mode, deadline_s: float | None
) -> tuple[str, ...]:
    settings, rules, items = Settings.resolve(), load_policy(policy), collect(paths)
    if settings.scheduler is not None:
        return _verify_on_workers(items, rules, settings, fresh, mode, deadline_s)
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
        work = LocalWork(
            items,
            rules,
            supply,
            turns,
            fresh=fresh,
            progress=heard.judged,
            gpu=gpu,
            watcher=heard,
            deadline_s=deadline_s,
        )
        tiers = _verify(work)
    store_elsewhere(settings, write_run(settings.runs, run_id, rules, work.in_order))
    return tiers


def _verify_on_workers(
    items: Sequence[Item], policy: Policy, settings: Settings, fresh: bool, mode: Mode, deadline_s: float | None
) -> tuple[str, ...]:
    """Begins the same flow again, below this run, with its tasks on workers."""
    with needing_extra("dask"):
        from pipeline.fleet.work import verify_on_workers

    facts = RunFacts(new_run_id(), "verify", policy.name, policy.digest, len(items))
    with observed(facts, settings.runs, LogListener(_LOG.info, _LOG.warning)) as heard:
        judged = verify_on_workers(
            items, policy, settings, fresh=fresh, progress=heard.judged, mode=mode, deadline_s=deadline_s
        )
    store_elsewhere(settings, write_run(settings.runs, facts.id, policy, judged))
    return tuple(entry.verdict.tier.value for entry in judged)


def _verify(work: Work) -> tuple[str, ...]:
    work.begin()
    try:
        with work.bounded():
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


def _measure_all(work: Work, numbers: Sequence[int], *, fresh: bool) -> list[int]:
    """Runs the tasks of these candidates and returns the numbers of those that left no evidence."""
    done: SimpleQueue[tuple[int, PrefectFuture[str]]] = SimpleQueue()

    def wait_for(number: int, future: PrefectFuture[str]) -> None:
        future.add_done_callback(lambda _: done.put((number, future)))

    waiting, lost = 0, []

    def take(number: int, future: PrefectFuture[str]) -> int:
        following = work.next_task(number, future, fresh=fresh)
        if following is not None:
            wait_for(number, following)
            return 0
        if not work.take_in(number, future):
            lost.append(number)
        return 1

    for begin in range(0, len(numbers), work.at_once):
        for future, number in work.submit(numbers[begin : begin + work.at_once], fresh=fresh).items():
            wait_for(number, future)
            waiting += 1
        while not done.empty():
            waiting -= take(*done.get())
    while waiting:
        try:
            waiting -= take(*done.get(timeout=LOOK_UP_S))
        except Empty:
            work.look_up()
    return lost


def _kept_under(context: TaskRunContext, parameters: dict[str, Any]) -> str | None:
    key: str | None = parameters["key"]
    return key


@task(
    name="verify-candidate",
    task_run_name="{path}",
    cache_key_fn=_kept_under,
    persist_result=True,
    result_serializer="json",
    retry_condition_fn=is_ours,
    **RETRIED,
)
def verify_candidate(path: str, number: int, key: str | None, work: LocalWork) -> str:
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
    lines += ["", *_denials(judged)]
    create_markdown_artifact(key="kernelgate-summary", markdown="\n".join(lines))


def _denials(judged: Sequence[Judged]) -> Iterator[str]:
    for entry in judged:
        if not entry.verdict.allowed:
            yield f"- denied: {_literal(entry.evidence.candidate.path)}: {entry.verdict.findings[0].rule}"


def _row(entry: Judged) -> dict[str, Any]:
    facts, findings = entry.evidence.candidate, entry.verdict.findings
    return {
        "candidate": _literal(facts.path),
        "operator": facts.operator or "–",
        "verdict": entry.verdict.tier.value,
        "allowed": "yes" if entry.verdict.allowed else "no",
        "first rule": findings[0].rule if findings else "–",
        "what it says": findings[0].about.title if findings else "–",
        "holds for": holds_for(entry.evidence, entry.verdict.tier) or "–",
        "measured": "by an earlier run" if entry.reused else "now",
    }


def _literal(path: str) -> str:
    return f"`{''.join(c if c.isprintable() and c != '`' else '?' for c in path)}`"
