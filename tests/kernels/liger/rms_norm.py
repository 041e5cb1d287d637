# /// kernel
# operator = "rms_norm"
# language = "triton"
# ///
"""Liger-Kernel's rms_norm forward in its 'gemma' mode, the one that rounds once; it needs dense rows and weight."""

from liger_kernel.ops.rms_norm import rms_norm_forward


def rms_norm(x, weight, eps):
    return rms_norm_forward(x.contiguous(), weight.contiguous(), eps, 0.0, "gemma", True)[0]
