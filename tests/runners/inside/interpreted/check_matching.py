"""Operands that are combined without Triton's own checks are what Triton's own checks make of them."""

import itertools

import numpy as np
import pytest
import triton.language as tl
from triton.language.semantic import IncompatibleTypeErrorImpl, TritonSemantic
from triton.runtime.interpreter import TensorHandle, interpreter_builder, interpreter_semantic

from runners.inside.interpreter import matching
from runners.inside.interpreter.formats import numpy_dtype

KINDS = (
    tl.int1, tl.int8, tl.int32, tl.int64, tl.uint8, tl.uint32, tl.float16, tl.bfloat16, tl.float32, tl.float64,
    tl.pointer_type(tl.float32),
)  # fmt: skip
SHAPES = ((), (4,), (2, 2), (1, 2))
NUMBERS = (
    0,
    1,
    -1,
    200,
    1 << 31,
    -(1 << 31),
    1 << 40,
    1 << 63,
    True,
    0.0,
    -0.0,
    2.5,
    1e300,
    1e-40,
    float("inf"),
    float("nan"),
)
USES = {"add": (True, True), "sub": (True, False), "mul": (), "div": (False, False, True, True)}


class Stock(TritonSemantic):
    binary_op_type_checking_impl = matching._stock_match
    broadcast_impl_value = matching._stock_broadcast
    cast = matching._stock_cast


def tensor(kind, shape):
    dtype = np.dtype(np.uint64) if kind.is_ptr() else numpy_dtype(kind)
    size = int(np.prod(shape, dtype=int))
    data = np.arange(1, size + 1).astype(dtype).reshape(shape or (1,))
    return tl.tensor(TensorHandle(data, kind), tl.block_type(kind, list(shape)) if shape else kind)


def result(semantic, lhs, rhs, use):
    """What became of both, or the name of the refusal."""
    try:
        both = semantic.binary_op_type_checking_impl(lhs, rhs, *USES[use])
    except (TypeError, ValueError, OverflowError, IncompatibleTypeErrorImpl) as error:
        return type(error).__name__
    return [
        (str(one.type), str(one.handle.dtype), str(one.handle.data.dtype), one.handle.data.tolist()) for one in both
    ]


@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_what_a_pair_becomes_is_what_triton_makes_of_it(kind, use):
    stock = Stock(interpreter_builder)
    others = [*(tensor(other, shape) for other in KINDS for shape in SHAPES), *NUMBERS]
    for shape, other in itertools.product(SHAPES, others):
        mine = tensor(kind, shape)
        for lhs, rhs in ((mine, other), (other, mine)):
            expected = str(result(stock, lhs, rhs, use))  # as text: NaN is not equal to itself
            assert str(result(interpreter_semantic, lhs, rhs, use)) == expected
            assert str(result(interpreter_semantic, lhs, rhs, use)) == expected, "the second time"


def test_a_number_beside_a_block_is_kept_and_forgotten(monkeypatch):
    monkeypatch.setattr(matching, "_KEPT", 3)
    monkeypatch.setattr(matching, "_BLOCKS", {})
    block = tensor(tl.float32, (4,))
    for number in range(8):
        _, made = matching.match(interpreter_semantic, block, number)
        assert made.handle.data.tolist() == [number] * 4
        assert matching.match(interpreter_semantic, block, number)[1] is made
        assert len(matching._BLOCKS) <= 3
