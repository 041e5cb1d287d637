"""The part of the gate that is on a GPU: which checks a policy asks for, and whose turn it is."""

from __future__ import annotations

import secrets
from typing import Final

from pipeline.gpu_supply import GpuSupply
from policies.policy import Policy
from runners.candidate import Candidate
from runners.conversation import RunnerFault
from runners.device_check import DeviceCheck, DeviceEffort
from runners.evidence import DeviceEvidence, Missing, PropertiesEvidence
from runners.failures import DeviceFault, RunnerEnded
from runners.oracle import Allowance
from runners.session import Deadlines
from sandbox.contract import SandboxUnavailable

NOT_ON_A_GPU: Final = Missing(reason="this run has no GPU", ours=False)
NOT_ASKED: Final = Missing(reason="the policy asks for no check on a GPU", ours=False)
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
        allowance=Allowance(tf32=common.tf32),
    )


def on_gpu(
    item: Candidate, policy: Policy, properties: PropertiesEvidence | Missing, gpu: GpuSupply | None
) -> DeviceEvidence | Missing:
    """Makes the checks on the GPU for a candidate that no case has failed on the interpreter."""
    if not policy.gpu_checks:
        return NOT_ASKED
    if gpu is None:
        return NOT_ON_A_GPU
    if isinstance(properties, Missing) or properties.failure is not None:
        return FAILED_BEFORE
    return checked_on_gpu(item, policy, gpu, secrets.randbits(64))


def checked_on_gpu(item: Candidate, policy: Policy, gpu: GpuSupply, seed: int) -> DeviceEvidence | Missing:
    """Makes the checks on the GPU, whatever the interpreter said of the candidate."""
    try:
        with gpu.turn():
            evidence = DeviceCheck(item, gpu, device_effort(policy), seed).run()
            if isinstance(evidence.failure, DeviceFault | RunnerEnded) or evidence.lost:
                gpu.look_at_the_gpu()
            return evidence
    except (RunnerFault, SandboxUnavailable) as error:
        return Missing(reason=str(error), ours=True)
