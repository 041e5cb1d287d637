"""Runs in a process of its own (../test_in_interpreter.py): triton looks for TRITON_INTERPRET when it is imported."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from served_kernels import ARCHITECTURE, Team, team

from pipeline.rollout.loading import load
from pipeline.rollout.serving import Kernel

assert os.environ.get("TRITON_INTERPRET") == "1", "run through tests/pipeline/rollout/test_in_interpreter.py"
torch.set_num_threads(1)


@pytest.fixture
def vouching(tmp_path: Path) -> Team:
    """A team of its own for each test: what a process has loaded is kept by registry and keyring."""
    return team(tmp_path)


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    torch.manual_seed(0)
    with torch.no_grad():
        yield


@pytest.fixture
def loaded(vouching: Team) -> Callable[..., Kernel]:
    def begin(operator: str = "softmax", **changes: object) -> Kernel:
        given = {"canary_share": 1.0, "sample_rate": 1.0, "watch_s": 0, "architecture": ARCHITECTURE}
        served = load(operator, registry=vouching.registry, keyring=vouching.keyring, **(given | changes))  # type: ignore[arg-type]
        assert isinstance(served, Kernel), served.why
        return served

    return begin
