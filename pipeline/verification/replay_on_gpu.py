"""A stored case on the GPU, as the check there runs it, and until it fails.

A case is called, and then called and replayed with later elements of the same shapes; the case of a stored failure may
be either (`runners.device_session`). So it is run as the one and, where nothing fails, as the other. What was recorded
is replayed under other scheduling then: a race needs it to be seen.

What a tool of compute-sanitizer reports is no failure of a case, and not replayed here.
"""

from __future__ import annotations

from pipeline.gate.gpu_part import device_effort
from pipeline.supply.gpu import GpuSupply
from policies.policy import Policy
from runners import wire
from runners.candidate import Candidate
from runners.cases import Case
from runners.device_check import PERTURBED, DeviceEffort, adds_atomically
from runners.device_judging import differing_output
from runners.device_session import LATER, SEEDS, DeviceSession, Plan
from runners.evidence import Failure, UnsupportedCase
from runners.examine import Agreed
from runners.failures import DeviceFault, ResultsDiffer, RunnerEnded
from runners.making import Making
from runners.materialise import materialise

Result = Agreed | UnsupportedCase | Failure


def replay_on_gpu(
    candidate: Candidate, case: Case, policy: Policy, gpu: GpuSupply, making: Making = materialise
) -> Result:
    """Waits for the GPU's turn and runs the case on it.

    Args:
        making: Makes the case's arguments; recorded ones are the same whatever its seed.

    Raises:
        SandboxUnavailable: the GPU is in quarantine, by now perhaps, or no program can be had.
        RunnerFault: our side failed.
    """
    effort, order_free = device_effort(policy), adds_atomically(candidate.source.decode())
    with gpu.turn():
        with DeviceSession(
            candidate,
            gpu,
            effort.deadlines,
            effort.memory_bytes,
            effort.allowance,
            order_free=order_free,
            making=making,
        ) as session:
            result = _run(session, case, effort, order_free)
            lost = session.lost
        if isinstance(result, DeviceFault | RunnerEnded) or lost:
            gpu.look_at_the_gpu()
        return result


def _run(session: DeviceSession, case: Case, effort: DeviceEffort, order_free: bool) -> Result:
    loaded = session.load()
    if not isinstance(loaded, wire.Loaded):
        return loaded
    before = case.model_copy(update={"seed": (case.seed - LATER) % SEEDS})  # the case is what comes later than this
    result = session.run(case)
    if isinstance(result, Agreed):
        earlier = session.run(before)
        result = result if isinstance(earlier, UnsupportedCase) else earlier
    for plan in session.plans if isinstance(result, Agreed) else ():
        failure = _perturbed(session, plan, effort.perturbed_rounds, order_free)
        if failure is not None:
            return failure
    return result


def _perturbed(session: DeviceSession, plan: Plan, rounds: int, order_free: bool) -> Failure | None:
    first = None
    for way in PERTURBED * rounds:
        outputs = session.replay(plan, way)
        if not isinstance(outputs, tuple):
            return outputs
        first = first or outputs
        differing = None if order_free else differing_output(first, outputs)
        if differing is not None:
            return ResultsDiffer(case=plan.case, output=differing)
    return None
