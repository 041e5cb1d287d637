"""What the monitor of the runner saw, said for a person."""

from __future__ import annotations

from typing import Final

from policies.verdict import Finding
from runners.evidence import AccessFault

_RULES: Final = {
    "out_of_bounds_load": "memory/out-of-bounds-load",
    "out_of_bounds_store": "memory/out-of-bounds-store",
    "foreign_argument": "memory/foreign-argument",
    "uninitialised_read": "memory/uninitialised-read",
    "write_to_input": "memory/write-to-input",
    "aliased_output": "memory/aliased-output",
    "double_store": "races/double-store",
    "unsynchronised": "races/unsynchronised",
}
_WORDS: Final = {
    "out_of_bounds_load": "a load reads {place}, which is not the tensor's",
    "out_of_bounds_store": "a store writes {place}, which is not the tensor's",
    "foreign_argument": "a pointer made from another tensor reaches {place}",
    "uninitialised_read": "a load reads {place}, which nobody wrote",
    "write_to_input": "a store changes {place}",
    "aliased_output": "a result begins at {place}",
    "double_store": "{place} is stored twice, with different values",
    "unsynchronised": "{place} is used by two programs, and nothing orders them",
}


_WITHIN: Final = (
    "{place} is stored by one thread of a program and read by another; tl.debug_barrier() has to be between"
)


def fault_finding(failure: AccessFault) -> Finding:
    """Says an access as a finding, with its rule and its line."""
    programs = dict.fromkeys(_at(program) for program in (failure.program, failure.other) if program is not None)
    who = f", program{'s' if len(programs) > 1 else ''} {' and '.join(programs)}" if programs else ""
    within = failure.fault == "unsynchronised" and failure.program is not None and failure.program == failure.other
    words = _WITHIN if within else _WORDS[failure.fault]
    message = words.format(place=_place(failure)) + f" ({failure.conditions}{who})"
    return Finding(rule=_RULES[failure.fault], severity="error", message=message, line=failure.line, case=failure.case)


def _place(failure: AccessFault) -> str:
    if failure.argument is not None:
        return f"element {failure.element} of '{failure.argument}', counted along memory"
    if failure.allocation is not None:
        return f"element {failure.element} of the call's allocation number {failure.allocation + 1}"
    return f"element {failure.element} of memory that is no argument"


def _at(program: tuple[int, int, int]) -> str:
    return f"({', '.join(str(index) for index in program)})"
