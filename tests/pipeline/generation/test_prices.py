from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.errors import GenerationError
from pipeline.generation.exchange import Usage
from pipeline.generation.prices import load_prices

TABLE = """
date: 2026-11-01
source: a page that was read on that day
prices:
  - {provider: one, model: made-up-1, input_usd: "2.50", cached_usd: "0.25", written_usd: "3.125", output_usd: 10}
  - {provider: two, model: made-up-1, input_usd: 0.1, cached_usd: 0, written_usd: 0, output_usd: 0.3}
"""


def table(folder: Path, text: str = TABLE) -> Path:
    path = folder / "prices.yaml"
    path.write_text(text)
    return path


def usage(**changes: int) -> Usage:
    given = {
        "input_tokens": 1000, "cached_tokens": 600, "written_tokens": 100, "output_tokens": 50, "reasoning_tokens": 20,
    }  # fmt: skip
    return Usage(**(given | changes))


def test_each_kind_of_token_has_its_price_and_the_sum_is_exact(tmp_path: Path) -> None:
    price = load_prices(table(tmp_path)).of("one", "made-up-1")
    assert price is not None
    # (300·2.50 + 600·0.25 + 100·3.125 + 50·10) / 10⁶
    assert price.cost_usd(usage()) == Decimal("0.0017125")


def test_a_number_of_the_file_is_taken_as_it_is_written(tmp_path: Path) -> None:
    price = load_prices(table(tmp_path)).of("two", "made-up-1")
    assert price is not None
    assert price.cost_usd(usage(cached_tokens=0, written_tokens=0)) == Decimal("0.000115")


def test_the_most_is_never_less_than_what_it_costs(tmp_path: Path) -> None:
    price = load_prices(table(tmp_path)).of("one", "made-up-1")
    assert price is not None
    for cached, written in ((0, 0), (1000, 0), (0, 1000), (400, 600)):
        assert price.cost_usd(usage(cached_tokens=cached, written_tokens=written)) <= price.most_usd(1000, 50)
    assert price.cost_usd(usage(cached_tokens=0, written_tokens=1000)) == price.most_usd(1000, 50)


def test_a_model_has_a_price_only_at_the_provider_that_the_table_names(tmp_path: Path) -> None:
    prices = load_prices(table(tmp_path))
    assert prices.of("three", "made-up-1") is None
    assert prices.of("one", "made-up-2") is None
    assert str(prices.date) == "2026-11-01"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not a price table"),
        ("prices: [", "is not YAML"),
        ("date: 2026-13-45\nsource: s\nprices: []\n", "YAML|price table"),
        (TABLE.replace("date: 2026-11-01", ""), "date: Field required"),
        (TABLE.replace("source: a page that was read on that day", ""), "source: Field required"),
        (TABLE.replace('"2.50"', '"-1"'), "greater than or equal to 0"),
        (TABLE.replace('"2.50"', "nan"), "price table"),
        (TABLE.replace("provider: two", "provider: one"), "'made-up-1' of provider 'one' has several prices"),
        (TABLE.replace("output_usd: 10", "output_usd: 10, currency: EUR"), "currency: Extra inputs"),
    ],
)
def test_a_table_that_cant_be_used_says_where(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(GenerationError, match=says):
        load_prices(table(tmp_path, text))


def test_a_table_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match="can't be read"):
        load_prices(tmp_path / "none.yaml")
