# /// kernel
# operator = "fused_add_rms_norm"
# language = "triton"
# ///
"""Liger-Kernel's fused add and rms_norm forward in its 'gemma' mode, both results."""

from liger_kernel.ops.fused_add_rms_norm import fused_add_rms_norm_forward


def fused_add_rms_norm(x, residual, weight, eps):
    results = fused_add_rms_norm_forward(x.contiguous(), residual.contiguous(), weight.contiguous(), eps, 0.0, "gemma")
    return results[0], results[1]
