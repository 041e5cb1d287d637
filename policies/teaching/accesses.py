"""What the rules teach about memory, races, machine code and compiling."""

from __future__ import annotations

from typing import Final

from policies.teaching.model import kernel, words

_BOUNDS: Final = (
    "An access outside of a tensor reads what belongs to somebody else, or destroys it. It can go unnoticed for years: "
    "the allocator usually has something there."
)

TEACHINGS: Final = {
    "memory/out-of-bounds-load": kernel(
        _BOUNDS,
        "value = tl.load(x_ptr + i)",
        "value = tl.load(x_ptr + i, mask=i < n, other=0.0)",
    ),
    "memory/out-of-bounds-store": kernel(
        _BOUNDS,
        "tl.store(y_ptr + i, value)",
        "tl.store(y_ptr + i, value, mask=i < n)",
    ),
    "memory/out-of-bounds": kernel(
        _BOUNDS + " Here the machine code did it on a GPU, between guarded buffers or under memcheck.",
        "offset = row * stride  # wraps at 2³¹ elements",
        "offset = row.to(tl.int64) * stride",
    ),
    "memory/device-fault": kernel(
        "The GPU itself stopped the kernel: an illegal address, a misaligned access, an instruction that failed. In "
        "production it takes the whole process along.",
        "i = tl.multiple_of(start + tl.arange(0, BLOCK), 16)  # start is no multiple of 16",
        "i = start + tl.arange(0, BLOCK)",
    ),
    "memory/foreign-argument": kernel(
        "Two tensors lie at a distance that the allocator chose. What reaches one from the other is right by luck.",
        "y = tl.load(x_ptr + (y_address - x_address) + i, mask=mask)",
        "y = tl.load(y_ptr + i, mask=mask)",
    ),
    "memory/uninitialised-read": kernel(
        "Fresh memory holds what was there before, often zeros in a test and something else in production.",
        "total = torch.empty((rows,), device=x.device)  # and the kernel adds to it",
        "total = torch.zeros((rows,), device=x.device)",
    ),
    "memory/write-to-input": kernel(
        "The caller's tensors are the caller's, even if the same bytes are written back.",
        "tl.store(x_ptr + i, tl.exp(value), mask=mask)  # scratch in the input",
        "tl.store(y_ptr + i, tl.exp(value), mask=mask)",
    ),
    "memory/aliased-output": kernel(
        "Who changes the result later would change the input, or the other result, with it.",
        "return x.view(x.shape)",
        "return y",
    ),
    "races/double-store": kernel(
        "Which of two stores comes last is chance.",
        "tl.store(y_ptr, value)  # every program stores its own",
        "tl.atomic_add(y_ptr, value)",
    ),
    "races/unsynchronised": kernel(
        "Programs of a launch run in any order, or at once. What one wrote, another sees only after something that "
        "orders the two.",
        "tl.store(part_ptr + pid, total)\nif pid == 0:\n    result = tl.sum(tl.load(part_ptr + tl.arange(0, 8)))",
        "tl.store(part_ptr + pid, total)  # and a second launch sums the parts",
    ),
    "races/shared-memory": words(
        "Racecheck saw threads of a block use shared memory without a barrier between: the result depends on timing. "
        "A compiler may bring that about: Triton 3.6 and 3.9 fuse a product into the first step of its sum over lanes "
        "of a warp, so that lanes which should hold one sum differ in the last bit, and all of them store it.",
        "Inline assembly that stores to shared memory, and a load behind it without a barrier; or, in float32, "
        "tl.sum(a * b, axis=2) in a loop, where the axis lies over the lanes.",
    ),
    "races/barrier": words(
        "A barrier that only some threads of a block reach is undefined: on one GPU it hangs, on another it goes "
        "through.",
        "Inline assembly with bar.sync in a branch that half of the threads take.",
    ),
    "replay/not-recorded": kernel(
        "What is certified on a GPU is machine code with its launches. A call whose launches depend on data, or that "
        "does "
        "more than allocate, fill, view and launch, has no plan that could be carried out again.",
        "_kernel[(int(counts.max()),)](x, y)  # the grid depends on elements",
        "_kernel[(counts.numel(),)](x, y)  # and programs without work return at once",
    ),
    "replay/bad-plan": words(
        "The recorded plan can't be carried out on new inputs, so nothing shows that it computes anything.",
        "A call that returns a tensor which no step of it has allocated.",
    ),
    "benchmark/above-roof": words(
        "A card moves so many bytes and does so many operations a second. A time below what they need means that "
        "something was left out of it: work, or the clock.",
        "A timed call that returns what an earlier call with the same input left behind.",
    ),
    "compile/error": kernel(
        "The interpreter runs Python; on a GPU Triton must compile it. What was launched is compiled ahead of time for "
        "each required architecture.",
        "i = tl.arange(0, n)  # n is no constexpr",
        "i = tl.arange(0, BLOCK)",
    ),
    "compile/out-of-resources": kernel(
        "Registers, shared memory and threads of a multiprocessor are limited, and differ between architectures.",
        "_matmul[grid](a, b, c, BLOCK_M=256, BLOCK_N=256, BLOCK_K=128, num_stages=4)",
        "_matmul[grid](a, b, c, BLOCK_M=128, BLOCK_N=128, BLOCK_K=32, num_stages=3)",
    ),
    "compile/crashed": words(
        "A compiler that dies gives no machine code, whoever is to blame. The kernel can't be shipped with this "
        "Triton.",
        "A reduction that the installed Triton lowers wrongly, so that LLVM stops with an assertion.",
    ),
}
