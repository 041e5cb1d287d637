"""What a model is told about the GPU that a kernel is for: limits that make it fail, and rates that make it slow.

Limits of one program are `runners.architectures`' (CUDA C++ Programming Guide, technical specifications by compute
capability); the rest is of the vendors' data sheets, dense, without sparsity. Grid limits are CUDA's since compute
capability 3.0. The cards are the SXM boards; a100 is the one with 80 GB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pipeline.errors import GenerationError
from runners.architectures import ARCHITECTURES, Architecture

MAX_PROGRAMS: Final = (2**31 - 1, 65_535, 65_535)  # along the grid's three axes
ALIGNMENT_BYTES: Final = 16  # of the widest load or store of one thread
REGISTERS_PER_THREAD: Final = 255


@dataclass(frozen=True, slots=True)
class HardwareCard:
    """One GPU.

    Attributes:
        bandwidth_gb_s: Of its memory, in 10⁹ bytes a second.
        tensor_tflops: Of bfloat16 and float16 products with float32 accumulators.
        float32_tflops: Outside of tensor cores.
    """

    name: str
    architecture: Architecture
    multiprocessors: int
    l2_bytes: int
    bandwidth_gb_s: int
    tensor_tflops: int
    float32_tflops: float

    @property
    def flops_a_byte(self) -> float:
        """Operations of a product for each byte of memory, above which bandwidth is not what limits it."""
        return self.tensor_tflops * 1e3 / self.bandwidth_gb_s


_MIB: Final = 1 << 20
_ALL: Final = (
    HardwareCard("a100", ARCHITECTURES["sm_80"], 108, 40 * _MIB, 2039, 312, 19.5),
    HardwareCard("h100", ARCHITECTURES["sm_90"], 132, 50 * _MIB, 3350, 989, 67.0),
    HardwareCard("h200", ARCHITECTURES["sm_90"], 132, 50 * _MIB, 4800, 989, 67.0),
)
CARDS: Final[Mapping[str, HardwareCard]] = MappingProxyType({card.name: card for card in _ALL})


def card_of(name: str) -> HardwareCard:
    """Returns the card of that name.

    Raises:
        GenerationError: there is none.
    """
    if name not in CARDS:
        raise GenerationError(f"there is no hardware card '{name}'; known are {', '.join(CARDS)}")
    return CARDS[name]
