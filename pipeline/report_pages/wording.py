"""How numbers and names are written on a page."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Final

_RUN_ID: Final = re.compile(r"(\d{8}-\d{6})-[0-9a-f]{8}")


def seconds(value: float) -> str:
    """Returns a duration to about three digits."""
    if value < 0.0995:
        return f"{value * 1000:.0f} ms"
    if value < 99.5:
        return f"{value:.3g} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def milliseconds(value: float) -> str:
    """Returns a time on a GPU, given in milliseconds."""
    return f"{value * 1000:.3g} µs" if value < 0.9995 else f"{value:.4g} ms"


def number(value: float) -> str:
    """Returns an element of a tensor, as messages write it."""
    return f"{value:.9g}"


def short(value: float) -> str:
    """Returns a measured quantity to three digits."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value != 0 and (abs(value) < 1e-3 or abs(value) >= 1e6):
        return f"{value:.2e}"
    return f"{value:.0f}" if abs(value) >= 999.5 else f"{value:.3g}"


def percent(share: float) -> str:
    """Returns a share; what is not quite all is not called all."""
    if 0.999 <= share < 1:
        return "99.9 %"
    return f"{share * 100:.3g} %"


def counted(count: int, one: str, more: str | None = None) -> str:
    """Returns a count with its noun."""
    return f"{count:,} {one if count == 1 else more or f'{one}s'}"


def index_text(index: tuple[int, ...]) -> str:
    """Returns an element's index; a tensor without dims has one element."""
    return f"[{', '.join(str(part) for part in index)}]" if index else "the only element"


def day_of(run: str) -> str | None:
    """Returns when a run ended, as its id says; None where the id was not made by this program."""
    match = _RUN_ID.fullmatch(run)
    if match is None:
        return None
    try:
        return datetime.strptime(match.group(1), "%Y%m%d-%H%M%S").strftime("%Y-%m-%d %H:%M:%S UTC")
    except ValueError:
        return None
