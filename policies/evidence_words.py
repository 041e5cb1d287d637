"""A piece of evidence in words: what is short as it is, and of what is long how much there is."""

from __future__ import annotations

from typing import Any, Final

SHOWN_COLUMNS: Final = 300
_FEW: Final = 12


def in_words(value: Any) -> str:
    """Returns a value of evidence.json in one line: names and numbers, without the marks of JSON."""
    text = _of_record(value) if isinstance(value, dict) else _inner(value)
    return text if len(text) <= SHOWN_COLUMNS else f"{text[: SHOWN_COLUMNS - 1]}…"


def _of_record(record: dict[str, Any]) -> str:
    if record.get("kind") == "missing":
        return f"not made: {record.get('reason')}"
    told = [str(record["kind"]).replace("_", " ")] if "kind" in record else []
    told += [
        f"{name.replace('_', ' ')}: {_inner(value)}"
        for name, value in record.items()
        if name not in ("kind", "case") and value is not None
    ]
    return "; ".join(told) or "nothing"


def _inner(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        if all(not isinstance(one, dict | list) for one in value.values()) and len(value) <= _FEW:
            return ", ".join(f"{name} {_inner(one)}" for name, one in value.items()) or "nothing"
        return _counted(len(value), "field")
    if isinstance(value, list):
        if all(not isinstance(one, dict | list) for one in value) and len(value) <= _FEW:
            return ", ".join(map(_inner, value)) or "none"
        return _counted(len(value), "entry")
    return str(value)


def _counted(number: int, what: str) -> str:
    more = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{number} {what if number == 1 else more}"
