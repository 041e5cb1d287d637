# /// kernel
# operator = "log_softmax"
# language = "triton"
# ///
"""One program a row, the row in one block."""

import torch
import triton
import triton.language as tl


@triton.jit
def log_softmax_kernel(output_ptr, input_ptr, input_row_stride, input_col_stride, n_cols, BLOCK_SIZE: tl.constexpr):
    row_idx = tl.program_id(0).to(tl.int64)
    col_offsets = tl.arange(0, BLOCK_SIZE)
    input_ptrs = input_ptr + row_idx * input_row_stride + col_offsets.to(tl.int64) * input_col_stride
    mask = col_offsets < n_cols
    row = tl.load(input_ptrs, mask=mask, other=-float("inf")).to(tl.float32)
    row_minus_max = row - tl.max(row, axis=0)
    log_denominator = tl.log(tl.sum(tl.exp(row_minus_max), axis=0))
    tl.store(output_ptr + col_offsets, row_minus_max - log_denominator, mask=mask)


def log_softmax(x):
    n_rows, n_cols = x.shape
    y = torch.empty((n_rows, n_cols), dtype=x.dtype, device=x.device)
    log_softmax_kernel[(n_rows,)](
        y, x, x.stride(0), x.stride(1), n_cols, BLOCK_SIZE=triton.next_power_of_2(n_cols)
    )
    return y
