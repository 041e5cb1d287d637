"""Runs in a process of its own (../test_interpreter.py): triton looks for TRITON_INTERPRET when it is imported."""

import os

import pytest
import torch

assert os.environ.get("TRITON_INTERPRET") == "1", "run through tests/runners/inside/test_interpreter.py"

if os.environ.get("KERNELGATE_STOCK_INTERPRETER") != "1":
    from runners.inside import interpreter

    assert interpreter.install(), "this triton is unknown to the repairs"

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)
