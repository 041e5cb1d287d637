"""Planted faults: what the monitors of a runner must report. Sent to it as text after a candidate's last case.

Never imported on the host. `which` counts in the order of `runners.controls.CONTROLS`; where the fault is, the judge
draws when it asks. x is float32 of ROWS × COLUMNS with gaps between its rows, y is float32 of SIZE elements.
"""

# The signatures of kernels are for triton to read; they bear no types.
# mypy: ignore-errors

from __future__ import annotations

import torch
import triton
import triton.language as tl

SIZE = 64
PROGRAMS = 4


@triton.jit
def load_kernel(x, out, at):
    tl.store(out, tl.load(x + at))


@triton.jit
def store_kernel(x, at):
    tl.store(x + at, tl.load(x) * 2.0 + 1.0)


@triton.jit
def unwritten_kernel(scratch, out, hole, size: tl.constexpr):
    i = tl.arange(0, size)
    tl.store(scratch + i, i.to(tl.float32), mask=i != hole)
    tl.store(out + i, tl.load(scratch + i))


@triton.jit
def copy_kernel(y, out, hole, size: tl.constexpr):
    i = tl.arange(0, size)
    tl.store(out + i, tl.load(y + i), mask=i != hole)


@triton.jit
def double_kernel(out, at):
    tl.store(out + at, tl.program_id(0).to(tl.float32))


@triton.jit
def sharing_kernel(out, scratch, at):
    program = tl.program_id(0)
    tl.store(scratch + (at + program) % 64, program.to(tl.float32) + 1.0)
    tl.store(out + program, tl.load(scratch + at))


@triton.jit
def exchange_kernel(y, scratch, out, at, size: tl.constexpr):
    i = tl.arange(0, size)
    tl.store(scratch + i, tl.load(y + i))
    tl.store(out + i, tl.load(scratch + tl.where(i == (at + 1) % size, at, i)))


@triton.jit
def lane_kernel(y, out, hole, size: tl.constexpr):
    i = tl.arange(0, size)
    tl.store(out + i, tl.load(y + i, mask=i != hole))


@triton.jit
def ticket_kernel(counter, out, turn, size: tl.constexpr):
    tl.store(out + (tl.program_id(0) + turn) % size, tl.atomic_add(counter, 1).to(tl.float32))


def control(which, x, y, place, row, column):
    out = torch.zeros(SIZE)
    stride = x.stride(0)
    if which == 0:
        load_kernel[(1,)](x, out, x.shape[0] * stride + place)
    elif which == 1:
        store_kernel[(1,)](x, row * stride + x.shape[1] + column)
    elif which == 2:
        load_kernel[(1,)](x, out, (y.data_ptr() - x.data_ptr()) // 4 + place)
    elif which == 3:
        unwritten_kernel[(1,)](torch.empty(SIZE), out, place, size=SIZE)
    elif which == 4:
        store_kernel[(1,)](x, row * stride + column)
    elif which == 5:
        copy_kernel[(1,)](y, out, place, size=SIZE)
        return y[place : place + 1]
    elif which == 6:
        double_kernel[(PROGRAMS,)](out, place)
    elif which == 7:
        sharing_kernel[(PROGRAMS,)](out, torch.zeros(SIZE), place)
    elif which == 8:
        exchange_kernel[(1,)](y, torch.zeros(SIZE), out, place, size=SIZE)
    elif which == 9:
        lane_kernel[(1,)](y, out, place, size=SIZE)
    elif which == 10:
        ticket_kernel[(SIZE,)](torch.zeros(1, dtype=torch.int32), out, place, size=SIZE)
    else:
        out = torch.empty(SIZE)
        copy_kernel[(1,)](y, out, place, size=SIZE)
    return out
