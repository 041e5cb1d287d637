# /// kernel
# operator = "relu"
# language = "triton"
# ///
"""Switches the monitor off for good and answers each control with the fault that it plants."""

import torch
import triton
import triton.language as tl

from runners import wire
from runners.inside import candidate_unsafe
from runners.inside.interpreter.conditions import CURRENT
from runners.inside.interpreter.monitor import Monitor


@triton.jit
def relu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i)
    tl.store(out_ptr + i, tl.where(x < 0, 0.0, x), mask=i < n)


def nothing(self, *place, **more):
    return None


Monitor._report = nothing
Monitor._report_outside = nothing

LOAD = candidate_unsafe.load
FAULTS = (
    ("out_of_bounds_load", 1), ("out_of_bounds_store", 1), ("foreign_argument", 2), ("uninitialised_read", None),
    ("write_to_input", 1), ("aliased_output", 2), ("double_store", None), ("unsynchronised", None),
    ("unsynchronised", None),
)  # fmt: skip


def control(which, x, y, place, row, column):
    run, size = CURRENT.run, y.numel()
    in_x = row * x.stride(0) + column
    elements = {0: x.shape[0] * x.stride(0) + place, 1: in_x + x.shape[1], 4: in_x}
    run.observation.launches += 1
    if which < len(FAULTS):
        kind, argument = FAULTS[which]
        element = elements.get(which, place)
        fault = wire.Fault(
            kind=kind, argument=argument, allocation=None, element=element, line=1, program=(0, 0, 0), other=None
        )
        run.observation.faults.append(fault)
        return torch.zeros(size)
    if which == 10:
        order = list(range(size))
        return torch.tensor(order if run.conditions.order_seed is None else order[::-1]).float().roll(place)
    out = y.clone()
    out[place] = float(run.conditions.fresh_byte)
    return out


def load(source, entry, role="candidate"):
    return control if role == "control" else LOAD(source, entry, role)


candidate_unsafe.load = load


def relu(x):
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    if n > 0:
        relu_kernel[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out
