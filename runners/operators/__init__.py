"""The operators that kernelgate knows, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from runners.operators.elementwise import ADD, GELU, RELU, SWIGLU
from runners.operators.matrix import MATMUL
from runners.operators.model import Operator
from runners.operators.rows import CROSS_ENTROPY, LAYER_NORM, RMS_NORM, SOFTMAX, SUM

OPERATORS: Final[Mapping[str, Operator]] = MappingProxyType(
    {
        operator.name: operator
        for operator in (
            ADD, RELU, GELU, SWIGLU, SOFTMAX, SUM, LAYER_NORM, RMS_NORM, CROSS_ENTROPY, MATMUL,
        )
    }
)  # fmt: skip

__all__ = ["OPERATORS", "Operator"]
