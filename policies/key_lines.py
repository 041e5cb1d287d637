"""On which line of a policy file each key stands, and which keys stand twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import yaml

DEPTH: Final = 6  # deeper than any policy; an alias can make a document without end


def lines_of(text: str) -> dict[str, int]:
    """Returns the line (from 1) of every key by its dotted name; nothing of what is not YAML."""
    return dict(reversed(list(_keys(text))))  # of two equal keys the first


def line_of(key: str, lines: dict[str, int]) -> int | None:
    """Returns the line of a key, or of the innermost one around it that the file names."""
    parts = key.split(".")
    return next((lines[name] for n in range(len(parts), 0, -1) if (name := ".".join(parts[:n])) in lines), None)


def twice_in(text: str) -> tuple[tuple[str, int], ...]:
    """Returns the keys that stand more than once in their mapping, with the line of each repetition."""
    seen: set[str] = set()
    twice: list[tuple[str, int]] = []
    for key, line in _keys(text):
        if key in seen:
            twice.append((key, line))
        seen.add(key)
    return tuple(twice)


def _keys(text: str) -> Iterator[tuple[str, int]]:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return  # whoever reads the file says so
    if root is not None:
        yield from _below(root, "", DEPTH)


def _below(node: yaml.Node, prefix: str, depth: int) -> Iterator[tuple[str, int]]:
    if depth == 0:
        return
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                name = f"{prefix}{key.value}"
                yield name, key.start_mark.line + 1
                yield from _below(value, f"{name}.", depth - 1)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield f"{prefix}{number}", value.start_mark.line + 1
            yield from _below(value, f"{prefix}{number}.", depth - 1)
