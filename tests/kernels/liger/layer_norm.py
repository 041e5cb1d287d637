# /// kernel
# operator = "layer_norm"
# language = "triton"
# ///
"""Liger-Kernel's layer_norm forward; it needs dense rows, weight and bias."""

from liger_kernel.ops.layer_norm import layer_norm_forward


def layer_norm(x, weight, bias, eps):
    return layer_norm_forward(x.contiguous(), weight.contiguous(), bias.contiguous(), eps)[0]
