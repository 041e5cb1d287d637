"""The part on a GPU beside the interpreter's: when it begins, when it ends, and who waits for whom."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from fake_device import FakeDevice, relu

from pipeline.gate.gpu_part import FAILED_BEFORE, HEAD_START, NOT_ASKED, NOT_ON_A_GPU, DevicePart
from policies.policy import load_policy
from runners.candidate import Candidate
from runners.device_evidence import DeviceEvidence
from runners.evidence import Missing
from runners.operators import OPERATORS
from sandbox.contract import SandboxUnavailable

FEW = {"pairwise_cases": 3, "special_cases": 0, "block_cases": 0, "random_cases": 0, "timed_calls": 10,
       "long_axes": False, "large_shapes": False}  # fmt: skip
POLICY = load_policy("production").model_copy(
    update={"gpu": load_policy("production").gpu.model_copy(update=FEW), "gpu_checks": ("properties", "replay")}
)


class Gpu(FakeDevice):
    """One GPU; whoever tests holds `lock` as another candidate would."""

    def __init__(self, called: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__(called, relu)
        self.lock = threading.Lock()
        self.looked = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        with self.lock:
            yield

    def look_at_the_gpu(self) -> None:
        self.looked += 1


def part(gpu: Gpu | None, policy=POLICY) -> DevicePart:
    return DevicePart(Candidate("relu.py", b"...", "...", OPERATORS["relu"], "relu"), policy, gpu)


def test_what_nobody_asked_for_or_nothing_can_make_is_missing() -> None:
    with part(None) as without, part(Gpu(relu), load_policy("ci")) as unasked:
        assert without.evidence(agreed=True) == NOT_ON_A_GPU
        assert unasked.evidence(agreed=True) == NOT_ASKED


def test_it_begins_once_so_many_cases_agreed() -> None:
    gpu = Gpu(relu)
    with part(gpu) as device:
        for cases in range(HEAD_START):
            device.heard(cases)
        assert not gpu.programs
        device.heard(HEAD_START)
        while not gpu.programs:
            time.sleep(0.01)
        assert isinstance(device.evidence(agreed=True), DeviceEvidence)
    assert gpu.left_running == 0


def test_a_check_of_few_cases_is_made_all_the_same() -> None:
    with part(Gpu(relu)) as device:
        assert isinstance(device.evidence(agreed=True), DeviceEvidence)


def test_a_candidate_that_fails_in_the_head_start_never_gets_to_the_gpu() -> None:
    gpu = Gpu(relu)
    with part(gpu) as device:
        device.heard(HEAD_START - 1)
        assert device.evidence(agreed=False) == FAILED_BEFORE
    assert not gpu.programs


def test_one_that_fails_later_leaves_the_gpu_after_the_case_that_it_is_at() -> None:
    calls = threading.Semaphore(0)
    began = threading.Event()

    def slow(x: torch.Tensor) -> torch.Tensor:
        began.set()
        calls.acquire(timeout=10)
        return relu(x)

    gpu = Gpu(slow)
    with part(gpu) as device:
        device.heard(HEAD_START)
        assert began.wait(10)
        assert device.evidence(agreed=False) == FAILED_BEFORE
        for _ in range(2):  # a case calls twice
            calls.release()
    assert len(gpu.configurations) == 2
    assert gpu.looked == 1  # nobody has heard what its last case left
    assert gpu.left_running == 0
    assert not gpu.lock.locked()


def test_one_that_waits_for_its_turn_when_it_fails_is_not_waited_for() -> None:
    gpu = Gpu(relu)
    with gpu.lock, part(gpu) as device:
        device.heard(HEAD_START)
        assert device.evidence(agreed=False) == FAILED_BEFORE
    deadline = time.monotonic() + 10
    while any(thread.name.startswith("gpu-part") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not gpu.programs


def test_our_own_fault_is_evidence_that_is_missing() -> None:
    gpu = Gpu(relu)
    gpu.take_recorder = lambda: (_ for _ in ()).throw(SandboxUnavailable("the engine is gone"))
    with part(gpu) as device:
        assert device.evidence(agreed=True) == Missing(reason="the engine is gone", ours=True)


def test_a_bug_of_ours_is_raised_where_it_is_waited_for() -> None:
    gpu = Gpu(relu)
    gpu.take_recorder = lambda: 1 / 0
    with part(gpu) as device, pytest.raises(ZeroDivisionError):
        device.evidence(agreed=True)


def test_whoever_listens_hears_the_cases_and_may_end_them() -> None:
    class Ended(BaseException):
        pass

    heard: list[int] = []

    def progress(cases: int) -> None:
        heard.append(cases)
        if cases == 2:
            raise Ended

    gpu = Gpu(relu)
    device = DevicePart(Candidate("relu.py", b"...", "...", OPERATORS["relu"], "relu"), POLICY, gpu, progress)
    with device, pytest.raises(Ended):
        device.evidence(agreed=True)
    assert heard == [0, 1, 2]
    assert gpu.left_running == 0
