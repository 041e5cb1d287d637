"""What the worker sends of a call's outputs: each while there is room, however unequal; none beyond the cap."""

from __future__ import annotations

import pytest
import torch

from runners import wire
from runners.inside import candidate_unsafe

CONDITIONS = (wire.Conditions(fresh_byte=0, order_seed=None, choice_seed=0, undefined_lanes=False),)


def sent(cap_bytes: int, *counts: int) -> list[int]:
    """Returns the bytes that are sent of float32 outputs of so many elements."""
    request = wire.RunRequest(arguments=(), conditions=CONDITIONS, output_cap_bytes=cap_bytes)
    ran, buffers = candidate_unsafe.call(lambda: tuple(torch.ones(count) for count in counts), request, [])
    (returned,) = ran.calls
    assert isinstance(returned, wire.Returned)
    assert [output.shape for output in returned.outputs] == [(count,) for count in counts]
    assert [output.data_bytes for output in returned.outputs] == [len(data) for data in buffers]
    return [len(data) for data in buffers]


@pytest.mark.parametrize("counts", [(1000, 2), (2, 1000), (501, 501)])
def test_all_outputs_are_sent_that_fit_together(counts):
    assert sent(4 * sum(counts), *counts) == [4 * count for count in counts]


@pytest.mark.parametrize(("counts", "bytes_"), [((1000, 2), [4000, 0]), ((2, 1000), [8, 0]), ((2000, 2), [0, 8])])
def test_an_output_beyond_the_cap_is_described_and_not_sent(counts, bytes_):
    assert sent(4004, *counts) == bytes_


class Equal(type(torch.Tensor)):
    """The type of types that equal all others."""

    def __eq__(cls, other):
        return True

    def __hash__(cls):
        return hash(torch.Tensor)


class Lying(torch.Tensor, metaclass=Equal):
    """Passes for a plain tensor where types are compared."""


@pytest.mark.parametrize(
    ("made", "named"),
    [
        (lambda: torch.ones(2).as_subclass(Lying), "Lying"),
        (lambda: torch._neg_view(torch.ones(2)), "Tensor, negated when torch reads it"),
        (lambda: (torch.ones(2), 3), "int"),
        (lambda: (), "tuple"),
    ],
)
def test_what_is_no_plain_tensor_is_named_and_not_read(made, named):
    request = wire.RunRequest(arguments=(), conditions=CONDITIONS, output_cap_bytes=64)
    ran, buffers = candidate_unsafe.call(made, request, [])
    assert (ran.calls, buffers) == ((wire.ReturnedOther(type_name=named),), [])
    plain, _ = candidate_unsafe.call(lambda: torch.nn.Parameter(torch.ones(2)), request, [])
    assert isinstance(plain.calls[0], wire.Returned)
