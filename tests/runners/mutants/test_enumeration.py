"""Which mutants a source has: those of the code that runs, each a program of its own, in a fixed order."""

from __future__ import annotations

import ast
import textwrap
from itertools import islice

import pytest

from runners.mutants import Mutant, mutants_of, shuffled_mutants

HEAD = "import triton\nimport triton.language as tl\n\n"
LINE = 6  # of a kernel's first statement


SIGNATURE = "x_ptr, out_ptr, rows, columns, row_stride, column_stride, BLOCK: tl.constexpr"


def kernel(body: str) -> str:
    """A source whose kernel has `body`."""
    lines = textwrap.indent(textwrap.dedent(body).strip(), "    ")
    return f"{HEAD}@triton.jit\ndef k({SIGNATURE}):\n{lines}\n\n\ndef entry(x):\n    k[x](x)\n    return x\n"


def made(source: str, entry: str = "entry") -> dict[str, str]:
    """What each mutant changes the line into, by the name of the change (the last of equal names counts)."""
    return {mutant.name: mutant.diff.splitlines()[-1].removeprefix("+").strip() for mutant in mutants_of(source, entry)}


def named(source: str) -> set[str]:
    return {mutant.name for mutant in mutants_of(source, "entry")}


@pytest.mark.parametrize(
    ("line", "name", "becomes"),
    [
        ("m = i < columns", "< to <=", "m = i <= columns"),
        ("m = i < columns", "< to >", "m = i > columns"),
        ("m = i == columns", "== to !=", "m = i != columns"),
        ("i = a + b", "+ to -", "i = a - b"),
        ("i = a * (b + c)", "* to +", "i = a + (b + c)"),
        ("i = c - a * b", "* to +", "i = c - (a + b)"),
        ("i = a * (b + c)", "* and its left side dropped", "i = (b + c)"),
        ("v = a + 1e-5", "+ and its right side dropped", "v = a"),
        ("m = a & b", "& to |", "m = a | b"),
        ("i = n // 4", "// to %", "i = n % 4"),
        ("p = tl.program_id(0)", "0 to 1", "p = tl.program_id(1)"),
        ("v = 0.5 * a", "0.5 to 0.505", "v = 0.505 * a"),
        ("v = -a", "sign dropped", "v = a"),
        ('v = float("-inf")', "-inf to 0", "v = 0.0"),
        ('v = float("-inf")', "-inf to inf", 'v = float("inf")'),
        ("v = a.to(tl.float32)", "cast dropped", "v = a"),
        ("v = a.to(tl.float32)", "float32 to float16", "v = a.to(tl.float16)"),
        ("v = a[:, None]", "axes swapped", "v = a[None, :]"),
        ("i = a * row_stride", "row_stride to column_stride", "i = a * column_stride"),
        ("i = a < rows", "rows to columns", "i = a < columns"),
        ("v = tl.load(p, mask=m, other=0.0)", "mask dropped", "v = tl.load(p)"),
        ("v = tl.load(p, m, 0.0)", "mask dropped", "v = tl.load(p)"),
        ("tl.store(p, v, mask=m)", "mask dropped", "tl.store(p, v)"),
        ("tl.store(p, v, mask=m)", "statement dropped", "pass"),
        ("v = tl.max(a, axis=0)", "max to min", "v = tl.min(a, axis=0)"),
        ("v = tl.exp(a)", "exp to exp2", "v = tl.exp2(a)"),
        ("v = tl.exp(a - b)", "exp dropped", "v = (a - b)"),
        ("v = tl.where(m, a, b)", "branches swapped", "v = tl.where(m, b, a)"),
        ("tl.atomic_add(p, v, mask=m)", "atomic_add to store", "tl.store(p, v, mask=m)"),
        ("v = tl.dot(a, b, v)", "arguments 1 and 2 swapped", "v = tl.dot(b, a, v)"),
        ('v = tl.dot(a, b, input_precision="ieee")', "input_precision dropped", "v = tl.dot(a, b)"),
        ("for i in range(0, n, 4): pass", "last turn skipped", "for i in range(0, n - 4, 4): pass"),
        ("for i in range(0, n, 4): pass", "first turn skipped", "for i in range(0 + 4, n, 4): pass"),
        ("for i in range(n): pass", "first turn skipped", "for i in range(1, n): pass"),
        ("while i < n: i += 1", "condition negated", "while (not (i < n)): i += 1"),
        ("rows = rows * 2", "assignment dropped", "pass"),
    ],
)  # fmt: skip
def test_a_change_of_this_kind_is_made(line: str, name: str, becomes: str) -> None:
    assert (name, becomes) in {
        (mutant.name, mutant.diff.splitlines()[-1].removeprefix("+").strip())
        for mutant in mutants_of(kernel(line), "entry")
    }


def test_the_grid_can_be_rounded_down_and_its_constant_made_too_large() -> None:
    source = f"{HEAD}def entry(x):\n    grid = (triton.cdiv(x.numel(), 64),)\n    return grid\n"
    changes = made(source)
    assert changes["cdiv to //"] == "grid = ((x.numel() // 64),)"
    assert "64 to 65" in changes
    assert "64 to 63" not in changes  # more programs, all with nothing to do


def test_a_dropped_neutral_element_matters_where_lanes_are_mixed_and_nowhere_else() -> None:
    load = "v = tl.load(x_ptr, mask=m, other=0.0)"
    assert "other dropped" in named(kernel(f"{load}\ns = tl.sum(v, axis=0)"))
    assert "other dropped" not in named(kernel(f"{load}\ntl.store(out_ptr, v, mask=m)"))
    assert "0 to 1" not in named(kernel(f"{load}\ntl.store(out_ptr, v, mask=m)"))


def test_an_axis_is_only_changed_where_there_is_another_one() -> None:
    assert "0 to 1" not in named(kernel("s = tl.sum(v, axis=0)"))
    assert "0 to 1" in named(kernel("w = v[:, None]\ns = tl.sum(w, axis=0)"))


def test_an_assignment_is_only_lost_where_its_name_had_a_value() -> None:
    assert "assignment dropped" not in named(kernel("fresh = rows + 1"))
    assert "assignment dropped" in named(kernel("rows = rows + 1"))


@pytest.mark.parametrize(
    "line",
    [
        "block = 64",
        "i = tl.arange(0, 64)",
        "i = a.to(tl.int64)",
        "k2[x_ptr](x_ptr, num_warps=3)",
        "v = tl.maximum(a, b)",
    ],
)
def test_what_changes_no_result_is_not_generated(line: str) -> None:
    assert {mutant.name for mutant in mutants_of(kernel(line), "entry") if mutant.line == LINE} <= {
        "maximum to minimum", "statement dropped",
    }  # fmt: skip


def test_texts_annotations_guards_and_unreached_functions_are_left_alone() -> None:
    source = (
        f'"""A text with 1 < 2."""\n{HEAD}UNUSED = 3\n\n\ndef unused(x):\n    return x + 1\n\n\n'
        'def entry(x: "1 + 1") -> 2:\n    """Adds 1 + 1."""\n    assert x.numel() > 0\n    '
        'if False:\n        raise ValueError(f"{x} + 1")\n    return x\n'
    )
    assert {(mutant.line, mutant.name) for mutant in mutants_of(source, "entry")} <= {
        (15, "condition negated"), (15, "False to True"),
    }  # fmt: skip


def test_constants_of_the_module_are_changed_where_they_are_used() -> None:
    source = f"{HEAD}SCALE = 0.7\n\n\ndef entry(x):\n    return f(x, SCALE)\n"
    assert "0.7 to 0.707" in named(source)


def test_every_mutant_parses_and_is_another_program_than_every_other() -> None:
    source = kernel(
        "i = a + (b * c) - d\nm = (i < rows) & (a < columns)\nrows = rows - 1\ntl.store(out_ptr, a, mask=m)"
    )
    found = list(mutants_of(source, "entry"))
    programs = {ast.dump(ast.parse(mutant.source)) for mutant in found}
    assert len(programs) == len(found) > 20
    assert ast.dump(ast.parse(source)) not in programs
    assert len({mutant.id for mutant in found}) == len(found)


def test_a_diff_shows_the_changed_line_alone() -> None:
    mutant = next(m for m in mutants_of(kernel("a = 1\nm = a < rows\nb = 2"), "entry") if m.name == "< to <=")
    assert mutant.diff.splitlines() == [
        f"@@ -{mutant.line} +{mutant.line} @@",
        "-    m = a < rows",
        "+    m = a <= rows",
    ]


def test_letters_of_several_bytes_and_other_line_ends_do_not_move_an_edit() -> None:
    source = kernel("m = a < rows  # größer").replace("\n", "\r\n")
    mutant = next(m for m in mutants_of(source, "entry") if m.name == "< to <=")
    assert b"    m = a <= rows  # gr\xc3\xb6\xc3\x9fer\n" in mutant.source


def test_the_order_follows_from_the_source_and_a_sample_from_the_seed() -> None:
    source = kernel("i = a + b * c\nm = i < rows")

    def ids(mutants: object) -> list[str]:
        assert isinstance(mutants, list)
        return [mutant.id for mutant in mutants if isinstance(mutant, Mutant)]

    assert ids(list(mutants_of(source, "entry"))) == ids(list(mutants_of(source, "entry")))
    one, again, other = (ids(list(islice(shuffled_mutants(source, "entry", seed), 6))) for seed in (1, 1, 2))
    assert one == again != other
    assert set(one) <= set(ids(list(mutants_of(source, "entry"))))
