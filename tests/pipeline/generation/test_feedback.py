"""What an author is told, by kind of failure, and what it is never told."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
from pathlib import Path

import pytest
from disguises import renamed
from generation_requests import MODEL
from generation_runs import CASE, INDEX, PLAIN, WRONG, by_name, code, evidence_of
from gpu_evidence import FAILURES, ROW, device

from pipeline.gate.judging import judge
from pipeline.generation.loop.evidence_lines import evidence_lines
from pipeline.generation.loop.failing_case import signature_of, wrong_lines
from pipeline.generation.loop.feedback import complaint_about, fault_of
from pipeline.generation.loop.records import Complaint
from pipeline.generation.loop.slowness import share_of_roof, slowness_of
from policies.origin_rules import OriginRules, References
from runners.candidate import Candidate, parse_candidate
from runners.device_evidence import BenchmarkEvidence, CardEvidence, CertifiedKernel
from runners.evidence import CompileEvidence, CompileFailure, Evidence, Missing, SourceFact, TargetEvidence
from runners.failures import (
    AccessFault,
    CodeRaised,
    Failure,
    InputChanged,
    NoLaunch,
    ResultsDiffer,
    RunnerEnded,
    UnsupportedCase,
    WrongElement,
    WrongForm,
)
from runners.operators import OPERATORS
from runners.origin.comparing import origin_of
from runners.origin.references import read_set

FAULT = AccessFault(
    case=CASE, conditions="natural", fault="out_of_bounds_load", argument="x", allocation=None, element=3, line=9,
    program=(0, 0, 0), other=None,
)  # fmt: skip
EVERY: dict[str, Failure] = {
    "wrong values": WRONG,
    "wrong form": WrongForm(case=CASE, aspect="dtype", expected="float32", got="float16"),
    "raised": CodeRaised(case=CASE, error="TypeError", message="one\ntwo", line=9),
    "raised while loading": CodeRaised(case=None, error="NameError", message="name 'y'", line=9),
    "crashed": RunnerEnded(case=CASE, how="signal", detail="signal 11"),
    "timed out": RunnerEnded(case=CASE, how="timed_out", detail="no answer within 30 s"),
    "input changed": InputChanged(case=CASE, argument="x"),
    "access": FAULT,
    "race": FAULT.model_copy(update={"fault": "double_store", "other": (1, 0, 0)}),
    "differ": ResultsDiffer(case=CASE, output=0),
    "no launch": NoLaunch(case=CASE),
}


def candidate(name: str = "wrong") -> Candidate:
    read = parse_candidate(code(name).encode(), "c.py")
    assert isinstance(read, Candidate)
    return read


def told(evidence: Evidence, given: Candidate | None = None) -> Complaint:
    given = given or candidate()
    complaint = complaint_about(given, judge(given, evidence, PLAIN.policy))
    assert complaint is not None
    return complaint


def test_a_mismatch_is_told_with_its_case_the_first_element_and_the_error_in_ulp() -> None:
    text = told(evidence_of(candidate(), failure=WRONG)).text
    for part in (
        "properties/wrong-values: Results are wrong",
        "- x: shape (1, 3), float32, transposed in memory, so not contiguous, values: normal, with nan at first",
        "2 of 3 elements are wrong",
        "at [0, 1]: got 1.5, expected 1 (0.9999 to 1.0001 would be right), off by 4.19e+06 ulp of float32",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("dtype", "got", "expected", "ulp"),
    [
        ("float32", 1.0 + 2**-23, 1.0, "1 ulp"),
        ("float32", 2.0**24 + 2, 2.0**24, "1 ulp"),
        ("float16", 0.75, 0.5, "512 ulp"),
        ("bfloat16", 1.0, 0.0, "ulp"),
        ("float32", float("nan"), 1.0, None),
        ("float32", float("inf"), 1.0, None),
    ],
)
def test_an_error_in_ulp_is_counted_at_the_expected_value(
    dtype: str, got: float, expected: float, ulp: str | None
) -> None:
    element = WrongElement(index=(0,), got=got, expected=expected, low=expected, high=expected)
    failure = WRONG.model_copy(update={"case": CASE.model_copy(update={"dtype": dtype}), "first": (element,)})
    line = list(wrong_lines(failure, OPERATORS["relu"]))[1]
    assert (f"{ulp} of {dtype}" in line) if ulp is not None else ("ulp" not in line)


def test_results_that_are_no_floats_have_no_ulp() -> None:
    failure = WRONG.model_copy(update={"case": CASE.model_copy(update={"operator": "argmax"})})
    assert "ulp" not in "".join(wrong_lines(failure, OPERATORS["argmax"]))


def test_a_denied_source_is_told_whole_with_the_lines_and_the_remedies() -> None:
    facts = tuple(
        SourceFact(rule=rule, line=line, detail="d")
        for rule, line in (("source/unknown-name", 9), ("source/no-launch", 8), ("source/hook", None))
    )
    text = told(evidence_of(candidate("tl.reduce_max(x)"), source=facts), candidate("tl.reduce_max(x)")).text
    assert ">    9 |     return tl.reduce_max(x)" in text
    assert ">    8 | def relu(x):" in text
    assert "source/hook: Python code is hooked into a launch. d\nLaunch without hooks." in text


def test_a_long_list_of_findings_is_cut_and_says_so() -> None:
    facts = tuple(SourceFact(rule="source/unknown-name", line=9, detail=str(n)) for n in range(40))
    text = told(evidence_of(candidate(), source=facts)).text
    assert "and 34 more findings" in text
    assert len(text) < 3000


def failed_to_compile(message: str = "at 9:11: no\ntrace") -> CompileEvidence:
    failure = CompileFailure(
        kernel="k", specialisation="s", target="sm_90", required=True, cause="refused", error="CompilationError",
        message=message, line=9, passed_over=False,
    )  # fmt: skip
    target = TargetEvidence(target="sm_90", required=True, compiled=0, registers=0, spill_bytes=0, shared_bytes=0)
    return CompileEvidence(
        seen=1, front_end=0, chosen=0, targets=(target,), not_on=(), failures=(failure,), containers=1, wall_s=1
    )


def test_a_compile_error_is_told_with_trace_and_line() -> None:
    text = told(evidence_of(candidate(), compiled=failed_to_compile())).text
    assert "compile/error" in text
    assert "The compiler says:\nat 9:11: no\ntrace" in text
    assert ">    9 |     return wrong" in text
    assert len(told(evidence_of(candidate(), compiled=failed_to_compile("x" * 99_999))).text) < 4000


@pytest.mark.parametrize("failure", EVERY.values(), ids=EVERY.keys())
def test_every_failure_is_told_with_its_rule_and_remedy_and_without_the_seed(failure: Failure) -> None:
    given = candidate()
    judged = judge(given, evidence_of(given, failure=failure), PLAIN.policy)
    complaint = complaint_about(given, judged)
    assert complaint is not None
    finding = judged.verdict.findings[0]
    assert complaint.text.startswith(f"{finding.rule}: {finding.about.title}")
    assert finding.about.remedy in complaint.text
    assert str(CASE.seed) not in complaint.text
    assert (">    9 |" in complaint.text) == (finding.line == 9)


@pytest.mark.parametrize("name", FAILURES)
def test_what_fails_on_a_gpu_is_told_likewise(name: str) -> None:
    failure, rule = FAILURES[name]
    given = candidate()
    policy = PLAIN.policy.model_copy(update={"gpu_checks": ("properties",)})
    own = failure.model_copy(update={"case": CASE})
    complaint = complaint_about(given, judge(given, evidence_of(given, device=device(failure=own)), policy))
    assert complaint is not None
    assert complaint.line.startswith(rule)


def test_no_failure_shows_the_reference() -> None:
    operator = OPERATORS["argmax"]
    source = inspect.getsource(operator.reference)
    body = [line.strip() for line in source.splitlines()[1:] if len(line.strip()) > 12]
    assert body
    case = CASE.model_copy(update={"operator": "argmax", "form": "rows"})
    given = dataclasses.replace(candidate(), operator=operator)
    for failure in EVERY.values():
        own = failure.model_copy(update={"case": case}) if failure.case is not None else failure
        text = told(evidence_of(given, failure=own), given).text
        assert not any(line in text for line in body)


def test_two_failures_have_one_fingerprint_only_if_they_are_alike() -> None:
    prints = {name: told(evidence_of(candidate(), failure=failure)).fingerprint for name, failure in EVERY.items()}
    assert all(a != b for a, b in itertools.combinations(prints.values(), 2))
    sized = CASE.model_copy(update={"sizes": {"M": 2, "N": 65}, "seed": 5})
    again = WRONG.model_copy(update={"case": sized, "wrong": 7})
    assert told(evidence_of(candidate(), failure=again)).fingerprint == prints["wrong values"]
    other = WRONG.model_copy(update={"case": CASE.model_copy(update={"dtype": "float16"})})
    assert told(evidence_of(candidate(), failure=other)).fingerprint != prints["wrong values"]
    assert "65" not in signature_of(sized)


def test_a_line_that_moved_is_the_same_failure() -> None:
    moved = parse_candidate(code("wrong").replace("import torch", "import torch\n# more").encode(), "c.py")
    assert isinstance(moved, Candidate)
    first = told(evidence_of(candidate(), failure=FAULT))
    second = told(evidence_of(moved, failure=FAULT.model_copy(update={"line": 10})), moved)
    assert first.fingerprint == second.fingerprint


def test_what_a_candidate_raises_is_cut_short() -> None:
    raised = CodeRaised(case=CASE, error="ValueError", message="7 " * 50_000, line=9)
    assert len(told(evidence_of(candidate(), failure=raised)).text) < 2000


def test_what_the_interpreter_cant_run_is_told_and_what_a_machine_lacks_is_not() -> None:
    given = candidate()
    evidence = evidence_of(given)
    unsupported = UnsupportedCase(case=CASE, reason="libdevice is not there", line=9)
    properties = evidence.properties.model_copy(update={"unsupported": unsupported, "unsupported_cases": 1})
    assert "libdevice is not there" in told(evidence.model_copy(update={"properties": properties})).text
    unproven = judge(given, evidence.model_copy(update={"isolation": None}), PLAIN.policy)
    assert complaint_about(given, unproven) is None
    absent = evidence.model_copy(update={"properties": Missing(reason="the engine is gone", ours=True)})
    assert complaint_about(given, judge(given, absent, PLAIN.policy)) is None


def test_what_stands_has_no_complaint() -> None:
    given = candidate("right")
    assert complaint_about(given, judge(given, by_name(given), PLAIN.policy)) is None


def test_the_names_that_do_not_exist_are_looked_up() -> None:
    given = candidate("tl.reduce_max(x)")
    complaint = told(by_name_denied(given), given)
    fault = fault_of(complaint, given.text, INDEX)
    assert fault.names == ("tl.reduce_max",)
    assert "return tl.reduce_max(x)" in fault.code


def by_name_denied(given: Candidate) -> Evidence:
    fact = SourceFact(rule="source/unknown-name", line=9, detail="'tl.reduce_max' does not exist")
    return evidence_of(given, source=(fact,))


KERNEL = CertifiedKernel(name="k", digest="d", warps=4, shared_bytes=0, registers=64, spilled_bytes=0)


@pytest.mark.parametrize(
    ("row", "kernel", "bottleneck"),
    [
        ({"moved_bytes": 10**9, "operations": 0}, {}, "memory, 500 GB/s of what has to be moved are reached"),
        ({"moved_bytes": 1, "operations": 10**12}, {}, "arithmetic, 500 TFLOPS are done"),
        ({}, {"spilled_bytes": 48}, "registers are spilled to memory (48 bytes a thread)"),
    ],
)
def test_slowness_names_the_share_one_bottleneck_registers_and_spills(
    row: dict[str, int], kernel: dict[str, int], bottleneck: str
) -> None:
    card = CardEvidence(copy_bytes_s=1e12, operations_s={"float32": 1e13}, cache_bytes=0)
    timed = BenchmarkEvidence(card=card, rows=(ROW.model_copy(update=row),), problem=None)
    evidence = evidence_of(
        candidate("right"), device=device(benchmark=timed, kernels=(KERNEL.model_copy(update=kernel),))
    )
    text = slowness_of(evidence)
    assert "float32: 2.0000 ms, 75% of what the card can do at best" in text
    assert f"The bottleneck in float32: {bottleneck}" in text
    assert "64 registers" in text
    assert text.count("bottleneck") == 1
    assert share_of_roof(evidence) == pytest.approx(0.75)
    assert text in evidence_lines(evidence)


def test_without_a_gpu_nothing_is_said_about_speed() -> None:
    evidence = evidence_of(candidate("right"))
    assert slowness_of(evidence) == ""
    assert share_of_roof(evidence) is None


def test_a_reviewer_reads_numbers_and_no_verdict() -> None:
    lines = "\n".join(evidence_lines(evidence_of(candidate("right"))))
    assert "30 cases in float32: none failed; largest error over its bound: float32 0.25" in lines
    assert "compiled for sm_90: 20 registers" in lines
    assert not any(word in lines for word in ("functional", "allowed", "passed", MODEL))


def test_a_copy_is_told_with_the_authors_own_lines_and_nothing_of_the_reference() -> None:
    kernels = Path(__file__).parents[2] / "kernels" / "flag_gems"
    reference = (kernels / "softmax.py").read_text()
    given = parse_candidate(renamed(reference).encode(), "c.py")
    assert isinstance(given, Candidate)
    references = read_set({"theirs/softmax.py": reference.encode()})
    named = References(folder="/theirs", digest=references.digest)
    asking = PLAIN.policy.model_copy(update={"origin": OriginRules(references=named, required=True)})
    evidence = evidence_of(given).model_copy(update={"origin": origin_of(given.text, references)})
    complaint = complaint_about(given, judge(given, evidence, asking))
    assert complaint is not None
    assert complaint.line.startswith("origin/copied at line ")
    assert "theirs/softmax.py, which declares no licence" in complaint.text
    quoted = [line for line in complaint.text.splitlines() if line.startswith("> ")]
    assert quoted
    assert quoted[0].partition(" | ")[2] in renamed(reference)
    own = set(given.text.splitlines())
    theirs = [line for line in reference.splitlines() if len(line.strip()) > 8 and line not in own]
    assert len(theirs) > 40
    assert not [line for line in theirs if line.strip() in complaint.text]
    (line,) = [one for one in evidence_lines(evidence) if "references" in one]
    assert line == "compared with 1 references: one has 100% of what is its own, none has more"
