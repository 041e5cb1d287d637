"""Who hears what is going on while no result is there yet."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[str], None]
