# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Replaces the interpreter's load and store by ones that check nothing, and stay inside by themselves."""

import numpy as np
import torch
import triton
import triton.language as tl
import triton.runtime.interpreter as stock
from triton.runtime.interpreter import InterpreterBuilder, TensorHandle

from runners.inside.interpreter.conditions import CURRENT


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


TAG = np.uint64(48)
ADDRESS = np.uint64((1 << 48) - 1)


def within_reach(pointers, mask, itemsize):
    lanes = mask.data if isinstance(mask, TensorHandle) else mask
    taken = np.broadcast_to(lanes, pointers.shape).copy()
    real = pointers & ADDRESS
    for tag in np.unique(pointers >> TAG):
        storage = CURRENT.run.monitor._by_tag.get(int(tag))
        if storage is not None:
            inside = (real >= storage.base) & (real + np.uint64(itemsize) <= storage.base + storage.nbytes)
            taken &= inside | (pointers >> TAG != tag)
    return real, taken


def load(self, ptrs, mask, other, *policy, **named):
    dtype = ptrs.get_element_ty()
    kind = stock._get_np_dtype(dtype)
    real, taken = within_reach(ptrs.data, mask, kind.itemsize)
    rest = np.zeros(real.shape, dtype=kind) if other is None else other.data
    return TensorHandle(stock._interpreter.load(real, taken, rest, kind), dtype)


def store(self, ptrs, value, mask, *policy, **named):
    real, taken = within_reach(ptrs.data, mask, value.data.itemsize)
    stock._interpreter.store(real, value.data, taken)


InterpreterBuilder.create_masked_load = load
InterpreterBuilder.create_masked_store = store


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out
