"""Writes the reports that somebody asked for, once a run is finished."""

from __future__ import annotations

from pipeline.reports.annotations import annotations_of
from pipeline.reports.files import ReportFiles, append, write_whole
from pipeline.reports.junit import junit_of
from pipeline.reports.places import Places
from pipeline.reports.sarif import sarif_of
from pipeline.reports.summary import summary_of
from pipeline.runs.finished import Run


def write_reports(files: ReportFiles, run: Run, places: Places) -> None:
    """Writes what `files` asks for.

    Raises:
        ReportError: the disk is full, or a file became unwritable.
    """
    if files.sarif is not None:
        write_whole(files.sarif, sarif_of(run, places))
    if files.junit is not None:
        write_whole(files.junit, junit_of(run, places))
    if files.annotations is not None:
        write_whole(files.annotations, annotations_of(run, places))
    if files.summary is not None:
        append(files.summary, summary_of(run, places))
