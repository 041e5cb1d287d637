"""On a real GPU: right kernels are within the oracle's bounds there, too, and wrong ones are not.

`benchmarks/on_gpu.py` does the same for the whole corpus.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
KERNELS = PROJECT / "tests" / "kernels"
RIGHT = (
    "softmax/right_online.py", "matmul/right_grouped.py", "matmul/right_split_k.py", "sum/right_split_atomics.py",
    "layer_norm/right_welford.py", "attention/right_flash.py", "gelu/right_block.py",
)  # fmt: skip
WRONG = ("softmax/wrong_padding_counted.py", "gelu/wrong_tanh_form.py", "matmul/wrong_half_accumulator.py")


def first_wrong_case(kernel: str) -> str | None:
    program = [sys.executable, str(PROJECT / "benchmarks" / "on_gpu.py"), "--one", str(KERNELS / kernel), "?"]
    done = subprocess.run([*program, "--cases", "16"], capture_output=True, check=True, text=True, timeout=300)
    wrong = json.loads(done.stdout.splitlines()[-1])["wrong"]
    assert wrong is None or isinstance(wrong, str)
    return wrong


@pytest.mark.gpu
@pytest.mark.parametrize("kernel", RIGHT)
def test_a_right_kernel_is_within_bounds_on_a_gpu(kernel: str) -> None:
    assert first_wrong_case(kernel) is None


@pytest.mark.gpu
@pytest.mark.parametrize("kernel", WRONG)
def test_a_wrong_kernel_is_not_within_bounds_on_a_gpu(kernel: str) -> None:
    assert first_wrong_case(kernel) is not None
