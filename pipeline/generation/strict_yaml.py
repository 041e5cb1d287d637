"""Files that a team writes for generation: YAML, read as strictly as a policy, with one message for all that is wrong.

Values are never in a message: somebody may have written a key there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from pipeline.errors import GenerationError
from pipeline.generation.exchange import Stored
from policies.unique_keys import UniqueKeys

Model = TypeVar("Model", bound=Stored)


def read_yaml(path: Path, model: type[Model], what: str) -> Model:
    """Reads a file as `model`.

    Args:
        what: What such a file is called, with its article: `a roles file`.

    Raises:
        GenerationError: it can't be read, is not YAML, or not such a file.
    """
    named = what.partition(" ")[2]
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=UniqueKeys)
    except (OSError, UnicodeDecodeError) as error:
        raise GenerationError(f"the {named} {path} can't be read: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark is not None else ""
        raise GenerationError(f"{path}{place} is not YAML: {getattr(error, 'problem', error)}") from None
    except (ValueError, RecursionError) as error:  # such as 2026-13-45, which looks like a date
        raise GenerationError(f"{path} is not YAML: {error}") from None
    try:
        # By way of JSON, as policies are: strict, and a list may be a tuple.
        return model.model_validate_json(json.dumps(data, default=str), strict=True)
    except (ValidationError, TypeError) as error:
        raise GenerationError(f"{path} is not {what}:\n{_lines(error)}") from None


def _lines(error: ValidationError | TypeError) -> str:
    """Says where and what, never the value."""
    if isinstance(error, TypeError):
        return f"  {error}"
    return "\n".join(f"  {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False))
