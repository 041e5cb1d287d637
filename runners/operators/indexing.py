"""Losses and operators that move or count by index. Ids are within their range: what lies outside is nobody's promise.

Condition terms: copies and counts are exact. `scatter_add` adds in any order: a cell that receives n values errs by
about √n·2⁻²⁴ of the sum of their sizes (Higham & Mary 2019). `cross_entropy` errs as logsumexp does.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention

from runners.operators.model import (
    ANY_EXPONENT,
    LONG,
    ORDINARY,
    VECTOR_LAYOUTS,
    WHOLE_VALUES,
    Dim,
    Form,
    Operator,
    ScalarInput,
    TensorInput,
    Whole,
)
from runners.operators.rows import DIMS, EXPONENTS, logsumexp_condition

COUNTS = Dim("V", (1, 2, 3, 7, 16, 33, 100, 257), LONG)
ITEMS = Dim("N", (1, 2, 3, 7, 15, 16, 17, 33, 64, 65, 127, 129, 257, 1025, 2049), LONG)
OUTSIDE = "ids are within range; what a kernel makes of others is not tried"


def _ids(name: str, *dtypes: str, whole: Whole) -> TensorInput:
    return TensorInput(name, WHOLE_VALUES, ORDINARY, dtypes=dtypes, whole=whole)


def _cross_entropy(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(logits, target, reduction="none", ignore_index=-100)


def _cross_entropy_condition(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    picked = logits.gather(-1, target.clamp(min=0)[:, None])[:, 0]
    return logsumexp_condition(logits) + 2 * picked.abs()


def _scatter_add(index: torch.Tensor, src: torch.Tensor, size: int) -> torch.Tensor:
    return torch.zeros(size, dtype=src.dtype).scatter_add(0, index, src)


def _scatter_add_condition(index: torch.Tensor, src: torch.Tensor, size: int) -> torch.Tensor:
    received = torch.bincount(index, minlength=size).double()
    return (2 * received.sqrt() + received / 16 + 8) * _scatter_add(index, src.abs(), size)


def _histogram(x: torch.Tensor, bins: int) -> torch.Tensor:
    return torch.bincount(x.reshape(-1), minlength=bins)


def _exact(*arguments: object) -> torch.Tensor:
    return torch.zeros((), dtype=torch.float64)


CROSS_ENTROPY = Operator(
    name="cross_entropy",
    summary="one loss a row of logits (R, C); target int64 (R); 0 where the target is −100",
    inputs=(
        TensorInput("logits", EXPONENTS.values),
        TensorInput("target", (*WHOLE_VALUES, "whole_some_ignored"), ORDINARY, VECTOR_LAYOUTS, ("int64",),
                    Whole(0, "N - 1", ignored=-100)),
    ),
    dims=DIMS,
    forms=(Form("rows", {"logits": ("M", "N"), "target": ("M",)}),),
    reference=_cross_entropy,
    condition=_cross_entropy_condition,
    meaning=(
        "the loss of an ignored row is 0 whatever its logits are",
        "NaN and ±Inf propagate as in log_softmax",
        OUTSIDE,
    ),
    reduction="N",
    may_flush=True,
)  # fmt: skip

EMBEDDING = Operator(
    name="embedding",
    summary="rows of table (V, D) by ids, int32 or int64 of any shape",
    inputs=(_ids("ids", "int64", "int32", whole=Whole(0, "V - 1")), TensorInput("table", ANY_EXPONENT)),
    dims=(
        Dim("B", (1, 2, 3)), Dim("N", (1, 2, 3, 7, 16, 17, 33, 0), LONG), COUNTS,
        Dim("D", (1, 2, 3, 7, 16, 17, 64, 65, 129), LONG),
    ),
    forms=(
        Form("list", {"ids": ("N",), "table": ("V", "D")}),
        Form("batch", {"ids": ("B", "N"), "table": ("V", "D")}),
        Form("cube", {"ids": ("B", 2, "N"), "table": ("V", "D")}),
    ),
    reference=lambda ids, table: F.embedding(ids, table),
    condition=_exact,
    copies=True,
    meaning=(
        "rows are copied as they are, NaN, ±Inf and the sign of a zero with them",
        "no ids give an empty result",
        OUTSIDE,
    ),
    dtypes=("float32", "float16", "bfloat16", "float64"),
)  # fmt: skip

SCATTER_ADD = Operator(
    name="scatter_add",
    summary="from zeros (size), src (n) added at index (n), int64, in any order",
    inputs=(_ids("index", "int64", whole=Whole(0, "V - 1")), TensorInput("src"), ScalarInput("size", ())),
    dims=(ITEMS, COUNTS),
    forms=(Form("vector", {"index": ("N",), "src": ("N",)}, arguments={"size": "V"}),),
    reference=_scatter_add,
    condition=_scatter_add_condition,
    meaning=("a cell that receives nothing is 0", "added in float32 and rounded once; NaN and ±Inf propagate", OUTSIDE),
    reduction="N",
    may_flush=True,
)

HISTOGRAM = Operator(
    name="histogram",
    summary="how often each of the ids 0 … bins − 1 occurs in x, int32 or int64 of any shape → int64 (bins)",
    inputs=(_ids("x", "case", whole=Whole(0, "V - 1")), ScalarInput("bins", ())),
    dims=(Dim("B", (1, 2, 3)), ITEMS, COUNTS),
    forms=(
        Form("list", {"x": ("N",)}, arguments={"bins": "V"}),
        Form("batch", {"x": ("B", "N")}, arguments={"bins": "V"}),
        Form("cube", {"x": ("B", 2, "N")}, arguments={"bins": "V"}),
    ),
    reference=_histogram,
    condition=_exact,
    meaning=("a bin that nothing falls into is 0", OUTSIDE),
    reduction="N",
    dtypes=("int64", "int32"),
    results=("int64",),
)

TRANSPOSE = Operator(
    name="transpose",
    summary="the last two axes of x exchanged, contiguous",
    inputs=(TensorInput("x", ANY_EXPONENT),),
    dims=(
        Dim("B", (1, 2, 3)), Dim("M", (1, 2, 3, 7, 16, 17, 33, 65, 0), LONG),
        Dim("N", (1, 2, 3, 7, 15, 16, 31, 64, 65, 129, 0), LONG),
    ),
    forms=(Form("matrix", {"x": ("M", "N")}), Form("batch", {"x": ("B", "M", "N")})),
    reference=lambda x: x.transpose(-1, -2).contiguous(),
    condition=_exact,
    copies=True,
    meaning=("every element is copied as it is: NaN, ±Inf, denormals and the sign of a zero, too",),
    dtypes=("float32", "float16", "bfloat16", "float64"),
)  # fmt: skip

INDEXING = (CROSS_ENTROPY, EMBEDDING, SCATTER_ADD, HISTOGRAM, TRANSPOSE)
