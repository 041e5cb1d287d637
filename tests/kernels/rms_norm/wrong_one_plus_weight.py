# /// kernel
# operator = "rms_norm"
# language = "triton"
# ///
"""Tuned over the rows of a tile."""

import torch
import triton
import triton.language as tl


@triton.autotune(
    configs=[
        triton.Config({"ROWS": 1}, num_warps=4), triton.Config({"ROWS": 4}, num_warps=4),
        triton.Config({"ROWS": 8}, num_warps=8),
    ],
    key=["rows", "columns"],
)
@triton.heuristics({"COLUMNS": lambda args: triton.next_power_of_2(args["columns"])})
@triton.jit
def rms_kernel(
    x_ptr, weight_ptr, out_ptr, rows, columns, eps, sxr, sxc, sw, ROWS: tl.constexpr, COLUMNS: tl.constexpr
):
    r = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    c = tl.arange(0, COLUMNS)
    live = (r < rows) & (c < columns)[None, :]
    x = tl.load(x_ptr + r * sxr + c[None, :] * sxc, mask=live, other=0.0).to(tl.float32)
    w = tl.load(weight_ptr + c * sw, mask=c < columns, other=0.0).to(tl.float32)
    rstd = tl.rsqrt(tl.sum(x * x, axis=1) / columns + eps)
    y = x * rstd[:, None] * (1.0 + w[None, :])
    tl.store(out_ptr + r * columns + c[None, :], y.to(out_ptr.dtype.element_ty), mask=live)


def rms_norm(x, weight, eps):
    rows, columns = x.shape
    out = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    rms_kernel[lambda meta: (triton.cdiv(rows, meta["ROWS"]),)](
        x, weight, out, rows, columns, eps, x.stride(0), x.stride(1), weight.stride(0)
    )
    return out
