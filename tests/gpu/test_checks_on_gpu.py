"""The checks on a real GPU, in the containers that users get.

How a GPU gets into them is the machine's to say (`pipeline/machine/gpu_access.py`).

Few cases each: what is under test is that programs, faults, tools, clock and quarantine work on the hardware. The
corpora are for `make gpu-check`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from pipeline.gate.gpu_part import checked_on_gpu
from pipeline.settings import Mode, Settings
from pipeline.supply.gpu import CONTEXT_BYTES, PROGRAMS, GpuSupply
from pipeline.supply.gpu_opening import gpu_for
from policies.gpu_findings import findings_of
from policies.policy import Policy, load_policy
from runners.candidate import Candidate, read_candidate
from runners.device_evidence import DeviceEvidence
from runners.failures import BadPlan, DeviceFault, NoLaunch, OutsideWritten, RunnerEnded, WrongValues
from sandbox.contract import SandboxUnavailable

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(600)]

KERNELS = Path(__file__).resolve().parents[1]
FEW = {"pairwise_cases": 8, "special_cases": 2, "block_cases": 2, "random_cases": 2, "watched_plans": 3}
WRONG = {
    "relu/wrong_read_behind_the_end": DeviceFault,
    "relu/wrong_one_behind_the_end": OutsideWritten,
    "relu/wrong_in_place": BadPlan,
    "relu/wrong_far_addresses": WrongValues,
    "softmax/wrong_cached_result": NoLaunch,
    "matmul/wrong_default_precision": WrongValues,
}


@pytest.fixture(scope="module")
def policy() -> Policy:
    production = load_policy("production")
    properties = production.properties.model_copy(update={"case_deadline_s": 20.0})
    rules = production.gpu.model_copy(update=FEW | {"timed_calls": 10})
    return production.model_copy(update={"gpu": rules, "properties": properties})


@pytest.fixture(scope="module")
def supply(policy: Policy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GpuSupply]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("common")))  # a quarantine of its own
        with gpu_for(Settings.resolve(), policy, Mode.GPU, print) as opened:
            assert opened is not None
            yield opened


def checked(name: str, policy: Policy, supply: GpuSupply) -> DeviceEvidence:
    candidate = read_candidate(KERNELS / f"{name}.py")
    assert isinstance(candidate, Candidate)
    evidence = checked_on_gpu(candidate, policy, supply, seed=1)
    assert isinstance(evidence, DeviceEvidence), evidence
    return evidence


def test_nothing_stands_against_a_right_kernel(policy, supply) -> None:
    evidence = checked("kernels/softmax/right_block", policy, supply)
    assert list(findings_of(evidence, policy)) == []
    assert evidence.guard_fired
    assert len(evidence.sanitizers) == 4
    assert {row.dtype for row in evidence.benchmark.rows} == {"float32", "float16", "bfloat16"}
    assert all(len(row.baselines) == 2 for row in evidence.benchmark.rows)
    assert evidence.isolation is not None
    assert all(limit.holds for limit in evidence.isolation.limits if limit.name in policy.isolation.required_limits)


@pytest.mark.parametrize("name", ["sum/right_autotuned", "scatter_add/right_atomic"])
def test_nothing_stands_against_right_kernels_of_other_kinds(policy, supply, name) -> None:
    untimed = policy.model_copy(update={"gpu_checks": tuple(c for c in policy.gpu_checks if c != "benchmark")})
    assert list(findings_of(checked(f"kernels/{name}", untimed, supply), untimed)) == []


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_kernel_fails_as_it_is_wrong(policy, supply, name) -> None:
    failure = checked(f"gpu/kernels/{name}", policy, supply).failure
    assert isinstance(failure, WRONG[name])
    if isinstance(failure, DeviceFault):
        assert failure.kernel == "relu_kernel"


def test_the_gpu_goes_on_after_a_kernel_that_never_ends(policy, supply) -> None:
    short = policy.model_copy(update={"properties": policy.properties.model_copy(update={"case_deadline_s": 8.0})})
    assert isinstance(checked("gpu/kernels/relu/wrong_waits_for_ever", short, supply).failure, RunnerEnded)
    assert checked("kernels/relu/right_block", policy, supply).failure is None


def test_a_gpu_whose_memory_is_not_free_is_quarantined_until_somebody_has_looked(supply) -> None:
    if torch.cuda.mem_get_info()[1] < 2 * PROGRAMS * CONTEXT_BYTES:
        pytest.skip("needs a GPU with more memory than all programs may hold")
    held = torch.empty(PROGRAMS * CONTEXT_BYTES + (1 << 30), dtype=torch.uint8, device="cuda")
    with pytest.raises(SandboxUnavailable, match="of its memory are in use"):
        supply.look_at_the_gpu()
    with pytest.raises(SandboxUnavailable, match="is quarantined") as refused, supply.turn():
        pass
    del held
    torch.cuda.empty_cache()
    mark = Path(str(refused.value).rsplit("remove ", 1)[1])
    mark.unlink()
    supply.look_at_the_gpu()
    with supply.turn():
        pass
