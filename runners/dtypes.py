"""The dtypes of arguments and results by name, as cases, evidence and the wire spell them."""

from __future__ import annotations

from typing import Final

import torch

TORCH_DTYPES: Final = {
    "float64": torch.float64, "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16,
    "float8_e4m3fn": torch.float8_e4m3fn,
    "int64": torch.int64, "int32": torch.int32, "int8": torch.int8, "uint8": torch.uint8,
}  # fmt: skip
