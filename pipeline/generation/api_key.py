"""A key of a provider: read from the environment once, shown to the provider's SDK alone.

It has no representation, can't be pickled or copied into JSON, and knows how to take itself out of a text that somebody
else wrote: providers repeat keys in their messages. A Prefect block can stand in for the environment, by giving the
mapping that `read_key` reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NoReturn

from pipeline.errors import GenerationError

_SHORTEST: Final = 8  # what is shorter is no key, and would be found in every text


class ApiKey:
    """The value of one variable of the environment."""

    __slots__ = ("_value", "variable")

    def __init__(self, variable: str, value: str) -> None:
        """Takes the value as it is."""
        self.variable = variable
        self._value = value

    def reveal(self) -> str:
        """Returns the value, for the one who sends it to the provider."""
        return self._value

    def is_in(self, text: str) -> bool:
        """Whether the value stands in `text`."""
        return self._value in text

    def redact(self, text: str) -> str:
        """Returns `text` with the variable's name wherever the value stood."""
        return text.replace(self._value, f"[{self.variable}]")

    def __repr__(self) -> str:
        """Names the variable."""
        return f"<the key in {self.variable}>"

    def __reduce__(self) -> NoReturn:
        """A key leaves this process only to its provider."""
        raise TypeError(f"{self!r} can't be pickled")


def read_key(variable: str, environment: Mapping[str, str], needed_by: str) -> ApiKey:
    """Returns the key in `variable`.

    Args:
        needed_by: Who needs it, for the message.

    Raises:
        GenerationError: it is not set, or can't be a key.
    """
    value = environment.get(variable, "").strip()
    if not value:
        raise GenerationError(f"{variable} is not set, and {needed_by} needs a key: export {variable}=… and run again; "
                              "`replay` and `files` providers need none")  # fmt: skip
    if len(value) < _SHORTEST or not value.isascii() or not value.isprintable() or " " in value:
        raise GenerationError(f"{variable} holds no key: it needs {_SHORTEST} or more printable characters, no blanks")
    return ApiKey(variable, value)
