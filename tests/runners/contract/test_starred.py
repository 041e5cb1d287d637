"""What lands where behind a star: sizes that follow one stay sizes, and no tensor hides between them."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from contract_sources import IMPORTS, indented, rules_of

BODY = """    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x_ptr + i, mask=i < n)
    tl.store(y_ptr + i, tl.where(value < 0, 0.0, value), mask=i < n)
"""
BEGIN = "y = torch.empty_like(x)\n"
BY_N = "@triton.heuristics({'BLOCK': lambda args: triton.next_power_of_2(args['n'])})"
TUNED = "@triton.autotune(configs=[triton.Config({'BLOCK': 64}), triton.Config({'BLOCK': 32}, num_warps=8)], key=['n'])"
OF_N = "lambda meta: (meta['n'],)"
GRID = "lambda meta: (triton.cdiv(meta['n'], 64),)"


def starred(
    parameters: str, launch: str, *, body: str = BEGIN, decorator: str = BY_N, top: str = "", grid: str = "(1,)"
) -> str:
    block = "BLOCK: tl.constexpr = 64" if "=" in parameters else "BLOCK: tl.constexpr"
    kernel = f"{decorator}\n@triton.jit\ndef _relu({parameters}, {block}):\n{BODY}"
    call = f"_relu[{grid}]({launch})\nreturn y"
    return f"{IMPORTS}\n{top}\n\n{kernel}\n\ndef relu(x):\n{indented(body + call)}"


class Pair(NamedTuple):
    attack: str
    honest: str


RANK = "a, b = x.shape\n" + BEGIN
HELPER = "def go(x, a, b, y, n):\n    size = n * 2\n    return size\n"
PAIRS = {
    "behind_one_star": Pair(
        starred("x_ptr, s, t, y_ptr, n", "x, *x.stride(), y, x"),
        starred("x_ptr, s, t, y_ptr, n", "x, *x.stride(), y, x.numel()"),
    ),
    "behind_three_stars": Pair(
        starred("x_ptr, s, t, y_ptr, u, v, m, n", "x, *x.stride(), y, *y.stride(), *y.shape[:1], x"),
        starred("x_ptr, s, t, y_ptr, u, v, m, n", "x, *x.stride(), y, *y.stride(), *y.shape[:1], x.numel()"),
    ),
    "between_stars_of_unknown_length": Pair(
        starred("x_ptr, s, y_ptr, n, t", "x, *x.stride(), y, *y.stride()"),
        starred("x_ptr, s, y_ptr, n, t", "x, *x.stride(), y, *y.stride()", body="a, = x.shape\n" + BEGIN),
    ),
    "a_rank_that_was_another_tensors": Pair(
        starred("x_ptr, s, t, y_ptr, n, u", "x, *x.stride(), y, *y.stride()", body=RANK + "x = x.view(-1)\n"),
        starred("x_ptr, s, t, y_ptr, n, u", "x, *x.stride(), y, *y.stride()", body=RANK + "z = x.view(-1)\n"),
    ),
    "a_rank_on_one_path": Pair(
        starred(
            "x_ptr, s, t, y_ptr, n, u", "x, *x.stride(), y, *y.stride()",
            body=BEGIN + "if x.ndim:\n    a, b = x.shape\n",
        ),
        starred("x_ptr, s, t, y_ptr, n, u", "x, *x.stride(), y, *y.stride()", body=BEGIN + "a, b = x.size()\n"),
    ),
    "a_rank_that_changes_in_the_loop": Pair(
        starred(
            "x_ptr, s, t, y_ptr, n, u", "x, *x.stride(), y, *y.stride()",
            body=RANK + "for _ in range(2):\n    _relu[(1,)](x, *x.stride(), y, *y.stride())\n    x = x.unsqueeze(0)\n",
        ),
        starred(
            "x_ptr, s, t, y_ptr, n, u", "x, *x.stride(), y, *y.stride()",
            body=RANK + "for _ in range(2):\n    _relu[(1,)](x, *x.stride(), y, *y.stride())\n",
        ),
    ),
    "in_a_tuple": Pair(
        starred("x_ptr, y_ptr, n", "*(x, y, x)"), starred("x_ptr, y_ptr, n", "*(x, y, x.numel())")
    ),
    "in_a_list_in_a_list": Pair(
        starred("x_ptr, y_ptr, n", "*[x, *(y, x)]"), starred("x_ptr, y_ptr, n", "*[x, *(y, x.numel())]")
    ),
    "in_a_tuple_with_a_name": Pair(
        starred("x_ptr, y_ptr, n", "*both, x", body=BEGIN + "both = (x, y)\n"),
        starred("x_ptr, y_ptr, n", "*both, x.numel()", body=BEGIN + "both = (x, y)\n"),
    ),
    "in_tuples_of_two_lengths": Pair(
        starred("x_ptr, y_ptr, n, m", "*t, 3", body=BEGIN + "t = (x, y, x) if x.ndim else (x, y)\n", ),
        starred("x_ptr, y_ptr, n, m", "*t, 3", body=BEGIN + "t = (x, y, 2) if x.ndim else (x, y, 4)\n"),
    ),
    "in_a_grid": Pair(
        starred("x_ptr, s, y_ptr, n", "x, *x.stride(), y, x, BLOCK=64", decorator="", grid=GRID),
        starred("x_ptr, s, y_ptr, n", "x, *x.stride(), y, x.numel(), BLOCK=64", decorator="", grid=GRID),
    ),
    "in_front_of_a_default": Pair(
        starred("x_ptr, y_ptr, s, n, m=1", "x, y, *x.stride(), x, 1", decorator="", grid=OF_N),
        starred("x_ptr, y_ptr, s, n, m=1", "x, y, *x.stride(), 2, 1", decorator="", grid=OF_N),
    ),
    "with_a_default_that_may_stay": Pair(
        starred("x_ptr, y_ptr, n, m=1", "x, *x.stride(), y", decorator="", grid=OF_N),
        starred("x_ptr, n, y_ptr, m=1", "x, *x.shape[:1], y, m=2", decorator="", grid=OF_N),
    ),
    "with_configurations": Pair(
        starred("x_ptr, s, y_ptr, n", "x, *x.stride(), y, x", decorator=TUNED, grid=GRID),
        starred("x_ptr, s, y_ptr, n", "x, *x.stride(), y, x.numel()", decorator=TUNED, grid=GRID),
    ),
    "with_configurations_that_fill_what_looks_passed": Pair(
        starred(
            "x_ptr, y_ptr, n, t, s", "x, *x.stride(), y", grid=OF_N,
            decorator="@triton.autotune(configs=[triton.Config({'BLOCK': 64, 's': 1, 't': 1})], key=['x_ptr'])",
        ),
        starred(
            "x_ptr, m, n, y_ptr, t, s", "x, *x.stride(), y", grid=OF_N,
            decorator="@triton.autotune(configs=[triton.Config({'BLOCK': 64, 's': 1, 't': 1})], key=['x_ptr'])",
        ),
    ),
    "with_configurations_whose_name_meant_others": Pair(
        starred(
            "x_ptr, m, y_ptr, n, s", "x, *x.stride(), y, 2", grid=OF_N,
            top="C = [triton.Config({'n': 1, 's': 2, 'BLOCK': 64})]\nC = [triton.Config({'BLOCK': 64})]",
            decorator="@triton.autotune(configs=C, key=['x_ptr'])",
        ),
        starred(
            "x_ptr, m, y_ptr, n, s", "x, *x.shape[:1], y, 2, 3", grid=OF_N,
            top="C = [triton.Config({'BLOCK': b}) for b in (32, 64)]",
            decorator="@triton.autotune(configs=C, key=['m'])",
        ),
    ),
    "with_a_double_star": Pair(
        starred("x_ptr, s, y_ptr, n", "x, *x.stride(), y, **more", body=BEGIN + "more = {'n': x}\n"),
        starred("x_ptr, s, y_ptr, n", "x, *x.stride(), y, n=3, **more", body=BEGIN + "more = {'num_warps': 4}\n"),
    ),
    "into_a_function": Pair(
        starred("x_ptr, y_ptr, n", "x, y, 3", body=BEGIN + "go(x, *x.stride(), y, x)\n", top=HELPER),
        starred("x_ptr, y_ptr, n", "x, y, 3", body=BEGIN + "go(x, *x.stride(), y, x.numel())\n", top=HELPER),
    ),
    "into_a_function_with_a_default": Pair(
        starred(
            "x_ptr, y_ptr, n", "x, y, 3", body=BEGIN + "go(x, *x.stride(), y, 1)\n", top=HELPER.replace("n)", "n, m=1)")
        ),
        starred(
            "x_ptr, y_ptr, n", "x, y, 3", body=BEGIN + "go(x, *x.stride(), y, 1, m=2)\n",
            top=HELPER.replace("n)", "n, m=1)"),
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_a_tensor_behind_a_star_is_not_computed_with(pair: Pair) -> None:
    assert rules_of(pair.attack) & {"source/host-arithmetic", "source/host-data", "source/python-in-kernel"}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_sizes_behind_a_star_are_sizes(pair: Pair) -> None:
    assert rules_of(pair.honest) == set()
