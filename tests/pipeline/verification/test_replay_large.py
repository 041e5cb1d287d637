"""A failing case that only a GPU has room for is not made on the host."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import StoredRunError
from pipeline.runs.folder import StoredCase
from pipeline.verification.replay import replay
from policies.policy import load_policy
from runners.generated_inputs import generated_case
from runners.large_shapes import large_shapes
from runners.operators import OPERATORS

CANDIDATE = Path(__file__).parents[2] / "gpu" / "kernels" / "relu" / "wrong_int32_index.py"


@pytest.mark.parametrize("way", ["rows", "flat"])
def test_a_large_case_is_refused_with_what_to_do(way: str) -> None:
    shapes = {one.way: one.shape for one in large_shapes(OPERATORS["relu"], random.Random(1))}
    case = generated_case(OPERATORS["relu"], shapes[way], "float16", 1)
    nothing: Any = None  # no runner is asked for
    with pytest.raises(StoredRunError, match="--mode gpu"):
        replay(StoredCase(case, CANDIDATE, load_policy("dev")), nothing, nothing)
