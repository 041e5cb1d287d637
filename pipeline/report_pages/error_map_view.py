"""The error of the failing tensor as a map; a placeholder until evidence holds one."""

from __future__ import annotations

from dataclasses import dataclass

from runners.evidence import WrongValues


@dataclass(frozen=True, slots=True)
class Shade:
    """All cells of one shade, as one path; `name` is a class of the style sheet."""

    name: str
    label: str
    count: int
    path: str


@dataclass(frozen=True, slots=True)
class ErrorMapView:
    """A map of `rows` by `columns` cells."""

    rows: int
    columns: int
    shades: tuple[Shade, ...]


def error_map_view(failure: WrongValues) -> ErrorMapView | None:
    """Returns the map; None where none was recorded."""
    return None
