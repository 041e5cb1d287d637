"""The part of the gate that is on a GPU: which checks a policy asks for, and whose turn it is."""

from __future__ import annotations

import contextvars
import secrets
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from pipeline.supply.gpu import GpuSupply
from policies.policy import Policy
from runners.candidate import Candidate
from runners.conversation import RunnerFault
from runners.device_check import DeviceCheck, DeviceEffort
from runners.evidence import DeviceEvidence, Missing
from runners.failures import DeviceFault, RunnerEnded
from runners.oracle import Allowance
from runners.session import Deadlines
from sandbox.contract import SandboxUnavailable

NOT_ON_A_GPU: Final = Missing(reason="this run has no GPU", ours=False)
NOT_ASKED: Final = Missing(reason="the policy asks for no check on a GPU", ours=False)
HEAD_START: Final = 48  # cases on the interpreter
FAILED_BEFORE: Final = Missing(reason="a case failed or none was run on the interpreter", ours=False)


def device_effort(policy: Policy) -> DeviceEffort:
    """How hard the check on a GPU tries under `policy`."""
    rules, common = policy.gpu, policy.properties
    return DeviceEffort(
        pairwise_cases=rules.pairwise_cases,
        special_cases=rules.special_cases,
        block_cases=rules.block_cases,
        random_cases=rules.random_cases,
        dtypes=common.dtypes,
        deadlines=Deadlines(load_s=common.load_deadline_s, case_s=common.case_deadline_s),
        total_s=rules.total_deadline_s,
        watched_plans=rules.watched_plans,
        perturbed_rounds=rules.perturbed_rounds,
        timed_calls=rules.timed_calls if "benchmark" in policy.gpu_checks else 0,
        long_axes=rules.long_axes,
        large_shapes=rules.large_shapes,
        allowance=Allowance(tf32=common.tf32),
    )


class DevicePart:
    """The checks on a GPU, made by a thread beside the rest; a context manager that leaves no thread on the GPU.

    The interpreter takes as long as a GPU and uses other hardware. It has a head start: most wrong candidates fail one
    of its first cases, and then they never get to the GPU, which others wait for. Whichever fails first, the
    interpreter's verdict stands before the GPU's.
    """

    def __init__(
        self,
        item: Candidate,
        policy: Policy,
        gpu: GpuSupply | None,
        progress: Callable[[int], None] = lambda cases: None,
    ) -> None:
        """Begins nothing; `progress` will hear how many cases are done on the GPU, and may raise to end them."""
        self._item, self._policy, self._gpu = item, policy, gpu
        self._progress = progress
        self._left_out = NOT_ASKED if not policy.gpu_checks else NOT_ON_A_GPU if gpu is None else None
        self._thread: threading.Thread | None = None
        self._result: DeviceEvidence | Missing | BaseException | None = None
        self._on_it = threading.Event()
        self._unwanted = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unwanted.set()
        if self._thread is not None and self._on_it.is_set():  # one that still waits for its turn gives it back at once
            self._thread.join()

    def heard(self, cases: int) -> None:
        """So many cases agreed on the interpreter; begins after `HEAD_START`."""
        if cases >= HEAD_START:
            self._begin()

    def evidence(self, *, agreed: bool) -> DeviceEvidence | Missing:
        """Waits for the evidence; there is none where not all cases `agreed` on the interpreter."""
        if self._left_out is not None:
            return self._left_out
        if not agreed:
            self._unwanted.set()
            return FAILED_BEFORE
        self._begin()
        assert self._thread is not None
        self._thread.join()
        assert self._result is not None
        if isinstance(self._result, BaseException):
            raise self._result
        return self._result

    def _begin(self) -> None:
        if self._thread is None and self._left_out is None:
            context = contextvars.copy_context()  # Prefect's settings are in it
            self._thread = threading.Thread(
                target=context.run, args=(self._work,), name=f"gpu-part {self._item.facts.path}", daemon=True
            )
            self._thread.start()

    def _work(self) -> None:
        assert self._gpu is not None
        try:
            self._result = checked_on_gpu(self._item, self._policy, self._gpu, secrets.randbits(64), self._go_on)
        except _UnwantedError:
            self._result = FAILED_BEFORE
        except BaseException as error:  # noqa: BLE001  # a bug of ours, or the end of the run: raised where it is waited for
            self._result = error

    def _go_on(self, cases: int) -> None:
        self._on_it.set()
        if self._unwanted.is_set():
            raise _UnwantedError
        self._progress(cases)


class _UnwantedError(BaseException):
    """Nobody waits for the evidence; not an Exception, so that nothing on the way takes it for the candidate's."""


def checked_on_gpu(
    item: Candidate, policy: Policy, gpu: GpuSupply, seed: int, progress: Callable[[int], None] = lambda cases: None
) -> DeviceEvidence | Missing:
    """Makes the checks on the GPU, whatever the interpreter said of the candidate.

    `progress` hears how many cases are done, and is called before the first; what it raises ends the checks.
    """
    try:
        with gpu.turn():
            progress(0)
            try:
                evidence = DeviceCheck(item, gpu, device_effort(policy), seed, progress).run()
            except _UnwantedError:  # perhaps at a case that left the GPU unwell, of which nobody has heard
                gpu.look_at_the_gpu()
                raise
            if isinstance(evidence.failure, DeviceFault | RunnerEnded) or evidence.lost:
                gpu.look_at_the_gpu()
            return evidence
    except (RunnerFault, SandboxUnavailable) as error:
        return Missing(reason=str(error), ours=True)
