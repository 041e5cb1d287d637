"""`kernelgate verify`: candidates in, verdicts and a run folder out.

Candidates are verified in threads, one runner each: the threads wait for their turn or for containers most of the
time. An interrupt ends the turns and the supply first, so that every waiting thread comes back at once and no container
stays.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

from pipeline.extras import needing_extra
from pipeline.fleet.shared_storage import check_storage, store_elsewhere
from pipeline.gate.judged import Judged
from pipeline.gate.judging import judge, measure, needs_runner, planned_cases
from pipeline.gate.run_deadline import RunDeadline
from pipeline.gate.steps import steps_of
from pipeline.gate.turns import IN_PLAY, Turns
from pipeline.observing.listeners import Listener as Listener
from pipeline.observing.listeners import observed
from pipeline.orchestration.prefect_environment import start_early
from pipeline.reports.places import places_here
from pipeline.reports.stored import stored_reports
from pipeline.runs.drift import tell_drift
from pipeline.runs.facts import RunFacts
from pipeline.runs.finished import Run as Run
from pipeline.runs.folder import check_room, new_run_id, write_run
from pipeline.settings import Mode, Settings
from pipeline.supply.gpu import GpuSupply
from pipeline.supply.gpu_opening import gpu_for
from pipeline.supply.machine_slots import SharedMachine
from pipeline.supply.runners import PooledSupply, supply_for
from policies.policy import Policy
from policies.waivers import DatedWaivers
from runners.candidate import Candidate, Unreadable

Item = Candidate | Unreadable


@dataclass(frozen=True, slots=True)
class Options:
    """How to verify.

    Attributes:
        flow: As a Prefect flow.
        fresh: Do not reuse a flow's stored results.
        look: As a look of this name, which reuses what it has stored itself and nothing else: begun again, it goes on.
        seed: Fix the draw.
        noise: The interpreter errs as a GPU may.
        mode: Whether checks are made on a GPU.
        unreduced: Paths of candidates whose failing case is not made smaller: nobody is going to read it.
        waivers: What a team lets through in spite of a finding.
        deadline_s: Seconds after which measuring ends, from when candidates begin to be measured; None: as many as it
            takes.
    """

    flow: bool = False
    fresh: bool = False
    look: str | None = None
    seed: int | None = None
    noise: bool = False
    unreduced: frozenset[str] = frozenset()
    mode: Mode = Mode.AUTO
    waivers: DatedWaivers | None = None
    deadline_s: float | None = None


def verify(
    items: Sequence[Item],
    policy: Policy,
    settings: Settings,
    options: Options,
    listener: Listener,
    run_id: str | None = None,
) -> Run:
    """Verifies candidates and writes the run folder; none at all is a run, too, in which nothing was to do.

    Args:
        run_id: What the run is called, for who has to name it before it is there; None draws one.

    Raises:
        SandboxUnavailable: no engine or image can be had.
        RunFolderError: the run folder can't be written; where that can be told, before anything is measured.
        SettingsError: no such storage can be opened; before anything is measured.
        StorageError: it does not take the run, whose folder is there all the same.
    """
    check_room(settings.runs)
    check_storage(settings)
    run_id = run_id or new_run_id()
    with observed(RunFacts(run_id, "verify", policy.name, policy.digest, len(items)), settings.runs, listener) as heard:
        judged = verify_items(items, policy, settings, options, heard) if items else ()
    run = Run(run_id, settings.runs / run_id, policy, judged)
    folder = write_run(settings.runs, run_id, policy, judged, stored_reports(run, places_here()))
    store_elsewhere(settings, folder)
    return run


def verify_items(
    items: Sequence[Item], policy: Policy, settings: Settings, options: Options, listener: Listener
) -> tuple[Judged, ...]:
    """Verifies candidates; the order of the result is theirs.

    Raises:
        SandboxUnavailable: no engine or image can be had.
        FlowUnavailable: no Prefect server can be had.
    """
    if options.flow and settings.scheduler is not None:
        return _on_workers(items, policy, settings, options, listener)
    turns = Turns(settings.workers, SharedMachine.of_this_user(settings.workers))
    runs_any = any(needs_runner(item, policy) for item in items)
    mode = options.mode if runs_any else Mode.CPU
    with supply_for(settings, policy, listener.note) as supply, gpu_for(settings, policy, mode, listener.note) as gpu:
        if options.flow and start_early(settings.state):  # it takes seconds, which the opening of the supply can hide
            listener.note("starting the Prefect server")
        if runs_any:
            supply.open()
            tell_drift(items, policy, settings.runs, supply, gpu, listener.note)
        listener.note(f"verifying {len(items)} candidate{'s' if len(items) > 1 else ''}, {settings.workers} at once")
        if options.flow:
            from pipeline.orchestration.flow import verify_with_flow  # prefect takes seconds to import

            return verify_with_flow(
                items, policy, supply, turns, fresh=options.fresh, progress=listener.judged, gpu=gpu,
                waivers=options.waivers, watcher=listener, unreduced=options.unreduced,
                deadline_s=options.deadline_s, look=options.look,
            )  # fmt: skip
        return _in_threads(items, policy, turns, supply, options, listener, gpu)


def _on_workers(
    items: Sequence[Item], policy: Policy, settings: Settings, options: Options, listener: Listener
) -> tuple[Judged, ...]:
    with needing_extra("dask"):
        from pipeline.fleet.work import verify_on_workers

    listener.note(
        f"verifying {len(items)} candidate{'' if len(items) == 1 else 's'} on the workers of {settings.scheduler}"
    )
    return verify_on_workers(
        items, policy, settings, fresh=options.fresh, progress=listener.judged, mode=options.mode,
        waivers=options.waivers, deadline_s=options.deadline_s, look=options.look,
    )  # fmt: skip


def _in_threads(
    items: Sequence[Item],
    policy: Policy,
    turns: Turns,
    supply: PooledSupply,
    options: Options,
    listener: Listener,
    gpu: GpuSupply | None,
) -> tuple[Judged, ...]:
    planned = planned_cases(policy, gpu)
    interrupted, deadline = threading.Event(), RunDeadline(options.deadline_s)

    def end() -> None:
        turns.close()
        supply.close()
        if gpu is not None:
            gpu.close()

    def one(item: Item) -> Judged:
        path = item.facts.path
        reduces = path not in options.unreduced
        heard = steps_of(path, planned, listener)

        def cases(done: int) -> None:
            deadline.go_on()
            heard.cases(done)

        evidence = measure(
            item,
            policy,
            supply,
            seed=options.seed,
            reduces=reduces,
            noise=options.noise,
            steps=replace(heard, cases=cases),
            turns=turns,
            gpu=gpu,
        )
        judged = judge(item, deadline.cut(evidence), policy, waivers=options.waivers)
        if not interrupted.is_set():  # what a runner says while it is being closed is our doing, and no verdict
            listener.judged(path, judged)
        return judged

    pool = ThreadPoolExecutor(min(len(items), IN_PLAY), thread_name_prefix="verify")
    futures: list[Future[Judged]] = [pool.submit(one, item) for item in items]
    try:
        pending = set(futures)
        with deadline.ending(end):
            while pending:  # in short waits, so that an interrupt is heard at once
                _, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
    except BaseException:
        interrupted.set()
        end()
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    pool.shutdown()
    return tuple(future.result() for future in futures)
