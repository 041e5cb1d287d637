"""What stands on a page, without a browser: numbers, places and words are the evidence's."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from gpu_evidence import device
from page_subjects import (
    CI,
    HONEST_SOURCE,
    RUN,
    access,
    denied,
    everything,
    on_gpu,
    provenance,
    run,
    subject,
    survived,
    wrong,
    wrong_values,
)
from whole_evidence import evidence, properties

from pipeline.report_pages.benchmark_view import benchmark_view
from pipeline.report_pages.candidate_page import candidate_page
from pipeline.report_pages.case_view import case_view, element_view
from pipeline.report_pages.cases_view import cases_view
from pipeline.report_pages.coverage_view import coverage_view
from pipeline.report_pages.error_map_view import error_map_view
from pipeline.report_pages.isolation_view import isolation_view
from pipeline.report_pages.matrix_view import matrix_view
from pipeline.report_pages.mutants_view import mutants_view
from pipeline.report_pages.numeric_view import numeric_view
from pipeline.report_pages.provenance_view import provenance_view
from pipeline.report_pages.rendering import candidate_html
from pipeline.report_pages.run_page import run_page
from pipeline.report_pages.source_view import source_view
from pipeline.report_pages.subject import Subject
from pipeline.report_pages.wording import day_of, percent, seconds, short
from policies.policy import Tier
from policies.verdict import Finding
from runners.error_map import ErrorMap
from runners.evidence import Evidence, Times, WrongElement


def evidence_of(one: Subject) -> Evidence:
    return one.judged.evidence


def test_the_first_screen_says_verdict_reason_and_how_to_replay() -> None:
    page = candidate_page(wrong())
    verdict = page.verdict
    assert (verdict.word, verdict.tone, verdict.standing) == ("rejected", "bad", "denied")
    assert verdict.why.startswith("Results are wrong: 10 of 51 elements wrong")
    assert verdict.commands[0].line == f"kernelgate replay {RUN} 001-kernels-softmax/{page.case and page.case.case}"
    assert {fact.name for fact in verdict.facts} >= {"operator", "policy", "holds for", "SHA-256"}


def test_what_is_wrong_is_said_before_what_is_missing() -> None:
    findings = (
        Finding(rule="evidence/too-few-cases", severity="incomplete", message="few"),
        Finding(rule="compile/error", severity="error", message="broken", line=3),
    )
    made = subject(evidence())
    changes = {"findings": findings, "allowed": False, "tier": Tier.REJECTED}
    verdict = made.judged.verdict.model_copy(update=changes)
    denied_one = replace(made, judged=replace(made.judged, verdict=verdict))
    assert candidate_page(denied_one).verdict.rule == "compile/error"


def test_nothing_against_it_says_what_was_run() -> None:
    verdict = candidate_page(subject(evidence())).verdict
    assert verdict.tone == "good"
    assert verdict.why.startswith("Nothing stands against it: 420 cases right in float32, float16, bfloat16; ")


def test_the_map_counts_every_cell_once_and_rings_the_first_wrong_element() -> None:
    failure = wrong_values(70, 300)
    view = error_map_view(failure, "t")
    assert view is not None
    assert failure.errors is not None
    assert sum(shade.count for shade in view.shades) == 35 * 38
    assert {shade.name for shade in view.shades} >= {"right-0", "wrong-0", "wrong-1", "wrong-2", "mismatch"}
    row, column = failure.first[0].index
    assert view.ring is not None
    assert (view.ring.y // view.ring.height, view.ring.x // view.ring.width) == (row // 2, column // 8)
    assert view.where.startswith("Wrong elements lie in rows 14 to 69 and columns 200 to 299 ")
    assert view.cells[0].mismatched == 1


def test_shapes_tell_right_wrong_and_mismatched_cells_apart() -> None:
    view = error_map_view(wrong_values(70, 300), "t")
    assert view is not None
    samples = {shade.name.rpartition("-")[0] or shade.name: shade.sample for shade in view.shades}
    assert len({samples["right"], samples["wrong"], samples["mismatch"]}) == 3


@pytest.mark.parametrize(("rows", "columns"), [(1, 64), (64, 1), (1, 1)])
def test_no_map_is_a_line(rows: int, columns: int) -> None:
    grid = tuple((0,) * columns for _ in range(rows))
    errors = ErrorMap(shape=(rows, columns), rows=rows, columns=columns, cell_rows=1, cell_columns=1, free=0,
                      wrong=grid, mismatched=grid, worst=tuple((0.1,) * columns for _ in range(rows)))  # fmt: skip
    view = error_map_view(wrong_values(3, 17).model_copy(update={"errors": errors, "first": ()}), "t")
    assert view is not None
    assert max(view.pixels) <= 8.1 * min(view.pixels)
    assert max(view.pixels) <= 480
    assert view.ring is None


def test_older_evidence_says_that_it_was_not_recorded() -> None:
    failure = wrong_values(3, 17).model_copy(update={"errors": None})
    made = subject(evidence(properties=properties(failure=failure, failed_at=1)))
    view = case_view(made)
    assert view is not None
    assert (view.maps, "was not recorded" in view.map_lacks) == ((), True)
    assert "not recorded" in cases_view(evidence_of(made).properties).lacks
    assert "not recorded" in numeric_view(evidence_of(made)).sizes_lack


def element(got: float, low: float = 0.9, high: float = 1.1) -> WrongElement:
    return WrongElement(index=(1, 2), got=got, expected=1.0, low=low, high=high)


def test_a_wrong_element_lies_outside_of_what_is_right() -> None:
    view = element_view(element(1.3))
    assert view.off == "3 ×"
    assert view.strip is not None
    assert 0 < view.strip.low < view.strip.expected < view.strip.high < view.strip.got < 1000


@pytest.mark.parametrize(
    ("got", "beyond"), [(1e9, "right"), (-1e9, "left"), (math.inf, "right"), (-math.inf, "left"), (math.nan, "nowhere")]
)
def test_what_is_too_far_away_is_said(got: float, beyond: str) -> None:
    strip = element_view(element(got)).strip
    assert strip is not None
    assert strip.beyond == beyond
    assert strip.high - strip.low > 100


@pytest.mark.parametrize(
    "one", [element(1.0, 2.0, 2.0), element(1.0, -math.inf, math.inf), element(1.0, math.nan, 1.0)]
)
def test_without_an_interval_nothing_is_drawn(one: WrongElement) -> None:
    assert element_view(one).strip is None


def test_an_access_names_its_line_and_program() -> None:
    view = case_view(access())
    assert view is not None
    assert view.line == 14
    assert {fact.name: fact.value for fact in view.facts}["program"] == "(0, 0, 0)"


def test_the_cases_are_counted_by_phase_and_all_are_told() -> None:
    view = cases_view(evidence_of(wrong()).properties)
    assert sum(phase.cases for phase in view.phases) == len(view.rows) == len(view.bars) == 31
    assert view.rows[-1].word == "failed"
    assert view.failed == "Failed, and drawn in red: 30, 31."


def test_errors_are_drawn_below_the_bound_and_told_by_size() -> None:
    view = numeric_view(evidence_of(on_gpu()))
    assert view.scatter is not None
    assert all(dot.y >= panel.bound - 2 for panel in view.scatter.panels for dot in panel.dots)
    assert [row.length for row in view.rows] == [696, 792, 320, 776]
    assert view.dtypes == ("float32", "float16", "bfloat16")
    assert all(len(row.cells) == 3 for row in view.sizes)


@pytest.mark.parametrize("ratio", [1.5, math.inf, math.nan])
def test_an_error_beyond_the_bound_is_bad(ratio: float) -> None:
    made = evidence(properties=properties(worst_ratio={"float32": ratio}))
    (row,) = numeric_view(made.model_copy(update={"device": evidence_of(denied()).device})).rows
    assert (row.tone, row.length) == ("bad", 1000)


def test_coverage_stands_beside_what_the_policy_asks_for() -> None:
    view = coverage_view(evidence_of(on_gpu()), CI)
    assert {plan.name: plan.ran for plan in view.plans}["random"] == 200
    assert {plan.name: plan.asked for plan in view.plans}["random"] == f"at least {CI.properties.random_cases}"
    matrix = matrix_view(evidence_of(on_gpu()).properties)
    layouts = matrix.tables[0]
    assert sum(cell.count for row in layouts.rows for cell in row.cells) == 60


def test_survivors_are_told_with_their_difference() -> None:
    view = mutants_view(evidence_of(survived()))
    assert (view.killed, view.survived) == (3, 5)
    assert [line.kind for line in view.survivors[0].diff] == ["place", "removed", "added"]
    assert "3 of 8 mutants killed (37.5 %)" in view.summary


def test_a_limit_that_was_not_looked_at_is_not_passed_over() -> None:
    made = evidence()
    assert made.isolation is not None
    less = made.isolation.model_copy(update={"limits": made.isolation.limits[1:]})
    (first, *_) = isolation_view(made.model_copy(update={"isolation": less}), CI).sandboxes
    assert first.limits[-1].word == "not looked at"
    assert first.limits[-1].name == made.isolation.limits[0].name


def test_provenance_says_model_prompt_and_cost_and_what_is_damaged() -> None:
    view = provenance_view(provenance())
    assert {fact.name: fact.value for fact in view.facts}["cost"] == "0.00568 US dollars"
    assert "made-up-writer-1 of local" in view.calls[0].facts[0].value
    assert view.calls[0].parts[0].digest == "a" * 64
    assert "not what this version" in provenance_view("{}").lacks
    assert "not what this version" in provenance_view("[" * 100_000).lacks
    assert "Nobody recorded" in provenance_view(None).lacks


def test_the_roofline_has_every_shape_below_the_roof() -> None:
    view = benchmark_view(evidence_of(on_gpu()))
    assert view.roofline is not None
    assert [point.number for point in view.roofline.points] == [1, 2, 3]
    assert len(view.roofline.roofs) == 2
    for shape in view.shapes:
        assert shape.roof < shape.times[0].low <= shape.times[0].at <= shape.times[0].high <= 1000
        assert shape.share == "75 %"


def test_every_timed_call_is_drawn_and_a_hiccup_does_not_squeeze_the_rest() -> None:
    calls = (*(2.0,) * 60, *(2.4,) * 39, 900.0)
    (row, *_) = benchmark_view(evidence_of(on_gpu(calls_ms=calls))).shapes
    own, eager = row.times[0], row.times[1]
    assert own.spread == "2 ms to 900 ms; 1 at the edge"
    assert [bin.height for bin in own.bins] == [18, 12, 1]  # by how many calls lie there
    assert own.bins[0].x < own.bins[1].x < own.bins[2].x <= 1000
    assert own.bins[1].x - own.bins[0].x > 100
    assert (eager.spread, eager.bins) == ("", ())  # of an earlier version


def test_lines_are_counted_as_python_counts_them() -> None:
    made = source_view("a\x0c\n\u2028b\r\nc\rd".encode(), (), evidence())
    assert [line.text for line in made.lines] == ["a\x0c", "\u2028b", "c", "d"]


def test_findings_stand_on_their_lines_and_others_nowhere() -> None:
    findings = tuple(
        Finding(rule="source/hook", severity="error", message=str(line), line=line) for line in (2, 2, 99, 0)
    )
    made = source_view(HONEST_SOURCE, findings, evidence())
    assert [(line.number, len(line.notes)) for line in made.lines if line.notes] == [(2, 2)]


@pytest.mark.parametrize(
    "source", [b"\n" * (256 << 10), b"x" * (256 << 10), b"\x00" * (256 << 10), b"<\n" * (128 << 10)]
)
def test_the_longest_sources_fit_on_a_page(source: bytes) -> None:
    findings = Finding(rule="source/hook", severity="error", message="m", line=source.count(b"\n") // 2 or 1)
    made = subject(evidence(), source)
    verdict = made.judged.verdict.model_copy(update={"findings": (findings,)})
    html = candidate_html(replace(made, judged=replace(made.judged, verdict=verdict)))
    assert len(html.encode()) < 2_000_000
    assert f'id="L{findings.line}"' in html


def test_a_thousand_findings_fit_on_a_page() -> None:
    html = candidate_html(denied(count=1000))
    assert len(html.encode()) < 2_000_000
    assert re.search(r"\d+ more are in verdict\.json", html)


def test_the_denied_ones_come_first_and_the_damaged_ones_before_them() -> None:
    page = run_page(everything())
    assert [row.tone for row in page.rows] == ["warn", "bad", "bad", "bad", "warn", "good", "good"]
    assert page.rows[0].verdict == "damaged"
    assert page.headline == "3 denied, 1 incomplete, 1 damaged, 2 allowed"
    assert sum(one.count for one in page.counts) == 7
    assert page.rows[0].link == ""


@pytest.mark.parametrize(
    ("folder", "link"),
    [
        ("javascript:alert(1)", "./javascript%3Aalert%281%29/report.html"),
        ("a b\"'<>&?#", "./a%20b%22%27%3C%3E%26%3F%23/report.html"),
        ("..", "./../report.html"),
        ("\udc80", "./%80/report.html"),
    ],
)
def test_no_name_of_a_folder_is_an_address_of_its_own(folder: str, link: str) -> None:
    assert run_page(run(subject(evidence(), folder=folder))).rows[0].link == link


@pytest.mark.parametrize(
    ("value", "text"), [(0.0213, "21 ms"), (4.25, "4.25 s"), (99.7, "1 min 40 s"), (3700, "1 h 1 min"), (0, "0 ms")]
)
def test_seconds_are_short(value: float, text: str) -> None:
    assert seconds(value) == text


def test_numbers_are_not_rounded_to_what_they_are_not() -> None:
    assert (percent(0.99999), percent(1.0), percent(0.75)) == ("99.9 %", "100 %", "75 %")
    assert (short(3900.0), short(0.0001), short(math.inf), short(1.0)) == ("3900", "1.00e-04", "∞", "1")


def test_the_day_is_the_one_of_the_runs_id() -> None:
    assert day_of(RUN) == "2026-11-30 10:11:12 UTC"
    assert day_of("20269930-101112-0123abcd") is None
    assert day_of("mine") is None


def test_what_stopped_many_is_counted_by_rule() -> None:
    many = [replace(wrong(), folder=f"{number:03d}") for number in range(9)]
    page = run_page(run(*many, *(replace(access(), folder=f"a{number}") for number in range(4)), denied()))
    assert [(rule.rule, rule.count) for rule in page.rules] == [
        ("properties/wrong-values", 9), ("memory/out-of-bounds-load", 4), ("source/host-arithmetic", 1),
    ]  # fmt: skip
    assert run_page(run(*many)).rules == ()


@pytest.mark.parametrize("where", ["interpreter", "GPU"])
def test_the_case_in_which_it_was_found_is_drawn_before_the_smallest(where: str) -> None:
    fails = {"failure": wrong_values(3, 17), "found": wrong_values(70, 300), "failed_at": 1}
    made = evidence(properties=properties(**fails)) if where == "interpreter" else evidence(device=device(**fails))
    view = case_view(subject(made))
    assert view is not None
    assert view.where == f"on the {where}"
    assert [one.title.partition(":")[0] for one in view.maps] == ["Where it was found", "The smallest failing case"]


def test_a_dtype_that_the_policy_does_not_name_is_no_warning_and_one_that_it_names_is() -> None:
    made = evidence(properties=properties(offered=("float32", "float64", "bfloat16"), dtypes=("float32",)))
    tried = {one.name: (one.tone, one.word) for one in coverage_view(made, CI).dtypes}
    assert tried == {
        "float32": ("good", "tried"),
        "bfloat16": ("warn", "not tried"),
        "float64": ("none", "not in properties.dtypes of the policy"),
    }


def test_a_dtype_says_how_many_elements_were_compared_and_one_without_any_is_a_warning() -> None:
    made = evidence(properties=properties(compared={"float32": 47_640, "float16": 1, "bfloat16": 0}))
    tried = {one.name: (one.tone, one.word) for one in coverage_view(made, CI).dtypes}
    assert tried == {
        "float32": ("good", "47,640 elements compared"),
        "float16": ("good", "1 element compared"),
        "bfloat16": ("warn", "0 elements compared"),
    }
    everywhere = evidence(properties=properties(compared=dict.fromkeys(("float32", "float16", "bfloat16"), 20_000)))
    assert "60,000 elements compared; " in candidate_html(subject(everywhere))


def test_one_wrong_cell_is_one_and_the_shares_of_cases_are_of_what_is_asked() -> None:
    html = candidate_html(subject(evidence(properties=properties(failure=wrong_values(1, 1), failed_at=1))))
    assert "The one cell with wrong elements" in html
    assert "of 1 row and 1 column." in html
    made = evidence(properties=properties(random_cases=5, long_cases=3))
    shares = {plan.name: plan.share for plan in coverage_view(made, CI).plans}
    assert (shares["random"], shares["pairwise"], shares["long"]) == (100, 1000, None)


def test_the_input_is_told_in_the_words_of_the_terminal() -> None:
    view = case_view(wrong())
    assert view is not None
    (tensor,) = view.tensors
    assert (tensor.values, tensor.special, tensor.layout) == (
        "normally distributed", "none", "with gaps between its rows",
    )  # fmt: skip
    assert "natural order: the programs one after the other" in [fact.value for fact in view.facts]


def test_what_all_checks_took_includes_the_reading_of_the_source() -> None:
    made = denied().judged.evidence
    page = candidate_page(
        subject(
            made.model_copy(update={"times": Times(source_s=0.006, origin_s=0.0, waited_s=0.0, total_s=1.0)}),
            HONEST_SOURCE,
        )
    )
    assert page.trail.total == "6 ms"
    assert "6 ms" in [fact.value for fact in page.verdict.facts if fact.name == "checks took"]
