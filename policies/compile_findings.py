"""Failed compilations as findings: what is said of one kernel on several architectures becomes one finding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from policies.verdict import Finding
from runners.evidence import CompileFailure

_RULES: Final = {
    "refused": "compile/error", "out_of_resources": "compile/out-of-resources", "crashed": "compile/crashed",
    "timed_out": "evidence/compile-incomplete", "not_tried": "evidence/compile-incomplete",
}  # fmt: skip
_MESSAGE_COLUMNS: Final = 400


def findings_of(failures: Sequence[CompileFailure], required: Sequence[str]) -> Iterator[Finding]:
    """Says the failures on required targets, or on no target at all, that no autotuner passes over.

    That a compilation missed its deadline, or could not be tried, is no error of the kernel.
    """
    alike: dict[tuple[str, int | None, str], list[CompileFailure]] = {}
    for failure in failures:
        if failure.required and not failure.passed_over and failure.target in ("", *required):
            message = failure.message if failure.cause == "refused" else ""
            alike.setdefault((failure.cause, failure.line, message), []).append(failure)
    for group in alike.values():
        yield _finding(group)


def _finding(group: Sequence[CompileFailure]) -> Finding:
    first = group[0]
    rule = _RULES[first.cause]
    severity: Literal["error", "incomplete"] = "incomplete" if rule.startswith("evidence/") else "error"
    targets = sorted({failure.target for failure in group if failure.target})
    where = f" for {', '.join(targets)}" if targets else ""
    error = f"{first.error}: " if first.error else ""
    message = f"{first.kernel}{where}: {error}{_one_line(first.message)}; as {first.specialisation}"
    return Finding(rule=rule, severity=severity, message=message, line=first.line)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_MESSAGE_COLUMNS]
