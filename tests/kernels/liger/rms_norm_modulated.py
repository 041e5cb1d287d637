# /// kernel
# operator = "rms_norm"
# language = "triton"
# ///
"""Liger-Kernel's modulated rms_norm with a modulation of zeros, in its 'gemma' mode."""

import torch
from liger_kernel.ops.modulated_rms_norm import modulated_rms_norm_forward


def rms_norm(x, weight, eps):
    zeros = torch.zeros((1, x.shape[-1]), dtype=torch.float32, device=x.device)
    return modulated_rms_norm_forward(x.contiguous(), weight.contiguous(), zeros, None, eps, 0.0, "gemma")[0]
