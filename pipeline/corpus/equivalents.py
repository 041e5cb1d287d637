"""Mutants that a person found to be equivalent to their source, listed beside the kernel with the reason.

No program can tell in general whether two kernels do the same, so a survivor counts as a survivor until somebody who
read its diff says why it is none. `equivalent.toml` in the kernel's folder has a table a file:

    ["right_block.py"]
    "22:13-41 other dropped" = "the store's mask discards these lanes"

What the compiler refuses is listed, too, with that as the reason: it is no kernel, and the interpreter cannot tell.

A mutant is named as the report names it, place and change: when the source changes, its list has to be read again. The
list is no way to make a weak test strong: a listed mutant that is killed, or that the source does not have, is an
error that the check reports.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from pipeline.errors import LabelsError

NAME = "equivalent.toml"
_FILE = TypeAdapter(dict[str, dict[str, Annotated[str, Field(min_length=1)]]])


def known_equivalents(kernel: Path) -> dict[str, str]:
    """Returns the listed mutants of `kernel`, by id, each with its reason; none where there is no list.

    Raises:
        LabelsError: the list can't be used.
    """
    file = kernel.parent / NAME
    try:
        listed = _FILE.validate_python(tomllib.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise LabelsError(f"{file} can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LabelsError(f"{file} can't be used: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise LabelsError(f"{file} can't be used: {where}: {first['msg']}") from None
    return listed.get(kernel.name, {})
