"""Elements that are generated: the same whoever makes them, in whatever pieces, and what their dtype holds exactly."""

from __future__ import annotations

import pytest
import torch

from runners import generating, wire
from runners.generating import FACTORS, MASK, Generated

COUNT = 10_007
ELEMENTS = {
    torch.float64: wire.Elements(lowest=-(1 << 30), span=1 << 31, exponent=-29),
    torch.float32: wire.Elements(lowest=-(1 << 23), span=1 << 24, exponent=-22),
    torch.float16: wire.Elements(lowest=-(1 << 10), span=1 << 11, exponent=-9),
    torch.bfloat16: wire.Elements(lowest=-(1 << 7), span=1 << 8, exponent=-6),
    torch.float8_e4m3fn: wire.Elements(lowest=-8, span=16, exponent=-2),
    torch.int64: wire.Elements(lowest=0, span=32_001),
    torch.int32: wire.Elements(lowest=5, span=1),
    torch.int8: wire.Elements(lowest=-128, span=256),
    torch.uint8: wire.Elements(lowest=0, span=16),
}
DTYPES = pytest.mark.parametrize("dtype", ELEMENTS, ids=str)


def generated(dtype: torch.dtype, seed: int = 6, number: int = 0) -> Generated:
    return Generated(ELEMENTS[dtype], dtype, seed, number)


def filled(one: Generated, count: int = COUNT) -> torch.Tensor:
    base = torch.empty(count, dtype=one.dtype)
    one.fill(base)
    return base


def bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.contiguous().view(torch.uint8)


def by_hand(one: Generated, index: int) -> int:
    """The definition, in Python's integers: two rounds of lowbias32 as it is published."""

    def lowbias32(value: int) -> int:
        value ^= value >> 16
        value = value * 0x7FEB352D & MASK
        value ^= value >> 15
        value = value * 0x846CA68B & MASK
        return value ^ (value >> 16)

    first, second = generating._keys(one.seed, one.number)
    mixed = lowbias32(lowbias32(index & MASK ^ first) ^ (index >> 32) ^ second)
    value = one.elements.lowest + (mixed * one.elements.span >> 32)
    return abs(value) if one.seed % 2 and one.dtype.is_floating_point else value


@DTYPES
@pytest.mark.parametrize("seed", [6, 7])
def test_an_element_is_what_its_definition_says(dtype: torch.dtype, seed: int) -> None:
    one = generated(dtype, seed)
    places = [0, 1, 65_535, 65_536, (1 << 31) - 1, 1 << 31, (1 << 31) + 1, MASK, MASK + 1, (1 << 40) + 3]
    made = one.at(torch.tensor(places)).double() / 2.0**one.elements.exponent
    assert made.tolist() == [by_hand(one, place) for place in places]


def test_no_product_leaves_63_bits() -> None:
    assert max(abs(factor) for factor in FACTORS) * MASK < 1 << 63
    assert MASK * wire.Elements(lowest=0, span=1 << 31).span < 1 << 63


@DTYPES
@pytest.mark.parametrize("piece", [1, 1000, COUNT - 1, COUNT, 1 << 20])
def test_pieces_of_any_size_give_the_same_bits(dtype: torch.dtype, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 50 if piece == 1 else COUNT
    whole = filled(generated(dtype), count)
    monkeypatch.setattr(generating, "HOST_PIECE", piece)
    assert torch.equal(bits(filled(generated(dtype), count)), bits(whole))
    assert generated(dtype).is_in(whole)


@DTYPES
def test_positions_give_what_the_whole_has_there(dtype: torch.dtype) -> None:
    whole = filled(generated(dtype))
    index = torch.randint(COUNT, (3, 1, 70))
    before = index.clone()
    assert torch.equal(bits(generated(dtype).at(index)), bits(whole[index]))
    assert torch.equal(index, before)


@DTYPES
def test_a_base_in_which_one_bit_changed_is_another(dtype: torch.dtype) -> None:
    whole = filled(generated(dtype))
    for place in (0, COUNT // 2, COUNT - 1):
        changed = bits(whole).clone()
        changed[place * dtype.itemsize] ^= 1
        assert not generated(dtype).is_in(changed.view(dtype))


@DTYPES
def test_floats_are_what_their_dtype_holds_and_no_less(dtype: torch.dtype) -> None:
    elements, made = ELEMENTS[dtype], filled(generated(dtype)).double()
    integers = made / 2.0**elements.exponent
    assert torch.equal(integers, integers.round())
    assert elements.lowest <= float(integers.min()) <= float(integers.max()) < elements.lowest + elements.span
    if elements.span > 1:
        middle = elements.lowest + (elements.span - 1) / 2
        assert abs(float(integers.mean()) - middle) < 0.05 * elements.span


def test_float32_has_digits_that_tf32_loses() -> None:
    made = filled(generated(torch.float32))
    kept = (made.view(torch.int32) & ~0x1FFF).view(torch.float32)
    assert float((kept != made).double().mean()) > 0.9


def test_float16_has_digits_that_bfloat16_loses() -> None:
    made = filled(generated(torch.float16))
    assert float((made.bfloat16().half() != made).double().mean()) > 0.4


@pytest.mark.parametrize(("seed", "number"), [(8, 0), (7, 1), (7 + (1 << 63), 0)])
def test_another_seed_or_argument_has_other_elements_and_not_in_another_order(seed: int, number: int) -> None:
    one, other = (filled(generated(torch.int64, *which), 4096) for which in ((7, 0), (seed, number)))
    assert float((one == other).double().mean()) < 0.01
    assert not torch.equal(one.sort().values, other.sort().values)
