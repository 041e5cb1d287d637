"""What an author is told about its candidate: made from evidence and findings, by what kind of failure it is.

One failure at a time, the one that decided: what comes after it was measured on code that will change. Only a source
that was denied is told all of it, since reading it costs nothing. Never told: seeds, which cases there are, the
reference's source. Messages of the compiler and of the candidate itself are quoted, cut to a length: a candidate can
put into its own exceptions what it sees of its inputs, which are drawn anew for the next one.

A finding that something was not measured is told only where an author can do something about it. The rest is the
machine's, and is never blamed on a candidate.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Final

from pipeline.gate.judged import Judged
from pipeline.generation.content import NoContent, Review
from pipeline.generation.exchange import Failure as NoAnswer
from pipeline.generation.knowledge.context import Fault
from pipeline.generation.knowledge.index import Index
from pipeline.generation.loop.failing_case import case_lines, signature_of, wrong_lines
from pipeline.generation.loop.records import Complaint
from pipeline.generation.proposals import Unusable
from policies.verdict import Finding, Verdict
from runners.candidate import Candidate
from runners.device_evidence import DeviceEvidence
from runners.evidence import CompileEvidence, Evidence, PropertiesEvidence
from runners.failures import CodeRaised, Failure, WrongValues

SHOWN_FINDINGS: Final = 6
AROUND: Final = 2  # lines of code before and after the one at fault
QUOTED: Final = 1500  # characters of a compiler's message
RAISED: Final = 400  # characters of what the candidate raised
REMARKS: Final = 20  # of a reviewer
REMARK: Final = 500  # characters of each
MENDABLE: Final = frozenset({
    "evidence/unsupported", "evidence/compile-incomplete", "evidence/too-few-cases", "replay/not-recorded",
})  # fmt: skip  # not measured, and for a reason that lies in the code
_MARK: Final = "> "  # before the line at fault
_LANGUAGE: Final = re.compile(r"\b(?:tl|triton|libdevice)(?:\.[A-Za-z_]\w*)+")


def complaint_about(candidate: Candidate, judged: Judged) -> Complaint | None:
    """Returns what the author can mend; None where the candidate is let through, or the lack is not the author's."""
    if judged.verdict.allowed:
        return None
    chosen = findings_told(judged.verdict)
    if not chosen:
        return None
    first = chosen[0]
    said = chosen[:SHOWN_FINDINGS] if judged.evidence.source else [first]
    blocks = [_block(one, candidate) for one in said]
    if len(chosen) > len(said) and judged.evidence.source:
        blocks.append(f"and {len(chosen) - len(said)} more findings")
    details = "\n".join(_details(first, candidate, judged.evidence))
    text = "\n\n".join(block for block in (*blocks, details) if block)
    return Complaint(line=_line(first), text=text, fingerprint=_fingerprint(said, candidate, judged.evidence))


def findings_told(verdict: Verdict) -> tuple[Finding, ...]:
    """Returns what an author can mend, the first being the one that decided; empty where that is nothing."""
    errors = tuple(one for one in verdict.findings if one.severity == "error")
    return errors or tuple(one for one in verdict.findings if one.rule in MENDABLE)


def complaint_of_answer(problem: Unusable | NoContent | NoAnswer) -> Complaint:
    """Returns what is wrong with an answer that holds no candidate."""
    match problem:
        case Unusable(problem=kind, detail=detail):
            rule = f"answer/{kind}"
        case NoContent(lack=lack, detail=detail):
            rule = f"answer/{lack}"
        case NoAnswer(reason=reason, detail=detail):
            rule = f"answer/{reason}"
    return Complaint(line=rule, text=f"{rule}: {detail}", fingerprint=_hashed(rule))


def complaint_of_review(review: Review) -> Complaint | None:
    """Returns what a reviewer wants; None where it objects to nothing."""
    if review.verdict == "no-objection":
        return None
    rule = f"review/{review.verdict}"
    remarks = "\n".join(f"- {remark[:REMARK]}" for remark in review.remarks[:REMARKS])
    text = f"{rule}: the gate let it through, and a reviewer says of it:\n{remarks}"
    return Complaint(line=f"{rule} ({len(review.remarks)} remarks)", text=text, fingerprint=_hashed(rule))


def fault_of(complaint: Complaint, code: str, index: Index) -> Fault:
    """Returns what has to be looked up for a complaint: the names that do not exist, and the code at fault."""
    marked = "\n".join(line for line in complaint.text.splitlines() if line.startswith(_MARK))
    named = dict.fromkeys(_LANGUAGE.findall(complaint.text))
    unknown = tuple(name for name in named if index.exactly(name) is None and name in code)
    return Fault(names=unknown, code=marked, message=complaint.text.partition("\n\n")[0])


def _line(finding: Finding) -> str:
    where = f" at line {finding.line}" if finding.line is not None else ""
    return f"{finding.rule}{where}: {finding.about.title}"


def _block(finding: Finding, candidate: Candidate) -> str:
    head = f"{finding.rule}: {finding.about.title}. {finding.message}"
    code = "\n".join(_around(candidate.text, finding.line)) if finding.line is not None else ""
    return "\n".join(part for part in (head, code, finding.about.remedy) if part)


def _around(text: str, line: int) -> Iterator[str]:
    lines = text.split("\n")
    for number in range(max(1, line - AROUND), min(len(lines), line + AROUND) + 1):
        mark = _MARK if number == line else "  "
        yield f"{mark}{number:4d} | {lines[number - 1].rstrip()[:200]}"


def _details(finding: Finding, candidate: Candidate, evidence: Evidence) -> Iterator[str]:
    """What a finding's one line has no room for."""
    operator = candidate.operator
    if finding.case is not None:
        yield "The smallest failing case that was found:"
        yield from (f"- {line}" for line in case_lines(finding.case, operator))
    failure = _failure_behind(finding, evidence)
    if isinstance(failure, WrongValues):
        yield from wrong_lines(failure, operator)
    elif isinstance(failure, CodeRaised):
        yield f"{failure.error}: {failure.message[:RAISED]}"
    if finding.rule.startswith("compile/") and isinstance(evidence.compile, CompileEvidence):
        message = next((one.message for one in evidence.compile.failures if one.required and not one.passed_over), "")
        yield f"The compiler says:\n{message[:QUOTED]}"


def _failure_behind(finding: Finding, evidence: Evidence) -> Failure | None:
    """Returns the failing case's failure that a finding tells; None where it tells something else."""
    for check in (evidence.properties, evidence.device):
        failure = check.failure if isinstance(check, PropertiesEvidence | DeviceEvidence) else None
        if failure is not None and failure.case == finding.case and finding.severity == "error":
            return failure
    return None


def _fingerprint(findings: Sequence[Finding], candidate: Candidate, evidence: Evidence) -> str:
    """The rule, the line's text and what kind of case: not the line's number, which moves, nor sizes, which vary."""
    lines = candidate.text.split("\n")
    parts: list[str] = []
    for one in findings:
        code = lines[one.line - 1].strip() if one.line is not None and one.line <= len(lines) else ""
        case = signature_of(one.case) if one.case is not None else ""
        failure = _failure_behind(one, evidence)
        error = failure.error if isinstance(failure, CodeRaised) else ""
        parts += [one.rule, code, case, error]
    return _hashed(*parts)


def _hashed(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
