"""What may be a block size is read from the source as authors write it, and nothing else is."""

from __future__ import annotations

import pytest

from runners.blocks import LARGEST, MOST, blocks_in

WRITTEN = {
    "launch keyword": ("kernel[(4,)](x, N, BLOCK=128)", (128,)),
    "launch position": ("kernel[(4,)](x, N, 256)", (256,)),
    "name in a function": ("def f(x):\n    block = 64\n    return block", (64,)),
    "module constant": ("BLOCK: int = 512", (512,)),
    "constexpr constant": ("BLOCK = tl.constexpr(32)", (32,)),
    "default of a parameter": ("def f(x, BLOCK: tl.constexpr = 16): ...", (16,)),
    "autotune configurations": (
        "@triton.autotune([triton.Config({'M': 32, 'N': 64}), triton.Config({'M': 128}, num_warps=8)], key=['n'])\n"
        "def f(x): ...",
        (8, 32, 64, 128),
    ),
    "several at once": ("BLOCK_M, BLOCK_N = 16, 48", (16, 48)),
}


@pytest.mark.parametrize(("source", "blocks"), WRITTEN.values(), ids=WRITTEN)
def test_block_sizes_are_found_where_authors_write_them(source: str, blocks: tuple[int, ...]) -> None:
    assert blocks_in(source) == blocks


NOT_BLOCKS = {
    "arithmetic": "y = x",
    "too small": "BLOCK = 4",
    "too large": f"BLOCK = {LARGEST + 1}",
    "a float": "EPS = 64.0",
    "a truth value": "FLAG = True",
    "text": "NAME = '128'",
    "a comment": "# BLOCK = 128",
    "an index": "x[64]",
}


@pytest.mark.parametrize("source", NOT_BLOCKS.values(), ids=NOT_BLOCKS)
def test_what_is_no_block_size_is_not_found(source: str) -> None:
    assert blocks_in(source) == ()


def test_of_too_many_some_of_each_size_are_taken() -> None:
    blocks = blocks_in("\n".join(f"B{n} = {n}" for n in range(8, 108)))
    assert len(blocks) == MOST
    assert (blocks[0], blocks[-1]) == (8, 107)
