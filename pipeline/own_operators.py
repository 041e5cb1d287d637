"""Operators of one's own: `--operators DIR`, a folder whose Python files declare them.

The files are trusted: they are run in the judge, as the built-in operators are. Each stands for itself and declares one
operator or more as names of the module; what it imports from the built-in ones is not declared by it. An operator that
could be mistaken for another one is refused, and so is one whose reference fails on its own first cases: that would
otherwise come out as a failure of ours in the middle of a run.

A digest of the whole folder goes into each operator and from there into its own digest, so that results which were
stored before any of the files changed are not used again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import sys
import traceback
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Final

from pipeline.errors import OperatorsError
from runners.materialise import materialise
from runners.operators import OPERATORS, Operator
from runners.oracle import expect
from runners.plans import pairwise

TRIED_CASES: Final = 12


def load_operators(folder: Path | None) -> Mapping[str, Operator]:
    """Returns the built-in operators and those that the files of `folder` declare, by name.

    Raises:
        OperatorsError: a file is broken or declares no operator, a name is taken, or a reference fails.
    """
    if folder is None:
        return OPERATORS
    if not folder.is_dir():
        raise OperatorsError(f"{folder} is not a folder; --operators takes one whose Python files declare operators")
    sources = {path: path.read_bytes() for path in sorted(folder.glob("*.py"))}
    if not sources:
        raise OperatorsError(f"{folder} holds no Python file that could declare an operator")
    digest = hashlib.sha256(b"".join(_framed(path, source) for path, source in sources.items())).hexdigest()
    known = dict(OPERATORS)
    for path, source in sources.items():
        for operator in _declared(path, source):
            if operator.name in known:
                owner = "a built-in one" if operator.name in OPERATORS else "another file's"
                raise OperatorsError(f"{path}: an operator is called '{operator.name}', as {owner} is; rename it")
            _try(path, operator)
            known[operator.name] = dataclasses.replace(operator, declared_in=digest, folder=str(folder))
    return MappingProxyType(known)


def _framed(path: Path, source: bytes) -> bytes:
    return f"{path.name}\0{len(source)}\0".encode() + source


def _declared(path: Path, source: bytes) -> Iterator[Operator]:
    built_in = {id(operator) for operator in OPERATORS.values()}
    found = {id(value): value for value in vars(_run(path, source)).values() if isinstance(value, Operator)}
    own = [operator for number, operator in found.items() if number not in built_in]
    if not own:
        raise OperatorsError(f"{path} declares no operator: none of its names is a runners.operators.Operator")
    yield from own


def _run(path: Path, source: bytes) -> ModuleType:
    """Runs a file as a module, from the bytes that the digest covers."""
    module = ModuleType(f"kernelgate_operators_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses and typing look the module of a class up there
    try:
        exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)
    except SyntaxError as error:
        raise OperatorsError(f"{path}, line {error.lineno}: {error.msg}") from None
    except Exception as error:  # noqa: BLE001  # whatever the user's file raises is the user's to mend
        raise OperatorsError(f"{path}{_line(path, error)}: {type(error).__name__}: {error}") from None
    return module


def _try(path: Path, operator: Operator) -> None:
    """Makes the first cases with what is expected of them, as a run would."""
    for case in islice(pairwise(operator, 0, operator.dtypes), TRIED_CASES):
        try:
            expect(operator, case.dtype, materialise(operator, case))
        except Exception as error:  # noqa: BLE001  # as above
            where = f"operator '{operator.name}' fails on {case.describe()}"
            raise OperatorsError(f"{path}{_line(path, error)}: {where}: {type(error).__name__}: {error}") from None


def _line(path: Path, error: Exception) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f", line {lines[-1]}" if lines else ""
