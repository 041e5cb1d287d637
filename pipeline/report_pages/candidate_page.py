"""A candidate's page: its sections, in the order in which a reader asks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.report_pages.benchmark_view import BenchmarkView, benchmark_view
from pipeline.report_pages.case_view import CaseView, case_view
from pipeline.report_pages.cases_view import CasesView, cases_view
from pipeline.report_pages.coverage_view import CoverageView, coverage_view
from pipeline.report_pages.isolation_view import IsolationView, isolation_view
from pipeline.report_pages.matrix_view import MatrixView, matrix_view
from pipeline.report_pages.mutants_view import MutantsView, mutants_view
from pipeline.report_pages.numeric_view import NumericView, numeric_view
from pipeline.report_pages.provenance_view import ProvenanceView, provenance_view
from pipeline.report_pages.source_view import SourceView, source_view
from pipeline.report_pages.subject import Subject
from pipeline.report_pages.trail_view import TrailView, trail_view
from pipeline.report_pages.verdict_view import Command, Fact, VerdictView, verdict_view, verify_line
from pipeline.report_pages.wording import counted
from policies.explaining import explain


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the list of sections; `note` says in a word or two what is there."""

    anchor: str
    title: str
    note: str


@dataclass(frozen=True, slots=True)
class CandidatePage:
    """All that stands on the page."""

    run: str
    verdict: VerdictView
    trail: TrailView
    cases: CasesView
    case: CaseView | None
    numeric: NumericView
    coverage: CoverageView
    matrix: MatrixView
    mutants: MutantsView
    source: SourceView
    isolation: IsolationView
    provenance: ProvenanceView
    benchmark: BenchmarkView
    replays: tuple[Command, ...]
    digests: tuple[Fact, ...]
    contents: tuple[Entry, ...]


def candidate_page(subject: Subject) -> CandidatePage:
    """Returns what stands on the page of a candidate."""
    judged, policy = subject.judged, subject.policy
    evidence, verdict = judged.evidence, judged.verdict
    explanation = explain(evidence, policy, verdict)
    made = CandidatePage(
        run=subject.run,
        verdict=verdict_view(subject, explanation),
        trail=trail_view(subject, explanation),
        cases=cases_view(evidence.properties),
        case=case_view(subject),
        numeric=numeric_view(evidence),
        coverage=coverage_view(evidence, policy),
        matrix=matrix_view(evidence.properties),
        mutants=mutants_view(evidence),
        source=source_view(judged.source, verdict.findings, evidence),
        isolation=isolation_view(evidence, policy),
        provenance=provenance_view(subject.provenance),
        benchmark=benchmark_view(evidence),
        replays=_replays(subject),
        digests=_digests(subject),
        contents=(),
    )
    return _with_contents(made)


def _replays(subject: Subject) -> tuple[Command, ...]:
    place = f"{subject.run}/{subject.folder}"
    return (
        Command("The verdict again, from the stored evidence:", f"kernelgate judge {subject.run}"),
        Command("What each rule was decided by:", f"kernelgate policy explain {place}"),
        Command("All checks again, on cases drawn anew:", verify_line(subject)),
        Command("This page again:", f"kernelgate report {subject.run}"),
    )


def _digests(subject: Subject) -> tuple[Fact, ...]:
    evidence, verdict = subject.judged.evidence, subject.judged.verdict
    facts = [Fact("candidate.py", evidence.candidate.digest, is_code=True)]
    facts += [Fact("evidence.json", verdict.evidence_digest, is_code=True)]
    facts += [Fact("policy, resolved", verdict.policy_digest, is_code=True)]
    facts += [] if evidence.operator_digest is None else [Fact("operator", evidence.operator_digest, is_code=True)]
    return tuple(facts)


def _with_contents(page: CandidatePage) -> CandidatePage:
    failing = "none" if page.case is None else page.case.where
    survivors = "not run" if page.mutants.lacks else counted(page.mutants.survived, "survivor")
    held = sum(one.held for one in page.isolation.sandboxes)
    due = sum(len(one.limits) for one in page.isolation.sandboxes)
    findings = sum(len(rule.findings) + rule.more for rule in page.verdict.rules)
    cases = sum(plan.ran for plan in page.coverage.plans)
    contents = (
        Entry("verdict", "Verdict", page.verdict.word),
        Entry("findings", "Findings", str(findings) if findings else "none"),
        Entry("trail", "Trail of checks", page.trail.total),
        Entry("case", "Failing case", failing),
        Entry("numeric", "Numeric error", "not measured" if page.numeric.lacks else "by dtype"),
        Entry("coverage", "Coverage", counted(cases, "case")),
        Entry("mutants", "Mutants", survivors),
        Entry("source", "Source", counted(page.source.total, "line")),
        Entry("isolation", "Isolation", f"{held} of {due} limits" if due else "not run"),
        Entry("provenance", "Provenance", "not recorded" if page.provenance.lacks else "a model"),
        Entry(
            "benchmark",
            "Benchmark",
            "not timed" if page.benchmark.lacks else counted(len(page.benchmark.shapes), "shape"),
        ),
        Entry("replay", "Replay", ""),
    )
    return replace(page, contents=contents)
