"""Kernels that an application loads on a real GPU: from bytes, on streams of its own, sampled without a wait."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import kernels
import pytest
import torch
import triton
from gpu_evidence import device
from served_kernels import ARCHITECTURE, LATER_WRONG, RIGHT, Team, attested, promoted, team

import kernelgate
from pipeline.export.package import files_of
from pipeline.export.writing import write_package
from pipeline.rollout.calls import Fit, case_of, fit, lay
from pipeline.rollout.here import Here, look_here
from pipeline.rollout.judging import judge
from pipeline.rollout.loading import _PROCESS
from pipeline.rollout.reference import reference_of
from pipeline.rollout.serving import Fallback, Kernel
from pipeline.runs.case_file import CaseFile
from runners.materialise import TensorValue, materialise
from runners.operators import OPERATORS
from runners.oracle import STRICT
from runners.plans import pairwise

pytestmark = pytest.mark.gpu


@pytest.fixture
def vouching(tmp_path: Path) -> Team:
    here = look_here(None)
    assert isinstance(here, Here)
    if here.architecture != ARCHITECTURE:
        pytest.fail(f"these tests hold evidence of {ARCHITECTURE}, and the GPU is {here.architecture}")
    return team(tmp_path)


def of_this_card() -> dict[str, object]:
    here = look_here(None)
    assert isinstance(here, Here)
    card = here.platform.partition(", torch ")[0]
    return {"device": device(device=card, torch=torch.__version__, triton=triton.__version__)}


def load(vouching: Team, **changes: Any) -> kernelgate.Served:
    given = {"canary_share": 1.0, "sample_rate": 1.0, "watch_s": 0}
    return kernelgate.load("softmax", registry=vouching.registry, keyring=vouching.keyring, **(given | changes))


def settled() -> None:
    assert _PROCESS.shadow is not None
    _PROCESS.shadow.wait()


def test_samples_hold_what_the_kernel_saw_whatever_the_caller_does_next(vouching: Team) -> None:
    promoted(vouching, RIGHT, **of_this_card())
    softmax = load(vouching)
    assert isinstance(softmax, Kernel), softmax.why
    stream = torch.cuda.Stream()
    with torch.no_grad(), torch.cuda.stream(stream):
        for number in range(8):
            x = torch.randn(512, 256, device="cuda", dtype=torch.float16)
            torch.cuda._sleep(5_000_000)  # the kernel is still to run when the caller has gone on
            y = softmax(x)
            due = torch.softmax(x.float(), -1)
            assert torch.allclose(y.float(), due, atol=1e-3), number
            x.fill_(float("nan"))
            y.zero_()
    settled()
    assert (softmax.serves, softmax.counts.judged, softmax.why) == ("kernel", 8, "")


def test_a_tensor_of_the_host_gets_the_reference_and_rolls_nothing_back(vouching: Team) -> None:
    promoted(vouching, RIGHT, **of_this_card())
    softmax = load(vouching)
    assert isinstance(softmax, Kernel), softmax.why
    x = torch.randn(4, 64)
    assert torch.allclose(softmax(x), torch.softmax(x, -1), atol=1e-6)
    assert torch.allclose(softmax(x.cuda()).cpu(), torch.softmax(x, -1), atol=1e-5)
    settled()
    assert (softmax.serves, softmax.counts.unverified, softmax.counts.judged) == ("kernel", 1, 1)


def test_a_mismatch_on_the_gpu_opens_the_breaker_and_is_kept(vouching: Team) -> None:
    promoted(vouching, LATER_WRONG, **of_this_card())
    softmax = load(vouching)
    x = torch.randn(16, 33, device="cuda")
    x[3, 4] = 100.0
    with torch.no_grad():
        softmax(x)
        settled()
        assert torch.equal(softmax(x), torch.softmax(x, -1))
    for thread in threading.enumerate():
        if thread.name == "kernelgate-incident":
            thread.join()
    assert softmax.serves == "reference"
    kept = CaseFile.model_validate_json(vouching.case("mismatch"))
    assert kept.failed_on == "gpu"
    assert kept.arguments is not None
    assert vouching.serves("softmax", "stable") is None


def test_a_call_in_a_graph_that_is_captured_is_not_sampled(vouching: Team) -> None:
    promoted(vouching, RIGHT, **of_this_card())
    softmax = load(vouching)
    assert isinstance(softmax, Kernel), softmax.why
    x = torch.randn(16, 33, device="cuda")
    with torch.no_grad():
        softmax(x)
        settled()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            y = softmax(x)
        x.copy_(torch.randn_like(x))
        graph.replay()
        assert torch.allclose(y, torch.softmax(x, -1), atol=1e-6)
    assert (softmax.counts.judged, softmax.counts.dropped) == (1, 1)


def test_evidence_of_another_driver_is_refused(vouching: Team) -> None:
    here = look_here(None)
    assert isinstance(here, Here)
    card = here.platform.partition(", torch ")[0] + "9"
    promoted(vouching, RIGHT, device=device(device=card, torch=torch.__version__, triton=triton.__version__))
    softmax = load(vouching)
    assert isinstance(softmax, Fallback)
    assert "its verdict holds for" in softmax.why


@pytest.mark.parametrize("name", OPERATORS)
def test_a_reference_on_the_gpu_is_right(name: str) -> None:
    operator = OPERATORS[name]
    reference = reference_of(operator)
    for case, _ in zip(pairwise(operator, 7, operator.dtypes), range(6), strict=False):
        host = tuple(one.view if isinstance(one, TensorValue) else one.value for one in materialise(operator, case))
        given = tuple(one.cuda() if isinstance(one, torch.Tensor) else one for one in host)
        before = tuple(
            one.clone(memory_format=torch.contiguous_format) if isinstance(one, torch.Tensor) else one for one in host
        )
        found = fit(operator, given)
        assert isinstance(found, Fit)
        near = case_of(operator, found, given, tuple(map(lay, given)))
        results = reference(*given)
        brought = tuple(one.cpu() for one in results) if isinstance(results, tuple) else results.cpu()
        assert judge(operator, found, near, before, before, brought, STRICT) is None, case.describe()


def test_a_package_loads_as_its_variant_for_cuda(vouching: Team) -> None:
    package = vouching.folder / "package"
    attestation = attested(vouching, RIGHT, **of_this_card())
    write_package(package, files_of([attestation], OPERATORS["softmax"], "other"))
    kernel = kernels.get_local_kernel(package)
    assert Path(kernel.__file__).parent.name == "torch-cuda"
    x = torch.randn(64, 129, device="cuda")
    assert torch.allclose(kernel.softmax(x), torch.softmax(x, -1), atol=1e-6)
