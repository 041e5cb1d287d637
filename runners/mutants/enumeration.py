"""All mutants of a source, in the order of the source; a sample of them by a seed.

Every mutant parses, differs from the source as a program and not as text alone, and from every mutant before it. The
order, and with it what a seed picks, follows from the source alone.
"""

from __future__ import annotations

import ast
import random
import warnings
from collections.abc import Container, Iterator

from runners.mutants.calls import of_call
from runners.mutants.edits import Edit, Mutant, Text, difference
from runners.mutants.expressions import of_expression
from runners.mutants.places import Place, places
from runners.mutants.statements import of_statement


def mutants_of(source: str, entry: str) -> Iterator[Mutant]:
    """Yields every mutant of `source`, which parses; `entry` is the function that the candidate is called by."""
    text = Text(source)
    yield from _built(text, _edits(text, entry))


def shuffled_mutants(source: str, entry: str, seed: int) -> Iterator[Mutant]:
    """Like `mutants_of`, in an order drawn from `seed`; take as many as are wanted."""
    text = Text(source)
    edits = _edits(text, entry)
    random.Random(seed).shuffle(edits)
    yield from _built(text, edits)


def named_mutants(source: str, entry: str, names: Container[str]) -> dict[str, Mutant]:
    """Returns the mutants of these names; one that is the same program as another has a name of its own, too."""
    text = Text(source)
    return {edit.id: _built_from(text, edit) for edit in _edits(text, entry) if edit.id in names}


def are_one_program(one: Mutant, other: Mutant) -> bool:
    """Whether two mutants differ in their layout at most."""
    return _program(one.source) == _program(other.source)


def count_edits(source: str, entry: str) -> int:
    """Returns how many mutants there may be; a few of them turn out to be the same program."""
    return len(_edits(Text(source), entry))


def _edits(text: Text, entry: str) -> list[Edit]:
    bound = set[str]()
    edits: list[Edit] = []
    scope = None
    for place in places(ast.parse(text.bytes), entry):
        if place.scope is not scope:
            scope, bound = place.scope, set(place.scope.parameters)
        edits += [*of_statement(text, place, bound), *of_call(text, place), *of_expression(text, place)]
        _bind(place, bound)
    return edits


def _bind(place: Place, bound: set[str]) -> None:
    match place.node:
        case ast.Assign(targets=targets):
            bound.update(node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))


def _built(text: Text, edits: list[Edit]) -> Iterator[Mutant]:
    seen = {_program(text.bytes)}
    for edit in edits:
        source = text.apply(edit)
        program = _program(source)
        if program is not None and program not in seen:
            seen.add(program)
            yield _built_from(text, edit)


def _built_from(text: Text, edit: Edit) -> Mutant:
    source = text.apply(edit)
    return Mutant(edit.id, edit.name, edit.line, source, difference(text.bytes, source))


def _program(source: bytes) -> str | None:
    """The source without its layout; None where it is no program."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as "'int' object is not callable; perhaps you missed a comma?"
        try:
            return ast.dump(ast.parse(source))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
