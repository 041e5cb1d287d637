# /// kernel
# operator = "rms_norm"
# language = "triton"
# ///
"""Wrong: launched with launch_pdl=True (programmatic dependent launch) and never waits for the grid before it.

On sm_90 the kernel may start while the kernel before it in the stream still writes x: whenever that one triggers its
dependents early (FlashInfer, TensorRT-LLM, cuBLAS and vLLM kernels do), rows are normalised from half-written input. With
inputs that were ready long before, or replayed without the attribute, it is right.
"""

import torch
import triton
import triton.language as tl


@triton.jit
def rms_norm_kernel(x_ptr, w_ptr, y_ptr, columns, row_stride, column_stride, w_stride, eps, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK)
    mask = c < columns
    x = tl.load(x_ptr + row * row_stride + c.to(tl.int64) * column_stride, mask=mask, other=0.0).to(tl.float32)
    w = tl.load(w_ptr + c.to(tl.int64) * w_stride, mask=mask, other=0.0).to(tl.float32)
    scale = 1.0 / tl.sqrt(tl.sum(x * x, axis=0) / columns + eps)
    tl.store(y_ptr + row * columns + c, (x * scale * w).to(y_ptr.dtype.element_ty), mask=mask)


def rms_norm(x, weight, eps):
    rows, columns = x.shape
    y = torch.empty((rows, columns), dtype=x.dtype, device=x.device)
    rms_norm_kernel[(rows,)](
        x, weight, y, columns, x.stride(0), x.stride(1), weight.stride(0), eps,
        BLOCK=triton.next_power_of_2(columns), launch_pdl=True,
    )
    return y
