"""Emulated errors of a GPU's arithmetic: they are there, they are bounded, they are the same in both runs of a case."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from runners import wire
from runners.candidate import Candidate, read_candidate
from runners.conversation import on_wire, results_of
from runners.examine import Agreed, conditions_for, examine
from runners.inside import candidate_unsafe, interpreter
from runners.materialise import TensorValue, materialise
from runners.oracle import expect
from runners.plans import pairwise

KERNELS = Path(__file__).parents[3] / "kernels"
SEEDS = (1, 2, 3)


@triton.jit
def softmax_kernel(x, y, n, block: tl.constexpr):
    at = tl.arange(0, block)
    row = tl.program_id(0) * n
    v = tl.load(x + row + at, mask=at < n, other=float("-inf"))
    e = tl.exp(v - tl.max(v, 0))
    tl.store(y + row + at, e / tl.sum(e, 0), mask=at < n)


@triton.jit
def matmul_kernel(a, b, c, block: tl.constexpr, precision: tl.constexpr):
    i = tl.arange(0, block)
    at = i[:, None] * block + i[None, :]
    tl.store(c + at, tl.dot(tl.load(a + at), tl.load(b + at), input_precision=precision))


@triton.jit
def saturated_kernel(x, y, block: tl.constexpr):
    at = tl.arange(0, block)
    v = tl.load(x + at)
    tl.store(y + at, tl.erf(v) + tl.exp(v * 0.0) + tl.cos(v * 0.0))


@triton.jit
def contracting_kernel(x, y, rounded, out, block: tl.constexpr):
    at = tl.arange(0, block)
    a, b, c = tl.load(x + at), tl.load(y + at), tl.load(rounded + at)
    tl.store(out + at, a * b - c)
    tl.store(out + block + at, c - a * b)
    tl.store(out + 2 * block + at, 1.0 + a * b)


@triton.jit
def whole_kernel(x, y, block: tl.constexpr):
    v = tl.load(x + tl.arange(0, block))
    tl.store(y, tl.sum(v, 0))
    tl.store(y + 1, tl.max(v, 0))


def conditions(seed: int | None, order: int | None = None) -> wire.Conditions:
    return wire.Conditions(fresh_byte=0, order_seed=order, choice_seed=0, undefined_lanes=False, noise_seed=seed)


def softmax(seed: int | None, order: int | None = None) -> torch.Tensor:
    x = torch.randn(5, 100, generator=torch.Generator().manual_seed(7))
    y = torch.zeros(5, 100)
    with interpreter.observe(conditions(seed, order)):
        softmax_kernel[(5,)](x, y, 100, block=128)
    return y


def matmul(seed: int | None, precision: str, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    a, b = torch.randn(2, 64, 64, generator=torch.Generator().manual_seed(7)).to(dtype)
    c = torch.zeros(64, 64)
    with interpreter.observe(conditions(seed)):
        matmul_kernel[(1,)](a.contiguous(), b.contiguous(), c, block=64, precision=precision)
    return c


def ulps(first: torch.Tensor, second: torch.Tensor) -> int:
    return int((first.view(torch.int32) - second.view(torch.int32)).abs().max())


@pytest.mark.parametrize("seed", SEEDS)
def test_noise_moves_the_bits_of_a_softmax_a_little(seed: int) -> None:
    assert 0 < ulps(softmax(seed), softmax(None)) < 16


def test_another_seed_is_another_gpu() -> None:
    assert not torch.equal(softmax(1), softmax(2))


def test_without_a_seed_nothing_moves() -> None:
    assert torch.equal(softmax(None), softmax(None, order=3))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_programs_changes_no_bit_under_noise(seed: int) -> None:
    assert torch.equal(softmax(seed), softmax(seed, order=5))


@pytest.mark.parametrize(("precision", "dtype"), [("ieee", torch.float32), ("tf32", torch.float32),
                                                  ("tf32x3", torch.float32), ("ieee", torch.float16)])  # fmt: skip
def test_noise_moves_a_matrix_product(precision: str, dtype: torch.dtype) -> None:
    noisy, plain = matmul(1, precision, dtype), matmul(None, precision, dtype)
    assert not torch.equal(noisy, plain)
    assert float((noisy - plain).abs().max()) < 1e-4


def test_a_product_of_tensor_cores_errs_toward_zero() -> None:
    exact = matmul(None, "ieee", torch.float16).double()
    shrunk = matmul(1, "ieee", torch.float16).double().abs() < exact.abs()
    assert float(shrunk.double().mean()) > 0.6


def test_saturated_and_exact_results_stay_exact_under_noise() -> None:
    x, y = torch.tensor([9.0, -9.0, 1e30, 0.0]).repeat(4), torch.zeros(16)
    with interpreter.observe(conditions(1)):
        saturated_kernel[(1,)](x, y, block=16)
    assert y[:4].tolist() == [3.0, 1.0, 3.0, 2.0]


@pytest.mark.parametrize(("seed", "contracted"), [(None, False), (0, False), (32, True)])
def test_a_product_and_a_sum_are_one_rounding_with_every_other_seed(seed: int | None, contracted: bool) -> None:
    x = torch.rand(64, generator=torch.Generator().manual_seed(1))
    y = torch.rand(64, generator=torch.Generator().manual_seed(2))
    rounded = x * y
    residue = (x.double() * y.double() - rounded.double()).float()
    out = torch.zeros(3, 64)
    with interpreter.observe(conditions(seed)):
        contracting_kernel[(1,)](x, y, rounded, out, block=64)
    assert residue.abs().max() > 0
    assert torch.equal(out[0], residue if contracted else torch.zeros(64))
    assert torch.equal(out[1], -residue if contracted else torch.zeros(64))
    assert torch.equal(out[2], (x.double() * y.double() + 1).float() if contracted else rounded + 1)


def test_sums_of_integers_are_untouched_by_noise() -> None:
    x, y = torch.arange(64, dtype=torch.int32), torch.zeros(2, dtype=torch.int32)
    with interpreter.observe(conditions(1)):
        whole_kernel[(1,)](x, y, block=64)
    assert y.tolist() == [2016, 63]


def test_no_element_moves_by_more_than_its_ulps() -> None:
    from runners.inside.interpreter import noise

    values = np.geomspace(1e-30, 1e30, 10_001).astype(np.float32)
    with interpreter.observe(conditions(9)):
        moved = noise.off_by(values, 2)
    distance = np.abs(moved.view(np.int32) - values.view(np.int32))
    assert set(distance.tolist()) == {0, 1, 2}


def loaded(path: Path) -> tuple[Candidate, candidate_unsafe.Entry]:
    candidate = read_candidate(path)
    assert isinstance(candidate, Candidate)
    entry = candidate_unsafe.load(memoryview(candidate.source), candidate.entry)
    assert callable(entry), entry
    return candidate, entry


@pytest.mark.parametrize("name", ["softmax/right_online.py", "matmul/right_grouped.py", "gelu/right_block.py",
                                  "layer_norm/right_looped.py"])  # fmt: skip
@pytest.mark.parametrize("seed", SEEDS)
def test_right_kernels_stay_right_under_noise(name: str, seed: int, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(candidate_unsafe, "FILE", tmp_path / "candidate.py")
    candidate, entry = loaded(KERNELS / name)
    operator = candidate.operator
    for case in islice(pairwise(operator, seed, operator.dtypes), 4):
        arguments = materialise(operator, case)
        noisy = conditions_for(case, noise=True)
        request = wire.RunRequest(
            arguments=tuple(on_wire(a) for a in arguments), conditions=noisy, output_cap_bytes=1 << 24
        )
        data = [memoryview(bytes(a.base_bytes)) for a in arguments if isinstance(a, TensorValue)]
        ran, outputs = candidate_unsafe.call(entry, request, data)
        expected = expect(operator, case.dtype, arguments)
        assert isinstance(examine(case, arguments, expected, results_of(ran.calls, outputs)), Agreed), case.describe()
