"""Maps of errors: where elements are wrong, in which units, and that no bytes of a candidate break or swell them."""

from __future__ import annotations

import json
import math

import pytest
import torch
from pydantic import ValidationError

from runners.error_map import CELLS, LARGEST, ErrorMap
from runners.mapping_errors import layout_of, map_errors
from runners.oracle import Expected, compare

NEVER = torch.zeros((), dtype=torch.bool)
MOST_BYTES = 100_000


def due(exact: torch.Tensor, room: float, dtype: str = "float32", free: torch.Tensor = NEVER) -> Expected:
    exact = exact.double()
    return Expected(dtype, exact, exact - room, exact + room, free)


def counted(errors: ErrorMap) -> int:
    return sum(map(sum, errors.wrong))


def covered(errors: ErrorMap) -> int:
    return sum(errors.elements(row, column) for row, cells in enumerate(errors.wrong) for column in range(len(cells)))


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        ((), (1, 1, 1, 1)),
        ((5,), (1, 5, 1, 1)),
        ((64,), (1, 64, 1, 1)),
        ((65,), (2, 64, 1, 1)),
        ((4097,), (33, 128, 1, 2)),
        ((70_000,), (35, 2048, 1, 32)),
        ((1, 70_000), (35, 2048, 1, 32)),
        ((70_000, 1), (35, 2048, 1, 32)),
        ((7, 33), (7, 33, 1, 1)),
        ((65, 2), (65, 2, 2, 1)),
        ((2, 3, 129), (6, 129, 1, 4)),
        ((70_000, 3), (70_000, 3, 2048, 1)),
        ((0,), (0, 0, 1, 1)),
        ((3, 0, 5), (0, 0, 1, 1)),
    ],
)
def test_a_result_of_any_rank_is_a_matrix_and_a_vector_is_wrapped(shape, layout) -> None:
    assert layout_of(shape) == layout
    errors = map_errors(due(torch.zeros(shape), 1.0), torch.zeros(shape))
    assert covered(errors) == errors.total == math.prod(shape)
    assert len(errors.wrong) <= CELLS
    assert all(len(row) <= CELLS for row in errors.wrong)


def test_each_cell_counts_its_own_block() -> None:
    got = torch.zeros(130, 70)
    got[128:, 64:] = 3.0
    got[4, 2] = 2.0
    errors = map_errors(due(torch.zeros(130, 70), 1.0), got)
    assert (errors.cell_rows, errors.cell_columns) == (4, 2)
    assert {(r, c): n for r, row in enumerate(errors.wrong) for c, n in enumerate(row) if n} == {
        (1, 1): 1, (32, 32): 4, (32, 33): 4, (32, 34): 4,
    }  # fmt: skip
    assert errors.worst[1][1] == 2.0
    assert errors.worst[32][34] == 3.0
    assert errors.worst[0][0] == 0.0
    assert errors.elements(32, 34) == 4


def test_the_last_row_of_a_vector_need_not_be_full() -> None:
    got = torch.zeros(65)
    got[64] = 2.0
    errors = map_errors(due(torch.zeros(65), 1.0), got)
    assert errors.wrong[1] == (1, *([0] * 63))
    assert errors.worst[1] == (2.0, *([None] * 63))
    assert [errors.elements(1, column) for column in (0, 1, 63)] == [1, 0, 0]


def test_a_right_result_has_no_error_beyond_the_edge() -> None:
    got = torch.tensor([0.5, -1.0, 0.0])
    errors = map_errors(due(torch.zeros(3), 1.0), got)
    assert counted(errors) == 0
    assert errors.worst == ((0.5, 1.0, 0.0),)


@pytest.mark.parametrize(
    ("dtype", "exact", "got", "worst"),
    [
        ("float16", 1.0, 1.0 + 2**-10, 2.0),
        ("float16", 1.5, 1.5, 0.0),
        ("bfloat16", 1.5, 1.5 + 2**-7, 2.0),
        ("float16", 0.0, 2**-24, 2.0),
        ("float64", 1.5, 1.5 + 2**-52, 2.0),
        ("float64", 1.5e300, 1.5e300 * (1 + 2**-51), 4.0),
        ("int64", 7, 8, 2.0),
        ("int8", 7, 5, 4.0),
        ("uint8", 0, 255, 510.0),
        ("float8_e4m3fn", 1.0, 1.125, 2.0),
    ],
)
def test_where_one_value_is_right_half_the_spacing_is_the_unit(dtype, exact, got, worst) -> None:
    result = torch.tensor([got], dtype=torch.float64).to(getattr(torch, dtype))
    errors = map_errors(due(torch.tensor([exact], dtype=torch.float64), 0.0, dtype), result)
    assert errors.worst == ((worst,),)
    assert errors.wrong == ((int(worst > 0),),)


def test_elements_of_another_class_are_counted_apart_and_have_no_size() -> None:
    nan, inf = torch.nan, torch.inf
    exact = torch.tensor([1.0, 1.0, nan, nan, inf, -inf, -inf, inf])
    got = torch.tensor([nan, -inf, nan, 2.0, -inf, -inf, 3.0, inf])
    wanted = due(exact, 0.0)
    errors = map_errors(wanted, got)
    assert errors.wrong == errors.mismatched == ((1, 1, 0, 1, 1, 0, 1, 0),)
    assert errors.worst == ((None,) * 8,)
    assert counted(errors) == compare(wanted, got).wrong


def test_of_free_elements_nothing_is_said() -> None:
    free = torch.tensor([True, False, True])
    errors = map_errors(due(torch.zeros(3), 1.0, free=free), torch.tensor([torch.nan, 5.0, 1e30]))
    assert errors.free == 2
    assert errors.wrong == ((0, 1, 0),)
    assert errors.worst == ((None, 5.0, None),)


def test_an_interval_that_ends_in_infinity_is_measured_up_to_the_largest_number() -> None:
    exact = torch.tensor([torch.finfo(torch.float16).max], dtype=torch.float64)
    wanted = Expected("float16", exact, exact, torch.full_like(exact, torch.inf), NEVER)
    errors = map_errors(wanted, torch.tensor([1.0], dtype=torch.float16))
    assert errors.mismatched == ((0,),)
    assert errors.worst == ((4090.0,),)  # 65503 in units of 16


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int8", "uint8"])
def test_no_bytes_break_a_map_or_make_it_large(dtype) -> None:
    """Every bit pattern a candidate may send, against results of every class."""
    bits = torch.randint(0, 256, (300 * 301 * 8,), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    kind = getattr(torch, dtype)
    got = bits[: 300 * 301 * kind.itemsize].view(kind).reshape(300, 301)
    exact = torch.zeros(300, 301, dtype=torch.float64)
    if kind.is_floating_point:
        exact[::2, ::3], exact[1::5], exact[3::7] = torch.nan, torch.inf, torch.finfo(kind).max
    wanted = due(exact, 0.0, dtype)
    errors = map_errors(wanted, got)
    assert counted(errors) == compare(wanted, got).wrong
    stored = errors.model_dump_json()
    assert len(stored) < MOST_BYTES
    json.loads(stored, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert ErrorMap.model_validate_json(stored) == errors


def test_the_largest_map_stays_below_its_bound() -> None:
    """Every cell full of wrong elements of both kinds, with the longest numbers there are."""
    got = torch.full((4096, 1024), 1.23e305, dtype=torch.float64)
    got[:, ::2] = torch.nan
    errors = map_errors(due(torch.zeros(4096, 1024), 1.23e-3, "float64"), got)
    assert errors.worst[0][0] == LARGEST
    assert len(errors.model_dump_json()) < MOST_BYTES


@pytest.mark.parametrize(
    "changes",
    [
        {"wrong": ((0,),)},
        {"mismatched": ((0, 0), (0,))},
        {"worst": ()},
        {"rows": 1},
        {"cell_columns": 0},
        {"worst": ((math.inf, 0.0), (0.0, 0.0))},
        {"worst": ((-1.0, 0.0), (0.0, 0.0))},
        {"wrong": ((-1, 0), (0, 0))},
    ],
)
def test_grids_that_are_none_are_no_map(changes) -> None:
    cells = ((0, 0), (0, 0))
    right = {"shape": (2, 2), "rows": 2, "columns": 2, "cell_rows": 1, "cell_columns": 1, "free": 0,
             "wrong": cells, "mismatched": cells, "worst": ((0.0, 0.0), (0.0, None))}  # fmt: skip
    assert ErrorMap.model_validate(right).total == 4
    with pytest.raises(ValidationError):
        ErrorMap.model_validate(right | changes)


def test_no_map_has_more_cells_than_fit() -> None:
    rows = ((0,) * (CELLS + 1),)
    with pytest.raises(ValidationError, match="at most 64"):
        ErrorMap(shape=(65,), rows=1, columns=65, cell_rows=1, cell_columns=1, free=0, wrong=rows, mismatched=rows,
                 worst=rows)  # fmt: skip


def test_a_zero_of_the_wrong_sign_is_on_the_map_where_it_is_wrong() -> None:
    exact = torch.tensor([-0.0, 0.0, 1.0], dtype=torch.float64)
    got = torch.tensor([0.0, 0.0, 1.0])
    for copied, wrong in ((True, 1), (False, 0)):
        expected = Expected("float32", exact, exact, exact, NEVER, copied)
        assert counted(map_errors(expected, got)) == compare(expected, got).wrong == wrong
