"""The reports that every run folder holds, whether somebody asked for a file or not."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.reports.junit import junit_of
from pipeline.reports.places import Places
from pipeline.reports.sarif import sarif_of
from pipeline.runs.finished import Run


def stored_reports(run: Run, places: Places) -> Mapping[str, str]:
    """Returns the texts of SARIF and JUnit XML, by the names that they have in the run folder."""
    return {"report.sarif": sarif_of(run, places), "junit.xml": junit_of(run, places)}
