"""The operators that kernelgate knows, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from runners.operators.attention import ATTENTION, ROPE
from runners.operators.elementwise import ELEMENTWISE
from runners.operators.indexing import INDEXING
from runners.operators.matrix import PRODUCTS
from runners.operators.model import Operator
from runners.operators.norms import NORMS
from runners.operators.quantised import QUANTISED
from runners.operators.rows import REDUCTIONS

_BUILT_IN: Final = (*ELEMENTWISE, *REDUCTIONS, *NORMS, *PRODUCTS, ATTENTION, ROPE, *INDEXING, *QUANTISED)

OPERATORS: Final[Mapping[str, Operator]] = MappingProxyType({operator.name: operator for operator in _BUILT_IN})

__all__ = ["OPERATORS", "Operator"]
