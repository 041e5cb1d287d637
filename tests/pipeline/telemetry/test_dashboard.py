"""The dashboard asks for what runs send, by the names that Prometheus gives it, and is one that Grafana can lay out."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.settings import PROJECT
from pipeline.telemetry.instruments import INSTRUMENTS, Instrument

DASHBOARD = PROJECT / "docs" / "dashboards" / "kernelgate.json"
UNITS = {
    "s": "_seconds",
    "1": "_ratio",
}  # as OpenTelemetry's rules for Prometheus have them; what is in braces has none
OURS = re.compile(r"\b(?:kernelgate|gen_ai)_\w+")
SELECTED = re.compile(r"\b((?:kernelgate|gen_ai)_\w+)(?:\{([^}]*)\})?")


def exported(one: Instrument) -> dict[str, set[str]]:
    """The series of an instrument in Prometheus, with their labels."""
    base = one.name.replace(".", "_") + UNITS.get(one.unit, "")
    labels = {attribute.replace(".", "_") for attribute in one.attributes}
    if one.kind == "histogram":
        return {f"{base}_bucket": labels | {"le"}, f"{base}_sum": labels, f"{base}_count": labels}
    return {f"{base}_total" if one.kind == "counter" else base: labels}


SERIES = {name: labels for one in INSTRUMENTS for name, labels in exported(one).items()}


def unknown_in(expression: str) -> Iterator[str]:
    """What an expression names that no run sends: series, and labels that its series lacks."""
    bare = re.sub(r"\{[^}]*\}|\bby \([^)]*\)", "", expression)
    yield from (name for name in OURS.findall(bare) if name not in SERIES)
    for name, selector in SELECTED.findall(expression):
        if name in SERIES:
            asked = {part.partition("=")[0].strip("!~ ") for part in filter(None, selector.split(","))}
            yield from (f"{name}{{{label}}}" for label in asked - SERIES[name])
    known = set().union(*(SERIES.get(name, set()) for name in OURS.findall(bare)))
    for grouped in re.findall(r"\bby \(([^)]*)\)", expression):
        yield from (label for label in map(str.strip, grouped.split(",")) if label not in known)


def targets(dashboard: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for panel in dashboard["panels"]:
        yield from ((panel["title"], target) for target in panel["targets"])


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return loaded


def test_every_query_names_series_and_labels_that_runs_send(dashboard: dict[str, Any]) -> None:
    asked = [(title, target["expr"]) for title, target in targets(dashboard)]
    assert {title: unknown for title, query in asked if (unknown := list(unknown_in(query)))} == {}
    assert all(OURS.search(query) for _, query in asked)


def test_every_metric_but_counts_of_its_own_is_shown(dashboard: dict[str, Any]) -> None:
    asked = {name for _, target in targets(dashboard) for name in OURS.findall(target["expr"])}
    assert {one.name for one in INSTRUMENTS if not asked & exported(one).keys()} == set()


@pytest.mark.parametrize(
    ("what", "series", "by"),
    [
        ("verdicts by tier", "kernelgate_verdicts_total", "kernelgate_tier"),
        ("the queue", "kernelgate_queue_length", None),
        ("waiting in it", "kernelgate_queue_duration_seconds_bucket", None),
        ("durations by check", "kernelgate_check_duration_seconds_bucket", "kernelgate_check"),
        ("containers", "kernelgate_containers", None),
        ("use of GPUs", "kernelgate_gpu_time_seconds_total", "hw_id"),
        ("cost", "kernelgate_generation_cost_total", None),
    ],
)
def test_what_a_platform_team_looks_for_has_a_panel(
    dashboard: dict[str, Any], what: str, series: str, by: str | None
) -> None:
    asked = [target["expr"] for _, target in targets(dashboard) if series in OURS.findall(target["expr"])]
    assert asked, what
    assert by is None or any(re.search(rf"\bby \([^)]*\b{by}\b", query) for query in asked), what


@pytest.mark.parametrize(
    "query",
    [
        "sum(rate(kernelgate_verdict_total[5m]))", "sum by (kernelgate_rule) (kernelgate_queue_length)",
        'kernelgate_queue_length{kernelgate_tier="rejected"}', "rate(kernelgate_run_duration_bucket[5m])",
        "histogram_quantile(0.5, sum by (lee) (kernelgate_run_duration_seconds_bucket))",
    ],
)  # fmt: skip
def test_a_query_for_something_else_would_be_noticed(query: str) -> None:
    assert list(unknown_in(query))


def test_legends_name_labels_of_their_query(dashboard: dict[str, Any]) -> None:
    for title, target in targets(dashboard):
        for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
            assert re.search(rf"\bby \([^)]*\b{label}\b", target["expr"]), (title, label)


def test_grafana_can_lay_it_out(dashboard: dict[str, Any]) -> None:
    assert isinstance(dashboard["schemaVersion"], int)
    assert dashboard["uid"] == "kernelgate"
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) == len({panel["title"] for panel in panels})
    for panel in panels:
        assert panel["type"] in ("stat", "timeseries", "bargauge")
        place = panel["gridPos"]
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= 24
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs) > 0
    cells = [
        {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        for at in (panel["gridPos"] for panel in panels)
    ]
    assert all(first.isdisjoint(second) for first, second in itertools.combinations(cells, 2))


def test_it_asks_whatever_prometheus_its_user_has(dashboard: dict[str, Any]) -> None:
    variables = {one["name"]: one for one in dashboard["templating"]["list"]}
    assert variables["source"]["type"] == "datasource"
    assert list(unknown_in(re.search(r"\((\w+),", variables["policy"]["definition"])[1])) == []  # type: ignore[index]
    sources = [panel["datasource"]["uid"] for panel in dashboard["panels"]]
    assert set(sources) == {"${source}"}
    used = set(re.findall(r"\$(\w+)", " ".join(target["expr"] for _, target in targets(dashboard))))
    assert used <= set(variables) | {"__range", "__rate_interval"}
