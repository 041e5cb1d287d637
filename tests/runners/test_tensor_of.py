from __future__ import annotations

import pytest
import torch

from runners import wire
from runners.conversation import tensor_of


def output(dtype: str, *shape: int) -> wire.Output:
    return wire.Output(dtype=dtype, shape=shape, contiguous=True, device="cpu", data_bytes=0)


def test_bytes_become_the_tensor_that_was_announced() -> None:
    got = tensor_of(output("int32", 2, 1), memoryview(b"\1\0\0\0\2\0\0\0"))
    assert torch.equal(got, torch.tensor([[1], [2]], dtype=torch.int32))


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 1 << 40)])
def test_no_bytes_are_an_empty_tensor(shape: tuple[int, ...]) -> None:
    assert tensor_of(output("float16", *shape), memoryview(b"")).shape == shape


@pytest.mark.parametrize(
    ("claim", "data"),
    [
        pytest.param(output("float32", 1 << 40), b"", id="a tebi of elements, and none came"),
        pytest.param(output("float32", *(1 << 48,) * 8), b"", id="a size beyond 64 bits"),
        pytest.param(output("float32", 3), b"12345678", id="more elements than came"),
        pytest.param(output("float32", 1), b"12345678", id="fewer elements than came"),
        pytest.param(output("float32", 1), b"12345", id="half an element"),
        pytest.param(output("complex64", 1), b"12345678", id="a dtype that no operator has"),
        pytest.param(output("__class__", 1), b"12345678", id="a name that is no dtype"),
    ],
)
def test_a_claim_that_the_bytes_do_not_bear_out_is_a_value_error(claim: wire.Output, data: bytes) -> None:
    with pytest.raises(ValueError, match="of dtype"):
        tensor_of(claim, memoryview(data))
