# /// kernel
# operator = "int8_matmul"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl

@triton.jit
def mm_kernel(a_ptr, b_ptr, sa_ptr, sb_ptr, c_ptr, M, N, K, sam, sak, sbk, sbn, ssa, ssb,
              BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    pid = tl.program_id(0)
    tiles_n = tl.cdiv(N, BN)
    rm = ((pid // tiles_n) * BM + tl.arange(0, BM)).to(tl.int64)
    rn = ((pid % tiles_n) * BN + tl.arange(0, BN)).to(tl.int64)
    acc = tl.zeros([BM, BN], tl.float32)
    for k in range(0, K, BK):
        rk = (k + tl.arange(0, BK)).to(tl.int64)
        a = tl.load(a_ptr + rm[:, None] * sam + rk[None, :] * sak, mask=(rm[:, None] < M) & (rk[None, :] < K), other=0)
        b = tl.load(b_ptr + rk[:, None] * sbk + rn[None, :] * sbn, mask=(rk[:, None] < K) & (rn[None, :] < N), other=0)
        acc += tl.dot(a, b, out_dtype=tl.int32).to(tl.float32)
    sa = tl.load(sa_ptr + rm * ssa, mask=rm < M, other=0.0)
    sb = tl.load(sb_ptr + rn * ssb, mask=rn < N, other=0.0)
    c = acc * sa[:, None] * sb[None, :]
    tl.store(c_ptr + rm[:, None] * N + rn[None, :], c, mask=(rm[:, None] < M) & (rn[None, :] < N))


def int8_matmul(a, b, scale_a, scale_b):
    M, K = a.shape
    N = b.shape[1]
    c = torch.empty((M, N), dtype=torch.float32, device=a.device)
    grid = (triton.cdiv(M, 32) * triton.cdiv(N, 32),)
    mm_kernel[grid](a, b, scale_a, scale_b, c, M, N, K, a.stride(0), a.stride(1), b.stride(0), b.stride(1),
                    scale_a.stride(0), scale_b.stride(0), BM=32, BN=32, BK=64)
    return c
